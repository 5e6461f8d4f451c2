"""The table of everything a ``ModelBuilder`` stores, one row per column.

Composition (``add_builder``, ``replicate``) and ``finalize`` read this table, so a new quantity is added in one place.
"""

from dataclasses import dataclass

import numpy as np

f32, f64, i32, u32 = np.float32, np.float64, np.int32, np.uint32


@dataclass(frozen=True)
class ColumnSpec:
    """One column.

    Attributes:
        name: Attribute name, the same on builder and model.
        family: What there is one row of: ``particle spring tri edge tet body shape``.
        item_shape: Shape of one row.
        dtype: NumPy type in the builder.
        device_type: Name of the engine type on the model, or None for columns that stay in the builder.
        refers: Family that the integers of this column index (-1 means none), or None.
        moves: How ``add_builder``'s transform acts on a row: ``point``, ``vector``, ``transform``, ``twist``,
            ``static_transform`` (moves only if the shape has no body), or None.
    """

    name: str
    family: str
    item_shape: tuple[int, ...] = ()
    dtype: type = f32
    device_type: str | None = "float32"
    refers: str | None = None
    moves: str | None = None


COLUMNS: tuple[ColumnSpec, ...] = (
    ColumnSpec("particle_q", "particle", (3,), f32, "vec3", moves="point"),
    ColumnSpec("particle_qd", "particle", (3,), f32, "vec3", moves="vector"),
    ColumnSpec("particle_mass", "particle"),
    ColumnSpec("particle_radius", "particle"),
    ColumnSpec("particle_flags", "particle", (), u32, "uint32"),
    ColumnSpec("spring_indices", "spring", (2,), i32, "int32", refers="particle"),
    ColumnSpec("spring_rest_length", "spring"),
    ColumnSpec("spring_stiffness", "spring"),
    ColumnSpec("spring_damping", "spring"),
    ColumnSpec("spring_control", "spring"),
    ColumnSpec("tri_indices", "tri", (3,), i32, "int32", refers="particle"),
    ColumnSpec("tri_poses", "tri", (2, 2), f32, "mat22"),
    ColumnSpec("tri_activations", "tri"),
    ColumnSpec("tri_materials", "tri", (5,)),
    ColumnSpec("tri_areas", "tri"),
    ColumnSpec("edge_indices", "edge", (4,), i32, "int32", refers="particle"),
    ColumnSpec("edge_rest_angle", "edge"),
    ColumnSpec("edge_rest_length", "edge"),
    ColumnSpec("edge_bending_properties", "edge", (2,)),
    ColumnSpec("tet_indices", "tet", (4,), i32, "int32", refers="particle"),
    ColumnSpec("tet_poses", "tet", (3, 3), f32, "mat33"),
    ColumnSpec("tet_activations", "tet"),
    ColumnSpec("tet_materials", "tet", (3,)),
    ColumnSpec("body_q", "body", (7,), f64, "transform", moves="transform"),
    ColumnSpec("body_qd", "body", (6,), f32, "spatial_vector", moves="twist"),
    ColumnSpec("body_com", "body", (3,), f64, "vec3"),
    ColumnSpec("body_mass", "body", (), f64),
    ColumnSpec("body_inertia", "body", (3, 3), f64, "mat33"),
    ColumnSpec("body_flags", "body", (), i32, "int32"),
    ColumnSpec("shape_body", "shape", (), i32, "int32", refers="body"),
    ColumnSpec("shape_transform", "shape", (7,), f64, "transform", moves="static_transform"),
    ColumnSpec("shape_visible", "shape", (), np.bool_, "bool"),
    ColumnSpec("shape_geo_type", "shape", (), i32, None),
    ColumnSpec("shape_geo_scale", "shape", (3,), f32, None),
    ColumnSpec("shape_geo_is_solid", "shape", (), np.bool_, None),
    ColumnSpec("shape_geo_thickness", "shape", (), f32, None),
    ColumnSpec("shape_material_ke", "shape", (), f32, None),
    ColumnSpec("shape_material_kd", "shape", (), f32, None),
    ColumnSpec("shape_material_kf", "shape", (), f32, None),
    ColumnSpec("shape_material_ka", "shape", (), f32, None),
    ColumnSpec("shape_material_mu", "shape", (), f32, None),
    ColumnSpec("shape_material_restitution", "shape", (), f32, None),
    ColumnSpec("shape_collision_group", "shape", (), i32, None),
    ColumnSpec("shape_collision_radius", "shape"),
    ColumnSpec("shape_ground_collision", "shape", (), np.bool_, None),
    ColumnSpec("shape_shape_collision", "shape", (), np.bool_, None),
    ColumnSpec("shape_particle_collision", "shape", (), np.bool_, None),
)

# Plain Python lists, one object per row.
OBJECT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("body_name", "body"),
    ("shape_name", "shape"),
    ("shape_geo_src", "shape"),
)

FAMILY_SIZE_COLUMN = {
    "particle": "particle_q",
    "spring": "spring_rest_length",
    "tri": "tri_areas",
    "edge": "edge_rest_angle",
    "tet": "tet_activations",
    "body": "body_mass",
    "shape": "shape_body",
}
