"""Where a picture is taken from: positions, matrices, framing. Plain arithmetic, no GL."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

LARGEST = 1e9
"""Positions beyond this [m] do not count for bounds."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """A box along the axes; `lower > upper` when empty."""

    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def empty(cls) -> Bounds:
        """The box around nothing."""
        return cls(np.full(3, np.inf), np.full(3, -np.inf))

    @classmethod
    def around(cls, points: np.ndarray) -> Bounds:
        """The box around the finite ones of some points [n, 3]."""
        points = np.asarray(points, np.float64).reshape(-1, 3)
        if len(points):
            lower, upper = points.min(axis=0), points.max(axis=0)
            if np.abs(lower).max() < LARGEST and np.abs(upper).max() < LARGEST:  # false for NaN
                return cls(lower, upper)
            points = points[(np.abs(points) < LARGEST).all(axis=1)]
            if len(points):
                return cls(points.min(axis=0), points.max(axis=0))
        return cls.empty()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing inside."""
        return bool(self.lower[0] > self.upper[0])

    @property
    def center(self) -> np.ndarray:
        """Middle [3]; the origin for an empty box."""
        return np.zeros(3) if self.is_empty else 0.5 * (self.lower + self.upper)

    @property
    def radius(self) -> float:
        """Of the sphere around the box [m], at least a millimetre; 1 for an empty box."""
        return 1.0 if self.is_empty else max(0.5 * float(np.linalg.norm(self.upper - self.lower)), 1e-3)

    def corners(self) -> np.ndarray:
        """The eight corners [8, 3]; none when empty."""
        if self.is_empty:
            return np.zeros((0, 3))
        pick = np.array([[i >> 0 & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)], bool)
        return np.where(pick, self.upper, self.lower)

    def union(self, other: Bounds) -> Bounds:
        """The box around both."""
        return Bounds(np.minimum(self.lower, other.lower), np.maximum(self.upper, other.upper))

    def grown(self, margin: float) -> Bounds:
        """Larger by a margin on every side."""
        return self if self.is_empty else Bounds(self.lower - margin, self.upper + margin)


@dataclass(eq=False)
class Camera:
    """An eye looking at a target.

    Attributes:
        eye, target: [3] world [m]; the target is also what an orbit turns around.
        up: [3], roughly up in the picture.
        fov: vertical field of view [rad].
        orthographic_height: height of the picture at any distance [m]; None for perspective.
        near, far: clipping distances [m]; None lets `clipping` fit them to the scene.
        fit_aspect: width over height that must be in the picture, None for whatever the picture has.
    """

    eye: np.ndarray
    target: np.ndarray
    up: np.ndarray
    fov: float = math.radians(40.0)
    orthographic_height: float | None = None
    near: float | None = None
    far: float | None = None
    fit_aspect: float | None = None

    @classmethod
    def framing(
        cls,
        bounds: Bounds,
        *,
        up_axis: int = 1,
        direction: np.ndarray | None = None,
        fov: float = math.radians(35.0),
        aspect: float = 16.0 / 9.0,
    ) -> Camera:
        """A camera that sees the whole box, by default from the front right and above."""
        up = np.eye(3)[up_axis]
        if direction is None:
            # In a y-up scene the front is +z, in a z-up scene -y: where usdview and MuJoCo put their viewer.
            right, front = {0: ((0, 1, 0), (0, 0, 1)), 1: ((1, 0, 0), (0, 0, 1)), 2: ((1, 0, 0), (0, -1, 0))}[up_axis]
            direction = 0.55 * np.array(right, float) + 0.9 * np.array(front, float) + 0.42 * up
        camera = cls(np.asarray(direction, float), np.zeros(3), up, fov=fov)
        return camera.frame(bounds, aspect=aspect)

    @classmethod
    def from_matrix(
        cls,
        matrix: np.ndarray,
        *,
        fov: float,
        orthographic_height: float | None = None,
        near: float | None = None,
        far: float | None = None,
        focus: float = 5.0,
        fit_aspect: float | None = None,
        world_up: np.ndarray | None = None,
    ) -> Camera:
        """From a camera-to-world matrix [4, 4] (looking along -z, up is +y); a tilted camera keeps its own up."""
        back, up, eye = matrix[:3, 2], matrix[:3, 1], matrix[:3, 3]
        back, up = back / np.linalg.norm(back), up / np.linalg.norm(up)
        if world_up is not None and abs(np.dot(np.cross(up, world_up), back)) < 1e-4 and np.dot(up, world_up) > 1e-3:
            up = np.asarray(world_up, float)
        return cls(eye.copy(), eye - focus * back, up.copy(), fov, orthographic_height, near, far, fit_aspect)

    @property
    def distance(self) -> float:
        """From eye to target [m]."""
        return float(np.linalg.norm(self.target - self.eye))

    def axes(self) -> np.ndarray:
        """Right, up and back as rows [3, 3], orthonormal."""
        # Plain floats: NumPy takes twenty times as long for three numbers, and a picture asks often.
        back = [float(e) - float(t) for e, t in zip(self.eye, self.target, strict=True)]
        length = math.hypot(*back)
        back = [b / length for b in back] if length > 1e-12 else [0.0, 0.0, 1.0]
        right = _cross([float(u) for u in self.up], back)
        if math.hypot(*right) < 1e-6:  # looking along up: any right will do
            axis = (max(range(3), key=lambda k: abs(back[k])) + 1) % 3
            right = _cross([float(k == axis) for k in range(3)], back)
        length = math.hypot(*right)
        right = [r / length for r in right]
        return np.array([right, _cross(back, right), back])

    def view_matrix(self) -> np.ndarray:
        """World to eye space [4, 4]."""
        axes = self.axes()
        view = np.eye(4)
        view[:3, :3], view[:3, 3] = axes, -axes @ self.eye
        return view

    def half_extent(self, aspect: float) -> tuple[float, float]:
        """Half width and height of the picture: tangents for perspective, metres for an orthographic camera."""
        half = 0.5 * self.orthographic_height if self.orthographic_height else math.tan(0.5 * self.fov)
        if self.fit_aspect is not None and aspect < self.fit_aspect:
            half *= self.fit_aspect / aspect
        return half * aspect, half

    def clipping(self, bounds: Bounds | None = None) -> tuple[float, float]:
        """Near and far [m]: as set, else such that a scene with these bounds is inside with depth to spare."""
        if bounds is None or bounds.is_empty:
            near, far = 0.01 * max(self.distance, 1e-3), 1000.0 * max(self.distance, 1e-3)
        else:
            away = float(np.linalg.norm(self.eye - bounds.center))
            far = 2.0 * (away + 12.0 * bounds.radius)
            # The floor reaches closer to the viewer than the scene does.
            near = max(0.02 * (away - bounds.radius), 0.004 * min(max(self.distance, 1e-6), bounds.radius), 1e-5 * far)
        if bounds is None or bounds.is_empty:
            near, far = near if self.near is None else self.near, far if self.far is None else self.far
        else:
            # What was set cuts off what it is meant to, but wider than the scene it would only cost digits of depth.
            near, far = max(near, self.near or 0.0), min(far, self.far or far)
        near = max(near, 1e-6)
        return near, max(far, 1.01 * near)

    def projection_matrix(self, aspect: float, bounds: Bounds | None = None) -> np.ndarray:
        """Eye space to GL clip space [4, 4]."""
        near, far = self.clipping(bounds)
        x, y = self.half_extent(aspect)
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1] = 1.0 / x, 1.0 / y
        if self.orthographic_height:
            matrix[2, 2], matrix[2, 3], matrix[3, 3] = -2.0 / (far - near), -(far + near) / (far - near), 1.0
        else:
            matrix[2, 2], matrix[2, 3], matrix[3, 2] = (
                -(far + near) / (far - near),
                -2 * far * near / (far - near),
                -1.0,
            )
        return matrix

    def frame(self, bounds: Bounds, *, aspect: float = 16.0 / 9.0, margin: float = 1.08) -> Camera:
        """The camera moved, without turning, so that the box just fits; near and far are fitted again."""
        axes = self.axes()
        center = bounds.center
        local = (bounds.corners() - center) @ axes.T if not bounds.is_empty else np.ones((1, 3))
        x, y = replace(self, orthographic_height=None).half_extent(aspect)
        if self.orthographic_height:
            height = 2.0 * margin * max(np.abs(local[:, 1]).max(), np.abs(local[:, 0]).max() / aspect, 1e-6)
            away = 2.0 * bounds.radius + 1.0
            return replace(
                self, eye=center + away * axes[2], target=center, orthographic_height=float(height), near=None, far=None
            )
        away = max(
            float((local[:, 2] + margin * np.maximum(np.abs(local[:, 0]) / x, np.abs(local[:, 1]) / y)).max()), 1e-3
        )
        return replace(self, eye=center + away * axes[2], target=center, near=None, far=None)

    def ray(self, x: float, y: float, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Origin and unit direction [3] of the ray through a pixel, counted from the top left corner."""
        u, v = 2.0 * x / width - 1.0, 1.0 - 2.0 * y / height
        hx, hy = self.half_extent(width / height)
        axes = self.axes()
        if self.orthographic_height:
            return self.eye + u * hx * axes[0] + v * hy * axes[1], -axes[2]
        direction = u * hx * axes[0] + v * hy * axes[1] - axes[2]
        return self.eye.copy(), direction / np.linalg.norm(direction)

    def project(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """Pixel positions (from the top left) and distance along the view of world points [n, 3] → [n, 3]."""
        eye = np.asarray(points, np.float64).reshape(-1, 3) @ self.view_matrix()[:3, :3].T + self.view_matrix()[:3, 3]
        hx, hy = self.half_extent(width / height)
        depth = -eye[:, 2]
        scale = np.ones_like(depth) if self.orthographic_height else np.where(np.abs(depth) > 1e-9, depth, 1e-9)
        return np.stack(
            [(eye[:, 0] / (scale * hx) + 1.0) * 0.5 * width, (1.0 - eye[:, 1] / (scale * hy)) * 0.5 * height, depth], 1
        )

    def pixel_size(self, distance: float, height: int) -> float:
        """Width of a pixel [m] at a distance along the view, in a picture `height` pixels high."""
        half = 0.5 * self.orthographic_height if self.orthographic_height else distance * math.tan(0.5 * self.fov)
        return 2.0 * half / height


def _cross(a: list[float], b: list[float]) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def pose_matrices(poses: np.ndarray) -> np.ndarray:
    """Matrices [n, 4, 4] float64 of poses [n, 7] (position, quaternion xyzw)."""
    poses = np.asarray(poses, np.float64).reshape(-1, 7)
    x, y, z, w = (poses[:, k] for k in range(3, 7))
    out = np.zeros((len(poses), 4, 4))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    out[:, :3, 3], out[:, 3, 3] = poses[:, :3], 1.0
    return out
