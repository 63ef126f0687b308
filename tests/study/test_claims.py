"""Claims: one job for each configuration, whatever lies in their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpogrid.space.value import Values
from hpogrid.study.claims import Claims, digest, read_claims
from tests.damage import DAMAGE, damage

POINT: Values = {"x": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims"


def test_the_first_has_it_and_the_next_can_take_it_over(folder: Path) -> None:
    first, second = Claims(folder, 0), Claims(folder, 1)
    assert first.take(b"x", POINT, POINT) == "mine"
    assert second.take(b"x", POINT, POINT) == "taken"
    claim = second.owner(b"x")
    assert claim is not None
    assert claim.job == 0
    assert second.take_over(b"x", claim)
    assert not first.take_over(b"x", claim)
    assert [owner.job for _, owner in first.all()] == [1]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_claim_is_nobodys(folder: Path, how: str) -> None:
    first, second = Claims(folder, 0), Claims(folder, 1)
    first.take(b"x", POINT, POINT)
    first.take(b"y", POINT, POINT)
    damage(folder / f"{digest(b'x')}.000.claim", how)
    assert second.owner(b"x") is None
    assert [owner.job for _, owner in second.all()] == [0]
    assert second.take(b"x", POINT, POINT) == "mine"
    assert first.take(b"x", POINT, POINT) == "taken"
    assert read_claims(folder)[digest(b"x")][0] == 1
