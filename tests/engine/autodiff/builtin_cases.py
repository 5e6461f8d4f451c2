"""What the tests of builtins' gradients share: an expression for every builtin, and kernels made of expressions."""

import itertools
import linecache
from typing import Any

import numpy as np

import engine as en
from engine.function import Function
from engine.in_out import ByArgumentCount, InOut
from engine.library.functions import FUNCTIONS as LIBRARY
from engine.library.registry import BUILTINS

f64 = en.float64
F, V2F, V3F = en.float32, en.vec2, en.vec3
S, V, M, Q, X = en.float64, en.vec3d, en.mat33d, en.quatd, en.transformd
V6 = en.spatial_vectord
_count = itertools.count()

#: name → list of (argument types, expression over a, b, c, result type); values are random, away from kinks
CASES = {
    **{name: [((S,), f"en.{name}(a)", S)] for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt",
        "cbrt", "degrees", "radians", "frac", "rsqrt", "erf", "erfc", "erfinv", "erfcinv", "inverse_approx", "pos",
    )},
    "atan2": [((S, S), "en.atan2(a, b)", S)],
    "pow": [((S, S), "en.pow(a, b)", S), ((S,), "a ** f64(3.0)", S), ((S,), "a ** -2", S), ((S,), "en.pow(a, 0.5)", S)],
    "abs": [((S,), "en.abs(a) + en.abs(-a * f64(2.0))", S)],
    "min": [((S, S), "en.min(a, b)", S), ((V, V), "en.min(a, b)", V), ((V,), "en.min(a)", S)],
    "max": [((S, S), "en.max(a, b)", S), ((V, V), "en.max(a, b)", V), ((V,), "en.max(a)", S)],
    "clamp": [((S, S, S), "en.clamp(a, b - f64(1.0), c + f64(1.0)) + en.clamp(a + f64(9.0), b, c)", S)],
    "lerp": [((S, S, S), "en.lerp(a, b, c)", S), ((V, V, S), "en.lerp(a, b, c)", V)],
    "smoothstep": [((S, S, S), "en.smoothstep(a - f64(1.0), b + f64(1.0), c)", S)],
    "select": [((S, S), "en.select(a > b, a * b, a / b)", S)],
    "where": [((S, S), "en.where(a > b, a * b, a / b)", S), ((V, V), "en.where(a[0] > b[0], a, b)", V)],
    "add": [((V, V), "a + b", V), ((M, M), "a + b", M)],
    "sub": [((V, V), "a - b", V)],
    "neg": [((V,), "-a", V)],
    "mul": [
        ((S, S), "a * b", S), ((V, S), "a * b", V), ((S, M), "a * b", M), ((M, M), "a * b", M), ((M, V), "a * b", V),
        ((V, M), "a * b", V), ((Q, Q), "a * b", Q), ((X, X), "a * b", X), ((Q, S), "a * b", Q),
    ],
    "div": [((S, S), "a / b", S), ((V, S), "a / b", V), ((S, V), "a / b", V)],
    "mod": [((S, S), "(a + f64(3.0)) % b", S)],
    "cast": [((S,), "f64(en.float32(a)) * f64(0.0) + a", S)],
    "%vector": [((S, S), "en.vec3d(a, b, a * b)", V)],
    "vector": [((S, S), "en.vector(a, b, a * b)", V)],
    "dot": [((V, V), "en.dot(a, b)", S), ((Q, Q), "en.dot(a, b)", S)],
    "cross": [((V, V), "en.cross(a, b)", V)],
    "length_sq": [((V,), "en.length_sq(a)", S)],
    "length": [((V,), "en.length(a)", S), ((Q,), "en.length(a)", S)],
    "normalize": [((V,), "en.normalize(a)", V), ((Q,), "en.normalize(a)", Q)],
    "cw_mul": [((V, V), "en.cw_mul(a, b)", V)],
    "cw_div": [((V, V), "en.cw_div(a, b)", V)],
    "%matrix": [((S, S), "en.mat33d(a, b, a, a * b, a, b, b, b, a * a)", M), ((V, V, V), "en.mat33d(a, b, c)", M)],
    "matrix": [((V, V, V), "en.matrix(a, b, c)", M)],
    "matrix_from_cols": [((V, V, V), "en.matrix_from_cols(a, b, c)", M)],
    "matrix_from_rows": [((V, V, V), "en.matrix_from_rows(a, b, c)", M)],
    "ddot": [((M, M), "en.ddot(a, b)", S)],
    "outer": [((V, V), "en.outer(a, b)", M)],
    "transpose": [((M,), "en.transpose(a) * a", M)],
    "trace": [((M,), "en.trace(a)", S)],
    "diag": [((V,), "en.diag(a)", M)],
    "get_diag": [((M,), "en.get_diag(a)", V)],
    "skew": [((V,), "en.skew(a)", M)],
    "get_row": [((M,), "en.get_row(a, 1) + en.get_row(a, i % 3)", V)],
    "get_col": [((M,), "en.get_col(a, 2)", V)],
    "determinant": [((M,), "en.determinant(a)", S)],
    "inverse": [((M,), "en.inverse(a)", M)],
    "%quaternion": [((S, S), "en.quatd(a, b, a * b, a)", Q)],
    "quat_from_axis_angle": [((V, S), "en.quat_from_axis_angle(a, b)", Q)],
    "quat_to_axis_angle": [((Q,), "axis_times_angle(en.normalize(a))", V)],
    "%quat_mul": [((Q, Q), "a * b", Q)],
    "quat_inverse": [((Q,), "en.quat_inverse(a)", Q)],
    "quat_rotate": [((Q, V), "en.quat_rotate(a, b)", V)],
    "quat_rotate_inv": [((Q, V), "en.quat_rotate_inv(a, b)", V)],
    "quat_to_matrix": [((Q,), "en.quat_to_matrix(a)", M)],
    "quat_from_matrix": [((Q,), "en.quat_from_matrix(en.quat_to_matrix(en.normalize(a)))", Q)],
    "quat_rpy": [((S, S, S), "en.quat_rpy(a, b, c)", Q)],
    "quat_slerp": [((Q, Q, S), "en.quat_slerp(en.normalize(a), en.normalize(b), c)", Q)],
    "%transform": [((V, Q), "en.transformd(a, b)", X)],
    "transform_get_translation": [((X,), "en.transform_get_translation(a)", V)],
    "transform_get_rotation": [((X,), "en.transform_get_rotation(a)", Q)],
    "transform_multiply": [((X, X), "en.transform_multiply(a, b)", X)],
    "transform_inverse": [((X,), "en.transform_inverse(a)", X)],
    "transform_point": [((X, V), "en.transform_point(a, b)", V)],
    "transform_vector": [((X, V), "en.transform_vector(a, b)", V)],
    "div_approx": [((S, S), "en.div_approx(a, b)", S)],
    "copysign": [((S, S), "en.copysign(a, b) + en.copysign(a * a, -b)", S)],
    "quaternion": [((S, S), "en.quaternion(a, b, a * b, a)", Q)],
    "transformation": [((V, Q), "en.transformation(a, b)", X)],
    "transform_set_translation": [((X, V), "replaced(a, b)", X)],
    "transform_set_rotation": [((X, Q), "turned(a, b)", X)],
    # written in the kernel language
    "svd3": [((M,), "svd_parts(a)", S), ((M,), "polar(a)", M)],
    "svd2": [((en.mat22d,), "svd2_parts(a)", S)],
    "eig3": [((M,), "eig_parts(a)", S)],
    "qr3": [((M,), "qr_parts(a)", M)],
    "norm_l1": [((V,), "en.norm_l1(a)", S)],
    "norm_l2": [((V,), "en.norm_l2(a)", S)],
    "norm_huber": [((V,), "en.norm_huber(a) + en.norm_huber(a * f64(9.0))", S)],
    "norm_pseudo_huber": [((V,), "en.norm_pseudo_huber(a)", S)],
    "smooth_normalize": [((V,), "en.smooth_normalize(a)", V)],
    "quat_to_rpy": [((Q,), "en.quat_to_rpy(en.normalize(a))", V)],
    "quat_from_euler": [((V,), "en.quat_from_euler(a, 0, 2, 1)", Q)],
    "quat_to_euler": [((Q,), "en.quat_to_euler(en.normalize(a), 2, 0, 1)", V)],
    "quat_twist": [((V, Q), "en.quat_twist(en.normalize(a), en.normalize(b))", Q)],
    "quat_twist_angle": [((V, Q), "en.quat_twist_angle(en.normalize(a), en.normalize(b))", S)],
    "quat_twist_angle_signed": [((V, Q), "en.quat_twist_angle_signed(en.normalize(a), en.normalize(b))", S)],
    "quat_between_vectors": [((V, V), "en.quat_between_vectors(a, b)", Q)],
    "transform_from_matrix": [((X,), "en.transform_from_matrix(en.transform_to_matrix(unit(a)))", X)],
    "transform_to_matrix": [((X,), "en.transform_to_matrix(a)", en.mat44d)],
    "transform_compose": [((V, Q, V), "en.transform_compose(a, b, c)", en.mat44d)],
    "transform_decompose": [((V, Q, V), "recomposed(a, en.normalize(b), c)", V)],
    "transform_twist": [((X, V6), "en.transform_twist(a, b)", V6)],
    "transform_wrench": [((X, V6), "en.transform_wrench(a, b)", V6)],
    "velocity_at_point": [((V6, V), "en.velocity_at_point(a, b)", V)],
    "spatial_adjoint": [((M, M), "en.spatial_adjoint(a, b)", en.spatial_matrixd)],
    "spatial_top": [((V6,), "en.spatial_top(a)", V)],
    "spatial_bottom": [((V6,), "en.spatial_bottom(a)", V)],
    "spatial_dot": [((V6, V6), "en.spatial_dot(a, b)", S)],
    "spatial_cross": [((V6, V6), "en.spatial_cross(a, b)", V6)],
    "spatial_cross_dual": [((V6, V6), "en.spatial_cross_dual(a, b)", V6)],
    # in single precision only
    "noise": [
        ((F,), "en.noise(en.uint32(7), a * 5.0)", F), ((V2F,), "en.noise(en.uint32(7), a * 5.0)", F),
        ((V3F,), "en.noise(en.uint32(7), a * 5.0)", F), ((en.vec4,), "en.noise(en.uint32(7), a * 5.0)", F),
    ],
    "pnoise": [
        ((F,), "en.pnoise(en.uint32(7), a * 5.0, 3)", F), ((V2F,), "en.pnoise(en.uint32(7), a * 5.0, 3, 2)", F),
        ((V3F,), "en.pnoise(en.uint32(7), a * 5.0, 3, 2, 4)", F),
        ((en.vec4,), "en.pnoise(en.uint32(7), a * 5.0, 3, 2, 4, 2)", F),
    ],
    "curlnoise": [
        ((V2F,), "en.curlnoise(en.uint32(7), a * 2.0)", V2F), ((V3F,), "en.curlnoise(en.uint32(7), a * 2.0)", V3F),
        ((en.vec4,), "en.curlnoise(en.uint32(7), a)", V3F),
    ],
    "closest_point_edge_edge": [
        ((V3F, V3F, V3F), "en.closest_point_edge_edge(a, b, c, en.vec3(0.1, 2.0, 0.5), 1.0e-9)", V3F)
    ],
    "closest_point_on_triangle": [((V3F, V3F, V3F), "on_triangle(a, b, c + en.vec3(2.0, 0.0, 1.0))", V3F)],
    "triangle_distance_sq": [((V3F, V3F, V3F), "en.triangle_distance_sq(a, b, c + en.vec3(2.0, 0.0, 1.0), b * 2.0)", F)],
}  # fmt: skip

#: builtins without a derivative, or with one that is zero wherever it exists
CONSTANT = {
    "floor", "ceil", "trunc", "round", "rint", "sign", "nonzero", "step", "isnan", "isfinite", "isinf", "tid",
    "floordiv", "bit_and", "bit_or", "bit_xor", "lshift", "rshift", "invert", "popcount", "bitcast", "argmin", "argmax", "len",
    "identity", "print", "printf", "expect_eq", "rand_init", "randi", "randu", "randf", "randn", "quat_identity",
    "transform_identity", "bit_count", "unot", "expect_near", "expect_neq", "rand_next", "intersect_tri_tri", "lower_bound",
    "poisson", "sample_cdf", "sample_triangle", "sample_unit_cube", "sample_unit_disk", "sample_unit_hemisphere",
    "sample_unit_hemisphere_surface", "sample_unit_ring", "sample_unit_sphere", "sample_unit_sphere_surface",
    "sample_unit_square",
    # searches: what they find (numbers of elements) has no derivative
    "bvh_query_aabb", "bvh_query_capsule", "bvh_query_next", "bvh_query_ray", "bvh_query_sphere", "hash_grid_point_id",
    "hash_grid_query", "hash_grid_query_next", "hash_grid_query_point", "mesh_get_index", "mesh_query_aabb", "mesh_query_aabb_next",
    "mesh_query_inside", "bvh_get_group_root", "mesh_get_bvh", "mesh_get_group_root", "mesh_query_next",
    "mesh_query_ray_anyhit", "mesh_query_ray_count_intersections", "mesh_query_sphere", "volume_lookup", "volume_lookup_f", "volume_lookup_i", "volume_lookup_index", "volume_lookup_v",
    "volume_sample_i", "volume_store", "volume_store_f", "volume_store_i", "volume_store_v", "volume_voxel_count",
}  # fmt: skip
#: tested where control flow and memory are
MEMORY = {name for name, row in BUILTINS.items() if row.group == "Memory"}
#: by file, what is tested there because it needs a structure
WITH_STRUCTURES = {
    "../../cuda/test_lanes.py": {"sync_lanes"},
    "../library/test_articulations.py": {"spatial_jacobian", "spatial_mass"},
    "test_mesh_queries.py": {
        "mesh_eval_face_normal",
        "mesh_eval_position",
        "mesh_eval_velocity",
        "mesh_get",
        "mesh_get_point",
        "mesh_get_velocity",
        "mesh_query_furthest_point_no_sign",
        "mesh_query_point",
        "mesh_query_point_no_sign",
        "mesh_query_point_sign_normal",
        "mesh_query_point_sign_parity",
        "mesh_query_point_sign_winding_number",
        "mesh_query_ray",
        "mesh_winding_number",
    },
    "test_volume_gradients.py": {
        "volume_index_to_world",
        "volume_index_to_world_dir",
        "volume_sample",
        "volume_sample_f",
        "volume_sample_grad",
        "volume_sample_grad_f",
        "volume_sample_grad_index",
        "volume_sample_index",
        "volume_sample_local",
        "volume_sample_v",
        "volume_sample_world",
        "volume_transform",
        "volume_transform_inv",
        "volume_world_to_index",
        "volume_world_to_index_dir",
    },
}
ELSEWHERE = MEMORY.union(*WITH_STRUCTURES.values())
#: everything that a kernel can call by name
CALLABLE = (
    set(BUILTINS)
    | set(LIBRARY)
    | {n for n in dir(en) if isinstance(getattr(en, n), (Function, InOut, ByArgumentCount))}
)


@en.func
def on_triangle(a: en.vec3, b: en.vec3, c: en.vec3):
    u, v, _part = en.closest_point_on_triangle(a, b, c, a + b + en.vec3(0.0, 0.3, 0.0))
    return a * u + b * v + c * (1.0 - u - v)


@en.func
def axis_times_angle(q: Any):
    axis, angle = en.quat_to_axis_angle(q)
    return axis * angle


@en.func
def svd_parts(a: Any):
    u, s, v = en.svd3(a)
    return u[0, 1] * u[0, 1] + v[1, 2] * v[1, 2] * s[0] + s[1] * s[2] * u[2, 2] * v[2, 2]


@en.func
def polar(a: Any):
    u, _s, v = en.svd3(a)
    return u * en.transpose(v)


@en.func
def svd2_parts(a: Any):
    u, s, v = en.svd2(a)
    return u[0, 1] * v[0, 1] + s[0] * s[1] * u[0, 0] * u[0, 0] + s[1]


@en.func
def eig_parts(a: Any):
    q, d = en.eig3(a + en.transpose(a))
    return q[0, 1] * q[0, 1] + d[0] * d[1] * q[2, 2] * q[2, 2] + en.sin(d[2])


@en.func
def qr_parts(a: Any):
    q, r = en.qr3(a)
    return q + r * a


@en.func
def unit(t: Any):
    return en.transformation(en.transform_get_translation(t), en.normalize(en.transform_get_rotation(t)))


@en.func
def recomposed(p: Any, q: Any, s: Any):
    a, b, c = en.transform_decompose(en.transform_compose(p, q, s))
    return a + c + en.quat_rotate(b, s)


@en.func
def replaced(t: Any, p: Any):
    en.transform_set_translation(t, p)
    return t * t


@en.func
def turned(t: Any, q: Any):
    en.transform_set_rotation(t, q)
    return t * t


FUNCTIONS = {f.__name__: f for f in (
    on_triangle, axis_times_angle, svd_parts, polar, svd2_parts, eig_parts, qr_parts, unit, recomposed, replaced, turned,
)}  # fmt: skip


def kernel_for(types, expression, result):
    names = "abc"[: len(types)]
    arrays = ", ".join(f"{n}_all: en.array(dtype=T{n})" for n in names)
    reads = "".join(f"    {n} = {n}_all[i]\n" for n in names)
    text = f"@en.kernel\ndef k({arrays}, y_all: en.array(dtype=R)):\n    i = en.tid()\n{reads}    y_all[i] = {expression}\n"
    filename = f"<builtin {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {"en": en, "f64": f64, "R": result, **FUNCTIONS, "__name__": "generated"}
    scope |= {f"T{n}": t for n, t in zip(names, types)} | {"T0": types[0].scalar}
    exec(compile(text, filename, "exec"), scope)
    return scope["k"]


def operands(types, n, seed):
    rng = np.random.default_rng(seed)
    return [en.array(rng.uniform(0.2, 0.9, (n, *t.shape)), dtype=t) for t in types]
