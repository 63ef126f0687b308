"""The metrics in what a program prints, taken out as it comes.

A line ends with a line feed or a carriage return. What a progress bar writes over itself is one
line whose last text counts; of several matches in a text the last one does. Metrics of one step
that stand on several lines are one report: it is whole when each pattern was found, or when a
metric comes again (with a resource metric: when that has another value).
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

_SYNE_TUNE = re.compile(r"\[tune-metric\]: (\{.*\})\s*$")
_END = re.compile(r"\n|\r(?=[^\r\n])")
_ABSORBING = re.compile(r"(?:\(\?[a-z]+\))?\.\*[^|]*")
"""Patterns that match from where they are looked for, or not behind that either."""

_LONGEST = 1 << 18
_TAIL = 10

Metrics = dict[str, Any]


class Output:
    """Reads what a program prints.

    Args:
        patterns: regular expressions by the names of metrics.
        resource: the metric that counts the steps, if it is printed.

    Attributes:
        tail: its last lines.
        unread: what was found for metrics last and is no number, by their names.
    """

    def __init__(self, patterns: Mapping[str, re.Pattern[str]], resource: str = "") -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self.unread: dict[str, str] = {}
        self._patterns = patterns
        self._resource = resource
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._over: Metrics = {}
        self._step: Metrics = {}

    def decoded(self, data: bytes) -> str:
        """The text of the next bytes; a letter that is cut comes with the bytes that follow."""
        return self._decoder.decode(data)

    def reports(self, text: str) -> Iterator[Metrics]:
        """The reports that are whole after this text."""
        seen = max(0, len(self._rest) - 1)  # its last letter may be a return that ends a line now
        text, begin = self._rest + text, 0
        for match in _END.finditer(text, seen):
            line = text[begin : match.start()].rstrip("\r")
            begin = match.end()
            yield from self._line(line, written_over=match[0] != "\n")
        self._rest = text[begin:][-_LONGEST:]

    def finish(self) -> Iterator[Metrics]:
        """The reports in what is left at the end of the output."""
        yield from self._line(self._rest, written_over=False)
        self._rest = ""
        yield from self._flush()

    def _line(self, line: str, *, written_over: bool) -> Iterator[Metrics]:
        if line.strip():
            self.tail.append(line)
        whole = _SYNE_TUNE.search(line)
        if whole:
            with contextlib.suppress(json.JSONDecodeError):
                found = json.loads(whole[1])
                yield from self._flush()
                yield {key: value for key, value in found.items() if not key.startswith("st_")}
                return
        found = self._found(line)
        if self._is_next(self._over, found, repeats=False):
            yield from self._add(self._over)
            self._over = {}
        self._over.update(found)
        if not written_over:
            found, self._over = self._over, {}
            yield from self._add(found)

    def _found(self, line: str) -> Metrics:
        found: Metrics = {}
        for name, pattern in self._patterns.items():
            for match in _matches(pattern, line):
                text = next((group for group in match.groups() if group is not None), "")
                try:
                    found[name] = float(text)
                except ValueError:
                    self.unread[name] = text
        return found

    def _is_next(self, before: Metrics, found: Metrics, *, repeats: bool) -> bool:
        """Whether what is found belongs to another step than what came before it."""
        if self._resource in before and self._resource in found:
            return bool(before[self._resource] != found[self._resource])
        return repeats and not before.keys().isdisjoint(found)

    def _add(self, found: Metrics) -> Iterator[Metrics]:
        if self._is_next(self._step, found, repeats=True):
            yield from self._flush()
        self._step.update(found)
        if self._step.keys() >= self._patterns.keys():
            yield from self._flush()

    def _flush(self) -> Iterator[Metrics]:
        step, self._step = self._step, {}
        if step:
            yield step


def _matches(pattern: re.Pattern[str], line: str) -> Iterator[re.Match[str]]:
    """All matches; the work for a pattern that begins with ``.*`` is not the line's square."""
    if _ABSORBING.fullmatch(pattern.pattern) is None:
        yield from pattern.finditer(line)
        return
    found = pattern.match(line)
    while found is not None:
        yield found
        found = pattern.match(line, found.end()) if found[0] else None
