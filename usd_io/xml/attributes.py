"""Attribute texts as numbers, choices and flags; every failure names file, line, element and attribute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from usd_io.errors import SceneError
from usd_io.xml.element import Element

LARGEST = 1e9
"""Beyond this no length, mass or angle of a robot makes sense, and float32 loses it."""
LARGEST_GAIN, GAINS = 1e15, frozenset("damping stiffness armature frictionloss kp kv gainprm biasprm".split())
"""Gains may be huge: models hold a joint in place by a damping of 1e11."""


def numbers(
    element: Element,
    name: str,
    default=None,
    *,
    count: int | tuple[int, int] | None = None,
    source: Mapping[str, str] | None = None,
) -> np.ndarray | None:
    """The numbers of an attribute as float64; ``default`` (as an array) when it is absent.

    Args:
        element: Named in messages, and the source of the text.
        name: The attribute.
        default: What holds without it.
        count: How many numbers there must be: a number, or (least, most).
        source: Where the texts are, if not the element's own (defaults already merged in).
    """
    text = (element.attributes if source is None else source).get(name)
    if text is None:
        return None if default is None else np.array(default, dtype=np.float64)
    try:
        values = np.array([float(word) for word in text.split()], dtype=np.float64)
    except ValueError:
        raise SceneError(f"{element.where} {name}", f"got {text[:80]!r}", expected="numbers") from None
    low, high = (count, count) if isinstance(count, int) else (count or (1, len(values)))
    if not low <= len(values) <= high:
        many = f"{low}" if low == high else f"{low} to {high}"
        raise SceneError(f"{element.where} {name}", f"got {text[:80]!r}", expected=f"{many} number{'s'[: high > 1]}")
    most = LARGEST_GAIN if name in GAINS else LARGEST
    if not (np.abs(values) <= most).all():
        raise SceneError(f"{element.where} {name}", f"got {text[:80]!r}", expected=f"finite numbers below {most:g}")
    return values


def number(element: Element, name: str, default: float | None = None, *, low: float | None = None, source=None):
    """One number, or ``default``; not below ``low``. (Of several, the first: polynomial coefficients.)"""
    values = numbers(element, name, None, source=source)
    if values is None or not len(values):
        return default
    if low is not None and values[0] < low:
        raise SceneError(f"{element.where} {name}", f"got {values[0]:g}", expected=f"at least {low:g}")
    return float(values[0])


def choice(element: Element, name: str, choices, default: str, *, source=None) -> str:
    """One of several words."""
    text = (element.attributes if source is None else source).get(name, default)
    if text not in choices:
        raise SceneError(f"{element.where} {name}", f"got {text[:80]!r}", expected=" or ".join(choices))
    return text


def flag(element: Element, name: str, default: bool, *, source=None) -> bool:
    """True or false."""
    text = (element.attributes if source is None else source).get(name)
    if text is None:
        return default
    if text.strip() not in ("true", "false", "1", "0"):
        raise SceneError(f"{element.where} {name}", f"got {text[:80]!r}", expected="true or false")
    return text.strip() in ("true", "1")


def required(element: Element, name: str, what: str) -> str:
    """An attribute that must be there and not be empty."""
    text = element.attributes.get(name, "").strip()
    if not text:
        raise SceneError(element.where, f"has no {name}", expected=f'{name}="{what}"')
    return text


def direction(element: Element, name: str, values: np.ndarray) -> np.ndarray:
    """A vector scaled to unit length; an error when it has none."""
    length = float(np.linalg.norm(values))
    if length < 1e-9:
        raise SceneError(f"{element.where} {name}", f"got {values.tolist()}", expected="a vector of non-zero length")
    return values / length
