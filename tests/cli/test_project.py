"""``hpogrid project``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from tests.commands import hpogrid, ok, parsed, refused, tree
from tests.projects import RETURNS

OPTIONS = ["--model_config", "m", "--search_space", "s", "--hpo_config", "h", "--grid_config", "g"]
SPACE = '{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'


@pytest.fixture
def train(tmp_path: Path) -> Path:
    ok("hpo_config", "create", "h", "--metric", "loss", "--mode", "min", "--trials", "2")
    ok("grid_config", "create", "g", "--site", "local")
    ok("model_config", "create", "m", "--script", "train.py", "--model", "train")
    ok("search_space", "create", "s", SPACE)
    (tmp_path / "train.py").write_text(RETURNS)
    return tmp_path / "train.py"


def create(name: str, scripts: Path, *options: str) -> None:
    ok("project", "create", name, "--scripts_path", scripts, *OPTIONS, "--no_check", *options)


def test_create_and_show(train: Path, home: Path) -> None:
    outcome = hpogrid("project", "create", "p", "--scripts-path", train, *OPTIONS)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "created project 'p'\n")
    assert ok("project", "where", "p") == f"{home}/projects/p\n"
    data = parsed("project", "show", "p")
    assert data["hpo_config"]["trials"] == 2
    assert list(data["scripts"]) == ["train.py"]
    assert yaml.safe_load(ok("project", "show", "p", "--format", "yaml")) == data
    rows = dict(list(csv.reader(io.StringIO(ok("project", "show", "p", "--format", "csv"))))[1:])
    assert json.loads(rows["hpo_config"]) == data["hpo_config"]
    assert ok("project", "show", "p", "--format", "table").startswith("part")


def test_bad_input_is_refused_with_nothing_written(train: Path) -> None:
    folder = train.parent
    assert "unknown hpo config 'hh': did you mean h?" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS, "--hpo_config", "hh"
    )
    ok("search_space", "create", "my_space", SPACE)
    assert "unknown search space 'my_spce': did you mean my_space?" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS, "--search_space", "my_spce"
    )
    assert f"no such file or folder: {folder}/gone" in refused(
        "project", "create", "p", "--scripts_path", folder / "gone", *OPTIONS
    )
    assert "is no name for a project" in refused(
        "project", "create", "../p", "--scripts_path", train, *OPTIONS
    )
    (folder / "other").mkdir()
    (folder / "other" / "trian.py").write_text("")
    assert "unknown file 'train.py': did you mean trian.py? (in " in refused(
        "project", "create", "p", "--scripts_path", folder / "other", *OPTIONS
    )
    assert "unknown project 'p'" in refused(
        "project", "recreate", "p", "--scripts_path", train, *OPTIONS
    )
    assert "unknown project 'p'" in refused("project", "update", "p", "--hpo_config", "h")
    create("p", train)
    assert "project 'p' exists" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS
    )
    assert "nothing to change" in refused("project", "update", "p")


def test_a_prior_that_is_not_in_the_space_is_refused(train: Path) -> None:
    ok("hpo_config", "update", "h", "--prior", "x=0.3")
    create("p", train)
    ok("hpo_config", "create", "h2", "--prior", "y=0.3")
    refusal = refused(
        "project", "create", "p2", "--scripts_path", train, *OPTIONS, "--hpo_config", "h2"
    )
    assert "prior: unknown parameter 'y'" in refusal
    for changes in (["--prior", "x=2"], ["--set", "x.high=0.2"]):
        assert "prior: 'x': " in refused("project", "update", "p", *changes)
    assert ok("project", "list") == "p\n"
    assert parsed("project", "show", "p")["hpo_config"]["prior"] == {"x": 0.3}


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("def train(config:\n", "SyntaxError: '(' was never closed"),
        ("x = 1\nraise ValueError('bad')\n", "ValueError: bad"),
        ("import sys\nsys.exit('not here')\n", "SystemExit: not here"),
        ("import os\nos._exit(3)\n", "train.py ends the process that imports it: exited with code"),
        ("import os\nos.kill(os.getpid(), 11)\n", "was killed by SIGSEGV"),
        ("def trian(config): pass\n", "unknown function or class 'train': did you mean trian?"),
        ("train = 5\n", "'train' is int, not a function or class"),
        ("class train: pass\n", "class train has no method 'step'"),
        ("input()\n", "EOFError"),
    ],
)
def test_a_script_that_is_wrong_is_refused(train: Path, script: str, sentence: str) -> None:
    train.write_text(script)
    before = tree(train.parent)
    outcome = hpogrid("project", "create", "p", "--scripts_path", train, *OPTIONS)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert "site-packages" not in outcome.err
    assert tree(train.parent) == before
    assert ok("project", "list") == ""
    assert hpogrid("project", "where", "p").code == 2


def test_what_a_script_prints_when_it_is_imported_does_not_matter(train: Path) -> None:
    noise = "import atexit, sys\nprint('{}')\nsys.stdout.buffer.write(b'\\xff')\n"
    train.write_text(noise + "atexit.register(print, 'bye')\n" + RETURNS)
    ok("project", "create", "p", "--scripts_path", train, *OPTIONS)


def test_update_recreate_and_remove(train: Path, home: Path) -> None:
    create("p", train)
    ok("hpo_config", "update", "h", "--trials", "9")
    train.write_text(RETURNS + "# changed\n")
    ok("project", "update", "p", "--hpo_config", "h", "--no_check")
    data = parsed("project", "show", "p")
    assert data["hpo_config"]["trials"] == 9
    assert tree(home / "projects" / "p" / "scripts") == {"train.py": RETURNS.encode()}
    ok("project", "update", "p", "--scripts_path", train, "--no_check")
    assert parsed("project", "show", "p")["scripts"] != data["scripts"]
    ok("project", "recreate", "p", "--scripts_path", train, *OPTIONS, "--no_check")
    assert "would remove: p" in hpogrid("project", "remove", "*", "--dry_run").err
    assert "nothing was removed" in refused("project", "remove", "p")
    outcome = hpogrid("project", "remove", "p", "-y")
    backup = Path(outcome.err.rpartition("kept as ")[2].strip())
    assert (backup / "project.json").is_file()
    assert ok("project", "list") == ""
    assert len(list(backup.parent.iterdir())) == 4


def test_list_copy_export_import(
    train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create("p", train)
    ok("project", "copy", "p", "q")
    assert "project 'q' exists" in refused("project", "copy", "p", "q")
    assert ok("project", "list") == "p\nq\n"
    assert parsed("project", "list", "--format", "json") == ["p", "q"]
    assert ok("project", "list", "q*") == "q\n"
    monkeypatch.chdir(tmp_path)
    assert ok("project", "export", "p") == "p.tar.gz\n"
    assert ok("project", "export", "p", "-o", tmp_path / "x" / "q.tgz").endswith("q.tgz\n")
    assert "project 'p' exists" in refused("project", "import", "p.tar.gz")
    ok("project", "import", "p.tar.gz", "--name", "r")
    assert parsed("project", "show", "r")["hash"] == parsed("project", "show", "p")["hash"]
    assert "no such file" in refused("project", "import", "gone.tar.gz")
    assert "unknown project 'x'" in refused("project", "export", "x")


def test_notes_are_messages(train: Path) -> None:
    (train.parent / "data").symlink_to("/usr")
    outcome = hpogrid(
        "project", "create", "p", "--scripts_path", train.parent, *OPTIONS, "--no_check"
    )
    assert outcome.code == 0
    assert outcome.err.startswith("note: links to folders are left out: data; ")


def test_settings_of_a_projects_own_copies_are_changed_in_one_command(train: Path) -> None:
    create("p", train)
    before = parsed("project", "show", "p")
    outcome = hpogrid("project", "update", "p", "--no_check", "--set", "x.high=0.5",
                      "--set", "y=1e-5:1e-2:log", "--trials", "7", "--algorithm", "auto", "-c", "2",
                      "--walltime", "2h")  # fmt: skip
    assert outcome.code == 0, outcome
    assert "updated project 'p': version " in outcome.err
    assert "reports keep the results of the earlier one apart (--all_versions)" in outcome.err
    data = parsed("project", "show", "p")
    assert data["search_space"]["parameters"]["x"]["scale"]["high"] == 0.5
    assert data["search_space"]["parameters"]["y"]["scale"] == {
        "kind": "log", "low": 1e-5, "high": 1e-2,
    }  # fmt: skip
    assert data["hpo_config"] == {
        **before["hpo_config"], "trials": 7, "algorithm": "auto",
        "scheduler_param": {"max_concurrent": 2},
    }  # fmt: skip
    assert data["grid_config"]["walltime"] == "2h"
    assert parsed("hpo_config", "show", "h")["trials"] == 2, "the stored config stays"
    assert hpogrid("project", "update", "p", "--no_check", "--trials", "9").err == (
        "updated project 'p'\n"
    )


def test_what_differs_from_the_stored_configs_is_shown(train: Path) -> None:
    create("p", train)
    outcome = hpogrid("project", "show", "p", "--drift", "--format", "json")
    assert (json.loads(outcome.out), outcome.err) == ([], "no difference\n")
    ok("project", "update", "p", "--no_check", "--trials", "9", "--set", "x.high=0.5")
    ok("grid_config", "remove", "g", "--yes")
    train.write_text(RETURNS + "\n# other\n")
    rows = {row["part"]: row for row in parsed("project", "show", "p", "--drift")}
    assert set(rows) == {"hpo config 'h'", "search space 's'", "grid config 'g'", "scripts"}
    assert rows["hpo config 'h'"] == {
        "part": "hpo config 'h'", "setting": "trials", "project": 9, "stored": 2,
    }  # fmt: skip
    assert "unknown grid config 'g'" in rows["grid config 'g'"]["stored"]
    assert rows["scripts"]["setting"] == "train.py"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "x.hgh=1"], "unknown setting 'hgh': did you mean high"),
        (["--set", "x"], "write NAME=RANGE, or NAME.SETTING=VALUE"),
        (["--set", "x.high=-1"], "low"),
        (["--set", "x.high=a,b"], "--set x.high: "),
        (["--set", "z=1:"], "is no range"),
        (["--trials", "0"], "trials"),
        (["--mode", "up"], "'up' is not min or max"),
    ],
)
def test_a_setting_that_is_wrong_changes_nothing(train: Path, words: list[str], says: str) -> None:
    create("p", train)
    assert says in refused("project", "update", "p", "--no_check", *words)


def test_what_is_probably_not_meant_is_said_before_a_trial_runs(train: Path) -> None:
    train.write_text(
        "import hpogrid\ndef train(config):\n    hpogrid.report(val_acc=config['x'])\n"
    )
    ok("hpo_config", "recreate", "h", "--metric", "val_accuracy", "--mode", "min")
    outcome = hpogrid("project", "create", "p", "--scripts_path", train, *OPTIONS, "--no_check")
    assert "'val_accuracy' with mode min looks for the worst trial" in outcome.err
    assert "train.py reports val_acc, and no 'val_accuracy'" in outcome.err
    rows = parsed("plan", "p", "--format", "json")
    notes = [row["value"] for row in rows if row["what"] == "note"]
    assert len(notes) == 2, notes
    ok("hpo_config", "recreate", "h", "--metric", "val_acc")
    assert parsed("hpo_config", "show", "h")["mode"] == "max"
    outcome = hpogrid("project", "update", "p", "--hpo_config", "h", "--no_check")
    assert "note" not in outcome.err
