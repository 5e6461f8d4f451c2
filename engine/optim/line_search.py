"""Line search for the strong Wolfe conditions (Nocedal and Wright, "Numerical Optimization", algorithms 3.5, 3.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_DECREASE, _CURVATURE = 1e-4, 0.9  # c1 and c2 of the conditions, as usual for quasi-Newton directions


@dataclass
class Point:
    """The function along the search direction: at `step`, its value and its slope."""

    step: float
    value: float
    slope: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.value) and math.isfinite(self.slope)


def cubic_minimum(a: Point, b: Point) -> float:
    """Step between two points where the cubic with their values and slopes is least; the middle if there is none."""
    low, high = sorted((a.step, b.step))
    d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step)
    inside = d1 * d1 - a.slope * b.slope
    if not inside >= 0.0:
        return 0.5 * (low + high)
    d2 = math.copysign(math.sqrt(inside), b.step - a.step)
    bottom = b.slope - a.slope + 2.0 * d2
    step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / bottom if bottom else math.nan
    return step if low <= step <= high else 0.5 * (low + high)


def strong_wolfe(evaluate: Callable[[float], Point], start: Point, step: float, most: int) -> Point:
    """A point that satisfies the strong Wolfe conditions, or the best that was found in `most` evaluations.

    Args:
        evaluate: the function at a step.
        start: the function at step 0, of negative slope.
        step: the first step to try.
        most: largest number of evaluations.
    """

    def too_high(p: Point) -> bool:
        return not p.finite or p.value > start.value + _DECREASE * p.step * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -_CURVATURE * start.slope

    previous = start
    for k in range(most):
        point = evaluate(step)
        if too_high(point) or (k and point.value >= previous.value):
            return _zoom(evaluate, previous, point, too_high, flat, most - k - 1)
        if flat(point):
            return point
        if point.slope >= 0.0:
            return _zoom(evaluate, point, previous, too_high, flat, most - k - 1)
        further = min(max(cubic_minimum(previous, point), 1.1 * step), 10.0 * step)
        previous, step = point, further if further > 1.1 * step else 2.0 * step
    return previous


def _zoom(
    evaluate: Callable[[float], Point],
    low: Point,
    high: Point,
    too_high: Callable[[Point], bool],
    flat: Callable[[Point], bool],
    most: int,
) -> Point:
    """Narrows an interval that holds a good point; `low` is the end with the smaller value."""
    for _ in range(most):
        width = abs(high.step - low.step)
        if width <= 1e-12 * max(1.0, abs(low.step)):
            break
        step = cubic_minimum(low, high) if high.finite else 0.5 * (low.step + high.step)
        nearest, margin = min(low.step, high.step), 0.1 * width  # keep away from the ends, so that it gets shorter
        step = min(max(step, nearest + margin), nearest + width - margin)
        point = evaluate(step)
        if too_high(point) or point.value >= low.value:
            high = point
            continue
        if flat(point):
            return point
        if point.slope * (high.step - low.step) >= 0.0:
            high = low
        low = point
    return low
