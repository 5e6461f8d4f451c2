"""Kernels that turn poses and particles into what vertex shaders read; the same on the CPU and on a GPU."""

from __future__ import annotations

from functools import cached_property

import numpy as np

import engine as en
from app.render.camera import LARGEST


@en.kernel
def place_instances(
    body_q: en.array(dtype=en.transform),
    bodies: en.array(dtype=int),
    local: en.array(dtype=en.vec3, ndim=2),
    rows: en.array(dtype=en.vec4, ndim=2),
):
    i = en.tid()
    x = local[i, 0]
    y = local[i, 1]
    z = local[i, 2]
    t = local[i, 3]
    body = bodies[i]
    if body >= 0:
        pose = body_q[body]
        x = en.transform_vector(pose, x)
        y = en.transform_vector(pose, y)
        z = en.transform_vector(pose, z)
        t = en.transform_point(pose, t)
    rows[i, 0] = en.vec4(x[0], y[0], z[0], t[0])
    rows[i, 1] = en.vec4(x[1], y[1], z[1], t[1])
    rows[i, 2] = en.vec4(x[2], y[2], z[2], t[2])


@en.kernel
def surface_vertices(
    particle_q: en.array(dtype=en.vec3),
    particles: en.array(dtype=int),
    fan_start: en.array(dtype=int),
    fan_end: en.array(dtype=int),
    fan: en.array(dtype=int, ndim=2),
    vertices: en.array(dtype=en.vec3, ndim=2),
):
    """Position and area-weighted normal of each vertex: the sum over the fan of triangles around its point."""
    v = en.tid()
    p = particle_q[particles[v]]
    n = en.vec3(0.0, 0.0, 0.0)
    for k in range(fan_start[v], fan_end[v]):
        n += en.cross(particle_q[fan[k, 0]] - p, particle_q[fan[k, 1]] - p)
    vertices[v, 0] = p
    vertices[v, 1] = n


@en.kernel
def gather_points(particle_q: en.array(dtype=en.vec3), particles: en.array(dtype=int), out: en.array(dtype=en.vec3)):
    i = en.tid()
    out[i] = particle_q[particles[i]]


@en.func
def is_place(p: en.vec3) -> bool:
    return en.abs(p[0]) < LARGEST and en.abs(p[1]) < LARGEST and en.abs(p[2]) < LARGEST


@en.kernel
def bound_points(points: en.array(dtype=en.vec3, ndim=2), boxes: en.array(dtype=en.vec3, ndim=2)):
    """A box for each thread: around the first points of those rows whose turn it is."""
    k = en.tid()
    lower = en.vec3(LARGEST, LARGEST, LARGEST)
    upper = -lower
    for i in range(k, points.shape[0], boxes.shape[0]):
        p = points[i, 0]
        if is_place(p):
            lower = en.min(lower, p)
            upper = en.max(upper, p)
    boxes[k, 0] = lower
    boxes[k, 1] = upper


@en.kernel
def bound_instances(
    rows: en.array(dtype=en.vec4, ndim=2),
    bodies: en.array(dtype=int),
    center: en.vec3,
    half: en.vec3,
    boxes: en.array(dtype=en.vec3, ndim=2),
):
    """The same around the boxes of instances that a body carries."""
    k = en.tid()
    lower = en.vec3(LARGEST, LARGEST, LARGEST)
    upper = -lower
    for i in range(k, rows.shape[0], boxes.shape[0]):
        if bodies[i] >= 0:
            middle = en.vec3(0.0, 0.0, 0.0)
            reach = en.vec3(0.0, 0.0, 0.0)
            for j in range(3):
                r = rows[i, j]
                middle[j] = r[0] * center[0] + r[1] * center[1] + r[2] * center[2] + r[3]
                reach[j] = en.abs(r[0]) * half[0] + en.abs(r[1]) * half[1] + en.abs(r[2]) * half[2]
            if is_place(middle):
                lower = en.min(lower, middle - reach)
                upper = en.max(upper, middle + reach)
    boxes[k, 0] = lower
    boxes[k, 1] = upper


class InstanceRows:
    """World matrices of instances, three rows each, float32 [n, 3, 4]."""

    def __init__(self, transforms: np.ndarray, bodies: np.ndarray, device: en.Device | str = "cpu"):
        columns = np.ascontiguousarray(np.asarray(transforms, np.float32)[:, :3, :4].transpose(0, 2, 1))
        self.count = len(columns)
        self._local = en.array(columns, dtype=en.vec3, device=device)
        self._bodies = en.array(np.ascontiguousarray(bodies, np.int32), dtype=int, device=device)
        self._device = device

    @cached_property
    def rows(self) -> en.array:
        """Where `update` writes when it is given no other place."""
        return en.zeros((self.count, 3), dtype=en.vec4, device=self._device)

    def put(self, first: int, transforms: np.ndarray) -> np.ndarray:
        """Place instances from `first` on anew, which no body carries; returns their rows [k, 3, 4]. Only on the CPU."""
        columns = np.asarray(transforms, np.float32)[:, :3, :4]
        span = slice(first, first + len(columns))
        self._local.numpy().reshape(-1, 4, 3)[span] = columns.transpose(0, 2, 1)
        self.rows.numpy().reshape(-1, 3, 4)[span] = columns
        return columns

    def update(self, body_q: en.array, rows: en.array | None = None) -> None:
        """Follow the poses."""
        rows = self.rows if rows is None else rows
        en.launch(
            place_instances,
            dim=self.count,
            inputs=[body_q, self._bodies, self._local],
            outputs=[rows],
            device=rows.device,
            record_tape=False,
        )


class SurfaceVertices:
    """Positions and normals of a surface whose points are particles, float32 [n, 2, 3]."""

    def __init__(
        self,
        particles: np.ndarray,
        triangles: np.ndarray,
        source_points: np.ndarray | None = None,
        device: en.Device | str = "cpu",
    ):
        """For vertices split from points (`source_points`), the normal is that of the whole point, so seams stay smooth.

        Args:
            particles: particle of each point.
            triangles: [m, 3] vertices.
            source_points: point of each vertex; None when they are the same.
        """
        points = np.arange(len(particles)) if source_points is None else np.asarray(source_points)
        self.count = len(points)
        corners = points[triangles]  # as points, so that triangles on both sides of a seam count
        around = np.concatenate([corners, np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)])
        around = around[np.argsort(around[:, 0], kind="stable")]
        start = np.searchsorted(around[:, 0], np.arange(len(particles) + 1))
        rows = np.asarray(particles, np.int32)
        ints = {
            "particles": rows[points],
            "fan_start": start[:-1][points],
            "fan_end": start[1:][points],
            "fan": rows[around[:, 1:]],
        }
        self._tables = [np.ascontiguousarray(v, np.int32) for v in ints.values()]
        self._place(device)

    def on(self, device: en.Device | str) -> SurfaceVertices:
        """The same surface, to be computed on another device."""
        other = object.__new__(SurfaceVertices)
        other.count, other._tables = self.count, self._tables
        other._place(device)
        return other

    def _place(self, device: en.Device | str) -> None:
        self._inputs = [en.array(table, dtype=int, device=device) for table in self._tables]
        self._device = device

    @cached_property
    def vertices(self) -> en.array:
        """Where `update` writes when it is given no other place."""
        return en.zeros((self.count, 2), dtype=en.vec3, device=self._device)

    def update(self, particle_q: en.array, vertices: en.array | None = None) -> None:
        """Follow the particles."""
        vertices = self.vertices if vertices is None else vertices
        en.launch(
            surface_vertices,
            dim=self.count,
            inputs=[particle_q, *self._inputs],
            outputs=[vertices],
            device=vertices.device,
            record_tape=False,
        )


class GatheredPoints:
    """Positions of some particles, float32 [n, 3]."""

    def __init__(self, particles: np.ndarray, device: en.Device | str = "cpu"):
        self.count = len(particles)
        self._particles = en.array(np.ascontiguousarray(particles, np.int32), dtype=int, device=device)
        self._device = device

    @cached_property
    def points(self) -> en.array:
        """Where `update` writes when it is given no other place."""
        return en.zeros(self.count, dtype=en.vec3, device=self._device)

    def update(self, particle_q: en.array, points: en.array | None = None) -> None:
        """Follow the particles."""
        points = self.points if points is None else points
        en.launch(
            gather_points,
            dim=self.count,
            inputs=[particle_q, self._particles],
            outputs=[points],
            device=points.device,
            record_tape=False,
        )


def as_engine(values: object, dtype: type, device: en.Device | str = "cpu") -> en.array:
    """An engine array on `device` of poses or positions given as an engine array or as numbers [n, width]."""
    if isinstance(values, en.array):
        if values.device == en.get_device(device):
            return values
        values = values.numpy()
    width = 7 if dtype is en.transform else 3
    return en.array(np.ascontiguousarray(values, np.float32).reshape(-1, width), dtype=dtype, device=device)
