"""Scripts and commands as trials: parameters in, metrics out."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.config.schemas import ModelConfig
from hpogrid.errors import UserError
from hpogrid.trial.check import unread_note
from hpogrid.trial.checkpoints import latest, saving
from hpogrid.trial.command import CommandObjective
from hpogrid.trial.declared import Arguments
from hpogrid.trial.lifeline import CommandFailed
from hpogrid.trial.messages import Model
from hpogrid.trial.placeholders import (
    Template,
    check_command,
    check_values,
    command_words,
    fill,
    hpm_text,
    metric_patterns,
    render,
)
from hpogrid.trial.session import StopTrial

CONFIG = {"lr": 0.1, "layers": [1, 2], "name": "a b; echo $HOME", "flag": True, "none": None}


class Recorder:
    """A session that keeps what was reported, and stops after so many reports."""

    def __init__(self, folder: Path, stop_after: int = 99) -> None:
        self.config: dict[str, Any] = {}
        self.absent: tuple[str, ...] = ()
        self.trial_id = "0-1"
        self.seed = 7
        self.filled: Any = None
        self.folder = folder
        self.restore: Path | None = None
        self.reports: list[dict[str, Any]] = []
        self._stop_after = stop_after

    def report(self, metrics: dict[str, Any]) -> None:
        self.reports.append(metrics)
        if len(self.reports) >= self._stop_after:
            raise StopTrial

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        return saving(self.folder, len(self.reports) + 1)


Evaluate = Callable[..., Recorder]


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    monkeypatch.chdir(tmp_path)

    def run(text: str, config: dict[str, Any] | None = None, **settings: Any) -> Recorder:
        (tmp_path / "train.py").write_text(text)
        session = Recorder(tmp_path / "trials" / "0-1", settings.pop("stop_after", 99))
        if "command" not in settings:
            settings["script"] = "train.py"
        objective = CommandObjective(tmp_path, Model(**settings), ("loss",))
        objective.run(CONFIG if config is None else config, session)
        return session

    return run


def test_a_plain_argparse_script(evaluate: Evaluate) -> None:
    session = evaluate(
        "import argparse, json, hpogrid\n"
        "p = argparse.ArgumentParser()\n"
        "for name in ('lr', 'layers', 'name', 'flag', 'none'):\n"
        "    p.add_argument('--' + name)\n"
        "a = vars(p.parse_args())\n"
        "hpogrid.report(loss=float(a['lr']), **{k: v for k, v in a.items() if k != 'lr'})\n"
    )
    assert session.reports == [
        {"loss": 0.1, "layers": "[1, 2]", "name": "a b; echo $HOME", "flag": "True", "none": "None"}
    ]


def test_overrides_json_and_environment(evaluate: Evaluate) -> None:
    session = evaluate(
        "import json, os, sys, hpogrid\n"
        "config = json.load(open(sys.argv[1]))\n"
        "assert config == json.load(open(os.environ['HPOGRID_CONFIG']))\n"
        "assert os.environ['HPOGRID_PARAM_lr'] == '0.1' and os.environ['HPOGRID_SEED'] == '7'\n"
        "hpogrid.report(loss=config['lr'], seen=sys.argv[2:])\n",
        command="python train.py {json} {overrides} --rate={lr}",
    )
    assert session.reports == [
        {
            "loss": 0.1,
            "seen": [
                "lr=0.1",
                "layers=[1,2]",
                "name='a b; echo $HOME'",
                "flag=true",
                "none=null",
                "--rate=0.1",
            ],
        }
    ]


def test_a_shell_sources_the_parameters_safely(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text('. "$1"\necho "the name is $name"\necho "loss=$lr"\n')
    session = evaluate("", command="sh train.sh {hpm}", metric_regex="loss=([0-9.]+)")
    assert session.reports == [{"loss": 0.1}]


def test_a_rendered_template(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_text("model:\n  lr: ${lr}\n  cost: 5$$\n")
    session = evaluate(
        "import sys, hpogrid\nhpogrid.report(loss=1, text=open(sys.argv[1]).read())\n",
        command="python train.py {template}",
        template="conf.yaml",
    )
    assert session.reports[0]["text"] == "model:\n  lr: 0.1\n  cost: 5$\n"


def test_syne_tune_lines(evaluate: Evaluate) -> None:
    session = evaluate(
        "import json\n"
        "print('starting')\n"
        "for epoch in (1, 2):\n"
        "    print('[tune-metric]: ' + json.dumps({'loss': 1 / epoch, 'st_worker_time': 3}))\n",
        command="python train.py",
    )
    assert session.reports == [{"loss": 1.0}, {"loss": 0.5}]


@pytest.mark.engine
def test_a_script_that_imports_syne_tune(evaluate: Evaluate) -> None:
    session = evaluate(
        "from argparse import ArgumentParser\n"
        "from syne_tune import Reporter\n"
        "parser = ArgumentParser()\n"
        "parser.add_argument('--lr', type=float)\n"
        "parser.add_argument('--epochs', type=int)\n"
        "args, _ = parser.parse_known_args()\n"
        "report = Reporter()\n"
        "for epoch in range(1, args.epochs + 1):\n"
        "    report(epoch=epoch, loss=args.lr / epoch)\n",
        {"lr": 0.4, "epochs": 2},
    )
    assert session.reports == [{"epoch": 1, "loss": 0.4}, {"epoch": 2, "loss": 0.2}]


@pytest.mark.parametrize(
    "text",
    [
        '{"loss": 2.5}',
        '{\n  "loss": 2.5\n}',
        '{"loss": 9}\n{"loss": 2.5}\n',
        '{"loss": 9}\nnot JSON\n{"loss": 2.5}',
        '{"loss": 9}\n[1]\n{"loss": 2.5}\n\xff',
    ],
)
def test_a_metrics_file(evaluate: Evaluate, text: str) -> None:
    session = evaluate(
        f"import os\nopen(os.environ['HPOGRID_METRICS'], 'w').write({text!r})\n",
        command="python train.py",
    )
    assert session.reports[-1] == {"loss": 2.5}


def test_a_wrong_line_of_a_metrics_file_doubles_no_other(evaluate: Evaluate) -> None:
    session = evaluate(
        "import os, time\n"
        "with open(os.environ['HPOGRID_METRICS'], 'w') as file:\n"
        '    file.write(\'{"loss": 3}\\nepoch done\\n{"loss": 2}\\n\')\n'
        "time.sleep(0.3)\n",
        command="python train.py",
    )
    assert session.reports == [{"loss": 3}, {"loss": 2}]


@pytest.mark.parametrize("lines", ["[epoch:]", "[0:]"])
def test_a_metrics_file_that_each_epoch_writes_anew(evaluate: Evaluate, lines: str) -> None:
    session = evaluate(
        "import os, time\n"
        "losses = [9, 8, 7]\n"
        "for epoch in range(3):\n"
        "    with open(os.environ['HPOGRID_METRICS'], 'w') as file:\n"
        f"        for loss in losses[:epoch + 1]{lines}:\n"
        "            file.write('{\"loss\": %d}\\n' % loss)\n"
        "    time.sleep(0.2)\n",
        command="python train.py",
    )
    assert session.reports == [{"loss": 9}, {"loss": 8}, {"loss": 7}]


def test_a_stopped_program_ends_with_its_children(evaluate: Evaluate) -> None:
    before = time.monotonic()
    with pytest.raises(StopTrial):
        evaluate(
            "import subprocess, sys, hpogrid\n"
            "subprocess.Popen(['sleep', '47.5'])\n"
            "hpogrid.report(loss=1)\n"
            "subprocess.run(['sleep', '47.5'])\n",
            command="python train.py",
            stop_after=1,
        )
    assert time.monotonic() - before < 20
    left = subprocess.run(["pgrep", "-f", "sleep 47.5"], capture_output=True, check=False)
    assert left.stdout == b""


def test_a_program_that_fails_says_why(evaluate: Evaluate) -> None:
    with pytest.raises(CommandFailed, match="ended with code 3: no data"):
        evaluate("import sys\nprint('no data')\nsys.exit(3)\n", command="python train.py")
    with pytest.raises(CommandFailed, match="killed by SIGKILL"):
        evaluate("import os\nos.kill(os.getpid(), 9)\n", command="python train.py")
    with pytest.raises(CommandFailed, match="cannot start no-such-program"):
        evaluate("", command="no-such-program")


@pytest.mark.parametrize(
    ("begin", "mode", "why"),
    [
        (b"#!/bin/sh\n", 0o644, "it may not be executed; 'chmod [+]x ./train', or name"),
        (b"echo loss=1\n", 0o755, "it has no #! line; give it one"),
        (b"\x7fELF\0\0\0\0", 0o755, "it was made for another kind of machine"),
        (b"#!/bin/sh\r\necho\r\n", 0o755, "its lines end as on Windows"),
        (b"#!/no/such/python\n", 0o755, "there is no /no/such/python, which its first line names"),
    ],
)
def test_a_program_that_cannot_start_says_what_helps(
    evaluate: Evaluate, tmp_path: Path, begin: bytes, mode: int, why: str
) -> None:
    (tmp_path / "train").write_bytes(begin)
    (tmp_path / "train").chmod(mode)
    with pytest.raises(CommandFailed, match=f"cannot start .*train: {why}"):
        evaluate("", command="./train")


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("loss: 0,5", "what it finds for 'loss' is no number: '0,5'"),
        ("Loss 0.5", "it is found nowhere in what the command printed"),
    ],
)
def test_a_pattern_that_brings_nothing(evaluate: Evaluate, printed: str, says: str) -> None:
    with pytest.raises(CommandFailed, match=f"^metric_regex: {says}"):
        evaluate(f"print({printed!r})", metric_regex=r"loss: (\S+)")


@pytest.mark.parametrize("word", ["train.sh", "./train.sh", "tools/train.sh"])
def test_a_program_of_the_project(evaluate: Evaluate, tmp_path: Path, word: str) -> None:
    script = tmp_path / word
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!/bin/sh\necho loss=$1\n")
    script.chmod(0o755)
    found = evaluate("", {"x": 3}, command=f"{word} {{x}}", metric_regex="loss=([0-9]+)")
    assert [report["loss"] for report in found.reports] == [3]


def test_checkpoints_of_a_script(evaluate: Evaluate, tmp_path: Path) -> None:
    text = (
        "import hpogrid\n"
        "old = hpogrid.get_checkpoint()\n"
        "step = int((old / 'step').read_text()) if old else 0\n"
        "with hpogrid.checkpoint() as folder:\n"
        "    (folder / 'step').write_text(str(step + 1))\n"
        "hpogrid.report(loss=step)\n"
    )
    evaluate(text, command="python train.py")
    found = latest(tmp_path / "trials" / "0-1")
    assert found is not None
    assert found[0] == 1
    environment = {
        **os.environ,
        "HPOGRID_RESTORE": str(found[1]),
        "HPOGRID_FOLDER": str(tmp_path / "other"),
        "HPOGRID_REPORTS": str(tmp_path / "reports"),
    }
    subprocess.run([sys.executable, tmp_path / "train.py"], env=environment, check=True)
    assert json.loads((tmp_path / "reports").read_text()) == {"loss": 1}
    assert (tmp_path / "other" / "checkpoint_000002" / "step").read_text() == "2"


def test_a_script_by_hand_prints(tmp_path: Path) -> None:
    script = "import hpogrid; hpogrid.report(loss=1.5, epoch=2)"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert answer.stdout == "[hpogrid] loss=1.5  epoch=2\n"


# --- the parts -----------------------------------------------------------------------------


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.text(), min_size=1))
def test_no_value_leaves_its_argument(values: dict[str, str]) -> None:
    words = fill(["x", "--v={" + next(iter(values)) + "}", "{args}"], values, {})
    assert len(words) == 2 + len(values)
    assert words[1] == "--v=" + next(iter(values.values()))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_shell_reads_back_what_was_written(text: str) -> None:
    line = hpm_text({"value": text})
    assert shlex.split(line) == [f"value={text}"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "give a --script"),
        ({"script": "a.py", "command": "x"}, "give a --script"),
        ({"command": "python 'train.py"}, "No closing quotation"),
        ({"command": "x", "model": "f"}, "needs the --script"),
        ({"script": "../a.py"}, "without '..'"),
        ({"script": "a.py", "model": "not a name"}, "is no name"),
        ({"script": "a{lr}.py"}, r"{lr} in the name a{lr}\.py reads as a placeholder"),
        ({"command": "x", "metric_regex": "loss=[0-9]+"}, "needs a group"),
        ({"command": "x", "metric_regex": "loss=("}, "no regular expression"),
    ],
)
def test_refused_configs(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ModelConfig(**settings)  # type: ignore[arg-type]


def test_what_is_no_placeholder_stays() -> None:
    words = ["awk", "{$1}", "k={}", "{lr}"]
    check_command(words, ["lr"], [])
    assert fill(words, {"lr": 0.5}, {}) == ["awk", "{$1}", "k={}", "0.5"]


def test_what_a_trial_does_not_have_is_left_out() -> None:
    words = ["t", "--m", "{m}", "--m={m}", "{m}", "a{m}b", "--lr", "{lr}", "{args}", "{overrides}"]
    assert fill(words, {"lr": 1}, {}) == ["t", "ab", "--lr", "1", "--lr=1", "lr=1"]
    assert render(Template("m=${m} ${m:-0.9} ${lr:-2}"), {"lr": 1}, ["m"]) == "m= 0.9 1"
    assert hpm_text({"lr": 1}) == "lr='1'\n"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("t {a b}", "unknown placeholder 'a b'"),
        ("t '{a b}'", "unknown placeholder 'a b'"),
        ("t {l r}", "put quotes around"),
        ("sh -c 't {args}'", "stand alone"),
        ("t --x={overrides}", "stand alone"),
        ("t ${lr}", "without the dollar sign"),
        ("t {hpm}", "'PATH' means something to every shell"),
        ("t {1x}", "cannot be a placeholder"),
    ],
)
def test_placeholders_that_name_nothing(command: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_command(command_words(command, None), ["lr", "PATH", "1x", "l r"], ["hpm"])


@pytest.mark.parametrize("name", ["PATH", "IFS", "LD_PRELOAD", "BASH_ENV", "PS4", "PYTHONPATH"])
def test_no_variable_of_the_shell_is_written(name: str) -> None:
    with pytest.raises(UserError, match=f"'{name}' means something to every shell"):
        hpm_text({name: 1})


@pytest.mark.parametrize(
    ("text", "command", "says"),
    [
        ("import nni\nx = nni.get_next_parameter()", "python t.py {args}", "asks nni"),
        ("print('loss: 1')", "python t.py {args}", "never sees the parameters"),
        ("import argparse", "python t.py", "gets no parameters"),
        ("import argparse", "python t.py {args}", None),
        ("import sys\nprint(sys.argv)", "python t.py --lr {lr}", None),
        ("import os\nprint(os.environ['HPOGRID_PARAM_lr'])", "python t.py", None),
        ("import beside", "python t.py {args}", None),
        ("print(1)", "./program {args}", None),
    ],
)
def test_a_script_that_cannot_know_its_parameters(
    text: str, command: str, says: str | None, tmp_path: Path
) -> None:
    (tmp_path / "t.py").write_text(text)
    (tmp_path / "beside.py").write_text("from argparse import ArgumentParser")
    note = unread_note(command_words(command, None), tmp_path)
    assert (note is None) if says is None else (note is not None and says in note)


def test_a_script_whose_name_begins_with_a_dash(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "-t.py").write_text(
        "import argparse, hpogrid\n"
        "p = argparse.ArgumentParser()\np.add_argument('--x', type=float)\n"
        "hpogrid.report(loss=p.parse_args().x)\n"
    )
    assert evaluate("", {"x": 3.0}, script="-t.py", command=None).reports == [{"loss": 3.0}]


@pytest.mark.parametrize(
    ("command", "name", "value", "says"),
    [
        ("t {overrides}", "größe", 1, "overrides have no such name"),
        ("t {overrides}", "x", {"1": 2}, "overrides have no way to write the key '1'"),
        ("python t.py {args}", "layers", ["-a", "b"], "cannot be one of several words"),
        ("python t.py {args}", "flag", 0.5, "takes no value"),
        ("python t.py {args}", "lr", "a", "--lr takes numbers, and 'a' is none"),
        ("python t.py {args}", "lr", True, "--lr takes numbers, and 'True' is none"),
        ("python t.py {args}", "n", 2.0, "--n takes whole numbers, and '2.0' is none"),
        ("python t.py {args}", "sizes", [1, "b"], "--sizes takes whole numbers, and 'b' is none"),
    ],
)
def test_what_a_program_cannot_be_told(
    command: str, name: str, value: Any, says: str, tmp_path: Path
) -> None:
    (tmp_path / "t.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--layers', nargs='+')\np.add_argument('--flag', action='store_true')\n"
        "p.add_argument('--lr', type=float)\np.add_argument('--n', type=int)\n"
        "p.add_argument('--sizes', type=int, nargs='+')\n"
    )
    words = command_words(command, None)
    with pytest.raises(UserError, match=f"parameter '{name}': .*{says}"):
        check_values(words, [(name, value)], Arguments(words, tmp_path))


@pytest.mark.parametrize(
    "script",
    [
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', type=str)\n",
        "import fire\ndef main(n: int = 1): ...\nfire.Fire(main)\n",
        "import argparse\np = argparse.ArgumentParser()\ns = p.add_subparsers()\n"
        "a, b = s.add_parser('a'), s.add_parser('b')\n"
        "a.add_argument('--n', type=int)\nb.add_argument('--n')\n",
    ],
)
def test_what_takes_more_than_numbers_is_told_more(script: str, tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text(script)
    assert Arguments(["t.py"], tmp_path).words("n", "all") == ["--n=all"]


def test_a_variable_of_a_shell_does_not_begin_with_a_digit() -> None:
    assert hpm_text({"1x": 2, "x.1": 3}) == "_1x='2'\nx_1='3'\n"
    with pytest.raises(UserError, match="'_1x' and '1x' are the same name to a shell"):
        hpm_text({"_1x": 2, "1x": 3})


def test_unknown_placeholders_are_refused() -> None:
    words = command_words("python t.py {args} {lr} {hmp}", None)
    with pytest.raises(UserError, match="unknown placeholder 'hmp': did you mean hpm"):
        check_command(words, ["lr"], ["hpm"])
    with pytest.raises(UserError, match="unknown parameter 'lrr'"):
        render(Template("${lrr}"), {"lr": 1})


def test_several_patterns() -> None:
    patterns = metric_patterns('{"loss": "l=(\\\\d+)", "acc": "a=(\\\\d+)"}', "loss")
    assert set(patterns) == {"loss", "acc"}
