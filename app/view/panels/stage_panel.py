"""The stage as a tree, with search."""

from __future__ import annotations

from imgui_bundle import imgui

from app.view.application import Application
from app.view.scene_view import PrimNode, matching

#: colour of prims that are simulated, by theme
SIMULATED = {"dark": imgui.ImVec4(0.93, 0.62, 0.25, 1.0), "light": imgui.ImVec4(0.68, 0.33, 0.0, 1.0)}


class StagePanel:
    """Prims; those that are simulated are coloured."""

    title = "Stage"

    def __init__(self, app: Application):
        self._app = app
        self._words = ""
        self._found: tuple[object, str, set[str] | None] = (None, "", None)
        self._open: set[str] = set()
        self._root: PrimNode | None = None
        self._revealed: str | None = None
        self._simulated: set[str] = set()

    def draw(self) -> None:
        """Search field and tree."""
        view = self._app.view
        if view is None:
            return
        if view.root is not self._root:
            self._begin(view.root)
        imgui.set_next_item_width(-1)
        _, self._words = imgui.input_text_with_hint("##search", "search prims", self._words)
        if self._found[:2] != (self._root, self._words):
            self._found = (self._root, self._words, matching(self._root, self._words))
        selected = self._app.selection.path
        reveal = selected is not None and selected != self._revealed
        if reveal:
            self._reveal(selected)
        self._revealed = selected
        rows = self.rows()
        if imgui.begin_child("tree"):
            if reveal:
                line = imgui.get_text_line_height_with_spacing()
                for place, (node, _) in enumerate(rows):
                    if node.path == selected:
                        imgui.set_scroll_y(max(0.0, place * line - 0.5 * imgui.get_window_height()))
            clipper = imgui.ListClipper()
            clipper.begin(len(rows))
            while clipper.step():
                for place in range(clipper.display_start, clipper.display_end):
                    self._row(*rows[place])
            clipper.end()
        imgui.end_child()

    def rows(self) -> list[tuple[PrimNode, int]]:
        """The lines that are unfolded, with their depth."""
        found, rows = self._found[2], []

        def visit(node: PrimNode, depth: int) -> None:
            for child in node.children:
                if found is not None and child.path not in found:
                    continue
                rows.append((child, depth))
                if found is not None or child.path in self._open:
                    visit(child, depth + 1)

        if self._root is not None:
            visit(self._root, 0)
        return rows

    def _begin(self, root: PrimNode) -> None:
        self._root, self._revealed = root, None
        self._open = {child.path for child in root.children}
        bindings = self._app.session.bindings
        self._simulated = (
            {b.path for b in bindings.bodies} | {p.path for p in bindings.particles} | set(bindings.joints)
        )

    def _reveal(self, path: str) -> None:
        parts = path.strip("/").split("/")[:-1]
        for count in range(1, len(parts) + 1):
            self._open.add("/" + "/".join(parts[:count]))

    def _row(self, node: PrimNode, depth: int) -> None:
        imgui.push_id(node.path)
        imgui.indent(max(depth * 14.0, 0.1))
        flags = imgui.TreeNodeFlags_.span_avail_width | imgui.TreeNodeFlags_.no_tree_push_on_open
        flags |= imgui.TreeNodeFlags_.open_on_arrow | imgui.TreeNodeFlags_.open_on_double_click
        if not node.children:
            flags |= imgui.TreeNodeFlags_.leaf
        if node.path == self._app.selection.path:
            flags |= imgui.TreeNodeFlags_.selected
        is_open = node.path in self._open or self._found[2] is not None
        imgui.set_next_item_open(is_open)
        colored = node.path in self._simulated
        if colored:
            imgui.push_style_color(imgui.Col_.text, SIMULATED[self._app.preferences.theme])
        now_open = imgui.tree_node_ex(node.name, flags)
        if colored:
            imgui.pop_style_color()
        if imgui.is_item_hovered():
            imgui.set_tooltip(f"{node.path}\n{node.type or 'no type'}{', simulated' if colored else ''}")
        if imgui.is_item_clicked() and not imgui.is_item_toggled_open():
            self._app.selection.set(node.path)
            self._revealed = node.path
            if imgui.is_mouse_double_clicked(0):
                self._app.frame_selection()
        if now_open != is_open and node.children:
            (self._open.add if now_open else self._open.discard)(node.path)
        imgui.unindent(max(depth * 14.0, 0.1))
        imgui.pop_id()
