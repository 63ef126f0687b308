"""The program: finds the command, runs it, and turns errors into sentences and exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from hpogrid._version import VERSION
from hpogrid.cli.output import say
from hpogrid.errors import Exit, UserError


def _same(token: str) -> str:
    """``-`` and ``_`` mean the same in the names of commands and options."""
    return token.replace("-", "_")


CONTEXT = {
    "token_normalize_func": _same,
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}

COMMANDS: dict[str, tuple[str, str]] = {
    "tune": ("hpogrid.cli.tune:tune", "Search the best options of a script, in one command."),
    "hpo_config": ("hpogrid.cli.configs:hpo_config", "How to search: algorithm, metric, trials."),
    "grid_config": ("hpogrid.cli.configs:grid_config", "Where to run: site, container, data."),
    "model_config": ("hpogrid.cli.configs:model_config", "What to train: script and function."),
    "search_space": ("hpogrid.cli.search_space:search_space", "What to search."),
    "project": ("hpogrid.cli.project:project", "Bundle four configs and the scripts."),
    "init": ("hpogrid.cli.init:init", "Propose configs and a project for a script."),
    "plan": ("hpogrid.cli.plan:plan", "Show what a run would do, before anything does."),
    "run": ("hpogrid.cli.run:run_command", "Submit the jobs of a project."),
    "local_run": ("hpogrid.cli.run:local_run", "Run a project here, in the foreground."),
    "watch": ("hpogrid.cli.watch:watch", "Show how searches go on until they end."),
    "tasks": ("hpogrid.cli.tasks:tasks", "Watch, end, repeat what was submitted."),
    "study": ("hpogrid.cli.study:study", "List, show, create, export, import studies."),
    "serve": ("hpogrid.cli.serve:serve", "Keep the ledgers of jobs that share no disk."),
    "report": ("hpogrid.cli.report:report", "Show and export the results."),
    "confirm": ("hpogrid.cli.confirm:confirm", "Evaluate the best again: how sure are they?"),
    "trial": ("hpogrid.cli.trial:trial", "Show one trial; write notes and tags."),
    "replay": ("hpogrid.cli.replay:replay", "Run a trial again: does it come to the same?"),
    "analyze": ("hpogrid.cli.analyze:analyze", "Explain what each hyperparameter did."),
    "compare": ("hpogrid.cli.compare:compare", "Put several studies side by side."),
    "dashboard": ("hpogrid.cli.dashboard:dashboard", "Look at a project in Optuna's dashboard."),
    "cleanup": ("hpogrid.cli.cleanup:cleanup", "Make room: old checkpoints and outputs."),
    "sites": ("hpogrid.cli.sites:sites", "List the queues of the grid that have GPUs."),
    "data": ("hpogrid.cli.data:data", "Datasets in Rucio: upload, list, download, check."),
    "check": ("hpogrid.cli.check:check", "Say whether all is ready for the grid."),
    "generate": ("hpogrid.cli.generate:generate", "Propose points, as PanDA's HPO service asks."),
    "schema": ("hpogrid.cli.schema:schema", "Print the JSON Schema of a config."),
    "completion": ("hpogrid.cli.completion:completion", "Print the shell's completion script."),
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""How the system refuses output; what hpogrid itself writes to has its own messages."""

ALIASES = {"submit": "run", "report_grid": "report"}
"""Names of later releases of earlier hpogrids; not shown in the help."""


class _Filled(click.types.StringParamType):
    """Text that is not empty: an empty one is mostly a variable that the shell does not know."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse to guess what nothing means."""
        if value == "":
            self.fail("it is empty: leave it out, or say what it is", param, ctx)
        return str(super().convert(value, param, ctx))


def _want_values(command: click.Command) -> click.Command:
    """Let the options and arguments of a command, and of those below it, not be empty."""
    for part in getattr(command, "commands", {}).values():
        _want_values(part)
    for param in command.params:
        if param.type is click.STRING:  # and not another type for text
            param.type = _Filled()
    return command


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        name = ALIASES.get(_same(cmd_name), _same(cmd_name))
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return _want_values(getattr(importlib.import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or offer close matches."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from hpogrid.registry import unknown

            raise UserError(unknown("command", args[0], list(COMMANDS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings=CONTEXT)
@click.version_option(VERSION, prog_name="hpogrid")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def cli(debug: bool) -> None:
    """Hyperparameter optimisation as many jobs: here, on a cluster, on the grid.

    \b
    A first search, of the options of a script that prints or reports val_acc:
      hpogrid tune train.py --lr 1e-5:1e-2:log --layers 1:8:int \\
          --metric val_acc --mode max -n 50

    \b
    The same in parts, of which each can be changed:
      hpogrid search_space create s \\
          '{"lr":{"method":"loguniform","dimension":{"low":1e-5,"high":1e-2}}}'
      hpogrid hpo_config create h --metric loss --mode min --trials 50
      hpogrid model_config create m --script train.py --model train
      hpogrid grid_config create g --site local
      hpogrid project create p --scripts_path train.py --model_config m \\
          --search_space s --hpo_config h --grid_config g
      hpogrid run p --n_jobs 3 && hpogrid tasks show --watch && hpogrid report p
    """


def run(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code. Messages go to stderr, results to stdout."""
    debug = "--debug" in arguments[:1] or bool(os.environ.get("HPOGRID_DEBUG"))
    try:
        result = cli.main(args=list(arguments), prog_name="hpogrid", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _fail(str(error), error.exit_code, debug)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", Exit.INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error))
        return Exit.USAGE
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" ('{context.command_path} --help' shows what it takes)" if context else ""
        text = error.format_message().rstrip(".").replace("\n", " ")
        return _fail(text + hint, Exit.USAGE, debug)
    except (BrokenPipeError, SystemExit) as error:  # click makes the first into the second
        if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128:
            return error.code  # a signal
        _silence_stdout()
        return Exit.OK
    except OSError as error:
        if error.errno not in _FULL:
            traceback.print_exc()
            return Exit.BUG
        _silence_stdout()
        return _fail(f"cannot write what it has to say: {error.strerror}", Exit.FAILURE, debug)
    except Exception:
        traceback.print_exc()
        return Exit.BUG
    return int(result) if isinstance(result, int) else Exit.OK


def _fail(message: str, code: int, debug: bool = False) -> int:
    if debug:
        traceback.print_exc()
    say(f"hpogrid: {message}", err=True)
    return code


def _silence_stdout() -> None:
    """Whoever read our output has gone: let the interpreter not complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
