"""Proposing points for somebody else's loop: PanDA's optimisation service (iDDS).

Nothing is remembered between two calls: the input holds every point so far with its loss, and
the algorithm learns from all of them anew.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.search import make_searcher
from hpogrid.search.base import FAILED, Mode, Outcome, Problem, derive_seed
from hpogrid.search.proposer import Proposer
from hpogrid.space.dialects.idds import Segments, parse_segments
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values

FAILURE = 1e5
"""What PanDA records as the loss of a point whose evaluation failed three times."""

Model = str | int | None
"""Which of the models of a segmented search; None: it has only one."""


class Known(msgspec.Struct):
    """A point that was proposed before; ``loss`` is None while it is evaluated."""

    model: Model
    point: dict[str, Value]
    loss: float | None


def generate(
    content: object,
    *,
    n_point: int,
    max_point: int | None = None,
    algorithm: str = "nevergrad",
    params: Mapping[str, Value] | None = None,
    mode: Mode = "min",
    space: Any = None,
    where: str = "the input",
) -> list[Any]:
    """Propose points.

    Args:
        content: the input, parsed: ``{"points": [[{...}, loss or null], ...], "opt_space": ...}``;
            of a segmented search with ``[[model, {...}], loss]`` and a list of spaces.
        n_point: how many.
        max_point: how many there may be with those of the input.
        algorithm, params: who proposes.
        mode: which way a loss is better.
        space: instead of the input's ``opt_space``.
        where: what the input is, as it reads in messages.

    Returns:
        The points, for a segmented search as ``[model, point]``; fewer, or none, where the
        search is at its end.

    Raises:
        UserError: the input makes no sense, or the algorithm cannot serve.
    """
    known = _known(content, where)
    segments = _segments(content, space, where)
    left = n_point if max_point is None else min(n_point, max_point - len(known))
    proposers = {
        model: _proposer(model, own, known, algorithm, dict(params or {}), mode)
        for model, own in segments
    }
    counts = Counter(item.model for item in known)
    found: list[Value] = []
    while len(found) < left and proposers:
        model = min(proposers, key=lambda name: counts[name])
        point = proposers[model].ask()
        if point is None:
            del proposers[model]
            continue
        counts[model] += 1
        found.append(point.applied if model is None else [model, point.applied])
    return found


def _proposer(
    model: Model,
    space: Space,
    known: list[Known],
    algorithm: str,
    params: Values,
    mode: Mode,
) -> Proposer:
    """An algorithm that has learnt all that is known of a model."""
    seed = derive_seed(model, algorithm, str(sorted(space.axes)))
    searcher = make_searcher(algorithm, Problem(space, (mode,), seed), params)
    proposer = Proposer(space, searcher)
    # Failures last: they are told as the worst loss known by then.
    for item in sorted(known, key=lambda item: item.loss is None or _outcome(item.loss) is FAILED):
        if item.model != model:
            continue
        proposer.take(item.point)
        if item.loss is not None:
            proposer.tell(item.point, _outcome(item.loss))
            continue
        try:
            searcher.start(space.encode(item.point))
        except ValueError:
            continue  # a point outside of this space teaches nothing
    return proposer


def _outcome(loss: float) -> Outcome:
    return FAILED if loss == FAILURE or not math.isfinite(loss) else Outcome((loss,))


def _segments(content: object, space: object, where: str) -> Segments:
    if space is not None:
        return parse_segments(space, "the search space")[0]
    if not isinstance(content, dict) or not content.get("opt_space"):
        raise UserError(f"{where} has no opt_space; give the search space with --space")
    return parse_segments(content, where)[0]


def _known(content: object, where: str) -> list[Known]:
    points = content.get("points", []) if isinstance(content, dict) else None
    if not isinstance(points, list):
        raise UserError(f'{where} has to be an object with "points" and "opt_space"')
    return [_read(item, f"{where}: point {number}") for number, item in enumerate(points, 1)]


def _read(item: object, where: str) -> Known:
    if not isinstance(item, list) or len(item) != 2:
        raise UserError(f"{where} has to be [point, loss], with null for a loss not known yet")
    point, loss = item
    model = None
    if isinstance(point, list) and len(point) == 2:
        model, point = point
    if isinstance(loss, bool) or not isinstance(loss, int | float | None):
        raise UserError(f"{where}: the loss {loss!r} is neither a number nor null")
    try:
        return msgspec.convert({"model": model, "point": point, "loss": loss}, Known)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {error}") from error
