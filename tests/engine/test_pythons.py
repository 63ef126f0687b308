"""Trials in Pythons that are not the driver's, and in which hpogrid is not installed."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from hpogrid.config.schemas import ModelConfig
from hpogrid.engine.pythons import TRIAL_LIBRARIES, TRIAL_PYTHON, trial_python
from tests.projects import run_project, run_script, store_project
from tests.pythons import pythons

FUNCTION = """
import sys
import hpogrid

def train(config):
    for epoch in range(3):
        with hpogrid.checkpoint() as folder:
            (folder / "model").write_text(str(epoch))
        hpogrid.report(loss=config["x"], epoch=epoch, minor=sys.version_info[1])
"""

PROGRAM = """
import argparse
import sys
import hpogrid

parser = argparse.ArgumentParser()
hpogrid.add_to_argparse(parser, {})
x = parser.parse_args().x
print(hpogrid.get_checkpoint())
for epoch in range(3):
    with hpogrid.checkpoint() as folder:
        (folder / "model").write_text(str(epoch))
    hpogrid.report(loss=x, epoch=epoch, minor=sys.version_info[1])
"""


@pytest.mark.parametrize(
    "objective", [(FUNCTION, "train"), (PROGRAM, None)], ids=["def", "program"]
)
@pytest.mark.parametrize("python", pythons())
def test_every_python_runs_trials(python: str, objective: tuple[str, str | None]) -> None:
    script, model = objective
    trials = run_script(script, model=model, python=python, trials=2, stop={"epoch": 1})
    code = "import sys; print(sys.version_info[1])"
    minor = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    for trial in trials:
        assert trial.metrics["loss"] == trial.applied["x"]
        assert trial.metrics["minor"] == int(minor)
        assert trial.state == "complete"
        assert trial.metrics["epoch"] == 1


TORCH = """
import argparse
import sys
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
lr = parser.parse_args().lr
torch.manual_seed(0)
inputs = torch.linspace(-1, 1, 32).unsqueeze(1)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
for epoch in range(20):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(inputs), 3 * inputs + 1)
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
print("prefix:", sys.prefix, "threads:", torch.get_num_threads())
print("loss:", loss.item())
"""


@pytest.mark.engine
def test_a_script_with_torch_in_an_environment_without_hpogrid(tmp_path: Path) -> None:
    """The environment has the installed libraries, torch among them, but not hpogrid."""
    env = tmp_path / "env"
    venv.create(env, symlinks=True)
    (site,) = env.glob("lib/python3*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(env / "bin" / "python")
    for name, there in (("torch", True), ("hpogrid", False)):
        command = [python, "-c", f"import {name}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) == there
    project = store_project(
        TORCH,
        model=None,
        python=str(env),
        metric_regex=json.dumps({"loss": r"loss: (\S+)", "threads": r"threads: (\d+)"}),
        space={"lr": {"method": "loguniform", "dimension": {"low": 1e-3, "high": 0.3}}},
        trials=4,
        cpus_per_trial=1,
    )
    task, _, trials = run_project(project)
    assert [(trial.state, trial.reason) for trial in trials] == [("complete", None)] * 4
    assert len({trial.metrics["loss"] for trial in trials}) == 4
    assert {trial.metrics["threads"] for trial in trials} == {1}
    for trial in trials:
        folder = task.job_folder(0) / "trials" / trial.id
        assert (folder / "work" / "model.pt").stat().st_size
        log = task.job_folder(0) / project.hpo_config.log_dir / f"{trial.id}.log"
        assert f"prefix: {env} " in log.read_text()


def job_folder(folder: Path) -> dict[str, Path]:
    """What a job has on its path: hpogrid, what that needs, and what is the user's."""
    places = {name: folder / name for name in ("lib", "vendor", "own")}
    for place, package in (("lib", "hpogrid"), ("vendor", "msgspec"), ("own", "helpers")):
        (places[place] / package).mkdir(parents=True)
    return places


def test_what_hpogrid_needs_is_not_on_the_path_of_another_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = job_folder(tmp_path)
    venv.create(tmp_path / "env", symlinks=True)
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, places.values())))
    model = ModelConfig(script="train.py", python=str(tmp_path / "env"))
    found = trial_python(model, tmp_path, tmp_path / "brought")
    assert found.environment["PYTHONPATH"] == f"{tmp_path}/brought:{places['own']}"
    assert "LD_LIBRARY_PATH" not in found.environment
    assert trial_python(ModelConfig(script="train.py"), tmp_path, tmp_path).environment == {}


def test_the_python_of_an_image_has_the_libraries_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    monkeypatch.setenv(TRIAL_PYTHON, str(tmp_path / "env" / "bin" / "python"))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/cvmfs/views/lib:/image/lib")
    monkeypatch.setenv(TRIAL_LIBRARIES, "/image/lib")
    found = trial_python(ModelConfig(script="train.py"), tmp_path, tmp_path / "brought")
    assert found.program == str(tmp_path / "env" / "bin" / "python")
    assert found.environment["LD_LIBRARY_PATH"] == "/image/lib"
