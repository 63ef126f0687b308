"""A Gaussian process for a few hundred points: NumPy and SciPy only.

Arrays of points have a row for each point and a column for each axis: a number from 0 to 1, the
index of a category, or NaN where the point does not have the parameter (its condition fails).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special

Array = NDArray[np.float64]

_ROOT5 = math.sqrt(5)
_MEAN = 1.0
"""The variance of the unknown mean, where losses have a variance of 1."""

_JITTER = 1e-6
_STEPS = 30
"""Of the optimiser of the hyperparameters; more made no search better."""

_FAR = 3.0
"""Losses worse than the median by so many times its distance from the best count as this far."""

_LENGTH, _SCALE, _NOISE = (-0.5, 1.0), (0.0, 1.0), (-8.0, 1.5)
"""Mean and standard deviation of the priors, normal on the logarithms. Lengths grow with the
root of the number of axes, as the distances do (Hvarfner et al., ICML 2024)."""

_BOUNDS = ((-4.0, 4.0), (-3.0, 3.0), (-9.0, 1.0))


def standardised(losses: Array) -> Array:
    """Losses with mean 0 and variance 1, of which the bad ones are cut: nobody looks for them."""
    best, median = losses.min(), np.median(losses)
    if median > best:
        losses = np.minimum(losses, median + _FAR * (median - best))
    spread = losses.std()
    return np.asarray((losses - losses.mean()) / (spread if spread > 0 else 1.0))


def _widened(rows: NDArray[Any], axes: int) -> NDArray[Any]:
    """Rows with zeros in the last axes, where they have fewer."""
    return np.pad(rows, ((0, 0), (0, axes - rows.shape[1])))


def squares(first: Array, second: Array, categories: NDArray[np.bool_]) -> Array:
    """Squared distances along each axis, of shape (first, second, axes).

    Two categories are 1 apart, and so is a value from none; none is no distance from none.
    Axes behind those of which ``categories`` tells are of numbers.
    """
    categories = _widened(categories[None, :], first.shape[1])[0]
    apart = first[:, None, :] - second[None, :, :]
    found = np.where(categories, apart != 0, apart * apart)
    none, other = np.isnan(first)[:, None, :], np.isnan(second)[None, :, :]
    if none.any() or other.any():
        found = np.where(none | other, (none != other).astype(float), found)
    return np.asarray(found, dtype=np.float64)


def _apart(first: Array, second: Array, lengths: Array, categories: NDArray[np.bool_]) -> Array:
    """The sum of `squares` in lengths, of shape (first, second).

    Most axes are of numbers that all points have: a product of matrices does for those together.
    """
    categories = _widened(categories[None, :], first.shape[1])[0]
    own = categories | np.isnan(first).any(0) | np.isnan(second).any(0)
    a, b = first[:, ~own] / lengths[~own], second[:, ~own] / lengths[~own]
    found = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * (a @ b.T)
    if own.any():
        alone = squares(first[:, own], second[:, own], categories[own])
        found = found + alone @ lengths[own] ** -2
    return np.asarray(np.maximum(found, 0))


@dataclass(frozen=True)
class Hyper:
    """What the kernel, Matérn with smoothness 5/2, is made with.

    Attributes:
        lengths: how far apart points are alike, along each axis.
        scale: the variance of the function.
        noise: that of single observations.
    """

    lengths: Array
    scale: float
    noise: float

    @classmethod
    def of(cls, logs: Array) -> Hyper:
        """From the logarithms of lengths, scale and noise."""
        scale, noise = np.exp(logs[-2:])
        return cls(np.exp(logs[:-2]), float(scale), float(noise))

    def shorter(self, factor: float) -> Hyper:
        """The same with shorter lengths: less certain between points."""
        return Hyper(self.lengths * factor, self.scale, self.noise)


def _matern(squared: Array) -> tuple[Array, Array]:
    """The correlation, and its derivative by the logarithm of a length, divided by the squared
    distance along that axis; distances are in lengths."""
    root = _ROOT5 * np.sqrt(squared)
    decay = np.exp(-root)
    return (1 + root + 5 / 3 * squared) * decay, 5 / 3 * (1 + root) * decay


def _factor(kernel: Array) -> Array:
    """The lower Cholesky factor. Points that are nearly the same need more on the diagonal."""
    jitter = _JITTER
    while True:
        try:
            return np.asarray(linalg.cholesky(kernel + jitter * np.eye(len(kernel)), lower=True))
        except linalg.LinAlgError:
            jitter *= 10


def fit(apart: Array, losses: Array) -> Hyper:
    """The most probable hyperparameters.

    Args:
        apart: the `squares` of the points among themselves.
        losses: of the points, standardised.
    """
    axes = apart.shape[2]
    means = np.array([_LENGTH[0] + math.log(axes) / 2] * axes + [_SCALE[0], _NOISE[0]])
    spreads = np.array([_LENGTH[1]] * axes + [_SCALE[1], _NOISE[1]])
    diagonal = np.eye(len(losses))

    def cost(logs: Array) -> tuple[float, Array]:
        hyper = Hyper.of(logs)
        alike, slope = _matern(apart @ hyper.lengths**-2)
        kernel = hyper.scale * alike
        root = _factor(kernel + _MEAN + hyper.noise * diagonal)
        inverse = linalg.cho_solve((root, True), diagonal)
        weights = inverse @ losses
        value = losses @ weights / 2 + np.log(np.diag(root)).sum()
        outer = inverse - np.outer(weights, weights)
        along = np.tensordot(outer * hyper.scale * slope, apart, axes=2)
        ends = (outer * kernel).sum(), hyper.noise * outer.trace()
        slopes = np.append(hyper.lengths**-2 * along, ends)
        away = (logs - means) / spreads
        return float(value + away @ away / 2), slopes / 2 + away / spreads

    bounds = [_BOUNDS[0]] * axes + [*_BOUNDS[1:]]
    found = optimize.minimize(
        cost, means, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": _STEPS}
    )
    return Hyper.of(found.x)


class GaussianProcess:
    """What is known of a function after some observations.

    Args:
        hyper: the hyperparameters.
        points: where it was observed, of shape (points, axes). There may be more axes than those
            of which it is told and asked, behind them: of numbers, and what is asked is at 0.
        losses: the standardised observations.
        categories: which axes are categories.
    """

    def __init__(
        self, hyper: Hyper, points: Array, losses: Array, categories: NDArray[np.bool_]
    ) -> None:
        self._hyper, self._points, self._categories = hyper, points, categories
        self._root = _factor(self._kernel(points) + hyper.noise * np.eye(len(losses)))
        self._weights = linalg.cho_solve((self._root, True), losses)

    def _kernel(self, points: Array) -> Array:
        points = _widened(points, self._points.shape[1])
        alike, _ = _matern(_apart(points, self._points, self._hyper.lengths, self._categories))
        return self._hyper.scale * alike + _MEAN

    def at(self, points: Array) -> tuple[Array, Array]:
        """The mean and the standard deviation at points, each of shape (points,)."""
        kernel = self._kernel(points)
        known = linalg.solve_triangular(self._root, kernel.T, lower=True)
        variance = self._hyper.scale + _MEAN - (known * known).sum(0)
        return kernel @ self._weights, np.sqrt(np.maximum(variance, 1e-12))


class Chances:
    """How sure it is of points that more than half of the trials there succeed.

    A regression of what became of others (Rasmussen and Williams 2006, section 6.5). Failures now
    and then that have nothing to do with the point are noise to it.

    Args:
        hyper: the hyperparameters, of the standardised outcomes.
        points: of shape (points, axes).
        failed: 1 for those that failed, 0 for others; both occur.
        categories: which axes are categories.
    """

    def __init__(
        self, hyper: Hyper, points: Array, failed: Array, categories: NDArray[np.bool_]
    ) -> None:
        self._border = (0.5 - failed.mean()) / failed.std()
        self._model = GaussianProcess(hyper, points, standardised(failed), categories)

    def log_at(self, points: Array) -> Array:
        """The logarithm of the probability at points, of shape (points,)."""
        mean, deviation = self._model.at(points)
        return np.asarray(special.log_ndtr((self._border - mean) / deviation))


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """The logarithm of how much better than ``best`` a point will be on average.

    Far above it by the expansion for large arguments, where the difference of two terms is lost
    (Ament et al., NeurIPS 2023).
    """
    z = (best - mean) / deviation
    near = np.maximum(z, -6.0)
    density = np.exp(-near * near / 2) / math.sqrt(2 * math.pi)
    far = -z * z / 2 - math.log(2 * math.pi) / 2 - 2 * np.log(np.maximum(-z, 1.0))
    value = np.where(z < -6.0, far, np.log(density + near * special.ndtr(near)))
    return np.asarray(value + np.log(deviation))
