"""Reads an MJCF file into a SceneRecord: the table of contents of this package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_multiply
from usd_io.emit.joint_trees import spanning_trees
from usd_io.emit.joints import joint_loads
from usd_io.errors import SceneError
from usd_io.mjcf.actuators import ActuatorReader
from usd_io.mjcf.bodies import Body, BodyWalk
from usd_io.mjcf.contacts import read_contacts
from usd_io.mjcf.document import Document, open_document
from usd_io.mjcf.equalities import Known, read_equalities
from usd_io.mjcf.geoms import LAST_VISIBLE_GROUP, Geom, GeomReader
from usd_io.mjcf.ignored import SOFTNESS, name_ignored
from usd_io.mjcf.inertia import body_mass, check_moving
from usd_io.mjcf.joints import AxisPlace, JointGroup, anchor_frame, force_range, group_joints, joint_range
from usd_io.mjcf.keyframes import apply_key, find_key
from usd_io.mjcf.lights import aim_lights, read_headlight
from usd_io.mjcf.mesh_assets import MeshAssets
from usd_io.mjcf.options import read_options, switch_off
from usd_io.mjcf.tendons import read_tendons
from usd_io.read.shape_mass import MassProperties
from usd_io.read.warning_log import WarningLog
from usd_io.records import (
    BodyRecord,
    ColliderRecord,
    JointRecord,
    MaterialRecord,
    SceneRecord,
    VisualRecord,
)
from usd_io.shape_records import Plane
from usd_io.xml.attributes import number, numbers
from usd_io.xml.element import Element
from usd_io.xml.names import PathNames

SECTIONS = frozenset(
    "compiler option size visual statistic default asset worldbody contact actuator equality tendon keyframe custom include".split()
)


def read_mjcf(
    path: str | os.PathLike[str],
    *,
    search_paths: Sequence[str | os.PathLike[str]] = (),
    keyframe: str | None = None,
) -> SceneRecord:
    """Reads what an MJCF file says about a simulation.

    Args:
        path: The file.
        search_paths: Further folders that meshes and included files may be in.
        keyframe: Name (or number) of the key to start from; None means the pose in which the model is drawn.

    Returns:
        The scene record; ``warnings`` names what is not simulated as written.

    Raises:
        SceneError: The file cannot be read, or says something that cannot be simulated; with file and line.
    """
    return MjcfReading(open_document(Path(path), tuple(Path(p) for p in search_paths)), keyframe).record


class MjcfReading:
    """One reading: from elements to records.

    Attributes:
        record: The result.
        body_paths: Prim path of each body of the walk.
    """

    def __init__(self, document: Document, keyframe: str | None = None):
        self._log = WarningLog()
        self._names = PathNames()
        self._document = document
        self.root = self._names.path("/", document.name or document.root.file.stem)
        self.record = SceneRecord(str(document.root.file), up_axis="Z", fps=60.0)
        off = self._off = read_options(document, self.record, self.warn)
        walk = BodyWalk(document, GeomReader(MeshAssets(), self.warn), self.warn)
        self.body_paths: dict[Body, str | None] = {walk.world: None}
        self._poses = {walk.world: IDENTITY_TRANSFORM}
        self._axes: dict[str, AxisPlace] = {}
        self._refs: dict[tuple[str, int], float] = {}
        self._geoms: dict[str, tuple[ColliderRecord, Geom]] = {}
        self._sites: dict[str, tuple[str | None, np.ndarray]] = {}
        self._add_contents(walk.world)
        for body, mass in zip(walk.bodies, self._masses(walk), strict=True):
            self._add_body(body, mass)
        self._finish_lights()
        documents = [(document, "", ""), *walk.attached]
        for each in documents:
            walk.names.take_sections(*each)
        key = None if keyframe is None else find_key(document, keyframe)
        self._read_actuators(documents, None if key is None else numbers(key, "ctrl"))
        self._read_equalities(documents)
        if key is not None:
            apply_key(key, self.record, self._refs)
        read_contacts(documents, self.body_paths, self._geoms, self.record, self.warn)
        switch_off(self.record, off)
        self._name_unsupported(documents)
        self.record.warnings = self._log.warnings()
        if not walk.bodies:
            raise SceneError(str(document.root.file), "there is no body in the model", expected="bodies in <worldbody>")

    def warn(self, element: Element, message: str) -> None:
        """Notes something that is not simulated as written, each kind once."""
        self._log.add(f"{element.file.name}:{element.line}", message)

    def _read_actuators(self, documents, ctrl: np.ndarray | None) -> None:
        reader = ActuatorReader(self._axes, lambda name: self._names.path(self.root, name), self.warn)
        for document, prefix, suffix in documents:
            reader.read(document, prefix=prefix, suffix=suffix, ctrl=ctrl if document is self._document else None)
        reader.finish(lambda: joint_loads(self.record, spanning_trees(self.record)[0]))
        self.record.actuators = reader.records

    def _read_equalities(self, documents) -> None:
        names = {body.name or "world": path for body, path in self.body_paths.items() if body.name}
        known = Known(
            {**names, "world": None},
            {self.body_paths[body]: X for body, X in self._poses.items()},
            self._sites,
            self._axes,
        )

        def path(name: str) -> str:
            return self._names.path(self.root, name)

        for document, prefix, suffix in documents:
            ends = {"prefix": prefix, "suffix": suffix}
            if not self._off & {"equality", "constraint"}:
                self.record.equalities += read_equalities(document, known, path, self.warn, **ends)
            if not self._off & {"limit", "constraint"}:
                self.record.equalities += read_tendons(document, self._axes, path, self.warn, **ends)

    def _finish_lights(self) -> None:
        targets = {body.name or "world": X for body, X in self._poses.items()}
        aim_lights(self.record.markers, {self.body_paths[body]: X for body, X in self._poses.items()}, targets)
        headlight = read_headlight(self._document)
        headlight.path = self._names.path(self.root, "headlight")
        self.record.markers.append(headlight)

    def _masses(self, walk: BodyWalk) -> list[MassProperties]:
        masses = [body_mass(body) for body in walk.bodies]
        check_moving(walk.bodies, masses)
        wanted = self._document.compiler.settotalmass
        total = sum(m.mass for m in masses)
        if wanted > 0.0 and total > 0.0:
            masses = [m.scaled(wanted / total) for m in masses]
        return masses

    def _add_body(self, body: Body, mass: MassProperties) -> None:
        X_wp = self._poses[body.parent]
        X_wb = self._poses[body] = transform_multiply(X_wp, body.X_pb)
        path = self.body_paths[body] = self._names.path(self.root, body.name or "body")
        if body.mocap:
            self.warn(body.element, "mocap bodies stand still where they start")
        parent, X_pb = self.body_paths[body.parent], body.X_pb
        groups = group_joints(body.joints)
        if groups and groups[0].kind == "free" and parent is not None:
            raise SceneError(
                body.element.where, "a free joint inside another body", expected="free joints of bodies in <worldbody>"
            )
        # All joints of a body but the last move weightless bodies that stand where it does.
        for number_, group in enumerate(groups[:-1], 1):
            between = self._names.path(self.root, f"{body.name or 'body'}_joint_{number_}")
            self._append_body(between, X_wb, _WEIGHTLESS)
            self._append_joint(group, parent, between, X_pb)
            parent, X_pb = between, IDENTITY_TRANSFORM
        self._append_body(path, X_wb, mass)
        self._append_joint(groups[-1] if groups else None, parent, path, X_pb, first=len(groups) < 2, body=body)
        self._add_contents(body)

    def _append_body(self, path: str, X_wb: np.ndarray, mass: MassProperties) -> None:
        zero = np.zeros(3)
        self.record.bodies.append(BodyRecord(path, X_wb, np.eye(3), mass.mass, mass.com, mass.inertia, zero, zero))

    def _append_joint(self, group: JointGroup | None, parent, child, X_pb, *, first: bool = True, body=None) -> None:
        if group is None:
            path = self._names.path(self.root, f"{child.rsplit('/', 1)[1]}_weld")
            self.record.joints.append(JointRecord(path, "fixed", parent, child, X_pb, IDENTITY_TRANSFORM))
            return
        joint = group.joints[0]
        path = self._names.path(self.root, joint.name or f"{child.rsplit('/', 1)[1]}_joint")
        X_c = anchor_frame(group.anchor)
        X_p = IDENTITY_TRANSFORM if group.kind == "free" else transform_multiply(X_pb, X_c)
        record = JointRecord(path, group.kind, parent, child, X_p, X_c, group.axes)
        if group.kind in ("ball", "free"):
            for name, attribute in (("damping", "damping"), ("stiffness", "stiffness"), ("friction", "frictionloss"), ("armature", "armature")):  # fmt: skip
                setattr(record, name, number(joint.element, attribute, 0.0, low=0.0, source=joint.values))
            if record.friction > 0.0:
                self.warn(
                    joint.element, "dry friction of ball and free joints acts along the parent's axes, not the body's"
                )
            if group.kind == "ball":
                limits = joint_range(joint)
                record.angle_limit = None if limits is None else float(joint.document.compiler.angle(limits[1]))
                if limits is not None and "solreflimit" in joint.values:
                    self.warn(joint.element, SOFTNESS)
        for i, (joint, axis) in enumerate(zip(group.joints, group.axes, strict=False)):
            convert = joint.document.compiler.angle if axis.kind == "angular" else float
            ref = self._refs[path, i] = convert(number(joint.element, "ref", 0.0, source=joint.values))
            if joint.name:
                self._axes[joint.name] = AxisPlace(axis, ref, path, i, joint.element, force_range(joint))
        self.record.joints.append(record)

    def _add_contents(self, body: Body) -> None:
        self._add_geoms(body)
        owner = self.body_paths[body]
        for name, record in body.markers:
            record.path = self._names.path(owner or self.root, name or record.kind)
            record.body_path = owner
            if name and record.kind == "site":
                self._sites[name] = (owner, record.X_bs)
            self.record.markers.append(record)

    def _add_geoms(self, body: Body) -> None:
        owner = self.body_paths[body]
        for geom in body.geoms:
            if isinstance(geom.drawn, Plane) and not body.stands:
                raise SceneError(
                    geom.element.where, "a plane on a body that moves", expected="planes on what stands still"
                )
            path = self._names.path(owner or self.root, geom.name or "geom")
            collides = geom.collides is not None and (geom.contype or geom.conaffinity or geom.paired)
            if collides:
                material = MaterialRecord(dynamic_friction=geom.friction, restitution=0.0, friction_combine="max")
                same = geom.drawn is geom.collides
                hidden = not same or geom.group > LAST_VISIBLE_GROUP
                collider = ColliderRecord(
                    path, owner, geom.X_bg, geom.collides, material, color=geom.color, hidden=hidden,
                    priority=geom.priority, frictionless=geom.condim == 1,
                )  # fmt: skip
                self.record.colliders.append(collider)
                self._geoms[path] = (collider, geom)
                if same:
                    continue
                path = self._names.path(owner or self.root, f"{path.rsplit('/', 1)[1]}_visual")
            if geom.drawn is not None and geom.group <= LAST_VISIBLE_GROUP:
                self.record.visuals.append(VisualRecord(path, owner, geom.X_bg, geom.drawn, geom.color))

    def _name_unsupported(self, documents) -> None:
        for document in {id(document): document for document, _, _ in documents}.values():
            name_ignored(document.root, self.warn)
            for section in document.root.children:
                if section.tag in SECTIONS:
                    continue
                what = {
                    "sensor": "sensors are not simulated",
                    "deformable": "deformables of MJCF are not simulated",
                    "extension": "plugins are not simulated",
                }.get(section.tag, f"<{section.tag}> is not known; left out")
                if section.children or section.tag not in ("sensor", "deformable", "extension"):
                    self.warn(section, what)


_WEIGHTLESS = MassProperties(0.0, np.zeros(3), np.zeros((3, 3)))
