"""The grid search as numbered files and scripts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import Outcome, hpogrid, ok, parsed, refused, tree

SAMPLE: dict[str, Any] = {
    "workdir": "./models",
    "rootdir": "../../",
    "src": "zh",
    "trg": "en",
    "train_tok": 'it\'s $HOME; `touch ruin` "and"\nmore',
    "valid_tok": "tok/ted_dev",
    "bpe_symbols_src": [30000, 10000],
    "bpe_symbols_trg": [30000],
    "num_layers": ["4:2", "6:3"],
    "transformer_model_size": [512, 1024],
    "initial_learning_rate": [0.0002, 0.001],
}
PREP = [
    *("--prep", "vocab.sh src {bpe_symbols_src}", "--prep_keys", "bpe_symbols_src"),
    *("--prep", "vocab.sh trg {bpe_symbols_trg}", "--prep_keys", "bpe_symbols_trg"),
    *("--prep", "pair.sh {hpm} {prep}", "--prep_keys", "bpe_symbols_src,bpe_symbols_trg"),
]
SCRIPTS = {
    "vocab.sh": 'echo "$1 $2" >>trace\n[ ! -e "bad-$2" ] || exit 3\n',
    "pair.sh": '. "$1"\necho "pair $bpe_symbols_src $bpe_symbols_trg" >>"$2/trace"\n',
    "train.sh": 'echo "$@" >>trained\n',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    write_space(SAMPLE)
    return tmp_path


def write_space(space: dict[str, Any]) -> None:
    Path("space.yaml").write_text(yaml.safe_dump(space, sort_keys=False))


def generate(*more: str) -> list[str]:
    words = ("generate", "--grid", "-s", "space.yaml", "--command", "train.sh -p {hpm}", *more)
    return ok(*words).splitlines()


def prepare() -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "prep.sh"], capture_output=True, text=True, check=False)


def test_the_three_steps_of_the_specification(folder: Path) -> None:
    ok("grid_config", "create", "g", "--site", "sge", "--gpus", "1", "--walltime", "12:00:00",
       "--extra", '{"q": "gpu.q@@2080"}')  # fmt: skip
    assert generate(*PREP, "--grid_config", "g") == [
        "Step1: run the following to prepare the data: /bin/sh prep.sh",
        "Step2: 16 hpm files generated in ./models",
        "Step3: run the following to train...",
        "qsub -S /bin/sh -V -cwd -l h_rt=43200 -l gpu=1 -q gpu.q@@2080 -j y -t 1:16 -tc 5 "
        "sge-train.sh",
    ]
    assert sorted(path.name for path in (folder / "models").glob("*.hpm")) == sorted(
        f"{number}.hpm" for number in range(1, 17)
    )
    environment = {**os.environ, "SGE_TASK_ID": "16"}
    subprocess.run(["sh", "sge-train.sh"], env=environment, check=True)
    assert Path("trained").read_text() == "-p models/16.hpm\n"


def test_a_file_is_safe_to_source_and_says_the_values(folder: Path) -> None:
    generate()
    script = '. ./models/16.hpm; printf "%s|" "$train_tok" "$num_layers" "$bpe_symbols_src"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{SAMPLE['train_tok']}|6:3|10000|"
    assert not (folder / "ruin").exists()
    assert "num_layers='6:3'\n" in (folder / "models" / "16.hpm").read_text()


def test_the_preparation_runs_each_step_once(folder: Path) -> None:
    generate(*PREP)
    Path("bad-10000").touch()
    done = prepare()
    assert done.returncode == 1
    assert "failed with code 3: prep 1" in done.stderr
    assert "not run: prep 3" in done.stderr
    assert Path("trace").read_text().splitlines() == [
        "src 30000", "src 10000", "trg 30000", "pair 30000 30000",
    ]  # fmt: skip
    Path("bad-10000").unlink()
    Path("trace").unlink()
    assert prepare().returncode == 0
    assert Path("trace").read_text().splitlines() == ["src 10000", "pair 10000 30000"]
    assert prepare().stdout == ""


def test_a_point_keeps_its_number_whatever_happens_to_the_space(folder: Path) -> None:
    models = folder / "models"
    generate()
    first = tree(models)
    reordered = dict(reversed(SAMPLE.items()))
    write_space({**reordered, "bpe_symbols_src": [10000, 20000, 30000]})
    lines = generate()
    assert lines[1] == "Step2: 24 hpm files generated in ./models"
    assert lines[3].endswith("-t 1:24 -tc 5 sge-train.sh")
    assert {name: text for name, text in tree(models).items() if name in first} == first
    assert "20000" in (models / "17.hpm").read_text()

    write_space({**SAMPLE, "bpe_symbols_src": [30000, 20000]})
    told = hpogrid("generate", "--grid", "-s", "space.yaml")
    assert [line.split("-t ")[1].split()[0] for line in told.out.splitlines()[3:]] == [
        "1:8", "17:24",
    ]  # fmt: skip
    assert "set aside as N.hpm.old: 9, 10, 11, 12, 13, 14, 15, 16" in told.err
    assert len(list(models.glob("*.hpm"))) == 16

    write_space({**SAMPLE, "bpe_symbols_src": [10000], "dropout": [0.1]})
    generate()
    assert (models / "25.hpm").exists()  # the numbers of what has gone are not given again
    write_space(SAMPLE)
    generate()
    assert {name: text for name, text in tree(models).items() if name in first} == first
    assert len(list(models.glob("*.hpm"))) == 16


@pytest.mark.parametrize(
    ("words", "space", "sentence"),
    [
        (["--command", "train.sh {hpm} {lr}"], {}, "command: unknown placeholder 'lr'"),
        (["--command", "train.sh {args}"], {}, "must take its parameters from a file: --command"),
        (["--command", "train.sh"], {}, "must take its parameters from a file: --command"),
        ([], {"workdir": ["a", "b"]}, "parameter 'workdir': must be one value"),
        ([], {"PATH": "x"}, "'PATH' means something to every shell; rename it"),
        ([], {"a.b": 1, "a_b": 2}, "'a.b' and 'a_b' are the same name to a shell"),
        ([], {"x": list(range(99)), "y": list(range(99))}, "has 156,816 points; narrow the space"),
        (["--prep", "x", "--prep_keys", "nosuch"], {}, "prep 1: unknown hyperparameter 'nosuch'"),
        (["--prep", "x", "--prep", "y", "--prep_keys", "src"], {}, "--prep is there 2 times"),
        (["--prep", "x {num_layers}", "--prep_keys", "src"], {}, "it knows the values of its"),
    ],
)
def test_refusals(words: list[str], space: dict[str, Any], sentence: str, folder: Path) -> None:
    write_space({**SAMPLE, **space})
    before = tree(folder)
    command = [] if "--command" in words else ["--command", "train.sh {hpm}"]
    assert sentence in refused("generate", "--grid", "-s", "space.yaml", *command, *words)
    assert tree(folder) == before


def test_more_refusals(folder: Path) -> None:
    assert "give the space with -s" in refused("generate", "--grid")
    assert "Missing option '-i'" in refused("generate")
    Path("prep.sh").write_text("mine")
    before = tree(folder)
    words = ("generate", "--grid", "-s", "space.yaml", "--command", "train.sh {hpm}", *PREP)
    assert "prep.sh is there and not from hpogrid" in refused(*words)
    assert tree(folder) == before


def test_from_a_project(folder: Path) -> None:
    ok("search_space", "create", "s", "--file", "space.yaml")
    assert ok("search_space", "size", "s") == "16\n"
    ok("hpo_config", "create", "h", "--algorithm", "grid", "--metric", "bleu", "--mode", "max")
    ok("model_config", "create", "m", "--command", "train.sh -p {hpm}", *PREP)
    ok("grid_config", "create", "g", "--site", "sge", "--max_jobs", "3")
    ok("project", "create", "p", "--scripts_path", ".", "--model_config", "m",
       "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    lines = {row["what"]: row["value"] for row in parsed("plan", "p", "--format", "json")}
    assert [lines[f"prep {stage}"].split()[0] for stage in (1, 2, 3)] == ["2", "1", "2"]
    told: Outcome = hpogrid("generate", "--grid", "--project", "p")
    assert told.out.splitlines()[3] == "qsub -S /bin/sh -V -cwd -j y -t 1:16 -tc 3 sge-train.sh"
    assert prepare().returncode == 0
    assert len(Path("trace").read_text().splitlines()) == 5
