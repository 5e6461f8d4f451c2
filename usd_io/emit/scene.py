"""A scene record into a builder: the table of contents of this package."""

from __future__ import annotations

from typing import Any

import numpy as np

from usd_io.bindings import BodyBinding, SceneBindings
from usd_io.emit.actuators import emit_actuators
from usd_io.emit.contact import contacts, soft_contact
from usd_io.emit.deformables import emit_deformable
from usd_io.emit.equalities import emit_equalities
from usd_io.emit.filters import emit_filters
from usd_io.emit.friction import emit_friction
from usd_io.emit.joints import emit_joints
from usd_io.emit.shapes import ShapeEmitter
from usd_io.records import BodyRecord, SceneRecord


def emit(scene: SceneRecord, builder: Any) -> SceneBindings:
    """Adds everything in a scene to a ``sim.ModelBuilder`` and says which prim became what.

    The builder's gravity and up direction become the scene's; its own ground plane is switched off, since a scene says
    what its ground is. What cannot be built as recorded is added to ``scene.warnings``. Parameters that live on the
    model (particle contact) are kept in the bindings: call ``bindings.configure(model)`` after ``finalize``.
    """
    bindings = SceneBindings(meters_per_unit=scene.meters_per_unit)
    _set_world(scene, builder)
    for body in scene.bodies:
        bindings.bodies.append(_emit_body(body, builder))
    index = {b.path: b.index for b in bindings.bodies}
    emitter = ShapeEmitter(builder)
    for collider, contact in zip(scene.colliders, contacts(scene)):
        body = -1 if collider.body_path is None else index[collider.body_path]
        bindings.shapes[collider.path] = emitter.add(collider, body, contact)
    emit_friction(scene, builder, bindings.shapes)
    for record in scene.deformables:
        bindings.particles.append(emit_deformable(scene, record, builder))
    bindings.measure_joints = scene.joints_follow_bodies and bool(scene.joints)
    bindings.joints = emit_joints(scene, builder, index)
    bindings.actuators = emit_actuators(scene, builder, bindings.joints)
    bindings.equalities = emit_equalities(scene, builder, index, bindings.joints)
    all_of = {c.path: np.arange(emitter.count(c)) + bindings.shapes[c.path] for c in scene.colliders}
    emit_filters(scene, builder, all_of)
    bindings.model_parameters = {k: v for k, v in soft_contact(scene).items() if k != "mass"}
    return bindings


def _set_world(scene: SceneRecord, builder: Any) -> None:
    g = float(np.linalg.norm(scene.gravity))
    up = np.eye(3)["XYZ".index(scene.up_axis)] if g == 0.0 else -scene.gravity / g
    builder.up_vector, builder.up_axis = up, int(np.argmax(np.abs(up)))
    builder.gravity = -g
    builder.ground = False


def _emit_body(body: BodyRecord, builder: Any) -> BodyBinding:
    index = builder.add_body(
        origin=body.X_wb,
        com=body.com,
        I_m=body.inertia,
        m=body.mass,
        name=body.path,
        kinematic=body.kinematic,
        linear_velocity=body.linear_velocity,
        angular_velocity=body.angular_velocity,
    )
    return BodyBinding(
        path=body.path,
        index=index,
        stretch=body.stretch,
        kinematic=body.kinematic,
        instance_roots=body.instance_roots,
        instancer=body.instancer,
        instance_index=body.instance_index,
        prototype_offset=body.prototype_offset,
    )
