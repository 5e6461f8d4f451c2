"""Robots from files into a builder, for people who build their simulation in Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import sim
from sim.geometry.rotation import IDENTITY_TRANSFORM, quat_between, transform_multiply
from sim.inputs import as_transform
from usd_io.bindings import SceneBindings
from usd_io.emit.scene import emit
from usd_io.reading import read_scene


def add_robot(
    builder: Any,
    path: str | os.PathLike[str],
    xform=None,
    *,
    floating_base: bool = False,
    self_collisions: bool = True,
    collapse_fixed_joints: bool = False,
    search_paths: Sequence[str | os.PathLike[str]] = (),
    keyframe: str | None = None,
) -> SceneBindings:
    """Adds everything in an MJCF, URDF or USD file to a builder: bodies, joints, shapes.

    The robot is turned so that its up axis is the builder's; the builder keeps its gravity and its ground. To have many
    robots, add one to an empty builder and ``replicate`` that.

    Args:
        builder: A ``sim.ModelBuilder``.
        path: The file.
        xform: Pose of the robot's world in the builder's, (p, q); None means identity.
        floating_base: Let the root link of a URDF robot move freely.
        self_collisions: Whether shapes of the robot touch each other where the file lets them.
        collapse_fixed_joints: Make one body of what fixed joints hold together.
        search_paths: Further folders in which robot files find meshes and packages.
        keyframe: Name or number of the MJCF key to start from.

    Returns:
        Which body, shape and joint each path became. Bodies that were merged have the index of what they are part of.

    Raises:
        SceneError: The file cannot be read.
    """
    scene = read_scene(path, search_paths=search_paths, floating_base=floating_base, keyframe=keyframe)
    part = sim.ModelBuilder()
    bindings = emit(scene, part)
    if bindings.measure_joints:
        model = part.finalize(device="cpu")
        bindings.configure(model)
        part.joint_q[:], part.joint_qd[:] = model.joint_q.numpy(), model.joint_qd.numpy()
    if not self_collisions:
        on_body = np.flatnonzero(part.shape_body.view >= 0)
        first, second = np.triu_indices(len(on_body), 1)
        part.shape_collision_filter_pairs.update(np.stack([on_body[first], on_body[second]], axis=1))
    body, joint = np.arange(part.body_count), np.arange(part.joint_count)
    if collapse_fixed_joints:
        remap = part.collapse_fixed_joints()
        body, joint = remap["body_remap"], remap["joint_remap"]
    upright = np.array(IDENTITY_TRANSFORM)
    up = np.asarray(builder.up_vector, dtype=np.float64)
    upright[3:] = quat_between(np.eye(3)["XYZ".index(scene.up_axis)], up / np.linalg.norm(up))
    starts = builder.family_sizes()
    place = transform_multiply(as_transform(xform, "add_robot()", "xform"), upright)
    builder.add_builder(part, place, update_num_env_count=False, separate_collision_group=False)

    def shifted(index: int, family: str) -> int:
        return int(index + starts[family]) if index >= 0 else -1

    return replace(
        bindings,
        bodies=[replace(b, index=shifted(body[b.index], "body")) for b in bindings.bodies],
        particles=[replace(p, start=shifted(p.start, "particle")) for p in bindings.particles],
        shapes={path: shifted(index, "shape") for path, index in bindings.shapes.items()},
        joints={path: shifted(joint[index], "joint") for path, index in bindings.joints.items()},
        actuators={path: index + starts["actuator"] for path, index in bindings.actuators.items()},
        equalities={path: index + starts["equality"] for path, index in bindings.equalities.items()},
        measure_joints=False,
    )
