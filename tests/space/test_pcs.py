"""Parameters in PCS files, beside the readers and the writer of ConfigSpace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from tests.commands import ok
from tests.lazy import Lazy
from tests.space.drawn import drawn, is_confused
from tests.space.strategies import booleans, ordered, positive

# The library keeps both kinds of files without further support.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

if TYPE_CHECKING:
    import ConfigSpace as theirs
else:
    theirs = Lazy("ConfigSpace")

older = Lazy("ConfigSpace.read_and_write.pcs")
newer = Lazy("ConfigSpace.read_and_write.pcs_new")

SOLVER = """\
# of a solver
heuristic categorical {vsids, berkmin, "random"} [vsids] # how to branch
restarts ordinal {never, seldom, often} [seldom]
decay real [1e-3, .999] [0.95]
rate real [1e-05, 0.1] [0.01] log
clauses integer [10, 5000] [100]log
seed categorical {42} [42]

Conditionals:
decay | heuristic in {vsids, berkmin}
rate | heuristic == vsids && clauses > 100 || restarts != never
"""
OLDER = """\
heuristic {vsids,berkmin} [vsids]
decay [0.001, 0.999] [0.95]
rate [1e-05, 0.1] [0.01]l
clauses [10, 5000] [100]il
bound [-3,3][0]i
decay | heuristic in {vsids}
"""


def test_both_forms() -> None:
    vsids = Condition(op="equal", on="heuristic", value="vsids")
    both = Condition(op="all", of=(vsids, Condition(op="gt", on="clauses", value=100)))
    never = Condition(op="not_equal", on="restarts", value="never")
    space, notes = read_space(SOLVER, "s")
    assert space.parameters == {
        "heuristic": Categorical(choices=("vsids", "berkmin", "random")),
        "restarts": Ordinal(choices=("never", "seldom", "often")),
        "decay": Float(
            scale=Linear(0.001, 0.999),
            when=Condition(op="in", on="heuristic", value=["vsids", "berkmin"]),
        ),
        "rate": Float(scale=Log(1e-5, 0.1), when=Condition(op="any", of=(both, never))),
        "clauses": Integer(scale=Log(10, 5000)),
        "seed": Constant(value="42"),
    }
    assert notes == ["the default values of PCS are left out; --search_points tries them first"]
    assert read_space(render_space(space, "pcs"), "again")[0] == space
    check(space, newer.read(SOLVER.splitlines()))
    space, _ = read_space(OLDER, "s")
    assert space.parameters["bound"] == Integer(scale=Linear(-3, 3))
    assert space.parameters["clauses"] == Integer(scale=Log(10, 5000))
    assert space.parameters["decay"] == Float(scale=Linear(0.001, 0.999), when=vsids)
    check(space, older.read(OLDER.splitlines()))


def test_numbers_in_lists_are_text() -> None:
    space, notes = read_space("batch ordinal {16, 32} [16]", "s")
    assert space.parameters["batch"] == Ordinal(choices=("16", "32"))
    assert notes[1:] == ["parameter 'batch': PCS has text here, so a trial gets '16' as text"]


def check(space: Space, library: theirs.ConfigurationSpace) -> None:
    """What the library has read is what the space has, with the same parameters active."""
    assert set(library) == set(space.parameters)
    for name, item in space.parameters.items():
        of: Any = library[name]
        match item:
            case Constant(value=value):
                assert list(of.choices) == [value]
            case Categorical(choices=choices):
                assert tuple(of.choices) == choices
            case Ordinal(choices=choices):
                assert tuple(of.sequence) == choices
            case Float(scale=scale) | Integer(scale=scale):
                assert (of.lower, of.upper) == scale.bounds
                assert of.log == isinstance(scale, Log)
                assert isinstance(of, theirs.UniformIntegerHyperparameter) == isinstance(
                    item, Integer
                )
    for values in drawn(library, 20):
        found = {name: values.get(name, default) for name, default in space.defaults().items()}
        applied = space.apply(found).applied
        assert set(applied) - space.absent(applied) == set(values)


words = st.text("abcXYZ019_-.:/+", min_size=1, max_size=5)
word_lists = st.lists(words, min_size=2, max_size=4, unique=True)
ranges = ordered(positive.map(lambda x: round(x, 6))).filter(lambda pair: 0 < pair[0] < pair[1])
wholes = ordered(st.integers(1, 10_000)).filter(lambda pair: pair[0] < pair[1])
sizes = {
    "categorical": word_lists.map(lambda items: Categorical(choices=tuple(items))),
    "ordinal": word_lists.map(lambda items: Ordinal(choices=tuple(items))),
    "constant": words.map(lambda value: Constant(value=value)),
    "float": st.builds(lambda kind, ends: Float(scale=kind(*ends)),
                       st.sampled_from([Linear, Log]), ranges),
    "integer": st.builds(lambda kind, ends: Integer(scale=kind(*ends)),
                         st.sampled_from([Linear, Log]), wholes),
}  # fmt: skip


@st.composite
def comparisons(draw: st.DrawFn, on: dict[str, Any]) -> Condition:
    name = draw(st.sampled_from(list(on)))
    match on[name]:
        case Categorical(choices=choices) | Ordinal(choices=choices):
            if draw(booleans):
                return Condition(op="in", on=name, value=list(choices[:2]))
            return Condition(
                op=draw(st.sampled_from(["equal", "not_equal"])), on=name, value=choices[0]
            )
        case Constant(value=value):
            return Condition(op="equal", on=name, value=value)
        case item:
            high = item.scale.bounds[1]
            value = int(high) - 1 if isinstance(item, Integer) else high
            return Condition(op=draw(st.sampled_from(["gt", "lt"])), on=name, value=value)


@st.composite
def conditional(draw: st.DrawFn) -> Space:
    """Of what PCS can say: comparisons that are joined, with parents before children."""
    made: dict[str, Any] = {}
    for name in draw(st.lists(words, min_size=1, max_size=5, unique=True)):
        item: Any = draw(st.one_of(*sizes.values()))
        conditional = draw(booleans)
        if made and conditional:
            parts = draw(st.lists(comparisons(made), min_size=1, max_size=3, unique_by=str))
            op: Any = draw(st.sampled_from(["all", "any"]))
            when = parts[0] if len(parts) == 1 else Condition(op=op, of=tuple(parts))
            item = type(item)(
                **{f: getattr(item, f) for f in item.__struct_fields__} | {"when": when}
            )
        made[name] = item
    return Space(made)


def _is_unlike(space: Space, when: Condition | None) -> bool:
    """Whether it has a "!=" on what may be absent."""
    parts = () if when is None else when.of or (when,)
    return any(
        part.op == "not_equal" and space.parameters[part.on or ""].when is not None
        for part in parts
    )


DEEP = """\
a categorical {0, 1} [0]
b categorical {0, 1} [0]
c categorical {0, 1} [0]
d integer [1, 9] [1]

b | a == 0
c | b == 0
d | a in {0, 1} && c in {0, 1}
"""
"""Of this ConfigSpace (1.2.2) itself draws "d" without "c"; see `drawn`."""


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(conditional().filter(lambda space: not is_confused(space)))
@example(read_space(DEEP, "s", "pcs")[0])
def test_the_library_takes_what_is_written_for_it(space: Space) -> None:
    if any(_is_unlike(space, item.when) for item in space.parameters.values()):
        with pytest.raises(UserError, match="which has a condition itself"):
            render_space(space, "pcs")
        return
    text = render_space(space, "pcs")
    assert read_space(text, "again", "pcs")[0] == space
    check(space, newer.read(text.splitlines()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a {x,y} [x]\n{a=x}", "combinations that PCS forbids have no equivalent"),
        ("a {x,y} [x]\na {x,y} [x]", "'a': is there twice"),
        ("a {x,y} [x]\nb | a == x", "a condition on 'b', which is no parameter"),
        ("a {x,y} [x]\na | b == x", "a condition on 'b', which is no parameter"),
        ("a ordinal {x,y} [x]\nc {u,v} [u]\nc | a > x", "list them with in"),
        ("a integer [1,5] [1]\nc {u,v} [u]\nc | a == x", "a number with 'x', which is none"),
        ("a {x,y} [x]\nc {u,v} [u]\nc | a ~ x", "that PCS does not have"),
        ("a real [5, 1] [1]", "low 5 is above high 1"),
        ("a {x,,y} [x]", "words with commas between"),
        ("a {x,y} [x]\nb = 3 or so", "no line of PCS: 'b = 3 or so'"),
    ],
)
def test_what_is_wrong_or_has_no_equivalent_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_space(text, "s", "pcs")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (Constant(value=3), "names and values but words, unlike 3"),
        (Categorical(choices=("a b", "c")), "unlike 'a b'"),
        (Categorical(choices=("a",)), "such a distribution"),
        (Categorical(choices=("a", "b"), grid=True), "categorical parameters like this"),
        (Float(scale=Linear(0, 1e-14)), "bounds of more than 13 decimals"),
        (Integer(scale=Linear(0, 4), step=2), "integer parameters like this"),
    ],
)
def test_what_it_cannot_say_is_refused(item: Parameter, says: str) -> None:
    with pytest.raises(UserError) as caught:
        render_space(Space({"x": item}), "pcs")
    assert "'x': PCS has no" in str(caught.value)
    assert says in str(caught.value)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "params.pcs").write_text(SOLVER)
    ok("search_space", "create", "s", "--file", tmp_path / "params.pcs")
    text = ok("search_space", "convert", "s", "--to", "pcs")
    assert newer.read(text.splitlines()) is not None
