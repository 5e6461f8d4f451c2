"""Kernels that turn poses and particles into what vertex shaders read; the same on the CPU and on a GPU."""

from __future__ import annotations

import numpy as np

import engine as en


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


class InstanceRows:
    """World matrices of instances, three rows each, float32 [n, 3, 4]."""

    def __init__(self, transforms: np.ndarray, bodies: np.ndarray, device: en.Device | str = "cpu"):
        columns = np.ascontiguousarray(np.asarray(transforms, np.float32)[:, :3, :4].transpose(0, 2, 1))
        self.count = len(columns)
        self._local = en.array(columns, dtype=en.vec3, device=device)
        self._bodies = en.array(np.ascontiguousarray(bodies, np.int32), dtype=int, device=device)
        self.rows = en.zeros((self.count, 3), dtype=en.vec4, device=device)

    def update(self, body_q: en.array) -> None:
        """Follow the poses."""
        en.launch(
            place_instances,
            dim=self.count,
            inputs=[body_q, self._bodies, self._local],
            outputs=[self.rows],
            device=self.rows.device,
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
        self._inputs = [en.array(np.ascontiguousarray(v, np.int32), dtype=int, device=device) for v in ints.values()]
        self.vertices = en.zeros((self.count, 2), dtype=en.vec3, device=device)

    def update(self, particle_q: en.array) -> None:
        """Follow the particles."""
        en.launch(
            surface_vertices,
            dim=self.count,
            inputs=[particle_q, *self._inputs],
            outputs=[self.vertices],
            device=self.vertices.device,
            record_tape=False,
        )


class GatheredPoints:
    """Positions of some particles, float32 [n, 3]."""

    def __init__(self, particles: np.ndarray, device: en.Device | str = "cpu"):
        self.count = len(particles)
        self._particles = en.array(np.ascontiguousarray(particles, np.int32), dtype=int, device=device)
        self.points = en.zeros(self.count, dtype=en.vec3, device=device)

    def update(self, particle_q: en.array) -> None:
        """Follow the particles."""
        en.launch(
            gather_points,
            dim=self.count,
            inputs=[particle_q, self._particles],
            outputs=[self.points],
            device=self.points.device,
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
