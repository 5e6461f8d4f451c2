"""Reads a URDF file into a SceneRecord: the table of contents of this package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_multiply
from usd_io.errors import SceneError
from usd_io.read.warning_log import WarningLog
from usd_io.records import (
    BodyRecord,
    ColliderRecord,
    JointRecord,
    MaterialRecord,
    SceneRecord,
    VisualRecord,
)
from usd_io.urdf.geometry import GeometryReader
from usd_io.urdf.inertial import link_mass
from usd_io.urdf.joints import joint_origin, joint_record, mimic_record
from usd_io.urdf.poses import origin
from usd_io.urdf.tree import RobotTree, robot_tree
from usd_io.urdf.weightless import check_floating_root, has_mass, is_held
from usd_io.xml.attributes import numbers
from usd_io.xml.colors import linear_color
from usd_io.xml.element import Element, parse_file
from usd_io.xml.names import PathNames

WHAT = "a URDF robot (<robot>)"
READ = frozenset({"link", "joint", "material"})
SILENT = frozenset({"transmission", "gazebo"})
"""Settings of other programs."""
GRAVITY = np.array([0.0, 0.0, -9.81])
"""[m/s^2]; URDF says none, and its z axis points up."""


def read_urdf(
    path: str | os.PathLike[str],
    *,
    search_paths: Sequence[str | os.PathLike[str]] = (),
    floating_base: bool = False,
) -> SceneRecord:
    """Reads a robot from a URDF file.

    Args:
        path: The file.
        search_paths: Further folders in which meshes and ``package://`` packages are looked for.
        floating_base: Whether the root link moves freely, for which it needs mass, its own or that of links fixed to it;
            else it is fixed to the world, unless no joint can move.

    Returns:
        The scene record; ``warnings`` names what is not simulated as written.

    Raises:
        SceneError: The file cannot be read, or says something that cannot be simulated; with file and line.
    """
    file = Path(path)
    robot = parse_file(file, what=WHAT)
    if robot.tag != "robot":
        raise SceneError(f"{file}:{robot.line}", f"the root element is <{robot.tag}>", expected="<robot>")
    for element in robot.walk():
        if element.tag.startswith("xacro:"):
            raise SceneError(
                element.where, "a xacro macro, which needs ROS to be expanded", expected="plain URDF",
                next_step=f"run: xacro {file.name} > {file.stem}_plain.urdf",
            )  # fmt: skip
    reading = UrdfReading(file, robot, [Path(p) for p in search_paths], floating_base)
    return reading.record


class UrdfReading:
    """One reading: from elements to records."""

    def __init__(self, file: Path, robot: Element, search: list[Path], floating_base: bool):
        self._log, self._names = WarningLog(), PathNames()
        self._geometry = GeometryReader(file, search)
        self._materials = {e.attributes.get("name", ""): e for e in robot.walk() if e.tag == "material" and e.children}
        self.root = self._names.path("/", robot.attributes.get("name") or file.stem)
        self.record = SceneRecord(str(file), up_axis="Z", fps=60.0, gravity=GRAVITY)
        tree = robot_tree(robot)
        self._paths = {name: self._names.path(self.root, name) for name in tree.links}
        self._poses: dict[str, np.ndarray] = {}
        self._joints: dict[str, JointRecord] = {}
        if floating_base:
            check_floating_root(tree)
        movable = any(joint.element.attributes.get("type") != "fixed" for joint in tree.above.values())
        # A thing without joints that move would be nothing to simulate if it were fixed as well.
        floats = floating_base or (not movable and any(link_mass(link).mass > 0.0 for link in tree.links.values()))
        for name, link in tree.links.items():
            self._add_link(tree, name, link, floats)
        for joint in tree.above.values():
            record = self._joints[joint.name]
            mimic = mimic_record(joint, record, self._joints, f"{record.path}_mimic")
            if mimic is not None:
                self.record.equalities.append(mimic)
        for element in robot.children:
            if element.tag not in READ | SILENT:
                self.warn(element, f"<{element.tag}> is not known; left out")
        self.record.warnings = self._log.warnings()

    def warn(self, element: Element, message: str) -> None:
        """Notes something that is not simulated as written, each kind once."""
        self._log.add(f"{element.file.name}:{element.line}", message)

    def _add_link(self, tree: RobotTree, name: str, link: Element, floating_base: bool) -> None:
        path, mass = self._paths[name], link_mass(link, self.warn)
        joint = tree.above.get(name)
        if joint is None:
            self._poses[name] = IDENTITY_TRANSFORM
            kind = "free" if floating_base else "fixed"
            record = JointRecord(
                self._names.path(self.root, f"{name}_to_world"),
                kind,
                None,
                path,
                IDENTITY_TRANSFORM,
                IDENTITY_TRANSFORM,
            )
            if not floating_base and name != "world":
                needs = "--floating lets it move" if has_mass(tree, name) else "it has no mass to move freely with"
                self.warn(link, f"the root link {name!r} is fixed to the world; {needs}")
        else:
            X = joint_origin(joint)
            self._poses[name] = transform_multiply(self._poses[joint.parent], X)
            record = joint_record(
                joint, self._names.path(self.root, joint.name), self._paths[joint.parent], path, X, self.warn
            )
            self._joints[joint.name] = record
            if is_held(tree, name, self.warn):
                record.kind, record.damping, record.friction = "fixed", 0.0, 0.0
            if mass.mass == 0.0 and record.kind != "fixed":
                self.warn(link, "moving links without mass follow what is attached to them only")
        zero = np.zeros(3)
        self.record.bodies.append(
            BodyRecord(path, self._poses[name], np.eye(3), mass.mass, mass.com, mass.inertia, zero, zero)
        )
        self.record.joints.append(record)
        self._add_geometry(link, path)

    def _add_geometry(self, link: Element, body: str) -> None:
        seen = link.first("visual") is not None
        for element in link.each("visual"):
            shape = self._geometry.read(element, collides=False)
            path = self._names.path(body, element.attributes.get("name") or "visual")
            self.record.visuals.append(VisualRecord(path, body, origin(element), shape, self._color(element)))
        for element in link.each("collision"):
            shape = self._geometry.read(element, collides=True)
            if shape is None:
                self.warn(element, "flat meshes do not collide")
                continue
            path = self._names.path(body, element.attributes.get("name") or "collision")
            self.record.colliders.append(
                ColliderRecord(path, body, origin(element), shape, MaterialRecord(), hidden=seen)
            )

    def _color(self, visual: Element) -> tuple[float, float, float, float] | None:
        material = visual.first("material")
        if material is None:
            return None
        if not material.children:
            material = self._materials.get(material.attributes.get("name", ""), material)
        if material.first("texture") is not None:
            self.warn(material, "textures are not read")
        color = material.first("color")
        return None if color is None else linear_color(numbers(color, "rgba", (0.5, 0.5, 0.5, 1.0), count=4))
