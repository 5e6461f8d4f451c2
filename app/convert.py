"""The `simrun convert` command: a robot file as a UsdPhysics stage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.errors import UsageError

SUFFIXES = (".usd", ".usda", ".usdc")


def make_convert_parser() -> argparse.ArgumentParser:
    """The options of `simrun convert`."""
    parser = argparse.ArgumentParser(
        prog="simrun convert",
        description="Write a robot (MJCF or URDF) as a USD stage with geometry, UsdPhysics bodies, colliders and joints.",
        allow_abbrev=False,
    )
    parser.add_argument("robot", metavar="ROBOT", type=Path, help="the robot: .xml (MJCF) or .urdf")
    parser.add_argument("output", metavar="OUT", type=Path, help=f"the stage: {', '.join(SUFFIXES)}")
    parser.add_argument("--floating", action="store_true", help="let the root link of a URDF robot move freely")
    parser.add_argument("--keyframe", metavar="NAME", help="pose an MJCF model as this key has it (name or number)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument("--quiet", action="store_true", help="no warnings, no summary; only errors")
    parser.add_argument(
        "--search-path",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="where robot files find meshes and ROS packages (may be repeated)",
    )
    return parser


def run_convert(argv: Sequence[str]) -> int:
    """Converts; returns the exit code.

    Raises:
        UsageError, SceneError: The robot cannot be read, or the stage cannot be written there.
    """
    arguments = make_convert_parser().parse_args(argv)
    # Imported here, because --help and a mistyped option must not wait for USD to load.
    from usd_io import is_usd, read_scene
    from usd_io.author import author_stage

    if is_usd(arguments.robot):
        raise UsageError(f"{arguments.robot} is USD already; expected an MJCF or URDF file")
    output = arguments.output
    if output.suffix not in SUFFIXES:
        raise UsageError(
            f"output {output}: the suffix is {output.suffix or 'missing'}; expected one of {', '.join(SUFFIXES)}"
        )
    if not output.parent.is_dir():
        raise UsageError(f"output {output}: the folder {output.parent} does not exist; create it first")
    if output.exists() and not arguments.overwrite:
        raise UsageError(f"output {output} exists; pass --overwrite to replace it, or name another file")
    scene = read_scene(
        arguments.robot,
        search_paths=arguments.search_path,
        floating_base=arguments.floating,
        keyframe=arguments.keyframe,
    )
    author_stage(scene, output, physics=True)
    if not arguments.quiet:
        for warning in scene.warnings:
            print(f"simrun: warning: <{warning.path}>: {warning.message}", file=sys.stderr)
        print(f"done: {len(scene.bodies)} bodies, {len(scene.joints)} joints -> {output}")
    return 0
