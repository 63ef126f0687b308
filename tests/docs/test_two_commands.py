"""From nothing to the best configuration of a script that trains with torch, in two commands."""

from __future__ import annotations

import sys
import time
import venv
from pathlib import Path

import pytest

from tests.docs.shells import copy_checkout, environment, run

TRAIN = """
import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-2)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--hidden", type=int, default=8)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()
torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.linspace(-1, 1, 64).unsqueeze(1)
y = (x > 0).float()
model = torch.nn.Sequential(torch.nn.Linear(1, args.hidden), torch.nn.Tanh(),
                            torch.nn.Linear(args.hidden, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
for epoch in range(args.epochs):
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    val_acc = ((model(x) > 0) == (y > 0)).float().mean().item()
    print(f"epoch {epoch}: loss={loss.item():.4f} val_acc={val_acc:.4f}", flush=True)
"""
SECONDS = 300
"""For both, on a busy machine: a script that loads torch in each of its trials."""


@pytest.mark.engine
def test_from_pip_install_to_the_best_of_a_script_with_torch(tmp_path: Path) -> None:
    venv.create(tmp_path / "own", with_pip=True)
    (tmp_path / "train.py").write_text(TRAIN)
    copy_checkout(tmp_path / "checkout")
    env = environment(tmp_path, f"{tmp_path}/own/bin:/usr/bin:/bin")
    began = time.monotonic()
    answer = run(["pip", "install", "--quiet", "./checkout"], env, tmp_path, seconds=SECONDS)
    assert answer.returncode == 0, answer.stdout
    answer = run(["hpogrid", "tune", "train.py", "--lr", "1e-3:1:log", "--momentum", "0.5:0.99",
                  "--hidden", "2:16", "--metric", "val_acc", "-n", "8", "--python",
                  sys.executable], env, tmp_path, seconds=SECONDS)  # fmt: skip
    spent = time.monotonic() - began
    assert answer.returncode == 0, answer.stdout
    assert "best val_acc=" in answer.stdout
    assert spent < SECONDS, f"{spent:.0f} s"
