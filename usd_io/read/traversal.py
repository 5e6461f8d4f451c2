"""One pass over the stage that sorts prims by what physics they take part in."""

from __future__ import annotations

from dataclasses import dataclass, field

from pxr import Usd, UsdGeom

from usd_io.read.unsupported import note_unsupported
from usd_io.read.warning_log import WarningLog

BODY, COLLISION, MASS = "PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"
MESH_COLLISION, FILTERED_PAIRS = "PhysicsMeshCollisionAPI", "PhysicsFilteredPairsAPI"
ARTICULATION_ROOT = "PhysicsArticulationRootAPI"
JOINTS = frozenset(f"Physics{kind}Joint" for kind in ("", "Fixed", "Revolute", "Prismatic", "Spherical", "Distance"))
DEFORMABLE_BODY = "PhysicsDeformableBodyAPI"
CLOTH, SOFT, CABLE = (f"Physics{k}DeformableSimAPI" for k in ("Surface", "Volume", "Curves"))
PARTICLES = "PhysicsParticleSetAPI"
SIM_SCHEMAS = (CLOTH, SOFT, CABLE, PARTICLES)
SIM_SCHEMA_OF_TYPE = {"Mesh": CLOTH, "TetMesh": SOFT, "BasisCurves": CABLE, "Points": PARTICLES}
_ALIASES = {"PhysxParticleSetAPI": PARTICLES}


@dataclass
class PhysicsPrims:
    """Prims of a stage by role, in depth-first order."""

    scenes: list[Usd.Prim] = field(default_factory=list)
    bodies: list[Usd.Prim] = field(default_factory=list)
    colliders: list[Usd.Prim] = field(default_factory=list)
    deformable_bodies: list[Usd.Prim] = field(default_factory=list)
    deformables: list[tuple[Usd.Prim, str]] = field(default_factory=list)
    """Simulation geometry with its (canonical) simulation schema."""
    groups: list[Usd.Prim] = field(default_factory=list)
    filtered: list[Usd.Prim] = field(default_factory=list)
    instancers: list[Usd.Prim] = field(default_factory=list)
    joints: list[Usd.Prim] = field(default_factory=list)
    articulation_roots: list[str] = field(default_factory=list)
    schemas: dict[str, frozenset[str]] = field(default_factory=dict)
    """Applied schemas of every prim that has any, by path; names without the ``Omni`` prefix."""

    def has(self, path: str, schema: str) -> bool:
        """Whether the prim at the path has an API schema applied, registered with USD or not."""
        return schema in self.schemas.get(path, ())


def collect(root: Usd.Prim, log: WarningLog, *, include_root: bool = True) -> PhysicsPrims:
    """Sorts the active, loaded, defined prims at and under ``root``, instance proxies included.

    Purpose and visibility do not matter to physics: a collider is often a guide, and hidden geometry still collides.
    Prims under a PointInstancer are prototypes, left to ``point_instances``. Unsupported physics is noted in the log.
    """
    found = PhysicsPrims()
    prims = iter(Usd.PrimRange(root, Usd.TraverseInstanceProxies()))
    for prim in prims:
        if not include_root and prim == root:
            continue
        info = prim.GetPrimTypeInfo()
        type_name = info.GetTypeName()
        applied = info.GetAppliedAPISchemas()
        if applied:
            _sort_by_schema(found, prim, type_name, applied, log)
        if type_name == "PhysicsScene":
            found.scenes.append(prim)
        elif type_name == "PhysicsCollisionGroup":
            found.groups.append(prim)
        elif type_name == "PointInstancer":
            found.instancers.append(prim)
            prims.PruneChildren()
        elif type_name in JOINTS:
            found.joints.append(prim)
        elif "Physics" in type_name or type_name.startswith(("Physx", "Newton", "Mjc")):
            note_unsupported(log, prim, type_name)
    return found


def _sort_by_schema(found: PhysicsPrims, prim: Usd.Prim, type_name: str, applied: list[str], log: WarningLog) -> None:
    path = prim.GetPath().pathString
    schemas = frozenset(_ALIASES.get(a, a) for a in (a.removeprefix("Omni") for a in applied))
    found.schemas[path] = schemas
    if ARTICULATION_ROOT in schemas:
        found.articulation_roots.append(path)
    if BODY in schemas:
        found.bodies.append(prim)
    simulated = [s for s in SIM_SCHEMAS if s in schemas]
    if DEFORMABLE_BODY in schemas:
        found.deformable_bodies.append(prim)
        if not simulated and type_name in SIM_SCHEMA_OF_TYPE:
            simulated = [SIM_SCHEMA_OF_TYPE[type_name]]
            if type_name != "Points":
                log.add(
                    path,
                    f"deformable {type_name} without a simulation API; taken as if {simulated[0]} were applied",
                    kind=f"inferred {simulated[0]}",
                )
    if simulated:
        found.deformables.append((prim, simulated[0]))
    elif COLLISION in schemas:
        found.colliders.append(prim)
    if FILTERED_PAIRS in schemas:
        found.filtered.append(prim)
    for name in applied:
        if name.startswith(("Physics", "Physx", "OmniPhysics", "Newton", "Mjc")):
            note_unsupported(log, prim, name)


def owner_path(prim: Usd.Prim, owners: set[str] | dict[str, object]) -> str | None:
    """Path of the nearest prim at or above ``prim`` that is in ``owners``; None beyond a reset transform stack.

    A prim with ``!resetXformStack!`` does not move with what is above it, so it does not belong to a body there.
    """
    while prim and not prim.IsPseudoRoot():
        path = prim.GetPath().pathString
        if path in owners:
            return path
        xformable = UsdGeom.Xformable(prim)
        if xformable and xformable.GetResetXformStack():
            return None
        prim = prim.GetParent()
    return None


def instance_roots(prim: Usd.Prim) -> tuple[str, ...]:
    """Instanceable ancestors of an instance proxy, outermost first; empty for an ordinary prim."""
    if not prim.IsInstanceProxy():
        return ()
    roots = []
    parent = prim.GetParent()
    while parent and not parent.IsPseudoRoot():
        if parent.IsInstance():
            roots.append(parent.GetPath().pathString)
        parent = parent.GetParent()
    return tuple(reversed(roots))
