"""Override strings: ``scheduler.max_lr=interval(0.00001, 0.001)``, ``n=range(1, 10)``.

A list of them (as a shell hands them over), one on each line of a text, or a mapping from keys
to values such as ``hydra.sweeper.params``. The value is read with the grammar of override
strings; ``+key``, ``++key`` and ``~key`` keep their signs as part of the name.
"""

from __future__ import annotations

import re
from typing import Any

from hpogrid.errors import UserError
from hpogrid.space.base import Multiplied
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, is_call, refusing
from hpogrid.space.dialects.override_functions import (
    Choice,
    Compat,
    Functions,
    Interval,
    Range,
    Sweep,
)
from hpogrid.space.dialects.override_grammar import Call, Text, parse_value
from hpogrid.space.dialects.repeats import collapse, repetition, spread
from hpogrid.space.dialects.sweepers import (
    CUSTOM,
    SETTINGS,
    Described,
    notes_on,
    searched,
    sweeper_of,
)
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Parameter,
    Reference,
)
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import Value, shown
from hpogrid.trial.overrides import write_value

_OVERRIDE = re.compile(r"\s*(~|\+{0,2})([\w$][\w$./@:-]*)(?:=(.*))?", re.DOTALL)
_REFERENCE = re.compile(r"\$\{([\w./-]+)\}")
_OWN = re.compile(r"hydra/(?:sweeper|launcher)|hydra\.(?:sweeper|launcher)\.")
_FLAGS = ("-m", "--multirun")
_SWEEPS = {"choice", "range", "interval", "tag", "sort", "shuffle", "glob"}
_CASTS = {"int", "float", "str", "bool"}


def detect(data: object) -> bool:
    """Whether it is overrides with something to search in them."""
    if isinstance(data, str):
        data = _lines(data)
    if isinstance(data, list):
        matches = [_OVERRIDE.fullmatch(item) for item in data if _is_override(item)]
        if not matches or len(matches) + sum(item in _FLAGS for item in data) < len(data):
            return False
        values = [found[3] for found in matches if found and found[3] is not None]
        if any(value.rstrip().endswith(",") for value in values):
            return False  # a value would be missing; it is a list of `ranges`
        return any(map(_is_sweep, values))
    if not isinstance(data, dict):
        return False
    return sweeper_of(data) is not None or any(_is_function(item) for item in data.values())


def _is_override(item: object) -> bool:
    return isinstance(item, str) and ("=" in item or item.startswith("~"))


def _is_function(value: Any) -> bool:
    """Whether text is a call of one of the functions; ``choice([1, 2])`` is a Python type."""
    name = is_call(value)
    if name == "choice":
        return not re.fullmatch(r"\s*choice\s*\(\s*[\[(].*[\])]\s*\)\s*", value, re.DOTALL)
    return name in _SWEEPS or name in _CASTS


def _is_sweep(value: str) -> bool:
    try:
        node = parse_value(value)
    except ValueError:
        return _is_function(value)
    return isinstance(node, Call) and (node.name in _SWEEPS or _is_sweep_inside(node))


def _is_sweep_inside(node: Call) -> bool:
    return node.name in _CASTS and any(isinstance(part, Call) for part in node.args)


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def parse(data: object, where: str, compat: Compat = "hydra") -> Parsed:
    """Read overrides: a list, a mapping, or a text with one on each line.

    Args:
        data: the overrides.
        where: what they are, as it reads in a message.
        compat: ``optuna-sweeper`` gives ``range`` and ``int(interval())`` the meaning that they
            have in Hydra's plug-in for Optuna.

    Raises:
        UserError: malformed (with the column), or what cannot be searched.
    """
    notes: list[str] = []
    pairs = _pairs(data, where, notes)
    names = {_bare(name): name for name, _ in pairs}
    parameters: dict[str, Parameter] = {}
    for name, value in pairs:
        with in_space(where, name):
            if names[_bare(name)] != name or name in parameters:
                raise ValueError("is given twice; keep one of them")
            parameters[name] = _parameter(value, names, compat, name, notes)
    with in_space(where):
        return Space(parameters), notes


def parse_as_optuna_sweeper(data: object, where: str) -> Parsed:
    """`parse` with the meaning of Hydra's plug-in for Optuna."""
    return parse(data, where, compat="optuna-sweeper")


def _pairs(data: object, where: str, notes: list[str]) -> list[tuple[str, Any]]:
    """Names, and values: text of the grammar, or what a config file gives ready made."""
    if isinstance(data, str):
        data = _lines(data)
    if isinstance(data, dict):
        return _pairs_of(data, where, notes)
    if not isinstance(data, list):
        raise UserError(f"{where}: expected overrides such as lr=interval(0, 1), got {shown(data)}")
    pairs = []
    for item in data:
        found = _OVERRIDE.fullmatch(item) if _is_override(item) else None
        if item in _FLAGS:
            notes.append(f"{item} has no effect: a search always has many runs")
        elif not found or (found[1] == "~") != (found[3] is None):
            raise UserError(f"{where}: {shown(item)} is no override; write key=value, or ~key")
        elif found[2] == f"hydra.sweeper.{CUSTOM}":
            raise UserError(
                f"{where}: {found[2]} adds parameters with a function, and nothing is run here; "
                "write them out, and leave it out"
            )
        elif _OWN.match(found[2]):
            notes.append(f"{found[2]} is left out: {_instead(found[2])}")
        else:
            pairs.append((found[1] + found[2], found[3]))
    return pairs


def _pairs_of(data: dict[str, Any], where: str, notes: list[str]) -> list[tuple[str, Any]]:
    sweeper = sweeper_of(data)
    values = data if sweeper is None else searched(sweeper, where)
    if sweeper is not None:
        notes.extend(notes_on(sweeper))
    for name in values:
        if not _OVERRIDE.fullmatch(f"{name}="):
            raise UserError(f"{where}: {shown(name)} is no key such as model.lr")
    return list(values.items())


def _instead(name: str) -> str:
    """What takes the place of a setting of Hydra's sweeper or launcher."""
    setting = name.removeprefix("hydra.sweeper.")
    if setting.startswith("sampler."):
        return "parameters of the sampler go into --algorithm_param of the hpo config"
    if setting in SETTINGS:
        return f"it is {SETTINGS[setting]} of the hpo config"
    return "hpogrid takes the place of Hydra's sweeper"


def _bare(name: str) -> str:
    return name.lstrip("+~")


def _parameter(
    value: Any, names: dict[str, str], compat: Compat, name: str, notes: list[str]
) -> Parameter:
    if isinstance(value, Described):
        return value.read(value.data)
    if not isinstance(value, str):
        return Constant(value=value)
    if "\n" in value:
        raise ValueError("there is a line break in it")
    node = parse_value(value)
    if isinstance(node, Text) and node.quoted and _is_function(node.text):
        raise ValueError(f"the quotes make {shown(node.text)} text; leave them out here")
    reference = _REFERENCE.fullmatch(node.text) if isinstance(node, Text) else None
    if reference and reference[1] in names:
        return Reference(of=names[reference[1]])
    if isinstance(node, Text) and "${" in node.text:
        notes.append(f"parameter '{name}': the reference in it is left to the application")
    functions = Functions(compat)
    meaning = functions.evaluate(node)
    found = _sweep(meaning) if isinstance(meaning, Sweep) else Constant(value=meaning)
    own = functions.notes
    if isinstance(meaning, Choice):
        own = [*own, *repetition(meaning.values, grid=False)]
    notes += [f"parameter '{name}': {note}" for note in own]
    return found


def _sweep(meaning: Sweep) -> Parameter:
    if isinstance(meaning, Choice):
        values, weights = collapse(meaning.values)
        return Categorical(choices=values, weights=weights)
    if isinstance(meaning, Interval):
        scale = (Log if meaning.log else Linear)(meaning.start, meaning.end)
        return Integer(scale=scale) if meaning.whole else Float(scale=scale)
    return _range(meaning)


def _range(meaning: Range) -> Parameter:
    ends = sorted((meaning.at(0), meaning.at(meaning.count() - 1)))
    scale, step = Linear(*ends), abs(meaning.step)
    if isinstance(meaning.at(0), int):
        return Integer(scale=scale, step=int(step) if ends[0] < ends[1] else 1)
    return Float(scale=scale, lattice=Lattice(step, "low"))


def render(space: Space) -> str:
    """Write a space as overrides, one on each line.

    Raises:
        UserError: it has something that overrides cannot say; what and where.
    """
    lines = []
    for name, item in space.parameters.items():
        with refusing(name, "overrides have no"):
            lines.append(assignment(name, item, space))
    return "".join(f"{line}\n" for line in lines)


def assignment(name: str, item: Parameter, space: Space) -> str:
    """``name=value`` for a parameter.

    Raises:
        ValueError: what overrides cannot say.
    """
    found = _OVERRIDE.fullmatch(f"{name}=")
    if not found or found[1] + found[2] != name or _OWN.match(found[2]):
        raise ValueError("such name")
    if item.when is not None:
        raise ValueError("conditions")
    if found[1] == "~":
        if item != Constant(value=None):
            raise ValueError("value for a key that is removed")
        return name
    line = f"{name}={_written(item, {_bare(other): other for other in space.parameters})}"
    if len(line.splitlines()) > 1:
        raise ValueError("line break in a text")
    return line


def _written(item: Parameter, names: dict[str, str]) -> str:
    match item:
        case Reference(of=of, inactive="null") if names[_bare(of)] == of:
            return f"${{{_bare(of)}}}"
        case Constant(value=value):
            return _constant(value, names)
        case Categorical(grid=False, multiply=None):
            return f"choice({','.join(map(write_value, spread(item)))})"
        case Float(multiply=None, lattice=None, scale=Linear(low=low, high=high)):
            return f"interval({low!r},{high!r})"
        case Float(multiply=None, lattice=None, scale=Log(low=low, high=high)):
            return f"tag(log,interval({low!r},{high!r}))"
        case Float(multiply=None, lattice=Lattice(step=step, anchor="low")):
            return _float_range(item, step)
        case Integer(multiply=None, scale=Linear(), step=1):
            return f"int(interval({item.low},{item.high}))"
        case Integer(multiply=None, scale=Linear(), step=step):
            return f"range({item.low},{item.high + 1},{step})"
        case Integer(multiply=None):
            return f"int(tag(log,interval({item.low},{item.high})))"
    raise ValueError(_unsaid(item))


def _unsaid(item: Parameter) -> str:
    """What of a parameter overrides cannot say."""
    if isinstance(item, Multiplied) and item.multiply is not None:
        return "products of parameters"
    match item:
        case Categorical():
            return "grid_search"
        case Float(lattice=Lattice()):
            return "multiples of q; use a step that counts from low"
        case Float(scale=scale):
            return f"{type(scale).__name__.lower()} distribution"
        case Reference():
            return "references that are dropped or have a default"
    return f"{type(item).__name__.lower()} parameters"


def _constant(value: Value, names: dict[str, str]) -> str:
    text = write_value(value)
    if isinstance(value, str):
        reference = _REFERENCE.fullmatch(value)
        if (reference and reference[1] in names) or _is_function(value):
            raise ValueError("quotes that keep this text from being evaluated")
        if value == "":
            return ""
    return text


def _float_range(item: Float, step: float) -> str:
    """A range whose end, which is left out, is clear of rounding."""
    low, high = item.scale.bounds
    for stop in (high + step, high + step / 2):
        if Range(low, stop, step).count() == item.count():
            return f"range({low!r},{stop!r},{step!r})"
    raise ValueError("end for a range with so fine a step")


DIALECT = Dialect(
    "overrides",
    parse,
    render,
    detect,
    syntax="text",
    compat={"optuna-sweeper": parse_as_optuna_sweeper},
)
