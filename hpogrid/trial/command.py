"""A script or any program as the trial: parameters go in, lines with metrics come out.

Placeholders in the command, each a whole argument or part of one:

=================  =========================================================================
``{args}``         ``--lr=0.1 --layers=3`` (a whole argument; becomes several)
``{overrides}``    ``lr=0.1 layers=3`` (a whole argument; becomes several)
``{json}``         path of a JSON file with the parameters
``{hpm}``          path of a file of ``name=value`` lines that a shell can source
``{template}``     path of the template with ``${lr}`` filled in
``{config}``       path of the config file with the values put in their places
``{prep}``         the folder with what was prepared
``{metrics}``      path where the program may write metrics (JSON, or one JSON object a line)
``{folder}``       the trial's own folder
``{lr}``           the value of the parameter ``lr``
=================  =========================================================================

The environment has the same: ``HPOGRID_CONFIG`` (the JSON file), ``HPOGRID_METRICS``,
``HPOGRID_FOLDER``, ``HPOGRID_PREP``, ``HPOGRID_RESTORE``, ``HPOGRID_SEED``, ``HPOGRID_TRIAL``, and
each parameter as ``HPOGRID_PARAM_<name>``. A parameter that the trial does not have is left out.

Metrics come from `hpogrid.report` in a Python script, from lines ``[tune-metric]: {...}`` on
stdout (Syne Tune's reporter), from the metrics file, or by regular expressions over the output.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TextIO

from hpogrid.config.schemas import ModelConfig
from hpogrid.errors import UserError
from hpogrid.trial.declared import Arguments, read_script
from hpogrid.trial.hydra_app import CALLBACK, OBJECTIVES
from hpogrid.trial.lifeline import die_with_parent
from hpogrid.trial.output import Output
from hpogrid.trial.placeholders import (
    command_words,
    fill,
    hpm_text,
    metric_patterns,
    read_template,
    render,
    runnable,
    uses,
)
from hpogrid.trial.prep import PREP
from hpogrid.trial.session import REPORTS, Session, plain_metrics
from hpogrid.trial.words import as_text

_TICK = 0.05


class CommandObjective:
    """Runs a program for every trial (see the module).

    Args:
        config: the model config, with a script or a command.
        metrics: names of the objectives; an unnamed regular expression gives the first.
        names: of all parameters, also of those that some trials do not have.
        resource: the metric that counts the steps of a trial.
    """

    def __init__(
        self,
        scripts: Path,
        config: ModelConfig,
        metrics: tuple[str, ...],
        names: Iterable[str] = (),
        resource: str = "",
    ) -> None:
        self._scripts = scripts
        self._resource = resource
        self._command = command_words(config.command, config.script)
        script = read_script(self._command, scripts)
        self._variables = {OBJECTIVES: ",".join(metrics)}
        if script is not None and "hydra" in script.uses and "{overrides}" in self._command:
            self._variables["HYDRA_FULL_ERROR"] = "1"  # the reason of a failure, and no advert
            if config.metric_regex is None:
                self._command.insert(self._command.index("{overrides}") + 1, CALLBACK)
        self._arguments = Arguments(self._command, scripts, config.arg_style)
        self._config = config
        self._writers: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {}
        if config.template is not None and uses(self._command, "config"):
            from hpogrid.space.template import read_template_file

            tree = read_template_file(scripts / config.template, [*config.param, *names])
            self._writers["config"] = lambda values, present: tree.write(values)
        if config.template is not None and uses(self._command, "template"):
            text = read_template(scripts / config.template)
            self._writers["template"] = lambda values, present: render(
                text, present, set(values) - set(present)
            )
        self._patterns = metric_patterns(config.metric_regex, metrics[0])

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Start the program, pass on what it reports, and wait for its end."""
        words, variables, inbox = self._ready(config, session)
        with program(words, {**os.environ, **variables}) as process:
            assert process.stdout is not None
            tail = self._follow(process.stdout, inbox, session)
            code = process.wait()
        inbox.finish()
        if code != 0:
            raise CommandFailed(f"the command {how_it_ended(code, tail)}")

    def run_here(self, config: dict[str, Any], session: Session) -> None:
        """The same in this process, for a debugger.

        Raises:
            UserError: it is no Python script.
        """
        words, variables, inbox = self._ready(config, session)
        module = words[1:2] == ["-m"]
        if words[0] != sys.executable or not (module or words[1].endswith(".py")):
            raise UserError(f"a debugger in this process needs a Python script, and no {words[0]}")
        os.environ.update(variables)
        sys.argv = words[2 if module else 1 :]
        output = Output(self._patterns, self._resource)
        with contextlib.redirect_stdout(_Copy(sys.stdout, output, session)):
            try:
                if module:
                    runpy.run_module(words[2], run_name="__main__", alter_sys=True)
                else:
                    sys.path.insert(0, str(Path(words[1]).parent))
                    runpy.run_path(words[1], run_name="__main__")
            except SystemExit as error:
                if error.code not in (None, 0):
                    raise
        for found in output.finish():
            session.report(plain_metrics(found))
        inbox.finish()

    def _ready(
        self, config: Mapping[str, Any], session: Session
    ) -> tuple[list[str], dict[str, str], _Inbox]:
        """The words of the command, the variables that it gets, and where it may report."""
        values = {**self._config.param, **config}
        present = {name: value for name, value in values.items() if name not in session.absent}
        folder = session.folder
        folder.mkdir(parents=True, exist_ok=True)
        files = self._write_files(values, present, folder)
        words = runnable(fill(self._command, present, files, self._arguments), self._scripts)
        variables = {**self._variables, **_variables(present, files, session)}
        return words, variables, _Inbox(files["reports"], files["metrics"], session)

    def _write_files(
        self, values: Mapping[str, Any], present: Mapping[str, Any], folder: Path
    ) -> dict[str, Path]:
        files = {
            "json": folder / "config.json",
            "hpm": folder / "config.hpm",
            "metrics": folder / "metrics.json",
            "reports": folder / "reports.jsonl",
            "folder": folder,
        }
        files["json"].write_text(json.dumps(dict(values), indent=2))
        if uses(self._command, "hpm"):
            files["hpm"].write_text(hpm_text(present))
        for name in ("metrics", "reports"):
            files[name].unlink(missing_ok=True)
        if PREP in os.environ:
            files["prep"] = Path(os.environ[PREP])
        for name, write in self._writers.items():
            files[name] = folder / name / Path(str(self._config.template)).name
            files[name].parent.mkdir(exist_ok=True)
            files[name].write_text(write(values, present), encoding="utf-8")
        return files

    def _follow(self, stream: IO[bytes], inbox: _Inbox, session: Session) -> deque[str]:
        """Copy the output to ours and report the metrics in it; return its last lines."""
        output = Output(self._patterns, self._resource)
        for data in _pieces(stream, inbox.look):
            text = output.decoded(data)
            sys.stdout.write(text)
            for found in output.reports(text):
                session.report(plain_metrics(found))
        for found in output.finish():
            session.report(plain_metrics(found))
        return output.tail


class _Copy(io.TextIOBase):
    """Writes on, and reports the metrics in what is written."""

    def __init__(self, stream: TextIO, output: Output, session: Session) -> None:
        self._stream = stream
        self._output = output
        self._session = session

    def write(self, text: str) -> int:
        """Write text."""
        self._stream.write(text)
        for found in self._output.reports(text):
            self._session.report(plain_metrics(found))
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        self._stream.flush()


class CommandFailed(Exception):
    """The program ended with an error."""


class _Inbox:
    """The files through which a program reports, read as they grow."""

    def __init__(self, reports: Path, metrics: Path, session: Session) -> None:
        self._files = {reports: 0, metrics: 0}
        self._metrics = metrics
        self._session = session

    def look(self) -> None:
        """Report the whole lines that are new."""
        for path, offset in self._files.items():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
                stream.seek(offset)
                data = stream.read()
                end = data.rfind(b"\n") + 1
                if self._report(data[:end].splitlines()):
                    self._files[path] = offset + end

    def finish(self) -> None:
        """Report the rest: also a metrics file that is one JSON object over several lines."""
        self.look()
        with contextlib.suppress(FileNotFoundError):
            rest = self._metrics.read_bytes()[self._files[self._metrics] :]
            if rest.strip():
                self._report([rest])

    def _report(self, lines: list[bytes]) -> bool:
        """Whether every line was a JSON object (else it may be one that is still written)."""
        for line in lines:
            try:
                metrics = json.loads(line)
            except json.JSONDecodeError:
                return False
            if isinstance(metrics, dict):
                self._session.report(plain_metrics(metrics))
        return True


# --- the process ---------------------------------------------------------------------------


def _variables(
    values: Mapping[str, Any], files: Mapping[str, Path], session: Session
) -> dict[str, str]:
    variables = {
        "HPOGRID_CONFIG": str(files["json"]),
        "HPOGRID_METRICS": str(files["metrics"]),
        REPORTS: str(files["reports"]),
        "HPOGRID_FOLDER": str(files["folder"]),
        "HPOGRID_SEED": str(session.seed),
        "HPOGRID_TRIAL": session.trial_id,
        "PYTHONUNBUFFERED": "1",
    }
    if session.restore is not None:
        variables["HPOGRID_RESTORE"] = str(session.restore)
    return variables | parameter_variables(values)


def parameter_variables(values: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as environment variables."""
    return {
        f"HPOGRID_PARAM_{re.sub(r'[^A-Za-z0-9]', '_', name)}": as_text(value)
        for name, value in values.items()
    }


@contextlib.contextmanager
def program(
    words: list[str],
    environment: Mapping[str, str],
    output: int | IO[bytes] = subprocess.PIPE,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A running program with all its children, which end when the block is left.

    Args:
        words: its command.
        environment: all of it.
        output: where stdout and stderr go.
        folder: its working directory, if not ours.

    Raises:
        CommandFailed: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            process_group=0,
            preexec_fn=die_with_parent,
        )
    except OSError as error:
        raise CommandFailed(f"cannot start {words[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _pieces(stream: IO[bytes], tick: Callable[[], None]) -> Iterator[bytes]:
    """What a stream brings, as it comes; ``tick`` is called in between and at least often."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            ready = selector.select(_TICK)
            tick()
            if not ready:
                continue
            data = os.read(stream.fileno(), 1 << 16)
            if not data:
                return
            yield data


def how_it_ended(code: int, output: Iterable[str]) -> str:
    """How a program ended, with the last line of its output that says something."""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    last = next((line for line in reversed(list(output)) if line.strip()), "")
    return how + (f": {last.strip()}" if last else "")
