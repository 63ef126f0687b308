"""The ``hyper_opt`` object: what is suggested, with which parameters, depending on what.

::

    {"suggest": "int", "params": {"low": 2, "high": 8, "step": 2},
     "dependency": {"type": "multiply", "on": "model.heads"}}

Beyond what the form came from says: several dependencies in a list; conditions other than
``equal``, of their own ``on``, under ``all``, ``any`` and ``not``; ``inactive`` and ``otherwise``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from hpogrid.space.condition import Condition, Operator
from hpogrid.space.dialects.repeats import collapse, spread
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.value import ABOVE_0, NOT_EMPTY, Value, Values


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the object; unknown keys are refused."""


Made = tuple[type[Parameter], dict[str, Any]]
"""A kind of parameter, and its fields."""


class _Params(_Strict, frozen=True):
    """The parameters of one suggest function."""

    def fields(self) -> Made:
        """The kind of parameter that it means, and its fields."""
        raise TypeError(type(self).__name__)


class CategoricalParams(_Params, frozen=True):
    """One of ``choices``."""

    choices: Annotated[list[Value], NOT_EMPTY]

    def fields(self) -> Made:
        values, weights = collapse(self.choices)
        return Categorical, {"choices": values, "weights": weights}


class DiscreteUniformParams(_Params, frozen=True):
    """``low``, ``low + q``, ... up to ``high``."""

    low: float
    high: float
    q: Annotated[float, ABOVE_0]

    def fields(self) -> Made:
        return Float, {"scale": Linear(self.low, self.high), "lattice": Lattice(self.q, "low")}


class FloatParams(_Params, frozen=True):
    """A real number; with ``step`` counted from ``low``, or with ``log`` on a log scale."""

    low: float
    high: float
    step: Annotated[float, ABOVE_0] | None = None
    log: bool = False

    def fields(self) -> Made:
        if self.log and self.step is not None:
            raise ValueError("log and step do not go together")
        if self.log:
            return Float, {"scale": Log(self.low, self.high)}
        lattice = None if self.step is None else Lattice(self.step, "low")
        return Float, {"scale": Linear(self.low, self.high), "lattice": lattice}


class IntParams(_Params, frozen=True):
    """A whole number; with ``step`` counted from ``low``, or with ``log`` on a log scale."""

    low: int
    high: int
    step: Annotated[int, ABOVE_0] = 1
    log: bool = False

    def fields(self) -> Made:
        if self.log and self.step != 1:
            raise ValueError("log and step do not go together")
        scale = Log(self.low, self.high) if self.log else Linear(self.low, self.high)
        return Integer, {"scale": scale, "step": self.step}


class LogUniformParams(_Params, frozen=True):
    """A real number on a log scale."""

    low: Annotated[float, ABOVE_0]
    high: float

    def fields(self) -> Made:
        return Float, {"scale": Log(self.low, self.high)}


class UniformParams(_Params, frozen=True):
    """A real number."""

    low: float
    high: float

    def fields(self) -> Made:
        return Float, {"scale": Linear(self.low, self.high)}


SUGGEST: dict[str, type[_Params]] = {
    "categorical": CategoricalParams,
    "discrete_uniform": DiscreteUniformParams,
    "float": FloatParams,
    "int": IntParams,
    "loguniform": LogUniformParams,
    "uniform": UniformParams,
}


class Comparison(_Strict, frozen=True):
    """One condition of a dependency."""

    type: Operator
    compare_value: Value = None
    on: str | None = None
    conditions: tuple[Comparison, ...] = ()

    def condition(self, on: str | None, resolve: Callable[[str], str]) -> Condition:
        """What it means; ``on`` is the one of the dependency."""
        if self.type in ("all", "any", "not"):
            parts = tuple(part.condition(self.on or on, resolve) for part in self.conditions)
            return Condition(op=self.type, value=self.compare_value, of=parts)
        name = self.on or on
        if name is None:
            raise ValueError(
                f"the condition '{self.type}' needs the name of a parameter under 'on'"
            )
        if self.conditions:
            raise ValueError(f"'{self.type}' takes 'compare_value', and no 'conditions'")
        return Condition(op=self.type, on=resolve(name), value=self.compare_value)


class Dependency(_Strict, frozen=True):
    """``multiply`` with another parameter, or ``optimize_iff`` conditions hold."""

    type: Literal["multiply", "optimize_iff"]
    on: str | None = None
    conditions: tuple[Comparison, ...] = ()


class HyperOpt(_Strict, frozen=True):
    """The whole object."""

    suggest: str
    params: Values
    dependency: Dependency | list[Dependency] | None = None
    inactive: Literal["null", "drop", "default"] = "null"
    otherwise: Value = None

    def parameter(self, resolve: Callable[[str], str]) -> Parameter:
        """What it means; ``resolve`` finds the parameter that a name means."""
        kind, fields = self._params().fields()
        links = self._links(resolve)
        return kind(**fields, **links, inactive=self.inactive, otherwise=self.otherwise)

    def _params(self) -> _Params:
        kind = SUGGEST.get(self.suggest)
        if kind is None:
            raise ValueError(f"unknown suggest '{self.suggest}'; known: {', '.join(SUGGEST)}")
        for key in self.params:
            if key not in kind.__struct_fields__:
                known = ", ".join(kind.__struct_fields__)
                raise ValueError(f"suggest '{self.suggest}' has no '{key}'; it takes {known}")
        return msgspec.convert(self.params, kind)

    def _links(self, resolve: Callable[[str], str]) -> dict[str, Any]:
        given = self.dependency
        dependencies = given if isinstance(given, list) else [given] if given else []
        factors: list[str] = []
        conditions: list[Condition] = []
        for item in dependencies:
            if item.type == "multiply":
                if item.on is None or item.conditions:
                    raise ValueError("'multiply' takes 'on', and no 'conditions'")
                factors.append(resolve(item.on))
            else:
                conditions += [part.condition(item.on, resolve) for part in item.conditions]
                if not item.conditions:
                    raise ValueError("'optimize_iff' needs 'conditions'")
        if len(factors) > 1:
            raise ValueError("one 'multiply' only; multiply the other parameters with each other")
        when = Condition(op="all", of=tuple(conditions)) if len(conditions) > 1 else None
        return {
            "multiply": factors[0] if factors else None,
            "when": conditions[0] if len(conditions) == 1 else when,
        }


def hyper_opt_of(item: Parameter) -> Values:
    """Write a parameter as a ``hyper_opt`` object.

    Raises:
        ValueError: what the form cannot say.
    """
    suggest, params = _suggest_of(item)
    dependencies: list[Values] = []
    if item.source is not None:
        dependencies.append({"type": "multiply", "on": item.source})
    if item.when is not None:
        parts = item.when.of if item.when.op == "all" and len(item.when.of) > 1 else (item.when,)
        conditions = [_comparison_of(part) for part in parts]
        dependencies.append({"type": "optimize_iff", "conditions": conditions})
    found: Values = {"suggest": suggest, "params": params}
    if dependencies:
        found["dependency"] = dependencies if len(dependencies) > 1 else dependencies[0]
    if item.inactive != "null":
        found["inactive"] = item.inactive
    if item.inactive == "default":
        found["otherwise"] = item.otherwise
    return found


def _suggest_of(item: Parameter) -> tuple[str, Values]:
    match item:
        case Categorical(grid=False):
            return "categorical", {"choices": spread(item)}
        case Float(scale=Log(low=low, high=high), lattice=None):
            return "float", {"low": low, "high": high, "log": True}
        case Float(scale=Linear(low=low, high=high), lattice=None):
            return "float", {"low": low, "high": high}
        case Float(scale=Linear(low=low, high=high), lattice=Lattice(step=step, anchor="low")):
            return "float", {"low": low, "high": high, "step": step}
        case Integer(scale=Log()):
            return "int", {"low": item.low, "high": item.high, "log": True}
        case Integer(step=step):
            return "int", {"low": item.low, "high": item.high, "step": step}
        case Float(lattice=Lattice()):
            raise ValueError("multiples of q; use a step that counts from low")
        case Float(scale=scale):
            raise ValueError(f"{type(scale).__name__.lower()} distribution")
        case Categorical():
            raise ValueError("grid_search")
        case Constant():
            raise ValueError("condition on a constant")
    raise ValueError(f"{type(item).__name__.lower()} parameters")


def _comparison_of(condition: Condition) -> Values:
    if condition.on is None:
        parts = [_comparison_of(part) for part in condition.of]
        return {"type": condition.op, "conditions": parts}
    return {"type": condition.op, "on": condition.on, "compare_value": condition.value}
