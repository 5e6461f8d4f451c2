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
        family: What there is one row of: ``particle spring tri edge tet body shape friction_pair joint joint_axis joint_coord
            joint_dof equality actuator articulation``.
        item_shape: Shape of one row.
        dtype: NumPy type in the builder.
        device_type: Name of the engine type on the model, or None for columns that stay in the builder.
        refers: Family that the integers of this column index (-1 means none), or None.
        boundary: Whether an index may be one past the last row: it says where something starts.
        moves: How ``add_builder``'s transform acts on a row: ``point``, ``vector``, ``transform``, ``twist``,
            ``static_transform`` (moves only if the shape has no body), ``joint_anchor``, ``joint_position``,
            ``joint_velocity``, ``equality_frame_1``, ``equality_frame_2`` (see ``sim.builder.joint_copies``), or None.
    """

    name: str
    family: str
    item_shape: tuple[int, ...] = ()
    dtype: type = f32
    device_type: str | None = "float32"
    refers: str | None = None
    boundary: bool = False
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
    ColumnSpec("shape_friction_rule", "shape", (), i32, None),
    ColumnSpec("friction_pair", "friction_pair", (2,), i32, None, refers="shape"),
    ColumnSpec("friction_pair_mu", "friction_pair", (), f32, None),
    ColumnSpec("shape_collision_group", "shape", (), i32, None),
    ColumnSpec("shape_collision_radius", "shape"),
    ColumnSpec("shape_ground_collision", "shape", (), np.bool_, None),
    ColumnSpec("shape_shape_collision", "shape", (), np.bool_, None),
    ColumnSpec("shape_particle_collision", "shape", (), np.bool_, None),
    ColumnSpec("joint_type", "joint", (), i32, "int32"),
    ColumnSpec("joint_parent", "joint", (), i32, "int32", refers="body"),
    ColumnSpec("joint_child", "joint", (), i32, "int32", refers="body"),
    ColumnSpec("joint_X_p", "joint", (7,), f64, "transform", moves="joint_anchor"),
    ColumnSpec("joint_X_c", "joint", (7,), f64, "transform"),
    ColumnSpec("joint_q_start", "joint", (), i32, None, refers="joint_coord", boundary=True),
    ColumnSpec("joint_qd_start", "joint", (), i32, None, refers="joint_dof", boundary=True),
    ColumnSpec("joint_axis_start", "joint", (), i32, None, refers="joint_axis", boundary=True),
    ColumnSpec("joint_axis_dim", "joint", (2,), i32, "int32"),
    ColumnSpec("joint_linear_compliance", "joint"),
    ColumnSpec("joint_angular_compliance", "joint"),
    ColumnSpec("joint_distance_range", "joint", (2,)),
    ColumnSpec("joint_ball_limit", "joint", (3,)),
    ColumnSpec("joint_enabled", "joint", (), i32, "int32"),
    ColumnSpec("joint_collision_filter_parent", "joint", (), np.bool_, None),
    ColumnSpec("joint_axis", "joint_axis", (3,), f64, "vec3"),
    ColumnSpec("joint_axis_mode", "joint_axis", (), i32, "int32"),
    ColumnSpec("joint_limit_lower", "joint_axis"),
    ColumnSpec("joint_limit_upper", "joint_axis"),
    ColumnSpec("joint_limit_ke", "joint_axis"),
    ColumnSpec("joint_limit_kd", "joint_axis"),
    ColumnSpec("joint_target_ke", "joint_axis"),
    ColumnSpec("joint_target_kd", "joint_axis"),
    ColumnSpec("joint_target_qd", "joint_axis"),
    ColumnSpec("joint_effort_limit", "joint_axis"),
    ColumnSpec("joint_act", "joint_axis"),
    ColumnSpec("joint_q", "joint_coord", (), f64, "float32", moves="joint_position"),
    ColumnSpec("joint_qd", "joint_dof", (), f64, "float32", moves="joint_velocity"),
    ColumnSpec("joint_armature", "joint_dof", (), f64, "float32"),
    ColumnSpec("joint_damping", "joint_dof"),
    ColumnSpec("joint_stiffness", "joint_dof"),
    ColumnSpec("joint_spring_ref", "joint_dof"),
    ColumnSpec("joint_friction", "joint_dof"),
    ColumnSpec("equality_type", "equality", (), i32, "int32"),
    ColumnSpec("equality_body", "equality", (2,), i32, "int32", refers="body"),
    ColumnSpec("equality_dof", "equality", (2,), i32, "int32", refers="joint_dof"),
    ColumnSpec("equality_X_1", "equality", (7,), f64, "transform", moves="equality_frame_1"),
    ColumnSpec("equality_X_2", "equality", (7,), f64, "transform", moves="equality_frame_2"),
    ColumnSpec("equality_coef", "equality", (5,)),
    ColumnSpec("equality_range", "equality", (2,)),
    ColumnSpec("equality_compliance", "equality"),
    ColumnSpec("equality_enabled", "equality", (), i32, "int32"),
    ColumnSpec("actuator_dof", "actuator", (), i32, "int32", refers="joint_dof"),
    ColumnSpec("actuator_coord", "actuator", (), i32, "int32", refers="joint_coord"),
    ColumnSpec("actuator_gear", "actuator"),
    ColumnSpec("actuator_gain", "actuator"),
    ColumnSpec("actuator_bias", "actuator", (3,), f32, "vec3"),
    ColumnSpec("actuator_ctrl_range", "actuator", (2,), f32, "vec2"),
    ColumnSpec("actuator_force_range", "actuator", (2,), f32, "vec2"),
    ColumnSpec("actuator_ctrl", "actuator"),
    ColumnSpec("articulation_start", "articulation", (), i32, None, refers="joint", boundary=True),
)

# Plain Python lists, one object per row.
OBJECT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("body_name", "body"),
    ("shape_name", "shape"),
    ("shape_geo_src", "shape"),
    ("joint_name", "joint"),
    ("equality_name", "equality"),
    ("actuator_name", "actuator"),
)

FAMILY_SIZE_COLUMN = {
    "particle": "particle_q",
    "spring": "spring_rest_length",
    "tri": "tri_areas",
    "edge": "edge_rest_angle",
    "tet": "tet_activations",
    "body": "body_mass",
    "shape": "shape_body",
    "friction_pair": "friction_pair_mu",
    "joint": "joint_type",
    "joint_axis": "joint_axis",
    "joint_coord": "joint_q",
    "joint_dof": "joint_qd",
    "equality": "equality_type",
    "actuator": "actuator_dof",
    "articulation": "articulation_start",
}
