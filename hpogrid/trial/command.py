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
``{checkpoint}``   a folder for its checkpoint, there only where one is to go on from
``{lr}``           the value of the parameter ``lr``
=================  =========================================================================

The environment has the same: ``HPOGRID_CONFIG`` (the JSON file), ``HPOGRID_METRICS``,
``HPOGRID_FOLDER``, ``HPOGRID_CHECKPOINT``, ``HPOGRID_PREP``, ``HPOGRID_RESTORE``,
``HPOGRID_SEED``, ``HPOGRID_TRIAL``, and each parameter as ``HPOGRID_PARAM_<name>``. A parameter
that the trial does not have is left out.

Metrics come from `hpogrid.report` in a Python script, from lines ``[tune-metric]: {...}`` on
stdout (Syne Tune's reporter), from the metrics file, or by regular expressions over the output.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import runpy
import selectors
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import IO, TextIO

from hpogrid.trial.checkpoints import Mirror
from hpogrid.trial.declared import Arguments, read_script
from hpogrid.trial.errors import UserError
from hpogrid.trial.hydra_app import CALLBACK, OBJECTIVES, one_run
from hpogrid.trial.lifeline import GRACE, CommandFailed, Program, how_it_ended, program
from hpogrid.trial.messages import Model
from hpogrid.trial.output import Output
from hpogrid.trial.placeholders import (
    Template,
    command_words,
    fill,
    hpm_text,
    metric_patterns,
    read_template,
    render,
    runnable,
    uses,
)
from hpogrid.trial.session import PREP, REPORTS, Session, StopTrial, plain_metrics
from hpogrid.trial.words import as_text

_TICK = 0.05
_SHOWN = 40
"""Letters of a text in a message."""


class CommandObjective:
    """Runs a program for every trial (see the module).

    Args:
        model: with a script or a command.
        metrics: names of the objectives; an unnamed regular expression gives the first.
        grace: seconds that the program has to end, once it has reported all or is told to.
        resource: the metric that counts the steps of a trial.
    """

    def __init__(
        self,
        scripts: Path,
        model: Model,
        metrics: Sequence[str],
        grace: float = GRACE,
        resource: str = "",
    ) -> None:
        self._command = command_words(model.command, model.script)
        self._model = model
        self._grace = grace
        self._resource = resource
        script = read_script(self._command, scripts)
        self._variables = {OBJECTIVES: ",".join(metrics)}
        if script is not None and "hydra" in script.uses and "{overrides}" in self._command:
            self._variables["HYDRA_FULL_ERROR"] = "1"  # the reason of a failure, and no advert
            callback = [CALLBACK] if model.metric_regex is None else []
            behind = self._command.index("{overrides}") + 1
            self._command[behind:behind] = [*one_run(), *callback]
        self._arguments = Arguments(self._command, scripts, model.arg_style)
        self._template: Template | None = None
        if model.template is not None and uses(self._command, "template"):
            self._template = read_template(scripts / model.template)
        self._patterns = metric_patterns(model.metric_regex, metrics[0])

    def run(self, config: dict[str, object], session: Session) -> None:
        """Start the program, pass on what it reports, and wait for its end."""
        words, variables, files = self._ready(config, session)
        mirror = Mirror(files["checkpoint"], session.restore)
        with program(words, {**os.environ, **variables}, grace=self._grace) as running:
            ear = _Ear(session, running, self._grace, mirror)
            inbox = _Inbox(files["reports"], files["metrics"], ear.report)
            assert running.process.stdout is not None
            output = self._follow(running.process.stdout, inbox, ear)
            code = running.process.wait()
        if ear.stop is None:
            inbox.finish()
        if code != 0 and not ear.told_to_end:
            raise CommandFailed(f"the command {how_it_ended(code, output.tail)}")
        if self._patterns and not ear.heard:
            raise CommandFailed(_nothing_found(output))
        if ear.stop is not None:
            raise ear.stop

    def run_here(self, config: dict[str, object], session: Session) -> None:
        """The same in this process, for a debugger.

        Raises:
            UserError: it is no Python script.
        """
        words, variables, files = self._ready(config, session)
        inbox = _Inbox(files["reports"], files["metrics"], session.report)
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
        self, config: Mapping[str, object], session: Session
    ) -> tuple[list[str], dict[str, str], dict[str, Path]]:
        """The words of the command, the variables that it gets, and the files of the trial."""
        values = {**copy.deepcopy(self._model.param), **config}
        present = {name: value for name, value in values.items() if name not in session.absent}
        session.folder.mkdir(parents=True, exist_ok=True)
        files = self._write_files(values, present, session)
        words = runnable(fill(self._command, present, files, self._arguments), Path())
        return words, {**self._variables, **_variables(present, files, session)}, files

    def _write_files(
        self, values: Mapping[str, object], present: Mapping[str, object], session: Session
    ) -> dict[str, Path]:
        folder = session.folder
        files = {
            "json": folder / "config.json",
            "hpm": folder / "config.hpm",
            "metrics": folder / "metrics.json",
            "reports": folder / "reports.jsonl",
            "folder": folder,
            "checkpoint": folder / "checkpoint",
        }
        files["json"].write_text(json.dumps(dict(values), indent=2))
        if uses(self._command, "hpm"):
            files["hpm"].write_text(hpm_text(present))
        for name in ("metrics", "reports"):
            files[name].unlink(missing_ok=True)
        if PREP in os.environ:
            files["prep"] = Path(os.environ[PREP])
        texts = {}
        if self._template:
            texts["template"] = render(self._template, present, set(values) - set(present))
        if isinstance(session.filled, str):
            texts["config"] = session.filled
        for name, text in texts.items():
            files[name] = folder / name / Path(str(self._model.template)).name
            files[name].parent.mkdir(exist_ok=True)
            files[name].write_text(text, encoding="utf-8")
        return files

    def _follow(self, stream: IO[bytes], inbox: _Inbox, ear: _Ear) -> Output:
        """Copy the output to ours and report the metrics in it; return it when it is read."""
        output = Output(self._patterns, self._resource)

        def tick() -> None:
            ear.look()
            inbox.look()

        for data in _pieces(stream, tick):
            text = output.decoded(data)
            sys.stdout.write(text)
            for found in output.reports(text):
                ear.report(plain_metrics(found))
        for found in output.finish():
            ear.report(plain_metrics(found))
        return output


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


class _Ear:
    """Hands on what a program reports, and has it end once it is told to.

    A program that has done all that was asked of it may end by itself: it has time to save what
    it has made. After that, or at once where a scheduler ends it, it is told to.
    """

    def __init__(self, session: Session, running: Program, grace: float, mirror: Mirror) -> None:
        self._mirror = mirror
        self._session = session
        self._running = running
        self._grace = grace
        self._since = 0.0
        self.stop: StopTrial | None = None
        self.told_to_end = False
        self.heard = False

    def report(self, metrics: dict[str, object]) -> None:
        """Report, unless the last report has been made."""
        self.heard = True
        if self.stop is not None:
            return
        self._mirror.keep(self._session.checkpoint)
        try:
            self._session.report(metrics)
        except StopTrial as stop:
            self.stop = stop
            self._since = time.monotonic()
            self.look()

    def look(self) -> None:
        """Tell the program to end when it is time."""
        if self.stop is None or self.told_to_end:
            return
        if not self.stop.complete or time.monotonic() - self._since > self._grace:
            self.told_to_end = True
            self._running.end()


class _Inbox:
    """The files through which a program reports, read as they grow."""

    def __init__(
        self, reports: Path, metrics: Path, report: Callable[[dict[str, object]], None]
    ) -> None:
        self._files = [_Lines(reports), _Lines(metrics)]
        self._report = report

    def look(self) -> None:
        """Report the whole lines that are new, up to one that is no object by itself."""
        for file in self._files:
            for line in file.new():
                metrics = _object(line)
                if metrics is None or not line.endswith(b"\n"):
                    break
                file.taken += len(line)
                if metrics:
                    self._report(metrics)

    def finish(self) -> None:
        """Report the rest: also an object over several lines, and what comes after a wrong line."""
        for file in self._files:
            file.seen = ()
        self.look()
        for file in self._files:
            rest = file.new()
            whole = _object(b"".join(rest))
            for metrics in [whole] if whole else map(_object, rest):
                if metrics:
                    self._report(metrics)


class _Lines:
    """The lines of a file that grows, or is written anew with other lines.

    Attributes:
        taken: how much of its beginning needs no second look.
        seen: what the system said of the file when it was read; empty: it has to be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = b""  # as it was read last
        self._known = b""  # as it was when lines were taken
        self.taken = 0
        self.seen: tuple[int, ...] = ()

    def new(self) -> list[bytes]:
        """What comes after the lines that are taken, and that are still there."""
        with contextlib.suppress(FileNotFoundError):
            state = self._path.stat()
            seen = (state.st_ino, state.st_size, state.st_mtime_ns)
            if seen != self.seen:
                self._data, self.seen = self._path.read_bytes(), seen
        before = self._known[: self.taken]
        if before.startswith(self._data):  # nothing, or it is being written anew
            return []
        if not self._data.startswith(before):
            both = zip(before.splitlines(keepends=True), self._data.splitlines(keepends=True))
            same = takewhile(lambda pair: pair[0] == pair[1], both)
            self.taken = sum(len(line) for line, _ in same)
        self._known = self._data
        return self._data[self.taken :].splitlines(keepends=True)


def _nothing_found(output: Output) -> str:
    """Why a metric_regex has brought nothing."""
    for name, text in output.unread.items():
        return f"metric_regex: what it finds for '{name}' is no number: {text[:_SHOWN]!r}"
    return "metric_regex: it is found nowhere in what the command printed"


def _object(text: bytes) -> dict[str, object] | None:
    """The metrics in a text; None: it is no JSON, or not yet."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return plain_metrics(found) if isinstance(found, dict) and found else {}


# --- the process ---------------------------------------------------------------------------


def _variables(
    values: Mapping[str, object], files: Mapping[str, Path], session: Session
) -> dict[str, str]:
    variables = {
        "HPOGRID_CONFIG": str(files["json"]),
        "HPOGRID_METRICS": str(files["metrics"]),
        REPORTS: str(files["reports"]),
        "HPOGRID_FOLDER": str(files["folder"]),
        "HPOGRID_CHECKPOINT": str(files["checkpoint"]),
        "HPOGRID_SEED": str(session.seed),
        "HPOGRID_TRIAL": session.trial_id,
        "PYTHONUNBUFFERED": "1",
    }
    if session.restore is not None:
        variables["HPOGRID_RESTORE"] = str(session.restore)
    return variables | parameter_variables(values)


def parameter_variables(values: Mapping[str, object]) -> dict[str, str]:
    """The parameters as environment variables."""
    return {
        f"HPOGRID_PARAM_{re.sub(r'[^A-Za-z0-9]', '_', name)}": as_text(value)
        for name, value in values.items()
    }


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
