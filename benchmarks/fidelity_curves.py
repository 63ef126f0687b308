"""The learning curves of `fidelity.py`: how they were made, and how they are looked up.

Each set is a table of configurations that were really trained, with their validation loss after
each of 27 epochs. A configuration in between has the curve that a forest of extremely randomized
trees (Geurts and others, 2006) finds by the logarithms of the losses: an average of curves of the
table, so that the best of the table is the best there is, and a configuration of the table has
its own. `--kept_back` of `fidelity.py` tells how well it finds curves that it was not shown.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpogrid.space.latent import Axis, Category, to_unit
from hpogrid.space.parameter import Categorical, Float, Integer, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space

EPOCHS = 27
CONFIGURATIONS = 300
_GROWN = 100
_LEAST = 1e-3
"""Added to losses before their logarithm is taken: some are 0."""

FOLDER = Path(__file__).parent / "curves"

Array = NDArray[np.float64]
Config = dict[str, Any]
Trainer = Callable[[list[Config]], Iterator[Sequence[float]]]
"""From configurations to the loss of each after each epoch, in their order."""


@dataclass(frozen=True)
class Data:
    """Examples to learn from, and those on which the loss is measured."""

    x: Array
    y: NDArray[Any]
    x_valid: Array
    y_valid: NDArray[Any]

    @classmethod
    def split(cls, x: Array, y: NDArray[Any], count: int, noise: float = 0.0) -> Data:
        """Learn from ``count`` random examples, a share ``noise`` of them with a wrong label."""
        rng = np.random.default_rng(0)
        order = rng.permutation(len(x))
        x, y = x[order], y[order].copy()
        x = (x - x[:count].mean(0)) / (x[:count].std(0) + 1e-9)
        wrong = rng.choice(count, int(noise * count), replace=False)
        y[wrong] = rng.permutation(y[wrong])
        return cls(x[:count], y[:count], x[count:], y[count:])


@dataclass(frozen=True)
class CurveSet:
    """A task to tune.

    Attributes:
        train: makes the curves.
        worst: losses are cut there, and what diverges has it.
        parameters: the space.
        tuned: whether defaults of hpogrid may be chosen by it; by the others they are checked.
    """

    train: Trainer
    worst: float
    parameters: dict[str, Parameter]
    tuned: bool

    @property
    def space(self) -> Space:
        """What is searched."""
        return Space(self.parameters)


# --- boosted trees and linear models of scikit-learn --------------------------------------------


def boosted(regressor: bool, data: Callable[[], Data]) -> Trainer:
    """Gradient boosting; an epoch is three trees."""

    def train(configs: list[Config]) -> Iterator[Sequence[float]]:
        from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
        from sklearn.metrics import log_loss

        given = data()
        for config in configs:
            kind = GradientBoostingRegressor if regressor else GradientBoostingClassifier
            model = kind(n_estimators=3 * EPOCHS, random_state=0, **config)
            model.fit(given.x, given.y)
            if regressor:
                spread = given.y_valid.std()
                staged = model.staged_predict(given.x_valid)
                losses = [np.abs(each - given.y_valid).mean() / spread for each in staged]
            else:
                staged = model.staged_predict_proba(given.x_valid)
                losses = [log_loss(given.y_valid, each) for each in staged]
            yield losses[2::3]

    return train


def stepwise(make: Callable[[Config], Any], data: Callable[[], Data]) -> Trainer:
    """A model of scikit-learn that learns by `partial_fit`."""

    def train(configs: list[Config]) -> Iterator[Sequence[float]]:
        given = data()
        classes = np.unique(given.y) if given.y.dtype.kind == "i" else None
        for config in configs:
            model, rng, losses = make(config), np.random.default_rng(0), []
            for _ in range(EPOCHS):
                order = rng.permutation(len(given.x))
                more = {} if classes is None else {"classes": classes}
                try:
                    model.partial_fit(given.x[order], given.y[order], **more)
                    found = model.predict(given.x_valid)
                except ValueError:  # it diverged
                    losses.append(math.nan)
                    continue
                if classes is None:
                    losses.append(float(np.abs(found - given.y_valid).mean() / given.y_valid.std()))
                else:
                    losses.append(float((found != given.y_valid).mean()))
            yield losses

    return train


def _linear_classifier(config: Config) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(random_state=0, **config)


def _linear_regressor(config: Config) -> Any:
    from sklearn.linear_model import SGDRegressor

    return SGDRegressor(random_state=0, **config)


def _perceptron(config: Config) -> Any:
    from sklearn.neural_network import MLPClassifier

    rest = {key: value for key, value in config.items() if key != "width"}
    return MLPClassifier(random_state=0, hidden_layer_sizes=(config["width"],), **rest)


# --- networks of PyTorch ------------------------------------------------------------------------


def networks(data: Callable[[], Data], batch: int, error: bool) -> Trainer:
    """Networks of two hidden layers, trained a hundred at once; the loss is an error or entropy."""

    def train(configs: list[Config]) -> Iterator[Sequence[float]]:
        for start in range(0, len(configs), 100):
            yield from _train_networks(configs[start : start + 100], data(), batch, error)

    return train


def _train_networks(configs: list[Config], data: Data, batch: int, error: bool) -> Array:
    """Of each network, the validation loss after each epoch.

    The networks are slices of the same tensors; narrow ones have the rest masked.
    """
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    count, most = len(configs), 64

    def column(name: str) -> torch.Tensor:
        return torch.tensor([float(config[name]) for config in configs])[:, None, None]

    def flags(name: str, value: str) -> torch.Tensor:
        return torch.tensor([config[name] == value for config in configs])[:, None, None]

    x, x_valid = (torch.tensor(each, dtype=torch.float32) for each in (data.x, data.x_valid))
    y, y_valid = (torch.tensor(each, dtype=torch.int64) for each in (data.y, data.y_valid))
    sizes = [x.shape[1], most, most, int(y.max()) + 1]
    mask = (torch.arange(most) < column("width")).float()
    fan_in = [torch.full((count, 1, 1), float(sizes[0])), column("width"), column("width")]
    weights = [
        torch.randn(count, rows, columns) * (2 / fan).sqrt()
        for rows, columns, fan in zip(sizes, sizes[1:], fan_in, strict=False)
    ]
    parameters = [*weights, *(torch.zeros(count, 1, size) for size in sizes[1:])]
    velocity = [torch.zeros_like(each) for each in parameters]
    rate, momentum, decay = (column(name) for name in ("rate", "momentum", "decay"))
    tanh, keep = flags("activation", "tanh"), 1 - column("dropout")
    cosine, steps = flags("schedule", "cosine"), flags("schedule", "steps")

    def forward(inputs: torch.Tensor, training: bool) -> torch.Tensor:
        hidden = inputs.expand(count, -1, -1)
        for layer in range(3):
            hidden = torch.baddbmm(parameters[3 + layer], hidden, parameters[layer])
            if layer < 2:
                hidden = torch.where(tanh, hidden.tanh(), hidden.relu()) * mask
                if training:
                    hidden = hidden * (torch.rand_like(hidden) < keep) / keep
        return hidden

    found = np.empty((count, EPOCHS))
    for epoch in range(EPOCHS):
        factor = torch.ones(count, 1, 1)
        factor[cosine] = 0.5 * (1 + math.cos(math.pi * epoch / EPOCHS))
        factor[steps] = 0.1 ** (epoch // 10)
        for chosen in torch.split(torch.randperm(len(x)), batch):
            for each in parameters:
                each.requires_grad_(True)
            scores = forward(x[chosen], True).log_softmax(-1)
            entropy = -scores[:, torch.arange(len(chosen)), y[chosen]].mean(1).sum()
            slopes = torch.autograd.grad(entropy, parameters)
            with torch.no_grad():
                for each, moving, slope in zip(parameters, velocity, slopes, strict=True):
                    moving.mul_(momentum).add_(slope + decay * each)
                    each.sub_(factor * rate * moving)
        with torch.no_grad():
            scores = forward(x_valid, False).log_softmax(-1)
            if error:
                losses = (scores.argmax(-1) != y_valid).float().mean(1)
                losses[~scores.isfinite().all(-1).all(-1)] = math.nan
            else:
                losses = -scores[:, torch.arange(len(y_valid)), y_valid].mean(1)
            found[:, epoch] = losses.numpy()
    return found


# --- the data -----------------------------------------------------------------------------------


def _shipped(name: str, count: int, noise: float = 0.0) -> Callable[[], Data]:
    """Data that comes with scikit-learn."""

    def load() -> Data:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")()
        x, y = np.asarray(bunch.data, float), np.asarray(bunch.target)
        if y.dtype.kind == "f":
            y = (y - y.mean()) / y.std()
        return Data.split(x, y, count, noise)

    return load


def _squared(data: Callable[[], Data]) -> Callable[[], Data]:
    """With the products of all columns."""

    def load() -> Data:
        given = data()
        rows, columns = np.triu_indices(given.x.shape[1])
        grow = [np.hstack([x, x[:, rows] * x[:, columns]]) for x in (given.x, given.x_valid)]
        return Data(grow[0], given.y, grow[1], given.y_valid)

    return load


def _friedman() -> Data:
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(800, noise=2.0, random_state=0)
    return Data.split(x, y, 250)


def _clusters(classes: int) -> Callable[[], Data]:
    def load() -> Data:
        from sklearn.datasets import make_classification

        sizes = {"n_informative": 8, "n_clusters_per_class": 3, "n_classes": classes}
        x, y = make_classification(1000, 20, flip_y=0.1, random_state=0, **sizes)
        return Data.split(x, y, 400)

    return load


def _spirals() -> Data:
    rng = np.random.default_rng(1)
    turn = rng.uniform(0.2, 1, 1500) * 2 * math.pi
    label = rng.integers(0, 2, 1500)
    x = np.stack([turn * np.cos(turn + math.pi * label), turn * np.sin(turn + math.pi * label)], 1)
    return Data.split(x + rng.normal(0, 0.4, x.shape), label, 700)


# --- the sets -----------------------------------------------------------------------------------


def _log(low: float, high: float) -> Float:
    return Float(scale=Log(low, high))


def _linear(low: float, high: float) -> Float:
    return Float(scale=Linear(low, high))


def _choice(*values: str) -> Categorical:
    return Categorical(choices=values)


def _whole(low: int, high: int) -> Integer:
    return Integer(scale=Linear(low, high))


_NETWORK: dict[str, Parameter] = {
    "rate": _log(1e-4, 1.0),
    "momentum": _linear(0.0, 0.98),
    "decay": _log(1e-6, 1e-1),
    "dropout": _linear(0.0, 0.6),
    "width": _whole(4, 64),
    "activation": _choice("relu", "tanh"),
    "schedule": _choice("constant", "cosine", "steps"),
}
_TREES: dict[str, Parameter] = {
    "learning_rate": _log(0.005, 1.0),
    "max_depth": _whole(1, 6),
    "subsample": _linear(0.3, 1.0),
    "min_samples_leaf": _whole(1, 40),
    "max_features": _linear(0.1, 1.0),
}
_LINEAR: dict[str, Parameter] = {
    "alpha": _log(1e-6, 1.0),
    "eta0": _log(1e-5, 1.0),
    "learning_rate": _choice("constant", "invscaling", "adaptive"),
    "power_t": _linear(0.1, 0.9),
    "l1_ratio": _linear(0.0, 1.0),
    "penalty": _choice("l2", "elasticnet"),
}
SETS = {
    "digits": CurveSet(networks(_shipped("digits", 600), 30, error=True), 0.9, _NETWORK, True),
    "spirals": CurveSet(networks(_spirals, 20, error=False), 1.0, _NETWORK, True),
    "friedman": CurveSet(
        boosted(True, _friedman),
        1.5,
        _TREES | {"loss": _choice("squared_error", "absolute_error", "huber")},
        True,
    ),
    "cancer": CurveSet(
        stepwise(_linear_classifier, _squared(_shipped("breast_cancer", 120))),
        0.5,
        _LINEAR | {"loss": _choice("hinge", "log_loss", "modified_huber")},
        True,
    ),
    "mislabelled": CurveSet(
        networks(_shipped("digits", 500, noise=0.4), 25, error=False), 2.5, _NETWORK, False
    ),
    "diabetes": CurveSet(
        stepwise(_linear_regressor, _squared(_shipped("diabetes", 250))),
        1.5,
        _LINEAR | {"loss": _choice("squared_error", "huber", "epsilon_insensitive")},
        False,
    ),
    "clusters": CurveSet(
        boosted(False, _clusters(2)),
        1.5,
        _TREES | {"loss": _choice("log_loss", "exponential")},
        False,
    ),
    "perceptron": CurveSet(
        stepwise(_perceptron, _clusters(4)),
        0.7,
        {
            "learning_rate_init": _log(1e-5, 0.1),
            "alpha": _log(1e-6, 10.0),
            "width": _whole(4, 100),
            "batch_size": _whole(8, 200),
            "activation": _choice("relu", "tanh", "logistic"),
            "solver": _choice("adam", "sgd"),
        },
        False,
    ),
}


# --- the tables ---------------------------------------------------------------------------------


def make(name: str) -> None:
    """Train every configuration of a set, and write its table."""
    chosen, rng = SETS[name], random.Random(name)
    configs = [
        {key: _short(value) for key, value in chosen.space.sample(rng).applied.items()}
        for _ in range(CONFIGURATIONS)
    ]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*chosen.parameters, *range(1, EPOCHS + 1)])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for config, losses in zip(configs, chosen.train([*map(dict, configs)]), strict=True):
            cut = [loss if loss < chosen.worst else chosen.worst for loss in losses]
            table.writerow([*config.values(), *(f"{loss:.4g}" for loss in cut)])
    FOLDER.mkdir(exist_ok=True)
    packed = gzip.compress(text.getvalue().encode(), mtime=0)
    (FOLDER / f"{name}.csv.gz").write_bytes(packed)


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


@dataclass
class Curves:
    """The table of a set.

    Attributes:
        losses: of each configuration (row), after each epoch (column).
    """

    space: Space
    losses: Array
    units: Array

    @classmethod
    def read(cls, name: str) -> Curves:
        """The table in the file."""
        space = SETS[name].space
        with gzip.open(FOLDER / f"{name}.csv.gz", "rt", newline="") as stream:
            rows = list(csv.reader(stream))[1:]
        parameters = space.parameters
        units, losses = [], []
        for row in rows:
            cells = zip(parameters.items(), row, strict=False)
            units.append(_units(space, {key: _value(item, cell) for (key, item), cell in cells}))
            losses.append([float(cell) for cell in row[len(parameters) :]])
        return cls(space, np.array(losses), np.array(units))

    def of(self, config: Config) -> Array:
        """The losses of a configuration after each epoch."""
        return self.forest.curve(_units(self.space, config))

    @cached_property
    def forest(self) -> Forest:
        """What finds the curves of configurations in between."""
        return Forest(self.units, self.losses)


class Forest:
    """Extremely randomized trees over the logarithms of losses."""

    def __init__(self, units: Array, losses: Array) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(_GROWN, random_state=0).fit(units, np.log(losses + _LEAST))
        self._trees = [each.tree_ for each in forest.estimators_]

    def curve(self, unit: Sequence[float]) -> Array:
        """The losses at a place of the unit cube."""
        place = np.array([unit], dtype=np.float32)
        logs = [tree.predict(place).ravel() for tree in self._trees]
        return np.asarray(np.exp(np.mean(logs, axis=0)) - _LEAST)


@cache
def curves(name: str) -> Curves:
    """The table of a set, read once."""
    return Curves.read(name)


def _value(parameter: Parameter, cell: str) -> Any:
    if isinstance(parameter, Categorical):
        return cell
    return int(cell) if isinstance(parameter, Integer) else float(cell)


def _units(space: Space, config: Config) -> list[float]:
    """A place in the unit cube; two categories are a half of its side apart."""
    latents = space.encode(config)
    return [unit for key, axis in space.axes.items() for unit in _unit(axis, latents[key])]


def _unit(axis: Axis, latent: Any) -> list[float]:
    if isinstance(axis, Category):
        return [0.35 * (latent == index) for index in range(axis.count)]
    return [to_unit(axis, latent)]
