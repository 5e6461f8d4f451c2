"""Names what the file asks for and the simulation does not do yet."""

from __future__ import annotations

from pxr import Usd

from usd_io.read.warning_log import WarningLog

_READ = frozenset(
    f"Physics{name}"
    for name in (
        "Scene RigidBodyAPI BodyAPI MassAPI CollisionAPI MeshCollisionAPI MaterialAPI CollisionGroup FilteredPairsAPI "
        "DeformableBodyAPI SurfaceDeformableSimAPI VolumeDeformableSimAPI CurvesDeformableSimAPI ParticleSetAPI "
        "VolumeDeformableMaterialAPI SurfaceDeformableMaterialAPI CurvesDeformableMaterialAPI DeformableMaterialAPI "
        "BaseMaterialAPI ArticulationRootAPI DriveAPI LimitAPI"
    ).split()
)
"""Schemas the readers understand (by canonical name, without the ``Omni`` prefix)."""

_SOFTNESS = "the softness of contacts and limits is not used; it follows from masses and the time step"
_READ_IN_PART: dict[str, dict[str, str]] = {
    "PhysxParticleSetAPI": {},
    "PhysxJointAPI": {"physxJoint:maxJointVelocity": "joints have no largest speed"},
    "PhysxLimitAPI": {},
    "PhysxMimicJointAPI": {},
    "PhysxArticulationAPI": {},
    "PhysxMaterialAPI": {
        "physxMaterial:restitutionCombineMode": "restitution of two shapes is averaged",
        "physxMaterial:compliantContactStiffness": _SOFTNESS,
        "physxMaterial:compliantContactDamping": _SOFTNESS,
    },
    "NewtonMimicAPI": {},
    "NewtonArticulationRootAPI": {},
    "MjcEqualityJointAPI": {"mjc:solref": _SOFTNESS, "mjc:solimp": _SOFTNESS},
    "MjcJointAPI": {
        "mjc:solimplimit": _SOFTNESS,
        "mjc:actuatorgravcomp": "gravity compensation is not simulated",
    },
    "MjcCollisionAPI": {"mjc:solref": _SOFTNESS, "mjc:solimp": _SOFTNESS, "mjc:margin": "margins are not used"},
    "MjcSiteAPI": {},
}
"""Schemas of other programs from which the readers take single attributes, and what they leave."""

_MESSAGES = (
    ("JointStateAPI", "states of joints are not read; joints start where the bodies' poses put them"),
    ("Actuator", "actuators of USD are not simulated; what they drive moves without them"),
    ("Attachment", "attachments between deformables and bodies are not simulated yet"),
    ("ElementCollisionFilter", "element collision filters are not applied yet"),
    ("DeformablePoseAPI", "deformable poses (embeddings) are not used yet"),
    ("Vehicle", "vehicles are not simulated"),
    ("Character", "character controllers are not simulated"),
)


def note_unsupported(log: WarningLog, prim: Usd.Prim, schema: str) -> None:
    """Notes a prim's physics type or API schema that nobody reads, and what is left of those read in part."""
    path, name = prim.GetPath().pathString, schema.split(":")[0]
    canonical = name.removeprefix("Omni")
    if canonical in _READ:
        return
    if canonical in _READ_IN_PART:
        for attribute, message in _READ_IN_PART[canonical].items():
            if prim.GetAttribute(attribute).HasAuthoredValue():
                log.add(path, f"{attribute}: {message}", kind=f"unsupported {attribute}")
        return
    if "Joint" in name and not name.endswith("API"):
        message = "this joint is not simulated; the bodies it connects move freely"
        log.add(path, f"{name}: {message}", kind=f"unsupported {name}")
        return
    for part, message in _MESSAGES:
        if part in name:
            log.add(path, f"{name}: {message}", kind=f"unsupported {name}")
            return
    log.add(path, f"{name} is not supported; its settings are ignored", kind=f"unsupported {name}")
