"""How a scene is drawn: settings that can be watched, and lists of lines, arrows and labels drawn over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

SHADING_MODES = ("shaded", "wireframe on shaded", "wireframe", "points", "normals")
BACKGROUNDS = {
    "light": ((0.80, 0.83, 0.87), (0.94, 0.95, 0.96)),
    "dark": ((0.055, 0.06, 0.07), (0.17, 0.18, 0.20)),
    "white": ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "black": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
}
"""Colours (sRGB) at the top and at the bottom of the picture."""


@dataclass(eq=False)
class DrawOptions:
    """How to draw. Setting an attribute tells the subscribers its name.

    Attributes:
        shading: one of `SHADING_MODES`.
        shadows: whether the key light casts a shadow.
        ambient_occlusion: whether crevices are darkened.
        grid: whether a ground grid is drawn where the scene has no ground of its own, and on it where it has.
        axes: whether the axis tripod is drawn in the corner.
        background: a key of `BACKGROUNDS`.
        transparent: keep the background out of the picture: alpha 0 (stills as RGBA).
        exposure: stops added to the automatic exposure.
        stage_lights: whether lights of the stage are used; else (or without any) the default lights.
        dome_background: whether the image of a dome light of the stage is seen behind things.
        purposes: which purposes are drawn.
        samples: samples a pixel: 1, 2, 4, 8; None for what the hardware does well.
        selected: prim paths whose items (and those below) are outlined.
        selected_instance: of a selected item with several instances, the one that is; -1 for all.
        highlighted: prim path under the pointer, drawn with a fainter outline.
        selection_color: sRGB.
    """

    shading: str = "shaded"
    shadows: bool = True
    ambient_occlusion: bool = False
    grid: bool = True
    axes: bool = True
    background: str = "light"
    transparent: bool = False
    exposure: float = 0.0
    stage_lights: bool = True
    dome_background: bool = True
    purposes: tuple[str, ...] = ("default", "render")
    samples: int | None = None
    selected: tuple[str, ...] = ()
    selected_instance: int = -1
    highlighted: str | None = None
    selection_color: tuple[float, float, float] = (1.0, 0.55, 0.05)

    def __post_init__(self):
        object.__setattr__(self, "_subscribers", [])

    def __setattr__(self, name: str, value: object) -> None:
        if name == "shading" and value not in SHADING_MODES:
            raise ValueError(f"shading is {value!r}; expected one of {', '.join(SHADING_MODES)}")
        if name == "background" and value not in BACKGROUNDS:
            raise ValueError(f"background is {value!r}; expected one of {', '.join(BACKGROUNDS)}")
        before = getattr(self, name, None)
        object.__setattr__(self, name, value)
        if before != value:
            for callback in tuple(getattr(self, "_subscribers", ())):
                callback(name)

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call `callback(name)` after every change; returns the function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def as_dict(self) -> dict[str, object]:
        """The settings, to be stored."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


Color = tuple[float, float, float] | tuple[float, float, float, float]


@dataclass(eq=False)
class Overlay:
    """Things drawn over a scene for one frame: contacts, joints, frames, velocities. Clear and fill it each frame.

    Colours are sRGB with opacity; widths and sizes are pixels unless metres are named. `through` draws on top of
    everything; otherwise what is behind surfaces is hidden.
    """

    segments: list[tuple[np.ndarray, np.ndarray, float, bool]] = field(default_factory=list)
    dots: list[tuple[np.ndarray, np.ndarray, float, bool]] = field(default_factory=list)
    texts: list[tuple[np.ndarray, str, np.ndarray, float]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget everything."""
        self.segments.clear()
        self.dots.clear()
        self.texts.clear()

    def lines(
        self,
        starts: np.ndarray,
        ends: np.ndarray,
        color: Color | np.ndarray,
        *,
        width: float = 1.5,
        through: bool = False,
    ) -> None:
        """Straight lines between points [n, 3] and [n, 3]; one colour or [n, 4]."""
        ends_ = np.stack([_rows(starts), _rows(ends)], axis=1)
        if len(ends_):
            self.segments.append((ends_, _colors(color, len(ends_)), width, through))

    def polyline(
        self, points: np.ndarray, color: Color, *, width: float = 1.5, closed: bool = False, through: bool = False
    ) -> None:
        """A line through points [n, 3]."""
        points = _rows(points)
        after = np.roll(points, -1, axis=0)
        keep = slice(None) if closed else slice(0, max(len(points) - 1, 0))
        self.lines(points[keep], after[keep], color, width=width, through=through)

    def arrows(
        self,
        starts: np.ndarray,
        vectors: np.ndarray,
        color: Color | np.ndarray,
        *,
        width: float = 2.0,
        through: bool = False,
    ) -> None:
        """Arrows from points [n, 3] along vectors [n, 3]; the head is a sixth of the length."""
        starts, vectors = _rows(starts), _rows(vectors)
        if not len(starts):
            return
        tips = starts + vectors
        helper = np.eye(3)[np.argmin(np.abs(vectors), axis=1)]
        side = np.cross(vectors, helper)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        side *= 0.07 * length / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-30)
        other = np.cross(vectors, side) / np.maximum(length, 1e-30)
        colors = _colors(color, len(starts))
        back = tips - 0.17 * vectors
        parts = [(starts, tips), *((tips, back + s) for s in (side, -side, other, -other))]
        self.lines(
            np.concatenate([a for a, _ in parts]),
            np.concatenate([b for _, b in parts]),
            np.tile(colors, (len(parts), 1)),
            width=width,
            through=through,
        )

    def frames(self, matrices: np.ndarray, length: float, *, width: float = 2.0, through: bool = True) -> None:
        """Coordinate frames [n, 4, 4]: x red, y green, z blue, with axes of a length [m]."""
        matrices = np.asarray(matrices, float).reshape(-1, 4, 4)
        for axis, color in enumerate(AXIS_COLORS):
            origin = matrices[:, :3, 3]
            direction = (
                matrices[:, :3, axis] / np.maximum(np.linalg.norm(matrices[:, :3, axis], axis=1), 1e-30)[:, None]
            )
            self.lines(origin, origin + length * direction, color, width=width, through=through)

    def boxes(
        self, matrices: np.ndarray, half_extents: np.ndarray, color: Color, *, width: float = 1.5, through: bool = False
    ) -> None:
        """Edges of boxes with half extents [n, 3] in frames [n, 4, 4]."""
        matrices = np.asarray(matrices, float).reshape(-1, 4, 4)
        half = np.asarray(half_extents, float).reshape(-1, 1, 3)
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * half
        world = corners @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]
        edges = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
        starts = world[:, [a for a, _ in edges]].reshape(-1, 3)
        self.lines(starts, world[:, [b for _, b in edges]].reshape(-1, 3), color, width=width, through=through)

    def points(
        self, positions: np.ndarray, color: Color | np.ndarray, *, size: float = 6.0, through: bool = False
    ) -> None:
        """Round dots at points [n, 3]."""
        positions = _rows(positions)
        if len(positions):
            self.dots.append((positions, _colors(color, len(positions)), size, through))

    def labels(
        self, positions: np.ndarray, texts: Sequence[str], color: Color = (0.1, 0.1, 0.1, 1.0), *, size: float = 14.0
    ) -> None:
        """Text at points [n, 3], always on top."""
        for position, text in zip(_rows(positions), texts, strict=True):
            self.texts.append((position, str(text), _colors(color, 1)[0], size))


AXIS_COLORS = ((0.87, 0.22, 0.24), (0.36, 0.66, 0.19), (0.20, 0.44, 0.88))
"""Of x, y and z, sRGB."""


def _rows(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(-1, 3)


def _colors(color: Color | np.ndarray, count: int) -> np.ndarray:
    color = np.asarray(color, np.float32)
    if color.shape[-1] == 3:
        color = np.concatenate([color, np.ones((*color.shape[:-1], 1), np.float32)], axis=-1)
    return np.broadcast_to(color, (count, 4)).astype(np.float32)
