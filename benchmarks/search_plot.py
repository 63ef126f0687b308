"""The picture of `search.py`: mean regret after each trial, a line for each algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

_COLOURS = {
    "auto": "#0072b2",
    "skopt": "#d55e00",
    "ax": "#009e73",
    "optuna-tpe": "#cc79a7",
    "random": "#000000",
}
"""Of the lines to follow by eye; the others are grey."""

_GREY = "#a8a8a8"
_GAP = 0.028
"""Between two names, as a share of the height, so that none covers another."""


def draw(curves: Mapping[str, Sequence[float]], path: Path) -> None:
    """Write the picture.

    Args:
        curves: for each algorithm its mean regret after 1, 2, 3... trials.
        path: the file, PNG or what else its suffix says.
    """
    figure = Figure(figsize=(9, 6), dpi=110)
    axes = figure.subplots()
    length = max(map(len, curves.values()))
    for name, curve in curves.items():
        followed = name in _COLOURS
        axes.plot(
            range(1, len(curve) + 1),
            curve,
            color=_COLOURS.get(name, _GREY),
            linewidth=2.2 if followed else 1.1,
            zorder=3 if followed else 2,
        )
    ends = spread({name: curve[-1] for name, curve in curves.items()})
    for name, height in ends.items():
        axes.annotate(
            name,
            (length, curves[name][-1]),
            (length * 1.03, height),
            color=_COLOURS.get(name, "#606060"),
            fontweight="bold" if name in _COLOURS else "normal",
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": "#d0d0d0",
                "linewidth": 0.7,
                "relpos": (0, 0.5),
            },
        )
    axes.set(xlim=(1, length), ylim=(0, 1), xlabel="trials", ylabel="mean regret (0 is perfect)")
    axes.grid(color="#ececec")
    axes.spines[["top", "right"]].set_visible(False)
    figure.subplots_adjust(left=0.08, right=0.8, top=0.97, bottom=0.09)
    figure.savefig(path)


def spread(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights for the names: far enough apart, and all in all not too high."""
    placed: dict[str, float] = {}
    last = -1.0
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        last = max(height, last + _GAP)
        placed[name] = last
    shift = fmean(placed[name] - height for name, height in heights.items())
    return {name: height - shift for name, height in placed.items()}
