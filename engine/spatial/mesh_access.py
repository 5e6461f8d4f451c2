"""Reading a mesh inside kernels through its id: points, indices, velocities and values at a place on a face."""

from __future__ import annotations

import engine as en
from engine.spatial.mesh_layout import (
    INDICES,
    POINT_COUNT,
    POINTS,
    POINTS_GRADIENT,
    TRIANGLE_COUNT,
    VELOCITIES,
    VELOCITIES_GRADIENT,
)


@en.struct
class MeshArrays:
    """The arrays of a mesh inside a kernel; `velocities` is empty where none were given."""

    points: en.array(dtype=en.vec3)
    velocities: en.array(dtype=en.vec3)
    indices: en.array(dtype=int)


@en.func
def mesh_get(id: en.uint64) -> MeshArrays:
    """The arrays of the mesh `id`."""
    point_count = int(en.ptr_load(en.uint64, id, POINT_COUNT))
    velocities = en.ptr_load_array(id, VELOCITIES, VELOCITIES_GRADIENT)
    velocity_count = en.where(velocities == en.uint64(0), 0, point_count)
    mesh = MeshArrays()
    mesh.points = en.array_from_ptr(en.ptr_load_array(id, POINTS, POINTS_GRADIENT), point_count, dtype=en.vec3)
    mesh.velocities = en.array_from_ptr(velocities, velocity_count, dtype=en.vec3)
    index_count = 3 * int(en.ptr_load(en.uint64, id, TRIANGLE_COUNT))
    mesh.indices = en.array_from_ptr(en.ptr_load(en.uint64, id, INDICES), index_count, dtype=en.int32)
    return mesh


@en.func
def mesh_get_index(id: en.uint64, index: int) -> int:
    """Entry `index` of the flat index array; face `f` has the entries `3 f`, `3 f + 1`, `3 f + 2`."""
    return en.ptr_load(en.int32, en.ptr_load(en.uint64, id, INDICES), index)


@en.func
def mesh_get_point(id: en.uint64, index: int) -> en.vec3:
    """Point [m] that entry `index` of the flat index array refers to."""
    return en.ptr_load(en.vec3, en.ptr_load_array(id, POINTS, POINTS_GRADIENT), mesh_get_index(id, index))


@en.func
def mesh_get_velocity(id: en.uint64, index: int) -> en.vec3:
    """Velocity [m/s] of the point that entry `index` of the flat index array refers to; zero where none were given."""
    velocities = en.ptr_load_array(id, VELOCITIES, VELOCITIES_GRADIENT)
    result = en.vec3(0.0, 0.0, 0.0)
    if velocities != en.uint64(0):
        result = en.ptr_load(en.vec3, velocities, mesh_get_index(id, index))
    return result


@en.func
def mesh_eval_position(id: en.uint64, face: int, bary_u: float, bary_v: float) -> en.vec3:
    """Point [m] `u p0 + v p1 + (1 - u - v) p2` of a face."""
    p0 = mesh_get_point(id, face * 3)
    p1 = mesh_get_point(id, face * 3 + 1)
    p2 = mesh_get_point(id, face * 3 + 2)
    return p0 * bary_u + p1 * bary_v + p2 * (1.0 - bary_u - bary_v)


@en.func
def mesh_eval_velocity(id: en.uint64, face: int, bary_u: float, bary_v: float) -> en.vec3:
    """Velocity [m/s] at `u p0 + v p1 + (1 - u - v) p2` of a face; zero where the mesh has no velocities."""
    v0 = mesh_get_velocity(id, face * 3)
    v1 = mesh_get_velocity(id, face * 3 + 1)
    v2 = mesh_get_velocity(id, face * 3 + 2)
    return v0 * bary_u + v1 * bary_v + v2 * (1.0 - bary_u - bary_v)


@en.func
def mesh_eval_face_normal(id: en.uint64, face: int) -> en.vec3:
    """Unit normal of a face, by the right-hand rule; zero for a face without area."""
    p0 = mesh_get_point(id, face * 3)
    p1 = mesh_get_point(id, face * 3 + 1)
    p2 = mesh_get_point(id, face * 3 + 2)
    return en.normalize(en.cross(p1 - p0, p2 - p0))
