"""Spatial structures: triangle meshes with a hierarchy of boxes, and the queries on them."""

from engine.spatial.box_bvh import Bvh
from engine.spatial.bvh_queries import (
    BvhQuery,
    MeshQueryAABB,
    bvh_query_aabb,
    bvh_query_capsule,
    bvh_query_next,
    bvh_query_ray,
    bvh_query_sphere,
    mesh_query_aabb,
    mesh_query_aabb_next,
)
from engine.spatial.closest_point import closest_point_on_triangle, triangle_distance_sq
from engine.spatial.hash_grid import (
    HashGrid,
    HashGridQuery,
    hash_grid_point_id,
    hash_grid_query,
    hash_grid_query_next,
    hash_grid_query_point,
)
from engine.spatial.marching_cubes import MarchingCubes
from engine.spatial.mesh import Mesh, mesh_by_id
from engine.spatial.mesh_access import (
    MeshArrays,
    mesh_eval_face_normal,
    mesh_eval_position,
    mesh_eval_velocity,
    mesh_get,
    mesh_get_index,
    mesh_get_point,
    mesh_get_velocity,
)
from engine.spatial.mesh_point import MeshQueryPoint, mesh_query_inside
from engine.spatial.mesh_ray import MeshQueryRay
from engine.spatial.mesh_winding import mesh_winding_number
from engine.spatial.out_parameters import (
    mesh_query_furthest_point_no_sign,
    mesh_query_point,
    mesh_query_point_no_sign,
    mesh_query_point_sign_normal,
    mesh_query_point_sign_winding_number,
    mesh_query_ray,
)

__all__ = [
    "Bvh",
    "BvhQuery",
    "HashGrid",
    "HashGridQuery",
    "MarchingCubes",
    "Mesh",
    "MeshArrays",
    "MeshQueryAABB",
    "MeshQueryPoint",
    "MeshQueryRay",
    "bvh_query_aabb",
    "bvh_query_capsule",
    "bvh_query_next",
    "bvh_query_ray",
    "bvh_query_sphere",
    "closest_point_on_triangle",
    "hash_grid_point_id",
    "hash_grid_query",
    "hash_grid_query_next",
    "hash_grid_query_point",
    "mesh_by_id",
    "mesh_eval_face_normal",
    "mesh_eval_position",
    "mesh_eval_velocity",
    "mesh_get",
    "mesh_get_index",
    "mesh_get_point",
    "mesh_get_velocity",
    "mesh_query_aabb",
    "mesh_query_aabb_next",
    "mesh_query_furthest_point_no_sign",
    "mesh_query_inside",
    "mesh_query_point",
    "mesh_query_point_no_sign",
    "mesh_query_point_sign_normal",
    "mesh_query_point_sign_winding_number",
    "mesh_query_ray",
    "mesh_winding_number",
    "triangle_distance_sq",
]
