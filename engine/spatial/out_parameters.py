"""Mesh queries that write their results into the caller's variables, as older programs call them."""

from __future__ import annotations

import engine as en
from engine.in_out import ByArgumentCount, InOut
from engine.spatial import mesh_furthest, mesh_point, mesh_ray, mesh_winding
from engine.spatial.bvh_layout import ALL


@en.func
def _spread(query: mesh_point.MeshQueryPoint, inside: float, face: int, u: float, v: float):
    """The result and the four out-parameters; where nothing was found they stay as they were."""
    if query.result:
        inside = query.sign
        face = query.face
        u = query.u
        v = query.v
    return query.result, inside, face, u, v


@en.func
def _point(id: en.uint64, point: en.vec3, max_dist: float, inside: float, face: int, bary_u: float, bary_v: float):
    return _spread(mesh_point.mesh_query_point(id, point, max_dist), inside, face, bary_u, bary_v)


@en.func
def _point_no_sign(id: en.uint64, point: en.vec3, max_dist: float, face: int, bary_u: float, bary_v: float):
    query = mesh_point.mesh_query_point_no_sign(id, point, max_dist)
    found, _inside, face, bary_u, bary_v = _spread(query, 0.0, face, bary_u, bary_v)
    return found, face, bary_u, bary_v


@en.func
def _furthest_point_no_sign(id: en.uint64, point: en.vec3, min_dist: float, face: int, bary_u: float, bary_v: float):
    query = mesh_furthest.mesh_query_furthest_point_no_sign(id, point, min_dist)
    found, _inside, face, bary_u, bary_v = _spread(query, 0.0, face, bary_u, bary_v)
    return found, face, bary_u, bary_v


@en.func
def _point_sign_normal(
    id: en.uint64,
    point: en.vec3,
    max_dist: float,
    inside: float,
    face: int,
    bary_u: float,
    bary_v: float,
    epsilon: float = 1.0e-3,
):
    return _spread(mesh_point.mesh_query_point_sign_normal(id, point, max_dist), inside, face, bary_u, bary_v)


@en.func
def _point_parity(
    id: en.uint64, point: en.vec3, max_dist: float, inside: float, face: int, bary_u: float, bary_v: float
):
    return _spread(mesh_point.mesh_query_point_sign_parity(id, point, max_dist), inside, face, bary_u, bary_v)


@en.func
def _point_winding(
    id: en.uint64,
    point: en.vec3,
    max_dist: float,
    inside: float,
    face: int,
    bary_u: float,
    bary_v: float,
    accuracy: float = 2.0,
    threshold: float = 0.5,
):
    query = mesh_winding.mesh_query_point_sign_winding_number(id, point, max_dist, accuracy, threshold)
    return _spread(query, inside, face, bary_u, bary_v)


@en.func
def _ray(
    id: en.uint64,
    start: en.vec3,
    dir: en.vec3,
    max_t: float,
    t: float,
    bary_u: float,
    bary_v: float,
    sign: float,
    normal: en.vec3,
    face: int,
    root: int = ALL,
):
    hit = mesh_ray.mesh_query_ray(id, start, dir, max_t, root)
    if hit.result:
        t = hit.t
        bary_u = hit.u
        bary_v = hit.v
        sign = hit.sign
        normal = hit.normal
        face = hit.face
    return hit.result, t, bary_u, bary_v, sign, normal, face


def _both(default, out_form, mutates: tuple[int, ...], counts: tuple[int, ...]) -> ByArgumentCount:
    name = default.__name__
    return ByArgumentCount(name, default, dict.fromkeys(counts, InOut(out_form, mutates, name)))


mesh_query_point = _both(mesh_point.mesh_query_point, _point, (3, 4, 5, 6), (7,))
mesh_query_furthest_point_no_sign = _both(
    mesh_furthest.mesh_query_furthest_point_no_sign, _furthest_point_no_sign, (3, 4, 5), (6,)
)
mesh_query_point_no_sign = _both(mesh_point.mesh_query_point_no_sign, _point_no_sign, (3, 4, 5), (6,))
mesh_query_point_sign_normal = _both(mesh_point.mesh_query_point_sign_normal, _point_sign_normal, (3, 4, 5, 6), (7, 8))
mesh_query_point_sign_parity = _both(mesh_point.mesh_query_point_sign_parity, _point_parity, (3, 4, 5, 6), (7,))
mesh_query_point_sign_winding_number = _both(
    mesh_winding.mesh_query_point_sign_winding_number, _point_winding, (3, 4, 5, 6), (7, 8, 9)
)
mesh_query_ray = _both(mesh_ray.mesh_query_ray, _ray, (4, 5, 6, 7, 8, 9), (10, 11))
