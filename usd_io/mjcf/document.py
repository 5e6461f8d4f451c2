"""A model file with its includes put in, and what is looked up by name: compiler, defaults, assets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from usd_io.errors import SceneError
from usd_io.mjcf.compiler import Compiler, read_compiler
from usd_io.mjcf.defaults import Defaults
from usd_io.xml.attributes import required
from usd_io.xml.element import Element, parse_file
from usd_io.xml.meshes import find_file

WHAT = "an MJCF model (<mujoco>)"
MOST_ELEMENTS = 2_000_000


@dataclass
class Document:
    """One model.

    Attributes:
        root: The ``mujoco`` element, includes put in.
        folder: Where file names start from.
        search: Further folders that files may be in.
        compiler: Compiler settings.
        defaults: Default classes.
        assets: (tag, name) to element.
    """

    root: Element
    folder: Path
    search: tuple[Path, ...]
    compiler: Compiler
    defaults: Defaults
    assets: dict[tuple[str, str], Element]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.root.attributes.get("model", "")

    @cached_property
    def paired(self) -> frozenset[str]:
        """Names of geoms in explicit contact pairs, which touch whatever their masks say."""
        pairs = [e for section in self.root.each("contact") for e in section.each("pair")]
        return frozenset(e.attributes.get(name, "") for e in pairs for name in ("geom1", "geom2"))

    def merged(self, element: Element, childclass: str = "") -> dict[str, str]:
        """Attributes of an element with defaults filled in."""
        return self.defaults.merged(element, childclass)

    def file(self, name: str, where: str, *, subfolder: str = "") -> Path:
        """The file that an attribute names."""
        if self.compiler.strippath:
            name = Path(name.replace("\\", "/")).name
        folders = [folder / subfolder for folder in (self.folder, *self.search)]
        return find_file(name, folders, [self.folder, *self.search], where)


def open_document(path: Path, search: tuple[Path, ...] = ()) -> Document:
    """Reads a model file.

    Raises:
        SceneError: Not an MJCF model, or an include that cannot be followed.
    """
    root = parse_file(path, what=WHAT)
    if root.tag != "mujoco":
        raise SceneError(f"{path}:{root.line}", f"the root element is <{root.tag}>", expected="<mujoco> (or <robot>)")
    folder = path.parent
    _include(root, folder, search, {path.resolve()})
    assets = {}
    for section in root.each("asset"):
        for element in section.children:
            name = element.attributes.get("name") or Path(element.attributes.get("file", "")).stem
            assets[element.tag, name] = element
    return Document(root, folder, search, read_compiler(root), Defaults(root), assets)


def _include(root: Element, folder: Path, search: tuple[Path, ...], seen: set[Path]) -> None:
    """Puts the contents of included files in the place of all ``include`` elements, also of those in such files."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        children: list[Element] = []
        pending = list(reversed(element.children))
        while pending:
            child = pending.pop()
            if child.tag == "include":
                pending.extend(reversed(_included(child, folder, search, seen)))
            else:
                children.append(child)
        element.children = children
        waiting.extend(reversed(children))


def _included(element: Element, folder: Path, search: tuple[Path, ...], seen: set[Path]) -> list[Element]:
    """What stands in the file that an ``include`` names."""
    file = find_file(required(element, "file", "other.xml"), [folder, *search], [folder, *search], element.where)
    if file.resolve() in seen:
        raise SceneError(element.where, f"{file.name} is included a second time", expected="each file once")
    seen.add(file.resolve())
    inner = parse_file(file, what=WHAT)
    if inner.tag not in ("mujoco", "mujocoinclude"):
        raise SceneError(f"{file}:{inner.line}", f"the root element is <{inner.tag}>", expected="<mujoco>")
    return inner.children
