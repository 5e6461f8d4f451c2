"""Reads a USD file into a SceneRecord: the table of contents of this package."""

from __future__ import annotations

import os

from pxr import Tf, Usd

from usd_io.errors import NothingToSimulateError, SceneError
from usd_io.read.bodies import body_frames, read_bodies
from usd_io.read.colliders import read_colliders
from usd_io.read.deformables import read_deformables
from usd_io.read.filtering import articulated_pairs, read_filtered_pairs, read_groups
from usd_io.read.friction import pair_frictions
from usd_io.read.joints import JointReader
from usd_io.read.mass import resolve_masses
from usd_io.read.materials import MaterialReader
from usd_io.read.opening import note_composition_errors, open_stage, quiet_diagnostics
from usd_io.read.placement import OnStage
from usd_io.read.point_instances import read_point_instances
from usd_io.read.reading import Reading
from usd_io.read.settings import begin_reading, read_physics_scene
from usd_io.read.traversal import PhysicsPrims, collect
from usd_io.records import SceneRecord


def read_usd(path: str | os.PathLike[str], *, allow_empty: bool = False) -> SceneRecord:
    """Reads what a USD file (.usd, .usda, .usdc, .usdz) says about a simulation, in SI units.

    Args:
        path: The file.
        allow_empty: Return a record even when nothing in it moves (to look at a scene); otherwise that is an error.

    Returns:
        The scene record; ``warnings`` names what is not simulated as authored.

    Raises:
        SceneError: if the file cannot be read or says something that cannot be simulated.
        NothingToSimulateError: if there is nothing that moves.
    """
    return read_stage(open_stage(path), source=os.fspath(path), allow_empty=allow_empty)


def read_stage(stage: Usd.Stage, *, source: str | None = None, allow_empty: bool = False) -> SceneRecord:
    """Like ``read_usd``, for a stage already open. ``source`` names it in messages."""
    source = source or stage.GetRootLayer().identifier
    with quiet_diagnostics():
        try:
            return _read(stage, source, allow_empty)
        except UnicodeDecodeError as error:
            raise SceneError(
                source, f"holds text that is not UTF-8 ({error})", expected="a sound file", next_step="export it again"
            ) from None
        except Tf.ErrorException as error:
            raise SceneError(
                source,
                f"USD could not read a value ({' '.join(str(error).split())[:300]})",
                expected="a sound file",
                next_step="check it with usdchecker, or export it again",
            ) from None


def _read(stage: Usd.Stage, source: str, allow_empty: bool) -> SceneRecord:
    reading, record = begin_reading(stage, source)
    note_composition_errors(stage, source, reading.log)
    found = collect(stage.GetPseudoRoot(), reading.log)
    materials = MaterialReader(reading)
    read_physics_scene(reading, record, found.scenes)
    _read_rigid(reading, found, materials, record)
    read_point_instances(reading, found, materials, record)
    read_deformables(reading, found, materials, record)
    collidable = [c.path for c in record.colliders] + [d.path for d in record.deformables]
    record.filtered_pairs = [*read_filtered_pairs(reading, found), *articulated_pairs(reading, record)]
    record.collision_groups = read_groups(reading, found, collidable)
    record.pair_frictions = pair_frictions(reading, found)
    record.warnings = reading.log.warnings()
    if not allow_empty:
        _require_something_that_moves(record)
    return record


def _read_rigid(reading: Reading, found: PhysicsPrims, materials: MaterialReader, record: SceneRecord) -> None:
    placement = OnStage(reading)
    frames = body_frames(reading, found, placement)
    record.bodies = read_bodies(reading, found, placement, frames)
    record.colliders = read_colliders(reading, found, materials, placement, frames)
    record.joints, record.equalities = JointReader(reading, found, placement, frames).read()
    record.joints_follow_bodies = True
    record.articulation_roots = tuple(found.articulation_roots)
    resolve_masses(reading, found, {b.path: b for b in record.bodies}, record.colliders)


def _require_something_that_moves(record: SceneRecord) -> None:
    if any(not b.kinematic for b in record.bodies) or any(not d.pinned.all() for d in record.deformables):
        return
    there = []
    if record.bodies:
        there.append(f"{len(record.bodies)} kinematic bodies")
    if record.colliders:
        there.append(f"{len(record.colliders)} static or kinematic colliders")
    problems = "; ".join(str(w) for w in record.warnings if "composition" in w.message or "left out" in w.message)
    raise NothingToSimulateError(
        record.source_path,
        "there is nothing to simulate"
        + (f" (only {' and '.join(there)})" if there else " (no physics in it)")
        + (f". Found on the way: {problems}" if problems else ""),
        expected="a dynamic rigid body, cloth, soft body, cable or particles",
        next_step="apply PhysicsRigidBodyAPI (and PhysicsCollisionAPI on its geometry) to what shall move, "
        "or the deformable schemas, see README",
    )
