"""The physics of a scene record as UsdPhysics: scene, masses, colliders, materials, filters, joints."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from usd_io.author.equalities import author_equality
from usd_io.author.joints import author_joint
from usd_io.author.shapes import author_shape
from usd_io.emit.joint_trees import spanning_trees
from usd_io.read.frames import quaternion_from_matrix
from usd_io.records import BodyRecord, ColliderRecord, MaterialRecord, SceneRecord, SceneWarning
from usd_io.shape_records import MeshShape, Plane

WEIGHTLESS_MASS, WEIGHTLESS_INERTIA = 1e-9, 1e-12
"""[kg], [kg m^2]: USD takes 0 for "not said", so a body without mass gets one that changes nothing."""


def author_physics(stage: Usd.Stage, scene: SceneRecord, root: str) -> None:
    """Adds physics to a stage that has the record's bodies and what is seen of its geometry."""
    _author_scene(stage, scene, root)
    for body in scene.bodies:
        _author_body(stage.GetPrimAtPath(body.path), body)
    materials: dict[MaterialRecord, UsdShade.Material] = {}
    for collider in scene.colliders:
        _author_collider(stage, collider, root, materials)
    axes = {}
    for record in scene.joints:
        for i, axis in enumerate(author_joint(stage, scene, record)):
            axes[record.path, i] = axis
    _author_forces(stage, scene, axes)
    for record in scene.equalities:
        author_equality(stage, scene, record, axes)
    for joint in spanning_trees(scene)[0]:
        if joint.parent_path is None and any(j.parent_path == joint.child_path for j in scene.joints):
            UsdPhysics.ArticulationRootAPI.Apply(stage.GetPrimAtPath(joint.child_path))
    _author_filters(stage, scene, root)
    for (a, b), mu in scene.pair_frictions.items():
        author_pair_friction(*(stage.GetPrimAtPath(collider_path(stage, path)) for path in (a, b)), mu)


def _author_forces(stage: Usd.Stage, scene: SceneRecord, axes) -> None:
    """What motors do at their initial controls; USD has no actuators."""
    forces: dict[tuple[str, int], float] = {}
    for record in scene.actuators:
        force = record.constant_force
        if force is None:
            scene.warnings.append(SceneWarning(record.path, "USD cannot say the law of this actuator; left out"))
        elif force and record.axis in axes:
            forces[record.axis] = forces.get(record.axis, 0.0) + force
    for place, force in forces.items():
        axis = axes[place]
        prim = stage.GetPrimAtPath(place[0])
        UsdPhysics.DriveAPI.Apply(prim, axis.dof)
        prim.CreateAttribute(f"simrun:{axis.dof}:force", Sdf.ValueTypeNames.Float).Set(axis.sign * force)


def _author_scene(stage: Usd.Stage, scene: SceneRecord, root: str) -> None:
    prim = UsdPhysics.Scene.Define(stage, f"{root}/physicsScene")
    magnitude = float(np.linalg.norm(scene.gravity))
    direction = scene.gravity / magnitude if magnitude > 0.0 else np.zeros(3)
    prim.CreateGravityDirectionAttr(Gf.Vec3f(*direction.tolist()))
    prim.CreateGravityMagnitudeAttr(magnitude)
    if scene.settings.substeps is not None:
        prim.GetPrim().CreateAttribute("simrun:substeps", Sdf.ValueTypeNames.Int).Set(scene.settings.substeps)


def _author_body(prim: Usd.Prim, body: BodyRecord) -> None:
    rigid = UsdPhysics.RigidBodyAPI.Apply(prim)
    if body.kinematic:
        rigid.CreateKinematicEnabledAttr(True)
    mass = UsdPhysics.MassAPI.Apply(prim)
    mass.CreateMassAttr(max(body.mass, WEIGHTLESS_MASS))
    mass.CreateCenterOfMassAttr(Gf.Vec3f(*np.asarray(body.com).tolist()))
    moments, axes = np.linalg.eigh(body.inertia)
    if np.linalg.det(axes) < 0.0:
        axes[:, 2] *= -1.0
    mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*np.maximum(moments, WEIGHTLESS_INERTIA).tolist()))
    x, y, z, w = quaternion_from_matrix(axes).tolist()
    mass.CreatePrincipalAxesAttr(Gf.Quatf(w, x, y, z))


def _author_collider(stage: Usd.Stage, collider: ColliderRecord, root: str, materials: dict) -> None:
    prim = stage.GetPrimAtPath(collider.path)
    if isinstance(collider.shape, Plane):
        # What is seen of a plane ends somewhere; what collides does not.
        prim = UsdGeom.Plane.Define(stage, _free(stage, f"{collider.path}_plane")).GetPrim()
        plane = UsdGeom.Plane(prim)
        plane.CreateAxisAttr(collider.shape.axis)
        x, y, z, w = np.asarray(collider.X_bs[3:]).tolist()
        plane.AddTranslateOp().Set(Gf.Vec3d(*np.asarray(collider.X_bs[:3]).tolist()))
        plane.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))
        UsdGeom.Imageable(prim).CreatePurposeAttr(UsdGeom.Tokens.guide)
    elif not prim:
        prim = author_shape(stage, collider).GetPrim()
        UsdGeom.Imageable(prim).CreatePurposeAttr(UsdGeom.Tokens.guide)
    UsdPhysics.CollisionAPI.Apply(prim)
    if collider.priority:
        prim.CreateAttribute("mjc:priority", Sdf.ValueTypeNames.Int).Set(collider.priority)
    if collider.frictionless:
        prim.CreateAttribute("mjc:condim", Sdf.ValueTypeNames.Int).Set(1)
    if isinstance(collider.shape, MeshShape):
        tokens, shape = UsdPhysics.Tokens, collider.shape
        token = tokens.convexHull if shape.convex else tokens.convexDecomposition if shape.parts else tokens.none
        UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(token)
    if collider.material != MaterialRecord():
        if collider.material not in materials:
            materials[collider.material] = _author_material(stage, collider.material, root, len(materials))
        binding = UsdShade.MaterialBindingAPI.Apply(prim)
        binding.Bind(materials[collider.material], UsdShade.Tokens.weakerThanDescendants, "physics")


def _author_material(stage: Usd.Stage, record: MaterialRecord, root: str, number: int) -> UsdShade.Material:
    material = UsdShade.Material.Define(stage, _free(stage, f"{root}/physicsMaterial_{number}"))
    api = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
    for value, create in (
        (record.static_friction, api.CreateStaticFrictionAttr),
        (record.dynamic_friction, api.CreateDynamicFrictionAttr),
        (record.restitution, api.CreateRestitutionAttr),
    ):
        if value is not None:
            create(value)
    if record.friction_combine is not None:
        attribute = material.GetPrim().CreateAttribute("physxMaterial:frictionCombineMode", Sdf.ValueTypeNames.Token)
        attribute.Set(record.friction_combine)
    return material


def _author_filters(stage: Usd.Stage, scene: SceneRecord, root: str) -> None:
    for a, b in scene.filtered_pairs:
        UsdPhysics.FilteredPairsAPI.Apply(stage.GetPrimAtPath(a)).CreateFilteredPairsRel().AddTarget(b)
    paths = {g.path: f"{root}/collisionGroups/{g.path.strip('/').replace('/', '_')}" for g in scene.collision_groups}
    for record in scene.collision_groups:
        group = UsdPhysics.CollisionGroup.Define(stage, paths[record.path])
        members = Usd.CollectionAPI.Apply(group.GetPrim(), "colliders")
        for member in sorted(record.members):
            members.CreateIncludesRel().AddTarget(collider_path(stage, member))
        group.CreateFilteredGroupsRel().SetTargets([paths[other] for other in sorted(record.filtered_groups)])


def collider_path(stage: Usd.Stage, path: str) -> str:
    """Path of the prim that collides for a collider; what is seen of a plane is another one."""
    plane = f"{path}_plane"
    return plane if stage.GetPrimAtPath(plane) else path


def author_pair_friction(prim: Usd.Prim, other: Usd.Prim, mu: float) -> None:
    """Notes at a collider the coefficient of friction that it has with another one."""
    relationship = prim.CreateRelationship("simrun:frictionPairs")
    attribute = prim.CreateAttribute("simrun:frictionPairsMu", Sdf.ValueTypeNames.FloatArray)
    relationship.AddTarget(other.GetPath())
    attribute.Set([*(attribute.Get() or ()), mu])


def _free(stage: Usd.Stage, path: str) -> str:
    unique, number = path, 1
    while stage.GetPrimAtPath(unique):
        unique, number = f"{path}_{number}", number + 1
    return unique
