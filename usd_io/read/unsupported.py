"""Names what the file asks for and the simulation does not do yet."""

from __future__ import annotations

from usd_io.read.warning_log import WarningLog

_READ = frozenset(
    f"Physics{name}"
    for name in (
        "Scene RigidBodyAPI BodyAPI MassAPI CollisionAPI MeshCollisionAPI MaterialAPI CollisionGroup FilteredPairsAPI "
        "DeformableBodyAPI SurfaceDeformableSimAPI VolumeDeformableSimAPI CurvesDeformableSimAPI ParticleSetAPI "
        "VolumeDeformableMaterialAPI SurfaceDeformableMaterialAPI CurvesDeformableMaterialAPI DeformableMaterialAPI "
        "BaseMaterialAPI"
    ).split()
)
"""Schemas the readers understand (by canonical name, without the ``Omni`` prefix)."""

_MESSAGES = (
    ("Joint", "joints are not simulated yet; the bodies it connects move freely"),
    ("ArticulationRootAPI", "articulations are not simulated yet; its links move as free bodies"),
    ("DriveAPI", "joint drives are not simulated yet"),
    ("LimitAPI", "joint limits are not simulated yet"),
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
    if canonical in _READ or canonical == "PhysxParticleSetAPI":
        return
    for part, message in _MESSAGES:
        if part in name:
            log.add(path, f"{name}: {message}", kind=f"unsupported {name}")
            return
    log.add(path, f"{name} is not supported; its settings are ignored", kind=f"unsupported {name}")
