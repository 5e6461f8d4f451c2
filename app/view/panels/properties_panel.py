"""The selected prim: what the stage says of it, and what the simulation does with it."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui

from app.commands import SetElements
from app.view.application import Application
from app.view.panels.fields import begin_rows, edit_number, number, row, vector
from app.view.quantities import Masses
from app.view.selection import SimulatedPart

MATERIAL_NAMES = (
    ("mu", "friction", "Coulomb friction coefficient"),
    ("restitution", "restitution", "1 bounces back, 0 does not"),
    ("ke", "contact stiffness [N/m]", ""),
    ("kd", "contact damping [N s/m]", ""),
)
#: array, column, name
CLOTH_NAMES = (
    ("tri_materials", 0, "stretch stiffness"),
    ("tri_materials", 1, "area stiffness"),
    ("tri_materials", 2, "damping"),
    ("tri_materials", 3, "drag"),
    ("tri_materials", 4, "lift"),
    ("edge_bending_properties", 0, "bending stiffness"),
    ("edge_bending_properties", 1, "bending damping"),
)
SOFT_NAMES = (
    ("tet_materials", 0, "shear modulus [Pa]"),
    ("tet_materials", 1, "volume modulus [Pa]"),
    ("tet_materials", 2, "damping [Pa s]"),
)


class PropertiesPanel:
    """Of one prim."""

    title = "Properties"

    def __init__(self, app: Application):
        self._app = app
        self._masses: tuple[object, Masses | None] = (None, None)
        self._rows: dict[tuple, tuple[int, ...]] = {}
        self._filter = ""

    def draw(self) -> None:
        """Prim, simulated part, attributes."""
        app = self._app
        path = app.selection.path
        if app.session is None or path is None:
            imgui.text_wrapped("Click something in the picture or in the stage tree.")
            return
        prim = app.view.stage.GetPrimAtPath(path)
        imgui.text_wrapped(path)
        if imgui.is_item_hovered():
            imgui.set_tooltip("click to copy")
        if imgui.is_item_clicked():
            imgui.set_clipboard_text(path)
        imgui.text_disabled(str(prim.GetTypeName()) if prim and prim.GetTypeName() else "no type")
        self._visibility(path)
        part, frame = app.part(), app.frame
        if part is not None and frame is not None:
            self._simulated(part, frame)
        if prim and imgui.collapsing_header("Attributes"):
            self._attributes(prim)

    def _visibility(self, path: str) -> None:
        items = self._app.view.render.find_items(path)
        if not items:
            return
        imgui.same_line()
        changed, visible = imgui.checkbox("visible", all(item.visible for item in items))
        if changed:
            for item in items:
                item.visible = visible
            self._app.view.render.changed()

    def _simulated(self, part: SimulatedPart, frame) -> None:
        session = self._app.session
        if self._masses[0] is not session:
            self._masses = (session, Masses(session))
            self._rows.clear()
        if part.body >= 0 and imgui.collapsing_header("Rigid body", imgui.TreeNodeFlags_.default_open):
            self._body(part, frame)
        if part.particles is not None and imgui.collapsing_header("Particles", imgui.TreeNodeFlags_.default_open):
            self._particles(part, frame)
        shapes = self._shapes_of(part)
        if shapes and imgui.collapsing_header("Contact material", imgui.TreeNodeFlags_.default_open):
            self._material(shapes)

    def _body(self, part: SimulatedPart, frame) -> None:
        session, masses, b = self._app.session, self._masses[1], part.body
        model = session.model
        mass = float(model.body_mass.numpy()[b])
        fixed = float(model.body_inv_mass.numpy()[b]) == 0.0
        pose, speed = frame.rows("body_q")[b], frame.rows("body_qd")[b]
        if begin_rows("body"):
            row("prim", part.path)
            row("mass", "kinematic" if fixed else f"{number(mass)} kg")
            row("position", vector(pose[:3]) + " m")
            row("centre of mass", vector(masses.centers(frame)[b]) + " m")
            row("velocity", f"{vector(speed[3:])} m/s, |v| = {number(float(np.linalg.norm(speed[3:])))}")
            row("turning", vector(speed[:3]) + " rad/s")
            here, nothing = slice(b, b + 1), slice(0, 0)
            row("kinetic energy", number(masses.kinetic(frame, here, nothing)) + " J")
            row("gravitational energy", number(masses.potential(frame, here, nothing)) + " J")
            row("contacts", str(self._contacts_of(b)))
            imgui.end_table()
        if imgui.tree_node("inertia [kg m^2]"):
            for line in model.body_inertia.numpy().reshape(-1, 3, 3)[b]:
                imgui.text("  ".join(f"{x: .4g}" for x in line))
            imgui.tree_pop()
        imgui.text_disabled(
            "The gizmo (M: move or turn) acts at once while paused"
            + (", by travelling while running." if fixed else ".")
        )

    def _contacts_of(self, body: int) -> int:
        """Contact points of a body in the last step."""
        contacts = self._app.session.model.rigid_contacts
        if contacts is None or not contacts.pair_count:
            return 0
        active = int(contacts.active_count.numpy()[0])
        pairs = contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[:active]].reshape(-1, 2)
        bodies = self._app.session.model.shape_body.numpy()[pairs]
        return int(contacts.points.count.numpy()[:active][(bodies == body).any(axis=1)].sum())

    def _particles(self, part: SimulatedPart, frame) -> None:
        session, masses = self._app.session, self._masses[1]
        rows = slice(part.particles.start, part.particles.stop)
        points, speeds = frame.rows("particle_q")[rows], frame.rows("particle_qd")[rows]
        inverse = session.model.particle_inv_mass.numpy()[rows]
        if begin_rows("particles"):
            row("points", f"{len(points)}, {int((inverse == 0).sum())} of them pinned")
            row("mass", number(float(masses.particle[rows].sum())) + " kg (without pinned points)")
            row("centre", vector(points.mean(axis=0)) + " m")
            row("size", vector(np.ptp(points, axis=0)) + " m")
            row("fastest point", number(float(np.linalg.norm(speeds, axis=1).max())) + " m/s")
            row("kinetic energy", number(masses.kinetic(frame, slice(0, 0), rows)) + " J")
            imgui.end_table()
        if begin_rows("material"):
            for family, names in (("tri", CLOTH_NAMES), ("tet", SOFT_NAMES)):
                for array, column, name in names:
                    self._element_number(part, "edge" if array.startswith("edge") else family, array, column, name)
            self._element_number(part, "spring", "spring_stiffness", -1, "spring stiffness [N/m]")
            imgui.end_table()

    def _element_number(self, part: SimulatedPart, family: str, array: str, column: int, name: str) -> None:
        model = self._app.session.model
        rows = self._elements(part, family)
        if not rows:
            return
        values = getattr(model, array).numpy()
        value = float(values[rows[0]] if column < 0 else values[rows[0], column])
        edit_number(self._app, name, value, lambda new: SetElements(array, rows, new, column))

    def _elements(self, part: SimulatedPart, family: str) -> tuple[int, ...]:
        """The elements whose first particle belongs to a part."""
        key = (part.path, family)
        if key not in self._rows:
            model = self._app.session.model
            if getattr(model, f"{family}_count") == 0:
                self._rows[key] = ()
            else:
                width = {"spring": 2, "tri": 3, "edge": 4, "tet": 4}[family]
                first = getattr(model, f"{family}_indices").numpy().reshape(-1, width)[:, -1]
                inside = (first >= part.particles.start) & (first < part.particles.stop)
                self._rows[key] = tuple(int(i) for i in np.flatnonzero(inside))
        return self._rows[key]

    def _shapes_of(self, part: SimulatedPart) -> tuple[int, ...]:
        if part.shape >= 0:
            return (part.shape,)
        if part.body < 0:
            return ()
        return tuple(self._app.session.model.body_shapes.get(part.body, ()))

    def _material(self, shapes: tuple[int, ...]) -> None:
        materials = self._app.session.model.shape_materials
        if begin_rows("contact material"):
            for name, text, hint in MATERIAL_NAMES:
                value = float(getattr(materials, name).numpy()[shapes[0]])
                edit_number(
                    self._app,
                    text,
                    value,
                    lambda new, n=name: SetElements(f"shape_materials.{n}", shapes, new),
                    hint=hint,
                )
            imgui.end_table()

    def _attributes(self, prim) -> None:
        imgui.set_next_item_width(-1)
        _, self._filter = imgui.input_text_with_hint("##filter", "search attributes", self._filter)
        if begin_rows("attributes"):
            for attribute in prim.GetAttributes():
                name = attribute.GetName()
                if self._filter.lower() in name.lower() and attribute.HasAuthoredValue():
                    row(name, short(attribute.Get()), str(attribute.GetTypeName()))
            imgui.end_table()
        schemas = prim.GetAppliedSchemas()
        if schemas:
            imgui.text_wrapped("schemas: " + ", ".join(schemas))


def short(value: object) -> str:
    """An attribute's value in one line."""
    if value is None:
        return "animated"
    try:
        if not isinstance(value, str) and len(value) > 8:
            return f"{len(value)} values"
    except TypeError:
        pass
    text = str(value)
    return text if len(text) < 120 else text[:117] + "..."
