"""Names what the file asks for and the simulation does not do yet."""

from __future__ import annotations

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

_READ_IN_PART = frozenset({"PhysxParticleSetAPI", "PhysxJointAPI", "PhysxLimitAPI"})
"""Schemas of other programs from which the readers take single attributes."""

_MESSAGES = (
    ("Mimic", "mimic joints are not coupled yet; the joint moves on its own"),
    ("Joint", "this joint is not simulated; the bodies it connects move freely"),
    ("Attachment", "attachments between deformables and bodies are not simulated yet"),
    ("ElementCollisionFilter", "element collision filters are not applied yet"),
    ("DeformablePoseAPI", "deformable poses (embeddings) are not used yet"),
    ("Vehicle", "vehicles are not simulated"),
    ("Character", "character controllers are not simulated"),
)


def note_unsupported(log: WarningLog, path: str, schema: str) -> None:
    """Notes a physics prim type or API schema that nobody reads; known ones pass."""
    name = schema.split(":")[0]
    canonical = name.removeprefix("Omni")
    if canonical in _READ or canonical in _READ_IN_PART:
        return
    for part, message in _MESSAGES:
        if part in name:
            log.add(path, f"{name}: {message}", kind=f"unsupported {name}")
            return
    log.add(path, f"{name} is not supported; its settings are ignored", kind=f"unsupported {name}")
