"""The actions that every kind of config has, and the options of each kind."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import hpogrid, ok, parsed, refused, tree

KINDS: dict[str, tuple[list[str], list[str], str]] = {
    "hpo_config": (["--trials", "7"], ["--mode", "min"], "hpo"),
    "grid_config": (["--site", "local"], ["--container", "c"], "grid"),
    "model_config": (["--script", "t.py", "--model", "f"], ["--model", "g"], "model"),
    "search_space": (
        ['{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'],
        ['{"y":{"method":"uniform","dimension":{"low":0,"high":1}}}'],
        "search_space",
    ),
}
"""For each kind: options to create one, options to change it, and its folder."""

all_kinds = pytest.mark.parametrize("kind", list(KINDS))


def create(kind: str, *names: str) -> None:
    for name in names:
        ok(kind, "create", name, *KINDS[kind][0])


@all_kinds
def test_create_says_so_on_stderr_and_writes_one_file(kind: str, home: Path) -> None:
    outcome = hpogrid(kind, "create", "a", *KINDS[kind][0])
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith(f"created {kind.replace('_', ' ')} 'a'")
    assert set(tree(home)) == {KINDS[kind][2], f"{KINDS[kind][2]}/a.json"}
    assert ok(kind, "where", "a") == f"{home / KINDS[kind][2] / 'a.json'}\n"


@all_kinds
def test_create_over_an_existing_name_is_refused(kind: str) -> None:
    create(kind, "a")
    assert "'a' exists; use recreate to replace it or update" in refused(
        kind, "create", "a", *KINDS[kind][0]
    )


@all_kinds
def test_recreate_replaces_an_existing_one(kind: str) -> None:
    assert "unknown" in refused(kind, "recreate", "a", *KINDS[kind][0])
    create(kind, "a")
    before = parsed(kind, "show", "a")
    ok(kind, "update", "a", *KINDS[kind][1])
    assert parsed(kind, "show", "a") != before
    ok(kind, "recreate", "a", *KINDS[kind][0])
    assert parsed(kind, "show", "a") == before


@all_kinds
def test_update_changes_what_is_named_and_keeps_the_rest(kind: str) -> None:
    create(kind, "a")
    before = parsed(kind, "show", "a")
    ok(kind, "update", "a", *KINDS[kind][1])
    after = parsed(kind, "show", "a")
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {"y" if kind == "search_space" else KINDS[kind][1][0].strip("-")}
    assert "unknown" in refused(kind, "update", "b", *KINDS[kind][1])
    assert "a" in refused(kind, "update", "a")


@all_kinds
def test_remove_names_what_it_removes_and_asks(kind: str, home: Path) -> None:
    create(kind, "a1", "a2", "b")
    assert "nothing was removed" in refused(kind, "remove", "a*", answer="no\n")
    assert "nothing was removed" in refused(kind, "remove", "a*")
    outcome = hpogrid(kind, "remove", "a*", "--dry_run")
    assert (outcome.code, outcome.err) == (0, "would remove: a1, a2\n")
    outcome = hpogrid(kind, "remove", "a*", answer="y\n")
    assert outcome.code == 0
    assert "to remove: a1, a2" in outcome.err
    assert ok(kind, "list") == "b\n"
    ok(kind, "remove", "b", "--yes")
    assert [name for name in tree(home) if name.endswith(".json")] == []


@all_kinds
def test_remove_of_what_is_not_there(kind: str) -> None:
    create(kind, "my_config", "b")
    assert "did you mean my_config?" in refused(kind, "remove", "b", "my_confg", "-y")
    assert "unknown" in refused(kind, "remove", "x*", "-y")
    assert "is no name" in refused(kind, "remove", "../b", "-y")


@all_kinds
def test_list_in_every_form_and_with_wildcards(kind: str) -> None:
    outcome = hpogrid(kind, "list")
    assert (outcome.code, outcome.out) == (0, "")
    assert "no " in outcome.err
    create(kind, "a1", "a2", "b")
    assert ok(kind, "list") == ok(kind, "list", "--format", "table") == "a1\na2\nb\n"
    assert ok(kind, "list", "a*") == ok(kind, "list", "-e", "a*") == "a1\na2\n"
    assert parsed(kind, "list", "--format", "json") == ["a1", "a2", "b"]
    assert yaml.safe_load(ok(kind, "list", "--format", "yaml")) == ["a1", "a2", "b"]
    assert ok(kind, "list", "--format", "csv") == "name\na1\na2\nb\n"


@all_kinds
def test_show_in_every_form(kind: str) -> None:
    create(kind, "my_config")
    data = parsed(kind, "show", "my_config")
    assert data == parsed(kind, "show", "my_config", "--format", "json")
    assert yaml.safe_load(ok(kind, "show", "my_config", "--format", "yaml")) == data
    rows = list(csv.reader(io.StringIO(ok(kind, "show", "my_config", "--format", "csv"))))
    table = ok(kind, "show", "my_config", "--format", "table").splitlines()
    assert len(rows) == len(table) == len(data) + 1
    assert [line.split()[0] for line in table] == [row[0] for row in rows]
    assert "did you mean my_config?" in refused(kind, "show", "my_conf")


@all_kinds
def test_copy(kind: str) -> None:
    create(kind, "a", "c")
    ok(kind, "copy", "a", "b")
    assert parsed(kind, "show", "a") == parsed(kind, "show", "b")
    assert "'c' exists" in refused(kind, "copy", "a", "c")
    assert "unknown" in refused(kind, "copy", "x", "d")
    assert "is no name" in refused(kind, "copy", "a", "d/e")


@all_kinds
def test_export_and_import(kind: str, tmp_path: Path) -> None:
    create(kind, "a")
    file = tmp_path / "out" / "a.json"
    assert ok(kind, "export", "a", "-o", file) == f"{file}\n"
    assert json.loads(ok(kind, "export", "a")) == json.loads(file.read_text())
    assert "'a' exists" in refused(kind, "import", file)
    ok(kind, "import", file, "--name", "b")
    assert parsed(kind, "show", "a") == parsed(kind, "show", "b")
    ok(kind, "remove", "a", "-y")
    ok(kind, "import", file)
    assert ok(kind, "list") == "a\nb\n"


@all_kinds
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "malformed JSON at line 1 column 2"),
        ("[]", "was not written by"),
        ('{"kind": "other", "name": "a", "config": {}}', "holds a other"),
        ('{"kind": "KIND", "name": "../a", "config": CONFIG}', "is no name"),
        ('{"kind": "KIND", "name": "a", "config": {"nonsense": 1}}', "a.json: "),
    ],
)
def test_import_of_something_else(kind: str, text: str, problem: str, tmp_path: Path) -> None:
    create(kind, "b")
    config = json.dumps(json.loads(ok(kind, "export", "b"))["config"])
    file = tmp_path / "a.json"
    file.write_text(text.replace("KIND", kind).replace("CONFIG", config))
    assert problem in refused(kind, "import", file)
    assert "no such file" in refused(kind, "import", tmp_path / "gone.json")


@all_kinds
@pytest.mark.parametrize("name", ["a/b", "..", ".a", "a b", "x" * 200])
def test_names_that_are_refused(kind: str, name: str) -> None:
    for action in ("create", "recreate", "update"):
        assert "is no name for" in refused(kind, action, name, *KINDS[kind][0])
    for action in ("show", "where"):
        assert "is no name for" in refused(kind, action, name)


@all_kinds
def test_two_processes_that_create_the_same_name(kind: str) -> None:
    command = [sys.executable, "-m", "hpogrid", kind, "create", "a", *KINDS[kind][0]]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    messages = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert any("'a' exists" in message for message in messages)


@all_kinds
def test_files_as_input(kind: str, tmp_path: Path) -> None:
    create(kind, "a")
    data = parsed(kind, "show", "a")
    (tmp_path / "a.json").write_text(json.dumps(data))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(data))
    ok(kind, "create", "b", "--file", tmp_path / "a.json")
    ok(kind, "create", "c", "--file", tmp_path / "a.yaml")
    assert parsed(kind, "show", "b") == parsed(kind, "show", "c") == data
    (tmp_path / "bad.json").write_text('{"a": 1,}')
    assert "bad.json: malformed JSON at line 1" in refused(
        kind, "create", "d", "--file", tmp_path / "bad.json"
    )
    assert "no such file" in refused(kind, "create", "d", "--file", tmp_path / "gone.json")


# --- the options of each kind ----------------------------------------------------------------


def test_every_option_of_the_specification() -> None:
    ok("hpo_config", "create", "h", "--algorithm", "hyperopt", "--metric", "loss", "--mode", "min",
       "--scheduler", "asynchyperband", "--trials", "200", "--log_dir", "./logs", "--verbose",
       "--stop", '{"training_iteration": 5}', "--scheduler_param", '{"max_concurrent": 2}',
       "--algorithm_param", "{}")  # fmt: skip
    data = parsed("hpo_config", "show", "h")
    assert (data["algorithm"], data["trials"], data["log_dir"]) == ("hyperopt", 200, "./logs")
    assert (data["verbose"], data["stop"]) == (True, {"training_iteration": 5})
    ok("grid_config", "create", "g", "--site", "S", "--container", "c", "--retry",
       "--inDS", "i", "--outDS", "o")  # fmt: skip
    assert parsed("grid_config", "show", "g")["inDS"] == "i"
    ok("grid_config", "update", "g", "--no_retry")
    assert parsed("grid_config", "show", "g")["retry"] is False
    ok("model_config", "create", "m", "--script", "a.py", "--model", "f", "--param", '{"k": [1]}')
    assert parsed("model_config", "show", "m")["param"] == {"k": [1]}


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (["--num_trials", "5"], "trials", 5),
        (["-n", "5"], "trials", 5),
        (["--num-trials", "5"], "trials", 5),
        (["-c", "3"], "scheduler_param", {"max_concurrent": 3}),
        (["--max-concurrent", "3"], "scheduler_param", {"max_concurrent": 3}),
        (["-c", "3", "--scheduler-param", '{"max_t": 9}'], "scheduler_param",
         {"max_t": 9, "max_concurrent": 3}),
        (["--algorithm-param", "@FILE", "--algorithm", "optuna"], "algorithm_param",
         {"sampler": "tpe"}),
        (["--no-verbose"], "verbose", False),
        (["--prior", "lr=3e-4", "--prior", "act=relu", "--prior", "bias=true"], "prior",
         {"lr": 3e-4, "act": "relu", "bias": True}),
        (["--prior", "lr=1e-4:1e-2:log", "--prior", "layers=[8, 8]"], "prior",
         {"lr": {"method": "loguniform", "dimension": {"low": 1e-4, "high": 1e-2}},
          "layers": [8, 8]}),
        (["--prior", '{"lr": 3e-4, "act": null}', "--prior", "n=4"], "prior",
         {"lr": 3e-4, "act": None, "n": 4}),
        (["--prior", "@FILE"], "prior", {"sampler": "tpe"}),
    ],
)  # fmt: skip
def test_further_spellings(tmp_path: Path, options: list[str], field: str, value: Any) -> None:
    (tmp_path / "param.json").write_text('{"sampler": "tpe"}')
    options = [option.replace("@FILE", f"@{tmp_path}/param.json") for option in options]
    ok("hpo-config", "create", "h", *options)
    assert parsed("hpo_config", "show", "h")[field] == value


def test_a_prior_that_is_given_replaces_the_one_that_was() -> None:
    ok("hpo_config", "create", "h", "--prior", "lr=1e-3", "--prior", "n=4")
    ok("hpo_config", "update", "h", "--trials", "9")
    assert parsed("hpo_config", "show", "h")["prior"] == {"lr": 1e-3, "n": 4}
    ok("hpo_config", "update", "h", "--prior", "n=5")
    assert parsed("hpo_config", "show", "h")["prior"] == {"n": 5}
    ok("hpo_config", "update", "h", "--prior", "{}")
    assert parsed("hpo_config", "show", "h")["prior"] == {}


def test_max_concurrent_alone_keeps_the_other_parameters() -> None:
    ok("hpo_config", "create", "h", "--scheduler_param", '{"max_t": 9}')
    ok("hpo_config", "update", "h", "-c", "2")
    expected = {"max_t": 9, "max_concurrent": 2}
    assert parsed("hpo_config", "show", "h")["scheduler_param"] == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--trials", "many"], "'many' is not a valid integer"),
        (["--prior", "lr"], "lr is no NAME=VALUE, such as lr=3e-4"),
        (["--prior", "lr=1", "--prior", "lr=2"], "lr is given twice; keep one of them"),
        (["--prior", "lr=5:1"], "lr: low 5 is above high 1; swap them"),
        (["--prior", '{"lr": {"method": "norm"}}'], "prior: parameter 'lr': unknown method 'norm'"),
        (["--trials", "0"], "trials: expected int >= 1"),
        (["--stop", '{"a": }'], "--stop: malformed JSON at line 1 column 7"),
        (["--stop", "[1]"], "--stop must be a JSON object"),
        (["--stop", '{"a": true}'], "expected float, got bool"),
        (["--algorithm", "randm"], "unknown name 'randm': did you mean random?"),
        (["--algorithm_param", '{"sampller": "tpe"}', "--algorithm", "optuna"], "valid: sampler"),
        (["--scheduler_param", "@gone.json"], "no such file: gone.json"),
        (["--trails", "5"], "No such option"),
        (["--mode", "best"], "mode: 'best' is not min or max"),
    ],
)
def test_bad_options_are_refused_when_they_are_stored(options: list[str], problem: str) -> None:
    assert problem in refused("hpo_config", "create", "h", *options)
    ok("hpo_config", "create", "old")
    assert problem in refused("hpo_config", "update", "old", *options)


def test_a_file_with_settings_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    assert "expected an object" in refused(
        "hpo_config", "create", "h", "--file", tmp_path / "a.json"
    )


def test_options_rule_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"trials": 5, "metric": "loss"}')
    ok("hpo_config", "create", "h", "--file", tmp_path / "a.json", "--trials", "6")
    data = parsed("hpo_config", "show", "h")
    assert (data["trials"], data["metric"]) == (6, "loss")


def test_stages_of_preparation() -> None:
    ok("model_config", "create", "m", "--command", "train.sh {hpm} {prep}",
       "--prep", "sh fetch.sh", "--prep_keys", "", "--prep", "sh vocab.sh {a}",
       "--prep_keys", "a, b")  # fmt: skip
    assert parsed("model_config", "show", "m")["prep"] == [
        {"command": "sh fetch.sh", "keys": []},
        {"command": "sh vocab.sh {a}", "keys": ["a", "b"]},
    ]
    ok("model_config", "update", "m", "--prep", "sh all.sh")
    assert parsed("model_config", "show", "m")["prep"] == [{"command": "sh all.sh", "keys": []}]
    told = refused("model_config", "update", "m", "--prep", "x", "--prep", "y")
    assert told.startswith("--prep is there 2 times and --prep_keys 0 times; give --prep_keys once")
    assert "--prep_keys 1 times" in refused("model_config", "update", "m", "--prep_keys", "a")
    assert "empty or repeated name" in refused(
        "model_config", "update", "m", "--prep", "x", "--prep_keys", "a,,b"
    )


def test_a_project_knows_the_placeholders_of_its_preparation(tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text("")
    ok("search_space", "create", "s", "--dialect", "yaml_grid", '{"a": [1, 2], "c": 3}')
    ok("hpo_config", "create", "h")
    ok("grid_config", "create", "g", "--site", "local")
    words = ("project", "create", "p", "--scripts_path", str(tmp_path), "--model_config", "m",
             "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    ok("model_config", "create", "m", "--command", "train.sh {hpm} {prep}")
    assert "unknown placeholder 'prep'" in refused(*words)
    ok("model_config", "update", "m", "--prep", "vocab {a}", "--prep_keys", "")
    assert "prep 1: unknown placeholder 'a'" in refused(*words)
    ok("model_config", "update", "m", "--prep", "vocab {a} {c}", "--prep_keys", "a")
    ok(*words)
