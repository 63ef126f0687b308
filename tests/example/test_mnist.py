"""Example 3: its data, and that it learns."""

from __future__ import annotations

import gzip
import importlib.util
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.projects import run_project, store_project

SCRIPT = Path(__file__).parents[2] / "example/scripts/mnist.py"
SPACE: dict[str, Any] = {
    "hidden": {"method": "categorical", "dimension": {"categories": [32, 64, 128]}},
    "batchsize": {"method": "categorical", "dimension": {"categories": [32, 64, 128, 256, 512]}},
    "lr": {"method": "loguniform", "dimension": {"low": 4.5e-05, "high": 1.83e-2}},
    "beta": {"method": "uniform", "dimension": {"low": 0.5, "high": 1.0}},
}


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, loaded in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("mnist_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def idx(sizes: tuple[int, ...], data: bytes) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}i", 0, 0, 8, len(sizes), *sizes) + data


def write_mnist(folder: Path, *, packed: bool) -> None:
    """Files in the form of MNIST's: four images to train with, two to test with."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", 4), ("t10k", 2)):
        pixels = bytes(range(256)) * (28 * 28 * count // 256 + 1)
        images = idx((count, 28, 28), pixels[: 28 * 28 * count])
        labels = idx((count,), bytes(range(count)))
        for kind, data in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.engine
@pytest.mark.parametrize(("where", "packed"), [(".", False), (".", True), ("MNIST/raw", True)])
def test_mnist_is_read_where_it_is(
    where: str, packed: bool, mnist: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mnist(tmp_path / where, packed=packed)
    (images, labels), (test_images, test_labels) = mnist.data()
    assert images.shape == (4, 1, 28, 28)
    assert test_images.shape == (2, 1, 28, 28)
    assert labels.tolist() == [0, 1, 2, 3]
    assert test_labels.tolist() == [0, 1]
    assert float(images[0, 0, 0, 255 % 28]) == pytest.approx((255 % 28) / 255)
    assert capsys.readouterr().out == ""
    trial = mnist.MNISTTrainable()
    trial.setup({"hidden": 32, "batchsize": 2, "lr": 1e-3, "beta": 1.0})
    assert set(trial.step()) == {"loss", "accuracy"}


@pytest.mark.engine
def test_a_file_that_is_no_idx_file_is_named(mnist: ModuleType, tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=False)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte is no IDX file"):
        mnist.data()


@pytest.mark.engine
def test_a_checkpoint_brings_the_network_back(mnist: ModuleType, tmp_path: Path) -> None:
    config = {"hidden": 32, "batchsize": 256, "lr": 1e-2, "beta": 0.9}
    trial = mnist.MNISTTrainable()
    trial.setup(config)
    reached = trial.step()
    trial.save_checkpoint(str(tmp_path))
    other = mnist.MNISTTrainable()
    other.setup(config)
    other.load_checkpoint(str(tmp_path))
    assert other.evaluate(*mnist.data()[1]) == pytest.approx(reached)


@pytest.mark.engine
def test_hyperopt_and_asha_find_a_network_that_reads_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    project = store_project(
        SCRIPT.read_text(), model="MNISTTrainable", space=SPACE, algorithm="hyperopt", trials=20,
        stop={"training_iteration": 10}, scheduler="asynchyperband",
        scheduler_param={"max_concurrent": 2, "max_t": 10, "grace_period": 2},
    )  # fmt: skip
    task, result, trials = run_project(project)
    assert (result.finished, result.failed) == (20, 0)
    assert result.ended - result.started < 180
    best = min(trials, key=lambda trial: float(trial.metrics["loss"]))
    assert best.metrics["accuracy"] > 0.95
    logs = [path.read_text() for path in task.job_folder(0).glob("log/*.log")]
    assert any("training on scikit-learn's digits" in text for text in logs)
