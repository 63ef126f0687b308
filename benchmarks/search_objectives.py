"""The objectives of `search.py`: test functions over mixed spaces, and scikit-learn models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from hpogrid.space.condition import Condition
from hpogrid.space.numeric import Lattice
from hpogrid.space.parameter import Categorical, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.space import Space

Config = dict[str, Any]


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: of a configuration.
        parameters: the space.
        optimum: the smallest loss; None: not known.
    """

    loss: Callable[[Config], float]
    parameters: dict[str, Parameter]
    optimum: float | None = None

    @property
    def space(self) -> Space:
        """What is searched."""
        return Space(self.parameters)


def _floats(count: int, low: float, high: float) -> dict[str, Parameter]:
    return {f"x{index}": Float(scale=Linear(low, high)) for index in range(count)}


def _xs(config: Config) -> list[float]:
    return [value for name, value in config.items() if name.startswith("x")]


# --- test functions ----------------------------------------------------------------------------


def example(config: Config) -> float:
    """The first example of the specification."""
    return float((config["height"] - 14) ** 2 - abs(config["width"] - 3))


def branin(config: Config) -> float:
    """Three equal minima in two dimensions."""
    x, y = config["x"], config["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def rosenbrock(config: Config) -> float:
    """A curved valley; on a log scale, for it spans many orders of magnitude."""
    x = _xs(config)
    pairs = itertools.pairwise(x)
    return math.log1p(sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairs))


_HARTMANN_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_HARTMANN_P = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def hartmann(config: Config) -> float:
    """Four bumps in six dimensions."""
    x = _xs(config)
    rows = zip((1.0, 1.2, 3.0, 3.2), _HARTMANN_A, _HARTMANN_P, strict=True)
    return -sum(
        weight * math.exp(-sum(a * (u - p) ** 2 for u, a, p in zip(x, row, at, strict=True)))
        for weight, row, at in rows
    )


def ackley(config: Config) -> float:
    """Many local minima around a funnel, away from the middle; some axes are whole numbers."""
    x = [value - 3 for value in _xs(config)]
    size = math.sqrt(sum(value**2 for value in x) / len(x))
    waves = sum(math.cos(2 * math.pi * value) for value in x) / len(x)
    return 20 + math.e - 20 * math.exp(-0.2 * size) - math.exp(waves)


def rastrigin(config: Config) -> float:
    """A regular pattern of local minima, on a lattice."""
    x = [value - 1.5 for value in _xs(config)]
    return sum(value**2 + 10 - 10 * math.cos(2 * math.pi * value) for value in x)


def rates(config: Config) -> float:
    """A bowl over logarithms, with an interaction, as learning rate and weight decay have."""
    rate, decay = math.log10(config["rate"]) + 2.5, math.log10(config["decay"]) + 4
    batch = math.log2(config["batch"]) - 6
    bowl = (rate - 0.3 * batch) ** 2 + 0.2 * (decay + rate) ** 2
    return bowl + 4 * float(config["momentum"] - 0.9) ** 2


def branches(config: Config) -> float:
    """Parameters that only one optimiser has; the better one is narrower."""
    rate = math.log10(config["rate"])
    if config["optimiser"] == "sgd":
        return (rate + 1) ** 2 + 10 * float(config["momentum"] - 0.9) ** 2
    if config["optimiser"] == "adam":
        return -0.5 + 3 * (rate + 3) ** 2 + 5 * float(config["beta"] - 0.95) ** 2
    return 0.5 + (rate + 2) ** 2


_SIZES = (32, 64, 128, 64)


def network(config: Config) -> float:
    """A number of layers, and a size for each that is there; three are best, of certain sizes."""
    count = config["layers"]
    rate = math.log10(config["rate"]) + 3.6 - 0.3 * count
    sizes = ((config[f"size{i}"], best) for i, best in enumerate(_SIZES[:count]))
    misfit = sum(math.log2(size / best) ** 2 for size, best in sizes)
    return float((0.6, 0.3, 0.0, 0.1)[count - 1] + 0.3 * rate**2 + 0.05 * misfit)


_LAYERS: tuple[Any, ...] = (None, [16], [32], [16, 16], [32, 16])


def choices(config: Config) -> float:
    """Categories only; each is worth something, and two of them together."""
    worth: float = {"relu": 0.0, "tanh": 0.4, "elu": 0.2, "none": 2.0}[config["activation"]]
    worth += (1.5, 0.8, 0.5, 0.3, 0.0)[_LAYERS.index(config["layers"])]
    worth += {"zeros": 1.0, "he": 0.0, "glorot": 0.3}[config["init"]]
    dropout = float(config["dropout"])
    worth += 0.5 * bool(config["norm"] and dropout > 0) + abs(dropout - 0.2)
    return worth + 0.6 * bool(config["activation"] == "tanh" and config["init"] == "he")


def styblinski(config: Config) -> float:
    """Two minima along each axis, drawn from normal distributions."""
    return sum(value**4 - 16 * value**2 + 5 * value for value in _xs(config)) / 2


def mixture(config: Config) -> float:
    """Four floats, two whole numbers and two categories; the categories move the minimum."""
    centre: float = {"a": -2.0, "b": 0.0, "c": 3.0}[config["kind"]]
    bowl = sum((value - centre) ** 2 for value in _xs(config)) / 10
    steps = 0.1 * (config["depth"] - 7) ** 2 + 0.02 * abs(config["width"] - 40)
    worth = {"a": 1.0, "b": 0.5, "c": 0.0}[config["kind"]] + (not config["flag"])
    return float(bowl + steps + worth)


def levy(config: Config) -> float:
    """Ripples in a valley, deeper along each axis; on a log scale."""
    w = [1 + (value - 1) / 4 for value in _xs(config)]
    ripples = sum((a - 1) ** 2 * (1 + 10 * math.sin(math.pi * a + 1) ** 2) for a in w[:-1])
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return math.log1p(math.sin(math.pi * w[0]) ** 2 + ripples + last)


def switches(config: Config) -> float:
    """Many categories, each with a choice that is right, and one that is nearly."""
    off = (min((value - index) % 4, (index - value) % 4) for index, value in enumerate(_xs(config)))
    return float(sum(off))


def training(config: Config) -> float:
    """As `network`, with all else that a training is told; some of it matters little."""
    rate = 0.3 * abs(math.log10(config["rate"]) + 2.7) ** 1.5
    shape = 0.15 * abs(config["layers"] - 4) + 0.1 * abs(math.log2(config["width"]) - 7.3)
    kind: float = {"relu": 0.0, "tanh": 0.25, "gelu": 0.05, "selu": 0.15}[config["activation"]]
    kind += {"adam": 0.0, "sgd": 0.2, "rmsprop": 0.05}[config["optimiser"]]
    fine = 0.05 * abs(math.log10(config["decay"]) + 4) + 0.02 * abs(math.log2(config["batch"]) - 6)
    fine += (config["dropout"] - 0.2) ** 2 + 0.3 * (config["augment"] - 0.4) ** 2
    fine += 0.1 * (config["momentum"] - 0.9) ** 2 + 0.1 * (config["smoothing"] - 0.1) ** 2
    fine += 0.005 * abs(config["warmup"] - 5) + 0.02 * (config["clip"] > 3)
    return float(rate + shape + kind + fine + 0.03 * (config["average"] < 0.9))


# --- scikit-learn models on the data sets that it ships ----------------------------------------


_ROWS = 400


@cache
def _data(name: str) -> tuple[Any, Any]:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(x[:_ROWS]), y[:_ROWS]


def _error(model: Any, name: str) -> float:
    """One minus the score (accuracy, or R squared) in 3-fold cross-validation."""
    from sklearn.model_selection import cross_val_score

    x, y = _data(name)
    return float(1 - cross_val_score(model, x, y, cv=3).mean())


def _active(config: Config) -> Config:
    return {name: value for name, value in config.items() if value is not None}


def svm(config: Config) -> float:
    """A support vector machine on the digits."""
    from sklearn.svm import SVC

    return _error(SVC(**config), "digits")


def forest(config: Config) -> float:
    """A random forest on the breast cancer data."""
    from sklearn.ensemble import RandomForestClassifier

    return _error(RandomForestClassifier(random_state=0, **config), "breast_cancer")


def neighbours(config: Config) -> float:
    """Nearest neighbours on the wines."""
    from sklearn.neighbors import KNeighborsClassifier

    return _error(KNeighborsClassifier(**config), "wine")


def logistic(config: Config) -> float:
    """Logistic regression, with elastic net, on the breast cancer data."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", random_state=0, **_active(config))
    return _error(model, "breast_cancer")


def boosting(config: Config) -> float:
    """Gradient boosting on the diabetes data."""
    from sklearn.ensemble import GradientBoostingRegressor

    return _error(GradientBoostingRegressor(random_state=0, **config), "diabetes")


def tree(config: Config) -> float:
    """A decision tree on the irises."""
    from sklearn.tree import DecisionTreeClassifier

    return _error(DecisionTreeClassifier(random_state=0, **config), "iris")


def perceptron(config: Config) -> float:
    """A neural network on the digits, with how its data are prepared, after few epochs."""
    from sklearn.decomposition import PCA
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

    scalers = {
        "standard": StandardScaler(),
        "uniform": QuantileTransformer(n_quantiles=50),
        "range": MinMaxScaler(),
    }
    network = MLPClassifier(
        (config["size0"], config["size1"]),
        activation=config["activation"],
        alpha=config["alpha"],
        learning_rate_init=config["rate"],
        batch_size=config["batch"],
        max_iter=config["epochs"],
        beta_1=1 - config["forget_1"],
        beta_2=1 - config["forget_2"],
        epsilon=config["epsilon"],
        shuffle=config["shuffle"],
        random_state=0,
    )
    model = make_pipeline(scalers[config["scaler"]], PCA(config["kept"], random_state=0), network)
    x, y = _data("digits")
    half = len(x) // 2
    try:
        model.fit(x[:half], y[:half])
    except ValueError:  # it has diverged
        return 10.0
    return float(min(log_loss(y[half:], model.predict_proba(x[half:])), 10.0))


def _model(name: str, config: Config) -> Any:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    kinds = {
        "svm": SVC,
        "neighbours": KNeighborsClassifier,
        "tree": partial(DecisionTreeClassifier, random_state=0),
        "ridge": RidgeClassifier,
    }
    return kinds[name](**config)


def model_for(data: str) -> Callable[[Config], float]:
    """Which kind of classifier, and its own parameters, for a data set."""

    def loss(config: Config) -> float:
        own = _active(config)
        return _error(_model(own.pop("model"), own), data)

    return loss


def _when(name: str, value: Any) -> Condition:
    return Condition(op="equal", on=name, value=value)


def _size(layer: int) -> Parameter:
    return Integer(scale=Log(8, 512), when=Condition(op="gt", on="layers", value=layer))


_MODEL: dict[str, Parameter] = {
    "model": Categorical(choices=("svm", "neighbours", "tree", "ridge")),
    "C": Float(scale=Log(1e-3, 1e3), when=_when("model", "svm")),
    "gamma": Float(scale=Log(1e-6, 10), when=_when("model", "svm")),
    "n_neighbors": Integer(scale=Linear(1, 60), when=_when("model", "neighbours")),
    "weights": Categorical(choices=("uniform", "distance"), when=_when("model", "neighbours")),
    "max_depth": Integer(scale=Linear(1, 12), when=_when("model", "tree")),
    "min_samples_leaf": Integer(scale=Log(1, 50), when=_when("model", "tree")),
    "alpha": Float(scale=Log(1e-4, 1e4), when=_when("model", "ridge")),
}

OBJECTIVES: dict[str, Objective] = {
    "example": Objective(
        example,
        {"height": Float(scale=Linear(-100, 100)), "width": Float(scale=Linear(0, 20))},
        -17.0,
    ),
    "branin": Objective(
        branin, {"x": Float(scale=Linear(-5, 10)), "y": Float(scale=Linear(0, 15))}, 0.397887
    ),
    "rosenbrock": Objective(rosenbrock, _floats(4, -2, 2), 0.0),
    "hartmann": Objective(hartmann, _floats(6, 0, 1), -3.32237),
    "ackley": Objective(
        ackley,
        _floats(3, -10, 10) | {f"x{index}": Integer(scale=Linear(-10, 10)) for index in (3, 4)},
        0.0,
    ),
    "rastrigin": Objective(
        rastrigin,
        {f"x{i}": Float(scale=Linear(-5, 5), lattice=Lattice(0.25)) for i in range(3)},
        0.0,
    ),
    "rates": Objective(
        rates,
        {
            "rate": Float(scale=Log(1e-5, 1)),
            "decay": Float(scale=Log(1e-7, 1e-1)),
            "batch": Integer(scale=Log(8, 512)),
            "momentum": Float(scale=Linear(0, 1)),
        },
        0.0,
    ),
    "branches": Objective(
        branches,
        {
            "optimiser": Categorical(choices=("sgd", "adam", "plain")),
            "rate": Float(scale=Log(1e-5, 1)),
            "momentum": Float(scale=Linear(0, 1), when=_when("optimiser", "sgd")),
            "beta": Float(scale=Linear(0, 1), when=_when("optimiser", "adam")),
        },
        -0.5,
    ),
    "network": Objective(
        network,
        {
            "layers": Integer(scale=Linear(1, 4)),
            "rate": Float(scale=Log(1e-5, 1)),
            **{f"size{layer}": _size(layer) for layer in range(len(_SIZES))},
        },
        0.0,
    ),
    "choices": Objective(
        choices,
        {
            "activation": Categorical(choices=("relu", "tanh", "elu", "none")),
            "layers": Categorical(choices=_LAYERS),
            "init": Categorical(choices=("zeros", "he", "glorot")),
            "norm": Categorical(choices=(True, False)),
            "dropout": Ordinal(choices=(0, 0.1, 0.2, 0.3, 0.5)),
        },
        0.0,
    ),
    "styblinski": Objective(
        styblinski, {f"x{i}": Float(scale=Normal(0, 2)) for i in range(3)}, -117.4985
    ),
    "mixture": Objective(
        mixture,
        _floats(4, -5, 5)
        | {
            "depth": Integer(scale=Linear(1, 12)),
            "width": Integer(scale=Linear(8, 64), step=8),
            "kind": Categorical(choices=("a", "b", "c")),
            "flag": Categorical(choices=(True, False)),
        },
        0.0,
    ),
    "svm": Objective(
        svm,
        {
            "C": Float(scale=Log(1e-2, 1e3)),
            "gamma": Float(scale=Log(1e-5, 1)),
            "kernel": Categorical(choices=("rbf", "sigmoid")),
        },
    ),
    "forest": Objective(
        forest,
        {
            "n_estimators": Integer(scale=Log(1, 20)),
            "max_depth": Integer(scale=Linear(1, 12)),
            "max_features": Float(scale=Linear(0.05, 1)),
            "min_samples_leaf": Integer(scale=Log(1, 50)),
            "criterion": Categorical(choices=("gini", "entropy")),
        },
    ),
    "neighbours": Objective(
        neighbours,
        {
            "n_neighbors": Integer(scale=Linear(1, 60)),
            "weights": Categorical(choices=("uniform", "distance")),
            "p": Float(scale=Linear(1, 5)),
        },
    ),
    "logistic": Objective(
        logistic,
        {
            "alpha": Float(scale=Log(1e-6, 10)),
            "penalty": Categorical(choices=("l2", "l1", "elasticnet")),
            "l1_ratio": Float(scale=Linear(0, 1), when=_when("penalty", "elasticnet")),
            "learning_rate": Categorical(choices=("optimal", "constant", "adaptive")),
            "eta0": Float(scale=Log(1e-4, 1)),
        },
    ),
    "boosting": Objective(
        boosting,
        {
            "learning_rate": Float(scale=Log(1e-3, 1)),
            "n_estimators": Integer(scale=Log(5, 60)),
            "max_depth": Integer(scale=Linear(1, 6)),
            "subsample": Float(scale=Linear(0.2, 1)),
        },
    ),
    "tree": Objective(
        tree,
        {
            "max_depth": Integer(scale=Linear(1, 10)),
            "min_samples_split": Float(scale=Linear(0.01, 0.9)),
            "min_impurity_decrease": Float(scale=Log(1e-5, 0.5)),
            "criterion": Categorical(choices=("gini", "entropy", "log_loss")),
        },
    ),
    "model_wine": Objective(model_for("wine"), _MODEL),
    "model_cancer": Objective(model_for("breast_cancer"), _MODEL),
    "model_digits": Objective(model_for("digits"), _MODEL),
}

WIDE: dict[str, Objective] = {
    "rosenbrock_12": Objective(rosenbrock, _floats(12, -2, 2), 0.0),
    "levy_12": Objective(levy, _floats(12, -10, 10), 0.0),
    "styblinski_15": Objective(styblinski, _floats(15, -5, 5), -39.16617 * 15),
    "hartmann_6_of_16": Objective(
        hartmann,
        _floats(6, 0, 1) | {f"z{index}": Float(scale=Linear(0, 1)) for index in range(10)},
        -3.32237,
    ),
    "ackley_25": Objective(ackley, _floats(25, -10, 10), 0.0),
    "switches_20": Objective(
        switches, {f"x{index}": Categorical(choices=(0, 1, 2, 3)) for index in range(20)}, 0.0
    ),
    "training_14": Objective(
        training,
        {
            "rate": Float(scale=Log(1e-6, 1)),
            "layers": Integer(scale=Linear(1, 12)),
            "width": Integer(scale=Log(8, 1024)),
            "activation": Categorical(choices=("relu", "tanh", "gelu", "selu")),
            "optimiser": Categorical(choices=("adam", "sgd", "rmsprop")),
            "dropout": Float(scale=Linear(0, 0.8)),
            "decay": Float(scale=Log(1e-7, 0.1)),
            "momentum": Float(scale=Linear(0.5, 1)),
            "batch": Integer(scale=Log(8, 512)),
            "augment": Float(scale=Linear(0, 1)),
            "warmup": Integer(scale=Linear(0, 20)),
            "smoothing": Float(scale=Linear(0, 0.4)),
            "clip": Float(scale=Linear(0, 5)),
            "average": Float(scale=Linear(0.5, 1)),
        },
        0.0,
    ),
    "perceptron_13": Objective(
        perceptron,
        {
            "scaler": Categorical(choices=("standard", "uniform", "range")),
            "kept": Float(scale=Linear(0.5, 0.999)),
            "size0": Integer(scale=Log(4, 96)),
            "size1": Integer(scale=Log(4, 96)),
            "activation": Categorical(choices=("relu", "tanh", "logistic")),
            "alpha": Float(scale=Log(1e-6, 10)),
            "rate": Float(scale=Log(1e-5, 0.3)),
            "batch": Integer(scale=Log(8, 200)),
            "epochs": Integer(scale=Linear(2, 25)),
            "forget_1": Float(scale=Log(0.01, 0.5)),
            "forget_2": Float(scale=Log(1e-4, 0.1)),
            "epsilon": Float(scale=Log(1e-9, 1e-3)),
            "shuffle": Categorical(choices=(True, False)),
        },
    ),
}
"""Spaces of more axes than those of `OBJECTIVES`."""
