"""Reads a scene file of any supported kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from usd_io.errors import SceneError
from usd_io.mjcf import read_mjcf
from usd_io.read.opening import USD_SUFFIXES
from usd_io.read.scene import read_usd
from usd_io.records import SceneRecord
from usd_io.urdf import read_urdf
from usd_io.xml.element import parse_file

XML_SUFFIXES = (".xml", ".mjcf", ".urdf")
XACRO = "xacro is a macro language that needs ROS to be expanded"


def is_usd(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a USD file, by its suffix."""
    return Path(path).suffix.lower() in USD_SUFFIXES


def read_scene(
    path: str | os.PathLike[str],
    *,
    search_paths: Sequence[str | os.PathLike[str]] = (),
    floating_base: bool = False,
    keyframe: str | None = None,
) -> SceneRecord:
    """Reads a USD stage, an MJCF model or a URDF robot.

    Args:
        path: The file.
        search_paths: Further folders (and ROS packages) in which robot files find meshes.
        floating_base: Let the root link of a URDF robot move freely; else it is fixed to the world.
        keyframe: Name or number of the MJCF key to start from.

    Raises:
        SceneError: The file cannot be read, or is of no kind known here.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".xacro":
        raise SceneError(str(file), XACRO, expected="URDF", next_step=f"run: xacro {file.name} > {file.stem}")
    tag, line = "", 0
    if suffix in XML_SUFFIXES:
        root = parse_file(file, what="an MJCF model (<mujoco>) or a URDF robot (<robot>)")
        tag, line = root.tag, root.line
    if tag == "mujoco":
        return read_mjcf(path, search_paths=search_paths, keyframe=keyframe)
    if keyframe is not None:
        raise SceneError(str(file), f"asked for the keyframe {keyframe!r}", expected="an MJCF model, which has them")
    if tag == "robot":
        return read_urdf(path, search_paths=search_paths, floating_base=floating_base)
    if suffix in XML_SUFFIXES:
        raise SceneError(f"{file}:{line}", f"the root element is <{tag}>", expected="<mujoco> (MJCF) or <robot> (URDF)")
    return read_usd(path)
