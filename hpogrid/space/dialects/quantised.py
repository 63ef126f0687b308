"""Numbers rounded to multiples, as other systems round them: the same here, or refused."""

from __future__ import annotations

from fractions import Fraction

from hpogrid.space.parameter import Float, Lattice
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from hpogrid.space.value import is_number, shown

Scale = Linear | Log | Normal | LogNormal


def rounded(scale: Scale, q: object) -> Float:
    """``round(draw / q) * q``.

    Raises:
        ValueError: q is no number, or a bound is no multiple of it: what is drawn near that bound
            would leave the bounds there, and stays inside here.
    """
    if not is_number(q) or isinstance(q, bool) or not isinstance(q, int | float) or q <= 0:
        raise ValueError(f"q must be a number above 0, not {shown(q)}")
    if isinstance(scale, Linear | Log):
        for bound in scale.bounds:
            if (Fraction(repr(bound)) / Fraction(repr(float(q)))).denominator != 1:
                raise ValueError(
                    f"{bound:g} is no multiple of q={q:g}, so it could leave its bounds; move it"
                )
    return Float(scale=scale, lattice=Lattice(float(q)))
