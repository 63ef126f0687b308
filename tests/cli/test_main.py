"""The program as such: names, help, exit codes, pipes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hpogrid import __version__
from hpogrid.cli.main import ALIASES, COMMANDS, cli
from hpogrid.config.schemas import SCHEMAS
from hpogrid.errors import Exit
from tests.commands import hpogrid, limited, ok, parsed, refused
from tests.rights import as_nobody

HPOGRID = [sys.executable, "-m", "hpogrid"]


def every_command() -> list[list[str]]:
    context = click.Context(cli)
    names: list[list[str]] = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        names.append([name])
        if isinstance(command, click.Group):
            names += [[name, child] for child in command.commands]
    return names


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    for spelling in (command, [word.replace("_", "-") for word in command]):
        assert f"Usage: hpogrid {command[0]}" in ok(*spelling, "--help").replace("-", "_")
    assert ok(*command, "-h") == ok(*command, "--help")


@pytest.mark.parametrize("group", [name for name in COMMANDS if [name] in every_command()])
def test_help_shows_an_example(group: str) -> None:
    assert "xample" in ok(group, "--help"), "every command group shows how it is used"


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_what_a_command_does_is_listed_whole(command: list[str]) -> None:
    _, _, listed = ok(*command, "--help").partition("Commands:")
    assert "..." not in listed


def test_the_help_lists_the_commands_and_hides_the_aliases() -> None:
    text = ok("--help")
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary[:20])}", text, re.MULTILINE)
    assert "report_grid" not in text


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias: str) -> None:
    assert ok(alias, "--help").splitlines()[2:] == ok(ALIASES[alias], "--help").splitlines()[2:]


def test_version() -> None:
    assert __version__ in ok("--version")


@pytest.mark.parametrize("command", [[], ["tasks"], ["hpo_config"]])
def test_without_a_command_the_help_is_shown(command: list[str]) -> None:
    outcome = hpogrid(*command)
    assert outcome.code == Exit.USAGE
    assert "Usage: hpogrid" in outcome.out


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["confg"], "unknown command 'confg'"),
        (["hpo_confg", "list"], "unknown command 'hpo_confg': did you mean hpo_config"),
        (["hpo_config", "creat", "x"], "No such command 'creat'"),
        (["hpo_config", "create"], "Missing argument 'NAME' ('hpogrid hpo_config create --help'"),
        (["hpo_config", "list", "--format", "xml"], "'xml' is not one of 'table'"),
        (["run"], "Missing argument"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["project", "create", "p"], "Missing option"),
    ],
)
def test_wrong_usage_is_one_sentence(command: list[str], sentence: str) -> None:
    message = refused(*command)
    assert sentence in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "command",
    [
        ["study", "list", "--storage="],
        ["cleanup", "--range", "", "--yes"],
        ["tasks", "show", "--taskname="],
        ["tasks", "show", ""],
        ["run", "p", "--site", ""],
        ["run", "p", "--warm_start="],
        ["project", "update", "p", "--scripts_path="],
        ["hpo_config", "create", "h", "--ray_address="],
    ],
    ids=" ".join,
)
def test_an_empty_value_is_not_guessed_at(command: list[str]) -> None:
    assert re.search("it is empty: |length >= 1", refused(*command))


def test_debug_shows_the_traceback_and_keeps_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = hpogrid("--debug", "hpo_config", "show", "x")
    assert outcome.code == Exit.USAGE
    assert "Traceback" in outcome.err
    assert "hpogrid: unknown hpo config 'x'" in outcome.err
    monkeypatch.setenv("HPOGRID_DEBUG", "1")
    assert "Traceback" in hpogrid("hpo_config", "create").err


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hpogrid.config.store.home", broken)
    outcome = hpogrid("hpo_config", "list")
    assert outcome.code == Exit.BUG
    assert "ZeroDivisionError" in outcome.err


def test_an_interrupt_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hpogrid.config.store.Store.names", interrupted)
    outcome = hpogrid("hpo_config", "list")
    assert (outcome.code, outcome.err.strip()) == (Exit.INTERRUPTED, "hpogrid: interrupted")


def test_the_exit_code_reaches_the_shell() -> None:
    answer = subprocess.run([*HPOGRID, "hpo_config", "show", "x"], capture_output=True, text=True)
    assert answer.returncode == Exit.USAGE
    assert answer.stderr == "hpogrid: unknown hpo config 'x'; known: none yet\n"


def test_a_reader_that_goes_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen([*HPOGRID, "completion"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, messages = process.communicate()
    assert (process.returncode, messages) == (0, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_HPOGRID_COMPLETE" in ok("completion", shell)


def test_the_shell_completes_commands() -> None:
    environment = {
        **os.environ, "_HPOGRID_COMPLETE": "bash_complete", "COMP_WORDS": "hpogrid hpo_",
        "COMP_CWORD": "1",
    }  # fmt: skip
    answer = subprocess.run(HPOGRID, env=environment, capture_output=True, text=True)
    assert "plain,hpo_config" in answer.stdout, answer


@pytest.mark.parametrize("kind", [*SCHEMAS, "search_space"])
def test_schemas_for_editors(kind: str) -> None:
    schema = parsed("schema", kind)
    assert isinstance(schema, dict)
    assert json.dumps(schema)
    if kind in SCHEMAS:
        (definition,) = (schema["$defs"][name] for name in schema["$defs"] if "Config" in name)
        assert set(definition["properties"]) == set(SCHEMAS[kind].__struct_fields__)
        assert definition["additionalProperties"] is False


# --- the user directory ----------------------------------------------------------------------

CREATE = ["hpo_config", "create", "h"]


def test_a_user_directory_below_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "file" / "home"))
    assert f"cannot write {tmp_path}/file/home/hpo/h.json: not a directory" in refused(*CREATE)
    assert "unknown hpo config 'h'; known: none yet" in refused("hpo_config", "show", "h")
    assert "unknown project 'p'; known: none yet" in refused("run", "p")
    assert ok("hpo_config", "list") == ok("project", "list") == ""


def test_a_user_directory_that_cannot_be_written(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(open_folder / "home"))
    ok(*CREATE)
    (open_folder / "home" / "hpo").chmod(0o555)
    with as_nobody():
        assert "permission denied; choose another folder (HPOGRID_HOME" in refused(
            "hpo_config", "create", "other"
        )
        assert "permission denied" in refused("hpo_config", "update", "h", "--trials", "5")
        assert "permission denied" in refused("hpo_config", "remove", "h", "--yes")
        assert ok("hpo_config", "list") == "h\n"


def test_a_full_disk() -> None:
    answer = limited(0, *CREATE)
    assert answer.returncode == Exit.USAGE
    assert answer.stderr.startswith("hpogrid: cannot write")
    assert answer.stderr.endswith("h.json: file too large\n")
    assert ok("hpo_config", "list") == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere(closed: str) -> None:
    ok("hpo_config", "create", "h", "--metric", "loss", "--mode", "min")
    for command in ("hpo_config list --format json", "hpo_config show h", "tasks show", "--help"):
        call = f"{sys.executable} -m hpogrid {command} {closed}"
        assert subprocess.run(["sh", "-c", call], check=False).returncode == 0, call


def test_output_that_cannot_be_written_is_a_sentence() -> None:
    call = f"{sys.executable} -m hpogrid --help >/dev/full"
    done = subprocess.run(["sh", "-c", call], capture_output=True, text=True, check=False)
    assert done.returncode == Exit.FAILURE
    assert done.stderr == "hpogrid: cannot write what it has to say: No space left on device\n"
