"""What is to be prepared for which trial."""

from __future__ import annotations

import pytest

from hpogrid.config.prep import check_prep, fixed_values, needs, steps
from hpogrid.config.schemas import PrepStage
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space

SPACE = read_space({"src": "zh", "a": [1, 2], "b": ["x"], "c": [1.5, 2]}, "s")[0]
STAGES = [
    PrepStage(command="fetch {src}"),
    PrepStage(command="vocab {a}", keys=["a"]),
    PrepStage(command="vocab {b}", keys=["b"]),
    PrepStage(command="pair {hpm} {prep}", keys=["a", "b"]),
]


def test_a_step_for_each_combination_of_its_keys() -> None:
    fixed = fixed_values(SPACE, {"depth": 3})
    assert fixed == {"depth": 3, "src": "zh"}
    points = [point.applied for point in SPACE.enumerate()]
    assert len(points) == 4
    found = [list(steps(STAGES, applied, fixed)) for applied in points]
    names = {step.name for own in found for step in own}
    assert [len({name for name in names if name[0] == stage}) for stage in "1234"] == [1, 2, 1, 2]
    pair = found[0][3]
    assert pair.values == {"depth": 3, "src": "zh", "a": 1, "b": "x"}  # and not c
    assert pair.title == "prep 4 (pair {hpm} {prep}) for a=1, b=x"
    assert found[0][0].title == "prep 1 (fetch {src})"
    assert [own[3].name for own in found] == [pair.name, pair.name, *[found[2][3].name] * 2]


def test_which_stages_come_first() -> None:
    assert [needs(STAGES, number) for number in (1, 2, 3, 4)] == [[], [1], [1], [1, 2, 3]]


def test_what_is_wrong_with_a_stage() -> None:
    check_prep(STAGES, SPACE, {})
    with pytest.raises(UserError, match=r"prep 1: unknown hyperparameter 'd'; known: src, a, b, c"):
        check_prep([PrepStage(command="x", keys=["d"])], SPACE, {})
    with pytest.raises(UserError, match=r"prep 2: .*'c'.*it knows the values of its prep_keys"):
        check_prep([STAGES[0], PrepStage(command="x {c}", keys=["a"])], SPACE, {})
    check_prep([PrepStage(command="x {depth}", keys=["depth"])], SPACE, {"depth": 3})
    with pytest.raises(ValueError, match="an empty or repeated name"):
        PrepStage(command="x", keys=["a", "a"])
    with pytest.raises(ValueError, match="prep: No closing quotation"):
        PrepStage(command="x 'y")
