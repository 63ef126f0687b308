"""A script or any program as the trial: parameters go in, lines with metrics come out.

Placeholders in the command, each a whole argument or part of one:

=================  =========================================================================
``{args}``         ``--lr 0.1 --layers 3`` (a whole argument; becomes several)
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
``HPOGRID_SEED``, ``HPOGRID_TRIAL``, and each parameter as ``HPOGRID_PARAM_<name>``.

Metrics come from `hpogrid.report` in a Python script, from lines ``[tune-metric]: {...}`` on
stdout (Syne Tune's reporter), from the metrics file, or by regular expressions over the output.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hpogrid.trial.checkpoints import Mirror
from hpogrid.trial.lifeline import GRACE, CommandFailed, Program, how_it_ended, program
from hpogrid.trial.messages import Model
from hpogrid.trial.placeholders import (
    Template,
    as_text,
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

_SYNE_TUNE = re.compile(r"\[tune-metric\]: (\{.*\})\s*$")
_TICK = 0.05
_TAIL = 10


class CommandObjective:
    """Runs a program for every trial (see the module).

    Args:
        model: with a script or a command.
        metrics: names of the objectives; an unnamed regular expression gives the first.
        grace: seconds that the program has to end, once it has reported all or is told to.
    """

    def __init__(
        self, scripts: Path, model: Model, metrics: Sequence[str], grace: float = GRACE
    ) -> None:
        self._scripts = scripts
        self._command = command_words(model.command, model.script)
        self._model = model
        self._grace = grace
        self._template: Template | None = None
        if model.template is not None and uses(self._command, "template"):
            self._template = read_template(scripts / model.template)
        self._patterns = metric_patterns(model.metric_regex, metrics[0])

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Start the program, pass on what it reports, and wait for its end."""
        values = {**copy.deepcopy(self._model.param), **config}
        folder = session.folder
        folder.mkdir(parents=True, exist_ok=True)
        files = self._write_files(values, session)
        words = runnable(fill(self._command, values, files), Path())
        environment = {**os.environ, **_variables(values, files, session)}
        mirror = Mirror(files["checkpoint"], session.restore)
        with program(words, environment, grace=self._grace) as running:
            ear = _Ear(session, running, self._grace, mirror)
            inbox = _Inbox(files["reports"], files["metrics"], ear)
            assert running.process.stdout is not None
            tail = self._follow(running.process.stdout, inbox, ear)
            code = running.process.wait()
        if ear.stop is None:
            inbox.finish()
        if code != 0 and not ear.told_to_end:
            raise CommandFailed(f"the command {how_it_ended(code, tail)}")
        if ear.stop is not None:
            raise ear.stop

    def _write_files(self, values: Mapping[str, Any], session: Session) -> dict[str, Path]:
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
        files["hpm"].write_text(hpm_text(values))
        for name in ("metrics", "reports"):
            files[name].unlink(missing_ok=True)
        if PREP in os.environ:
            files["prep"] = Path(os.environ[PREP])
        texts = {"template": render(self._template, values)} if self._template else {}
        if isinstance(session.filled, str):
            texts["config"] = session.filled
        for name, text in texts.items():
            files[name] = folder / name / Path(str(self._model.template)).name
            files[name].parent.mkdir(exist_ok=True)
            files[name].write_text(text, encoding="utf-8")
        return files

    def _follow(self, stream: IO[bytes], inbox: _Inbox, ear: _Ear) -> deque[str]:
        """Copy the output to ours and report the metrics in it; return its last lines."""
        tail: deque[str] = deque(maxlen=_TAIL)
        for line in _lines(stream, inbox.look):
            sys.stdout.write(line + "\n")
            tail.append(line)
            found = self._metrics_in(line)
            if found:
                ear.report(plain_metrics(found))
        return tail

    def _metrics_in(self, line: str) -> dict[str, Any]:
        match = _SYNE_TUNE.search(line)
        if match:
            with contextlib.suppress(json.JSONDecodeError):
                reported = json.loads(match.group(1))
                return {key: value for key, value in reported.items() if not key.startswith("st_")}
        found: dict[str, Any] = {}
        for name, pattern in self._patterns.items():
            match = pattern.search(line)
            if match:
                with contextlib.suppress(ValueError):
                    found[name] = float(match.group(1))
        return found


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

    def report(self, metrics: dict[str, Any]) -> None:
        """Report, unless the last report has been made."""
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

    def __init__(self, reports: Path, metrics: Path, ear: _Ear) -> None:
        self._files = {reports: 0, metrics: 0}
        self._metrics = metrics
        self._ear = ear

    def look(self) -> None:
        """Report the whole lines that are new."""
        self._ear.look()
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
                self._ear.report(plain_metrics(metrics))
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
        "HPOGRID_CHECKPOINT": str(files["checkpoint"]),
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


def _lines(stream: IO[bytes], tick: Callable[[], None]) -> Iterator[str]:
    """The lines of a stream as they come; ``tick`` is called in between and at least often."""
    buffer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            ready = selector.select(_TICK)
            tick()
            if not ready:
                continue
            data = os.read(stream.fileno(), 1 << 16)
            if not data:
                break
            *whole, buffer = (buffer + data).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
    if buffer:
        yield buffer.decode(errors="replace")
