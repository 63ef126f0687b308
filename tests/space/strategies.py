"""Random parameters, conditions and spaces for property tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from hpogrid.space.condition import Condition
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Parameter,
    Reference,
)
from hpogrid.space.scale import Linear, Log, LogNormal, Normal, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import canonical

numbers = st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6g}"))
positive = st.floats(1e-6, 1e6).map(lambda x: float(f"{x:.6g}"))
fractions = st.floats(0.0, 0.999999).map(lambda x: float(f"{x:.6g}"))
units = st.floats(0.0, 1.0)
whole = st.integers(-10_000, 10_000)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6)
scalars = st.none() | st.booleans() | whole | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def ordered(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(one, one).map(lambda pair: (min(pair), max(pair)))


def bounded(kind: Callable[..., Any], one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return ordered(one).map(lambda pair: kind(*pair))


linear = bounded(Linear, numbers)
log = bounded(Log, positive)
reverse_log = bounded(ReverseLog, fractions)
sigmas = st.floats(0.01, 3.0).map(lambda x: float(f"{x:.6g}"))
means = st.floats(-10, 10).map(lambda x: float(f"{x:.6g}"))
normal = st.builds(Normal, means, sigmas)
log_normal = st.builds(LogNormal, means, sigmas, st.sampled_from([2.0, 10.0, math.e, 0.5]))
scales = linear | log | reverse_log | normal | log_normal

steps = st.sampled_from([0.1, 0.3, 0.5, 1.0, 2.0, 7.0, 1e-3])


@st.composite
def lattices(draw: st.DrawFn) -> Float:
    """A float on a lattice that has points, of every scale that can have one."""
    step = draw(steps)
    kind = draw(st.sampled_from(["zero", "low", "log", "normal", "log_normal"]))
    first, last = draw(ordered(st.integers(-500, 500)))
    if kind == "low":
        low = draw(st.floats(-100, 100).map(lambda x: round(x, 4)))
        high = low + step * (last - first) + draw(st.sampled_from([0.0, step / 2]))
        return Float(scale=Linear(low, high), lattice=Lattice(step, "low"))
    if kind == "log":
        low_index, high_index = draw(ordered(st.integers(1, 500)))
        lattice = Lattice(step)
        low, high = lattice.at(0.0, low_index), lattice.at(0.0, high_index)
        return Float(scale=Log(low, high), lattice=lattice)
    if kind == "zero":
        margin = draw(st.sampled_from([0.0, 0.25, 0.7])) * step
        return Float(
            scale=Linear(step * first - margin, step * last + margin + step), lattice=Lattice(step)
        )
    scale = draw(normal) if kind == "normal" else draw(log_normal)
    return Float(scale=scale, lattice=Lattice(step))


def different(items: list[Any]) -> list[Any]:
    return list({canonical(item): item for item in items}.values())


choices = st.lists(values, min_size=1, max_size=5).map(different).map(tuple)


@st.composite
def categoricals(draw: st.DrawFn) -> Categorical:
    items = draw(choices)
    kind = draw(st.sampled_from(["plain", "grid", "weights"]))
    weights = None
    if kind == "weights":
        size = len(items)
        weights = tuple(draw(st.lists(st.floats(0.1, 10), min_size=size, max_size=size)))
    return Categorical(choices=items, weights=weights, grid=kind == "grid")


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    if draw(st.booleans()):
        low, high = draw(ordered(st.integers(1, 10_000)))
        return Integer(scale=Log(low, high))
    low, high = draw(ordered(whole))
    return Integer(scale=Linear(low, high), step=draw(st.integers(1, 50)))


floats = st.builds(lambda scale: Float(scale=scale), scales) | lattices()
ordinals = st.builds(lambda items: Ordinal(choices=items), choices)
constants = st.builds(lambda value: Constant(value=value), values)
searched = st.one_of(floats, integers(), categoricals(), ordinals)
parameters = searched | constants
names = st.lists(
    st.text("abcdefgh_.", min_size=1, max_size=6).filter(lambda name: name.strip(".") == name),
    min_size=1,
    max_size=5,
    unique=True,
)


@st.composite
def plain_spaces(draw: st.DrawFn, one: st.SearchStrategy[Parameter] = parameters) -> Space:
    """Without conditions and links."""
    return Space({name: draw(one) for name in draw(names)})


booleans: st.SearchStrategy[bool] = st.booleans()
small_values = st.integers(0, 3)
small = st.one_of(
    ordered(st.integers(0, 3)).map(lambda pair: Integer(scale=Linear(*pair))),
    st.lists(small_values, min_size=1, max_size=3, unique=True).map(
        lambda items: Categorical(choices=tuple(items))
    ),
    small_values.map(lambda value: Constant(value=value)),
)


@st.composite
def conditions(draw: st.DrawFn, on: list[str], depth: int = 2) -> Condition:
    op: Any
    if depth and draw(st.booleans()):
        op = draw(st.sampled_from(["all", "any", "not"]))
        count = 1 if op == "not" else draw(st.integers(1, 2))
        return Condition(op=op, of=tuple(draw(conditions(on, depth - 1)) for _ in range(count)))
    name = draw(st.sampled_from(on))
    op = draw(st.sampled_from(["equal", "not_equal", "in", "not_in", "gt", "ge", "lt", "le"]))
    if op in ("in", "not_in"):
        return Condition(op=op, on=name, value=draw(st.lists(small_values, max_size=3)))
    return Condition(op=op, on=name, value=draw(small_values))


def _with(item: Parameter, **changes: Any) -> Parameter:
    fields = {name: getattr(item, name) for name in item.__struct_fields__}
    return type(item)(**{**fields, **changes})


@st.composite
def conditional_spaces(draw: st.DrawFn) -> Space:
    """Small and finite, with conditions, products and references in random order."""
    made: dict[str, Parameter] = {}
    for index in range(draw(st.integers(1, 5))):
        item: Parameter = draw(small)
        changes: dict[str, Any] = {}
        conditional = draw(booleans)
        if made and conditional:
            changes["when"] = draw(conditions(list(made)))
        kind = draw(st.sampled_from(["plain", "multiply", "reference"]))
        if made and kind == "multiply" and isinstance(item, Integer):
            changes["multiply"] = draw(st.sampled_from(list(made)))
        elif made and kind == "reference":
            item = Reference(of=draw(st.sampled_from(list(made))))
        if changes or isinstance(item, Reference):
            changes["inactive"] = draw(st.sampled_from(["null", "drop", "default"]))
            if changes["inactive"] == "default":
                changes["otherwise"] = draw(small_values)
        made[f"p{index}"] = _with(item, **changes)
    order = draw(st.permutations(list(made)))
    return Space({name: made[name] for name in order})
