"""What is looked at besides the simulation: the stage, its prims as a tree, the files it is made of."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.render.scene import RenderScene
from app.session import Session
from sim import Model
from usd_io import BodyBinding, ParticleBinding, SceneBindings, SceneError, is_usd
from usd_io.author import author_stage
from usd_io.model_stage import author_model
from usd_io.recorder import BodyTarget


@dataclass
class PrimNode:
    """A prim in the tree."""

    path: str
    name: str
    type: str
    children: list[PrimNode] = field(default_factory=list)


class SceneView:
    """A stage for a session: the scene's own, or one made from a robot file.

    Attributes:
        path: the file that was opened.
        stage: its composed stage.
        stage_path: file of the stage; the scene itself, or one made for the view.
        root: its prims.
        render: what is drawn.
        files: files whose change means that the scene has changed, with the times of their last change.
    """

    def __init__(self, path: Path, session: Session):
        """Open the stage of a session. Takes as long as reading it; meant for the thread that loads.

        Raises:
            SceneError: if the stage cannot be read.
        """
        from pxr import Usd

        from app.render.stage import from_stage

        self.path = Path(path)
        self._folder: str | None = None
        if is_usd(self.path):
            self.stage_path = self.path
        else:
            self._folder = tempfile.mkdtemp(prefix="simview_")
            self.stage_path = Path(self._folder) / f"{self.path.stem}.usdc"
            author_stage(session.scene, self.stage_path)
        self.stage: Any = Usd.Stage.Open(str(self.stage_path))
        self.root = read_tree(self.stage)
        self.render: RenderScene = from_stage(self.stage, session.bindings, session.model)
        self.files = self._source_files()

    @classmethod
    def of_model(cls, model: Model, title: str) -> tuple[SceneView, SceneBindings]:
        """A view of a model that was built in Python, and names for its parts."""
        from app.render.stage import from_model

        view = cls.__new__(cls)
        authored = author_model(model)
        view.path = view.stage_path = Path(title)
        view._folder, view.files = None, {}
        view.stage, view.root = authored.stage, read_tree(authored.stage)
        view.render = from_model(model)
        bindings = SceneBindings()
        for target in authored.targets:
            if isinstance(target, BodyTarget):
                bindings.bodies.append(BodyBinding(target.path, target.index, np.eye(3)))
            elif len(target.rows):
                rows = target.rows
                bindings.particles.append(
                    ParticleBinding(target.path, "particles", int(rows.min()), int(np.ptp(rows)) + 1, np.eye(4))
                )
        bindings.joints = {f"/joints/{name}": index for index, name in enumerate(getattr(model, "joint_name", ()))}
        return view, bindings

    def changed_files(self) -> list[Path]:
        """The files that were changed on disk since they were read; those that are gone do not count."""
        return [path for path, then in self.files.items() if (now := modified(path)) is not None and now != then]

    def is_gone(self) -> bool:
        """Whether the file that was opened is not there any more."""
        return bool(self.files) and modified(self.path) is None

    def note_files(self) -> None:
        """Take the files as they are now for read."""
        self.files = {path: modified(path) or then for path, then in self.files.items()}

    def close(self) -> None:
        """Remove what was made for the view."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _source_files(self) -> dict[Path, float]:
        paths = {self.path}
        if self._folder is None:
            paths |= {Path(layer.realPath) for layer in self.stage.GetUsedLayers() if layer.realPath}
        return {path: modified(path) or 0.0 for path in paths}


def read_anew(path: Path) -> None:
    """Let USD forget what it remembers of the layers in memory whose files have changed.

    Raises:
        SceneError: if one of the files cannot be read now.
    """
    if not is_usd(path):
        return
    from pxr import Sdf, Tf

    for layer in Sdf.Layer.GetLoadedLayers():
        if not layer.realPath or layer.anonymous or not os.path.isfile(layer.realPath):
            continue
        try:
            layer.Reload()
        except Tf.ErrorException as error:
            reason = " ".join(str(error).split())[:300]
            raise SceneError(layer.realPath, f"cannot be read ({reason})", next_step="correct the file") from None


def modified(path: Path) -> float | None:
    """When a file was changed last, None if it is not there."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def read_tree(stage: Any) -> PrimNode:
    """All prims of a stage, instances' contents included."""
    from pxr import Usd

    root = PrimNode("/", "/", "")
    nodes = {"/": root}
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies(Usd.PrimAllPrimsPredicate)):
        path = str(prim.GetPath())
        if path == "/":
            continue
        node = PrimNode(path, prim.GetName(), str(prim.GetTypeName()))
        nodes[path] = node
        parent = nodes.get(path.rsplit("/", 1)[0] or "/")
        if parent is not None:
            parent.children.append(node)
    return root


def matching(node: PrimNode, words: str) -> set[str] | None:
    """Paths of the prims whose path or type has every word, and of those above them; None when there are no words."""
    needles = words.lower().split()
    if not needles:
        return None
    found: set[str] = set()

    def visit(each: PrimNode) -> bool:
        text = f"{each.path} {each.type}".lower()
        below = [visit(child) for child in each.children]
        hit = (all(n in text for n in needles) and each.path != "/") or any(below)
        if hit:
            found.add(each.path)
        return hit

    visit(node)
    return found
