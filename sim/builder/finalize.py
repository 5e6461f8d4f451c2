"""From builder columns to a ``Model``."""

import numpy as np

from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.builder.contact_pairs import candidate_pairs, filter_rows, filtered_pairs
from sim.builder.joint_tables import add_joint_tables, held_still, kept_apart
from sim.builder.tables import COLUMNS
from sim.builder.weightless import warn_of_weightless_roots
from sim.device_arrays import ModelShapeGeometry, ModelShapeMaterials, device_array
from sim.errors import SimError
from sim.forces.friction_rules import FrictionRules, pair_rows
from sim.geometry.mass_properties import inverse_inertia
from sim.geometry.rotation import rotate
from sim.geometry.shape_types import GEO_MESH
from sim.model import Model, ShapeFilter

LARGEST = float(np.finfo(np.float32).max)


def build_model(builder, device, requires_grad: bool) -> Model:
    """Checks the columns once more (callers may have written into them) and makes the arrays."""
    check_columns(builder)
    warn_of_weightless_roots(builder)
    model = Model(device)
    model.requires_grad = bool(requires_grad)
    model.num_envs = builder.num_envs
    for family, count in builder.family_sizes().items():
        setattr(model, f"{family}_count", count)
    for spec in COLUMNS:
        if spec.device_type is not None:
            values = getattr(builder, spec.name).view
            values = values.ravel() if spec.name == "spring_indices" else values
            setattr(model, spec.name, device_array(values, spec.device_type, device, requires_grad))
    _add_particle_tables(model, builder, device, requires_grad)
    dynamic = _add_body_tables(model, builder, device, requires_grad)
    _add_shape_tables(model, builder, device)
    _add_contact_tables(model, builder, device, dynamic)
    add_joint_tables(model, builder, device)
    _add_world(model, builder, device)
    return model


def check_columns(builder) -> None:
    """Raises ``SimError`` for NaN or infinite values and for indices out of range."""
    sizes = builder.family_sizes()
    for spec in COLUMNS:
        values = getattr(builder, spec.name).view
        if len(values) != sizes[spec.family]:
            raise SimError(
                f"finalize(): {spec.name}", f"{len(values)} rows", f"{sizes[spec.family]}, one a {spec.family}"
            )
        # Two reductions need no temporary, and NaN fails both comparisons.
        if values.dtype.kind == "f" and values.size and not (values.min() >= -LARGEST and values.max() <= LARGEST):
            bad = np.argwhere(~(np.abs(values) <= LARGEST))
            place = tuple(int(i) for i in bad[0])
            raise SimError(f"finalize(): {spec.name}{list(place)}", f"{values[place]}", "a finite float32 number")
        if spec.refers and len(values):
            count = sizes[spec.refers]
            end = count + spec.boundary
            if values.min() < -1 or values.max() >= end:
                worst = int(values.max() if values.max() >= end else values.min())
                raise SimError(f"finalize(): {spec.name}", f"index {worst}", f"an index below {end} ({spec.refers})")


def _add_particle_tables(model: Model, builder, device, requires_grad: bool) -> None:
    mass = builder.particle_mass.view
    inverse = np.zeros_like(mass)
    np.divide(1.0, mass, out=inverse, where=mass > 0.0)
    model.particle_inv_mass = device_array(inverse, "float32", device, requires_grad)
    model.particle_max_radius = float(builder.particle_radius.view.max(initial=0.0))
    model.particle_max_velocity = builder.particle_max_velocity
    model.particle_ranges = tuple(builder.particle_ranges)


def _add_body_tables(model: Model, builder, device, requires_grad: bool) -> np.ndarray:
    """Inverse masses; returns which bodies can be pushed."""
    mass = builder.body_mass.view
    free = (mass > 0.0) & (builder.body_flags.view & BODY_FLAG_KINEMATIC == 0)
    inverse = np.zeros_like(mass)
    np.divide(1.0, mass, out=inverse, where=free)
    tensor = inverse_inertia(builder.body_inertia.view, np.where(free, mass, 0.0))
    model.body_inv_mass = device_array(inverse, "float32", device, requires_grad)
    model.body_inv_inertia = device_array(tensor, "mat33", device, requires_grad)
    model.body_name = list(builder.body_name)
    return free


def _add_shape_tables(model: Model, builder, device) -> None:
    kinds = builder.shape_geo_type.view
    source = np.zeros(model.shape_count, dtype=np.uint64)
    model.shape_geo_src = list(builder.shape_geo_src)
    # Device meshes must outlive their ids.
    model.geo_meshes = {}
    for index in np.flatnonzero(kinds == GEO_MESH):
        mesh = model.shape_geo_src[index]
        if id(mesh) not in model.geo_meshes:
            model.geo_meshes[id(mesh)] = mesh.finalize(device)
        source[index] = model.geo_meshes[id(mesh)].id
    model.geo_meshes = list(model.geo_meshes.values())
    geometry = ModelShapeGeometry()
    geometry.type = device_array(kinds, "int32", device)
    geometry.is_solid = device_array(builder.shape_geo_is_solid.view, "uint8", device)
    geometry.thickness = device_array(builder.shape_geo_thickness.view, "float32", device)
    geometry.source = device_array(source, "uint64", device)
    geometry.scale = device_array(builder.shape_geo_scale.view, "vec3", device)
    model.shape_geo = geometry
    materials = ModelShapeMaterials()
    for quantity in ("ke", "kd", "kf", "ka", "mu", "restitution"):
        setattr(
            materials, quantity, device_array(getattr(builder, f"shape_material_{quantity}").view, "float32", device)
        )
    model.shape_materials = materials
    rows = pair_rows(builder.friction_pair.view, builder.friction_pair_mu.view, model.shape_count)
    rules = model.friction_rules = FrictionRules()
    rules.rule = device_array(builder.shape_friction_rule.view, "int32", device)
    rules.start, rules.other = (device_array(row, "int32", device) for row in rows[:2])
    rules.mu = device_array(rows[2], "float32", device)
    model.shape_name = list(builder.shape_name)


def _add_contact_tables(model: Model, builder, device, dynamic_body: np.ndarray) -> None:
    body = builder.shape_body.view.copy()
    group = builder.shape_collision_group.view.copy()
    collides = builder.shape_shape_collision.view.copy()
    collides_ground = builder.shape_ground_collision.view.copy()
    collides_particles = builder.shape_particle_collision.view.copy()
    count = len(body)
    dynamic = np.zeros(count, dtype=bool)
    # what fixed joints hold to the world touches it without end where they overlap, and can never give way
    dynamic[body >= 0] = (dynamic_body & ~held_still(builder))[body[body >= 0]]
    jointed = kept_apart(builder)
    excluded = builder.shape_collision_filter_pairs.unique()
    if len(jointed):
        excluded = np.unique(np.concatenate([excluded, jointed]), axis=0)
    if len(excluded) and (excluded.min() < 0 or excluded.max() >= count):
        raise SimError("finalize(): shape_collision_filter_pairs", f"shape {excluded.max()}", f"shapes below {count}")
    model.shape_collision_group = group
    model.shape_shape_collision = collides
    model.shape_ground_collision = collides_ground
    model.shape_particle_collision = collides_particles
    model.shape_collision_filter_pairs = set(map(tuple, excluded.tolist()))
    offsets, rows = filter_rows(excluded, count)
    model.shape_filter = ShapeFilter(
        *(device_array(a, "int32", device) for a in (group, collides, collides_ground, collides_particles, dynamic)),
        device_array(offsets, "int32", device),
        device_array(rows, "int32", device),
    )
    pairs = candidate_pairs(group, collides, builder.shape_contact_pair_limit)
    model.shape_contact_pairs_complete = pairs is not None
    listed = filtered_pairs(np.empty((0, 2), dtype=np.int32) if pairs is None else pairs, body, dynamic, excluded)
    model.shape_contact_pairs = device_array(listed, "int32", device)
    model.shape_contact_pair_count = len(listed)
    ground = model.ground_shape = count - 1 if builder.ground else -1
    on_ground = np.flatnonzero(collides_ground & dynamic) if builder.ground else np.empty(0, dtype=np.int64)
    with_ground = np.stack([on_ground, np.full_like(on_ground, ground)], axis=1)
    model.shape_ground_contact_pairs = device_array(with_ground, "int32", device)
    model.shape_ground_contact_pair_count = len(with_ground)


def _add_world(model: Model, builder, device) -> None:
    model.ground = builder.ground
    plane = np.array([*builder.up_vector, 0.0])
    if builder.ground:
        pose = builder.shape_transform.view[-1]
        normal = rotate(pose[3:], np.array([0.0, 1.0, 0.0]))
        plane = np.append(normal, -np.dot(normal, pose[:3]))
    model.ground_plane = device_array(plane, "float32", device)
    model.ground_plane_params = tuple(float(v) for v in plane)
    model.up_vector = np.array(builder.up_vector, dtype=np.float64)
    model.up_axis = builder.up_axis
    model.gravity = model.up_vector * builder.gravity
    model.soft_contact_max = builder.soft_contact_max
    model.rigid_contact_margin = builder.rigid_contact_margin
    model.rigid_contact_torsional_friction = builder.rigid_contact_torsional_friction
    model.rigid_contact_rolling_friction = builder.rigid_contact_rolling_friction
