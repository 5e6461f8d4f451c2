"""Kernels that run one query per thread, and functions that call them with NumPy arrays."""

import numpy as np

import engine as en
from engine.spatial import (
    mesh_eval_face_normal,
    mesh_eval_position,
    mesh_eval_velocity,
    mesh_get,
    mesh_query_point,
    mesh_query_point_no_sign,
    mesh_query_point_sign_normal,
    mesh_query_ray,
)


@en.kernel
def query_points(
    id: en.uint64,
    points: en.array(dtype=en.vec3),
    max_dist: float,
    found: en.array(dtype=int),
    face: en.array(dtype=int),
    sign: en.array(dtype=float),
    bary: en.array2d(dtype=float),
    closest: en.array(dtype=en.vec3),
):
    i = en.tid()
    q = mesh_query_point(id, points[i], max_dist)
    found[i] = -1
    if q.result:
        found[i] = 1
        face[i] = q.face
        sign[i] = q.sign
        bary[i, 0] = q.u
        bary[i, 1] = q.v
        closest[i] = mesh_eval_position(id, q.face, q.u, q.v)


@en.kernel
def query_points_both(
    id: en.uint64, points: en.array(dtype=en.vec3), no_sign: en.array2d(dtype=float), normal: en.array2d(dtype=float)
):
    i = en.tid()
    q = mesh_query_point_no_sign(id, points[i], 1.0e6)
    no_sign[i, 0] = q.u
    no_sign[i, 1] = q.v
    no_sign[i, 2] = q.sign
    r = mesh_query_point_sign_normal(id, points[i], 1.0e6, 1.0e-3)
    normal[i, 0] = r.u
    normal[i, 1] = r.v
    normal[i, 2] = r.sign


@en.kernel
def query_rays(
    id: en.uint64,
    starts: en.array(dtype=en.vec3),
    directions: en.array(dtype=en.vec3),
    max_t: float,
    found: en.array(dtype=int),
    face: en.array(dtype=int),
    t: en.array(dtype=float),
    sign: en.array(dtype=float),
    normal: en.array(dtype=en.vec3),
    position: en.array(dtype=en.vec3),
):
    i = en.tid()
    q = mesh_query_ray(id, starts[i], directions[i], max_t)
    found[i] = -1
    t[i] = 1.0e30
    if q.result:
        found[i] = 1
        face[i] = q.face
        t[i] = q.t
        sign[i] = q.sign
        normal[i] = q.normal
        position[i] = mesh_eval_position(id, q.face, q.u, q.v)


@en.kernel
def eval_at(
    id: en.uint64,
    face: int,
    u: float,
    v: float,
    position: en.array(dtype=en.vec3),
    velocity: en.array(dtype=en.vec3),
    normal: en.array(dtype=en.vec3),
):
    position[0] = mesh_eval_position(id, face, u, v)
    velocity[0] = mesh_eval_velocity(id, face, u, v)
    normal[0] = mesh_eval_face_normal(id, face)


@en.kernel
def read_arrays(
    id: en.uint64, points: en.array(dtype=en.vec3), indices: en.array(dtype=int), counts: en.array(dtype=int)
):
    mesh = mesh_get(id)
    for i in range(mesh.points.shape[0]):
        points[i] = mesh.points[i]
    for i in range(mesh.indices.shape[0]):
        indices[i] = mesh.indices[i]
    counts[0] = mesh.velocities.shape[0]


def make_mesh(points, faces, velocities=None) -> en.Mesh:
    return en.Mesh(
        en.array(points, dtype=en.vec3),
        en.array(faces.ravel(), dtype=en.int32),
        None if velocities is None else en.array(velocities, dtype=en.vec3),
    )


def _id(mesh):
    """Id of a mesh; a plain id passes, for tests of stale ones."""
    return getattr(mesh, "id", mesh)


def run_points(mesh, queries, max_dist=1.0e6) -> dict[str, np.ndarray]:
    n = len(queries)
    out = {
        "found": en.zeros(n, dtype=en.int32),
        "face": en.zeros(n, dtype=en.int32),
        "sign": en.zeros(n, dtype=en.float32),
        "bary": en.zeros((n, 2), dtype=en.float32),
        "closest": en.zeros(n, dtype=en.vec3),
    }
    en.launch(
        query_points, dim=n, inputs=[_id(mesh), en.array(queries, dtype=en.vec3), max_dist], outputs=list(out.values())
    )
    result = {name: a.numpy() for name, a in out.items()}
    result["found"] = result["found"] > 0
    result["distance"] = np.linalg.norm(result["closest"].astype(np.float64) - queries, axis=1)
    return result


def run_rays(mesh, starts, directions, max_t=1.0e6) -> dict[str, np.ndarray]:
    n = len(starts)
    out = {
        "found": en.zeros(n, dtype=en.int32),
        "face": en.zeros(n, dtype=en.int32),
        "t": en.zeros(n, dtype=en.float32),
        "sign": en.zeros(n, dtype=en.float32),
        "normal": en.zeros(n, dtype=en.vec3),
        "position": en.zeros(n, dtype=en.vec3),
    }
    inputs = [_id(mesh), en.array(starts, dtype=en.vec3), en.array(directions, dtype=en.vec3), max_t]
    en.launch(query_rays, dim=n, inputs=inputs, outputs=list(out.values()))
    result = {name: a.numpy() for name, a in out.items()}
    result["found"] = result["found"] > 0
    return result
