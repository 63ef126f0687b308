"""What cut trials would have come to."""

from __future__ import annotations

from hpogrid.search.curves import Curves, Seen


def whole(early: float, late: float) -> Seen:
    """A trial with losses after 1 and 4 that ran to its end."""
    return Seen((late,), {1.0: (early,), 4.0: (late,)}, cut=False)


def cut(loss: float, at: float = 1.0) -> Seen:
    """A trial that was ended early."""
    return Seen((loss,), {at: (loss,)}, cut=True)


def test_it_changes_as_those_that_went_on() -> None:
    curves = Curves()
    for loss in (5.0, 6.0, 7.0):
        assert curves.add(whole(loss, loss - 4)) == (loss - 4,)

    assert curves.add(cut(9.0)) == (5.0,)


def test_it_ends_no_better_than_the_median_of_those_that_went_on() -> None:
    curves = Curves()
    for loss in (5.0, 6.0, 7.0):
        curves.add(whole(loss, loss - 4))

    assert curves.add(cut(5.5)) == (2.0,)


def test_where_nobody_went_on_it_stands_as_it_is() -> None:
    curves = Curves()

    assert curves.add(cut(9.0)) == (9.0,)
    assert curves.version == 0


def test_what_others_come_to_later_changes_it() -> None:
    curves = Curves()
    curves.add(cut(9.0))
    curves.add(whole(5.0, 1.0))

    assert curves.version == 1
    assert curves.estimate(cut(9.0)) == (5.0,)


def test_levels_are_chained() -> None:
    curves = Curves()
    curves.add(whole(5.0, 3.0))
    curves.add(Seen((6.0,), {1.0: (7.0,), 4.0: (6.0,)}, cut=True))  # nobody went further than 4
    curves.add(cut(10.0))

    assert curves.estimate(cut(10.0)) == (8.5,)
