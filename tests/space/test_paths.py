"""Dotted names and trees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.paths import join, nest, places, split
from tests.space import strategies as some

keys = st.text("abz-_:/ 0", min_size=1, max_size=4).filter(lambda key: key.strip() == key)
trees = st.recursive(
    some.scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(keys | st.integers(0, 20), min_size=1, max_size=5))
def test_split_is_the_inverse_of_join(path: list[str | int]) -> None:
    assert split(join(tuple(path))) == tuple(path)


@given(st.text("a.[]0 ", max_size=6))
def test_a_name_is_a_path_or_refused(name: str) -> None:
    try:
        path = split(name)
    except ValueError:
        return
    assert join(path) == name


@given(st.dictionaries(keys, trees, min_size=1, max_size=4))
def test_a_tree_is_made_of_its_leaves(tree: dict[str, Any]) -> None:
    leaves = {
        join(path): value
        for path, value in places(tree)
        if not (isinstance(value, dict | list) and value)
    }
    assert nest(leaves) == tree


def test_elements_that_are_not_there_are_left_out() -> None:
    assert nest({"a[0].b": 1, "a[2]": 3}) == {"a": [{"b": 1}, 3]}
    assert nest({"[1]": 1, "[0]": 0}) == [0, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a.b"], "'a.b' goes through 'a', which is a value"),
        (["a.b", "a"], "'a' stands where another parameter has its keys"),
        (["a.b", "a[0]"], r"'a\[0\]' makes a a list, and another"),
        (["a[0]", "a.b"], "'a.b' makes a an object, and another"),
        (["a..b"], "parameter 'a..b' is no dotted name"),
        ([".a"], "no dotted name"),
        (["a[x]"], "no dotted name"),
        (["a[01]"], "no dotted name"),
    ],
)
def test_names_that_make_no_tree(names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        nest(dict.fromkeys(names, 1))


@pytest.mark.parametrize("key", ["", "a.b", "a[0]", " a", "a\n"])
def test_keys_that_make_no_name(key: str) -> None:
    with pytest.raises(ValueError, match="has a dot, a bracket or a blank"):
        join(("x", key))
