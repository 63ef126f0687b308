"""Scripts: where a type comes from, where the dict stands, what happens to it later."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space, read_space_file
from hpogrid.space.parameter import Categorical, Float, Integer
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space


def read(script: str) -> Space:
    return read_space(script, "s", "python_types")[0]


def refusal(script: str) -> str:
    with pytest.raises(UserError) as caught:
        read(script)
    return str(caught.value)


OPEN, CLOSED = Integer(scale=Linear(1, 2)), Integer(scale=Linear(1, 3))


@pytest.mark.parametrize(
    ("imported", "call", "item"),
    [
        ("from ray import tune", "tune.randint(1, 3)", OPEN),
        ("from ray import tune as t", "t.randint(1, 3)", OPEN),
        ("import ray.tune", "ray.tune.randint(1, 3)", OPEN),
        ("import ray", "ray.tune.randint(1, 3)", OPEN),
        ("import ray.tune as rt", "rt.randint(1, 3)", OPEN),
        ("from ray.tune import randint as whole", "whole(1, 3)", OPEN),
        ("from ray.tune import *", "randint(1, 3)", OPEN),
        ("from ray.tune.search.sample import randint", "randint(1, 3)", OPEN),
        ("from ray import tune", "tune.lograndint(1, 3)", Integer(scale=Log(1, 2))),
        ("from ray import tune", "tune.lograndint(1, 3, base=10)", Integer(scale=Log(1, 2))),
        ("from ray import tune", "tune.qrandint(1, 3, 1)", OPEN),
        ("from ray import tune", "tune.qrandint(1, 7, 3)", Integer(scale=Linear(3, 6), step=3)),
        ("from syne_tune.config_space import randint", "randint(1, 3)", CLOSED),
        ("import syne_tune.config_space as cs", "cs.randint(1, 3)", CLOSED),
        ("from syne_tune import config_space", "config_space.randint(1, 3)", CLOSED),
        ("from hpogrid.space.dialects.python_types import randint", "randint(1, 3)", CLOSED),
        ("", "randint(1, 3)", CLOSED),
        ("", "tune.randint(1, 3)", OPEN),
        ("", "config_space.randint(1, 3)", CLOSED),
        ("", "ray.tune.randint(1, 3)", OPEN),
        ("from ray import tune", "{'grid_search': [1, 2]}", Categorical(choices=(1, 2), grid=True)),
        (
            "from ray import tune",
            "tune.grid_search([1, 2])",
            Categorical(choices=(1, 2), grid=True),
        ),
    ],
)
def test_a_name_means_what_it_means_where_it_comes_from(
    imported: str, call: str, item: Any
) -> None:
    known = "" if not imported else f"{imported}\nfrom ray import tune as _tune\n"
    uniform = "_tune.uniform(0, 1)" if imported else "uniform(0, 1)"
    expected = Space({"x": item, "y": Float(scale=Linear(0, 1))})
    assert read(f'{known}space = {{"x": {call}, "y": {uniform}}}') == expected
    if not imported and "{" not in call:
        assert read_space({"x": call, "y": 1}, "s")[0].parameters["x"] == item


@pytest.mark.parametrize(
    ("imported", "call", "message"),
    [
        ("import random", "random.uniform(5, 6)", "random.uniform is no type of a search space"),
        ("from numpy import random", "random.randint(5, 7)", "numpy.random.randint is no type"),
        ("import numpy as np", "np.random.randint(5, 7)", "numpy.random.randint is no type"),
        ("from hyperopt import hp", "hp.randint('x', 7)", "hyperopt.hp.randint is no type"),
        ("from scipy.stats import randint", "randint(1, 3)", "scipy.stats.randint is no type"),
        ("import os", "randint(1, 3)", "it cannot be seen where randint comes from"),
        ("", "sp.randint(1, 3)", "it cannot be seen where sp.randint comes from"),
        ("from ray.tune import *\nfrom a import *", "randint(1, 3)", "it cannot be seen where"),
        (
            "try:\n    from ray.tune import randint\nexcept ImportError:\n"
            "    from syne_tune.config_space import randint",
            "randint(1, 3)",
            "it cannot be seen where randint comes from",
        ),
        ("def randint(a, b):\n    return a", "randint(1, 3)", "this file's randint is no type"),
        ("from ray import tune", "tune.randint(3, 3)", "there is no whole number from 3 to below"),
        ("from ray import tune", "tune.qlograndint(2, 8, 2)", "have no quantum but 1 here"),
        ("from ray import tune", "tune.sample_from(lambda: 1)", "a function cannot be searched"),
        ("from ray import tune", "tune.ordinal([1])", "unknown type 'ordinal'"),
    ],
)
def test_what_is_no_type_is_refused(imported: str, call: str, message: str) -> None:
    script = (
        f'{imported}\nfrom ray import tune as _t\nspace = {{"x": {call}, "y": _t.uniform(0, 1)}}'
    )
    if not imported:
        script = f'space = {{"x": {call}, "y": uniform(0, 1)}}'
    assert message in refusal(script)


HEAD = "from syne_tune.config_space import choice, randint, uniform\n"
SPACE = '{"lr": uniform(0, 1), "n": randint(1, 4)}'


@pytest.mark.parametrize(
    "script",
    [
        "space = {}",
        "space: dict = {}",
        "def main():\n    space = {}\n    print(space)\n\nmain()",
        "def main():\n    return {}",
        "class A:\n    def make(self):\n        self.space = {}",
        "tuner = Tuner(train, param_space={})",
        "if __name__ == '__main__':\n    run(config={})",
        "def config(space):\n    space['x'] = 1\nspace = {}",
        "space = {}\nfor name in space:\n    print(name, space[name])\nTuner(space, **space)",
        "def show(one):\n    print(one['lr'])\nspace = {}\nshow(space)",
    ],
)
def test_the_dict_is_found_wherever_it_stands(script: str) -> None:
    expected = Space({"lr": Float(scale=Linear(0, 1)), "n": Integer(scale=Linear(1, 4))})
    assert read(HEAD + script.replace("{}", SPACE)) == expected


@pytest.mark.parametrize(
    "change",
    [
        'space["depth"] = randint(2, 3)',
        'del space["n"]',
        "space.update(n=randint(1, 8))",
        'space.pop("n")',
        "space |= {'n': 3}",
        "space = dict(space, n=3)",
        "space = space | {'n': 3}",
        "full = {**space, 'n': 3}",
        "full = dict(**space, n=3)",
        "other = space\nother['n'] = 3",
        "other = space.copy()\nother['n'] = 3",
        "from copy import deepcopy\nother = deepcopy(space)\nother['n'] = 3",
        "if more:\n    space['n'] = 3",
        "def f():\n    space['n'] = 3",
        "def f(one, two):\n    two.update(n=3)\nf(1, space)",
        "def f(one):\n    g(one)\ndef g(two):\n    del two['n']\nf(one=space)",
        "space['lr'].lower = 0.5",
        "for space['n'] in range(3):\n    pass",
        "def f():\n    global space\n    space = 3",
    ],
)
def test_a_dict_that_is_changed_later_is_refused(change: str) -> None:
    assert "changes the dict space" in refusal(f"{HEAD}space = {SPACE}\n{change}\n")


def test_a_dict_that_a_function_returns_is_changed_where_it_is_used() -> None:
    made = f"{HEAD}def make():\n    space = {SPACE}\n    return space\n"
    assert "line 5 changes the dict space" in refusal(f"{made}one = make(); one['n'] = 3")
    assert len(read(f"{made}one = make()\nprint(one)").parameters) == 2


def test_several_dicts_are_refused_and_nested_ones_are_not_taken_apart() -> None:
    assert "there are several spaces in it: a, b" in refusal(f"{HEAD}a = {SPACE}\nb = {SPACE}")
    assert "only plain values are read here" in refusal(f"{HEAD}a = {{'inner': {SPACE}}}")


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ("MOST = 7\n{}\nMOST = 9", "MOST gets several values"),
        ("MOST = 7\nMOST += 1\n{}", "MOST gets several values"),
        ("for MOST in range(3):\n    {}", "only plain values are read here"),
        ("def main(MOST=7):\n    {}", "only plain values are read here"),
        ("if huge:\n    MOST = 7\n{}", "only plain values are read here"),
        ("MOST = 7\ndef f():\n    global MOST\n    MOST = 8\n{}", "MOST gets several values"),
        ("MOST = 2 ** 3\n{}", "only plain values are read here"),
    ],
)
def test_a_constant_without_one_value_is_refused(constants: str, message: str) -> None:
    space = 'space = {"lr": uniform(0, 1), "n": randint(1, MOST)}'
    assert message in refusal(HEAD + constants.format(space))


def test_constants_have_the_value_that_the_script_gives_them() -> None:
    space = 'space = {"n": randint(1, MOST), "c": choice(SIZES), "epochs": EPOCHS}'
    top = "MOST = 7\nSIZES = [1, 2]\nEPOCHS: int = 3\n"
    inside = f"def main():\n    MOST = 5\n    {space}\ndef other():\n    MOST = 6\n"
    expected = {"n": Integer(scale=Linear(1, 7)), "c": Categorical(choices=(1, 2))}
    found = read(HEAD + top + space).parameters
    assert {name: found[name] for name in expected} == expected
    assert read(HEAD + top + inside).parameters["n"] == Integer(scale=Linear(1, 5))
    assert "SIZES is changed on line 5" in refusal(f"{HEAD}{top}SIZES.append(3)\n{space}")


def test_a_file_of_python_is_told_about_python(tmp_path: Path) -> None:
    path = tmp_path / "launch.py"
    path.write_text("import os\n\ndef main(x):\n    return {'a': x}\n")
    with pytest.raises(UserError, match="found no dict with types such as"):
        read_space_file(path, "s")
    path.write_text(f"\n\n{HEAD}def main():\n    space = {SPACE}\n    space['n'] = 1\n")
    with pytest.raises(UserError, match="line 6 changes the dict space"):
        read_space_file(path, "s")


def test_the_rounding_of_other_libraries_is_told() -> None:
    for call, told in [("tune.lograndint(1, 9)", True), ("lograndint(1, 9)", False)]:
        _, notes = read_space(f'{{"x": {call}, "y": uniform(0, 1)}}', "s")
        assert bool(notes) == told


@pytest.mark.engine
def test_what_is_read_from_a_script_is_what_python_makes() -> None:
    """Each script is run as well, and its dict given as the objects that it made."""
    made = [
        "from syne_tune.config_space import *\nspace = {'a': randint(1, 4), 'b': uniform(0, 2)}",
        "import syne_tune.config_space as cs\nN = 9\nspace = {'a': cs.qrandint(0, N, 3), 'b': 1}",
        "from syne_tune import config_space as c\nspace = dict(a=c.logordinal([1, 2]), b=(1, 2))",
    ]
    for script in made:
        names: dict[str, Any] = {}
        exec(compile(ast.parse(script), "script", "exec"), names)
        assert read(script) == read_space(names["space"], "s")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("from m import get\nconfig_space = get(3)\nTuner(config_space=config_space)\n",
         "line 2: config_space is what get returns, and nothing is run here"),
        ("from ray import tune\ndef main():\n    tune.run(f, config=m.space_of(1))\n",
         "line 3: config is what m.space_of returns"),
        ("from ray import tune\ns = dict(lr=tune.uniform(0, 1), **base)\n",
         "line 2: what **base adds cannot be seen here"),
        ("from ray import tune\ns = {'lr': tune.uniform(0, 1), **base()}\n",
         "line 2: what **base() adds cannot be seen here"),
    ],
)  # fmt: skip
def test_what_hides_a_space_is_named(text: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_space(text, "s", "python_types")
    assert says in str(caught.value)
