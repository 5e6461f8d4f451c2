"""Mesh files of robots: found inside the folders that may be read, loaded through trimesh, each once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from usd_io.errors import SceneError
from usd_io.xml.mesh_cache import kept

SUFFIXES = (".stl", ".obj", ".dae", ".glb", ".gltf", ".ply", ".off", ".msh")
HIGHEST = 2
"""Levels above the robot's folder that a relative name may climb to a neighbouring folder (``../meshes/arm.stl``)."""
LARGEST_MESH = 256 << 20
"""[B]"""


def find_file(name: str, folders: Sequence[Path], roots: Sequence[Path], where: str) -> Path:
    """The file that ``name`` means in the first of ``folders`` that has it.

    Raises:
        SceneError: There is none, or it lies outside of ``roots`` and of the folders beside or just above them that a
            relative name may spell out (``../meshes``): a name that climbs further, an absolute one, a link that leads out.
    """
    if "\0" in name:
        raise SceneError(where, "a file name with a zero character", expected="a file name")
    tried = []
    for folder in folders:
        candidate = folder / name
        tried.append(str(candidate))
        if not candidate.is_file():
            continue
        real = candidate.resolve()
        inside = any(real.is_relative_to(root.resolve()) for root in roots)
        if not inside and not any(_is_neighbour(candidate, real, root) for root in roots):
            raise SceneError(
                where,
                f"the file {name!r} lies outside of {', '.join(str(r) for r in roots)}",
                expected="files in the robot's folder or in a search path",
                next_step="add its folder with --search-path",
            )
        return candidate
    raise SceneError(
        where,
        f"there is no file {name!r} (looked at {', '.join(tried[:5])})",
        expected="an existing file",
        next_step="put it there, or add its folder with --search-path",
    )


def _is_neighbour(candidate: Path, real: Path, root: Path) -> bool:
    """Whether a file is in a folder beside or just above ``root`` that its name spells out, and no link leads away."""
    if not candidate.is_relative_to(root):
        return False  # an absolute name
    top = os.path.abspath(root)
    parts = Path(os.path.relpath(os.path.abspath(candidate), top)).parts
    up = sum(part == ".." for part in parts)
    folder = Path(top, *[".."] * up).resolve()
    if not 1 <= up <= HIGHEST or folder == Path(folder.anchor) or len(parts) == up:
        return False
    if len(parts) == up + 1:
        return real.parent == folder
    neighbour = (folder / parts[up]).resolve()
    return neighbour.parent == folder and real.is_relative_to(neighbour)


class MeshFiles:
    """Loads mesh files and remembers them."""

    def __init__(self) -> None:
        self._known: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

    def load(self, file: Path, scale: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
        """Points [n, 3] float64 and triangles [m, 3] int32 of a file, scaled; equal requests share the arrays.

        Raises:
            SceneError: The file is of an unknown kind, broken, or holds no triangles.
        """
        key = (os.fspath(file.resolve()), tuple(scale.tolist()))
        if key not in self._known:
            points, triangles = _load(file, where)
            points = points * scale
            if np.prod(np.sign(scale)) < 0.0:  # A mirrored mesh is inside out.
                triangles = triangles[:, ::-1]
            self._known[key] = points, np.ascontiguousarray(triangles, np.int32)
        return self._known[key]


def _load(file: Path, where: str) -> tuple[np.ndarray, np.ndarray]:
    kind = file.suffix.lower()
    if kind not in SUFFIXES:
        raise SceneError(where, f"the mesh file {file.name}", expected=f"a file ending in {', '.join(SUFFIXES)}")
    if file.stat().st_size > LARGEST_MESH:
        raise SceneError(where, f"{file.name} holds {file.stat().st_size >> 20} MiB", expected="at most 256 MiB")
    try:
        # A glTF file may refer to others, so that its own content does not say everything.
        if kind == ".gltf":
            points, triangles = _parsed(file, kind)
        else:
            points, triangles = kept(kind, file.read_bytes(), lambda: _parsed(file, kind))
    # Loaders of a dozen formats raise whatever they like on broken files.
    except Exception as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise SceneError(where, f"the mesh file {file.name} cannot be read ({text})", expected="a sound mesh") from None
    if points.ndim != 2 or not len(points) or not len(triangles):
        raise SceneError(where, f"the mesh file {file.name} holds no triangles", expected="a surface of triangles")
    if not np.isfinite(points).all() or triangles.min() < 0 or triangles.max() >= len(points):
        raise SceneError(where, f"the mesh file {file.name} has broken points or faces", expected="a sound mesh")
    return points, triangles


def _parsed(file: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    if kind == ".msh":
        return _mujoco_binary(file)
    import trimesh  # Takes a while to import, and few scenes need it.

    return _joined(trimesh.load_scene(file, process=False, skip_materials=True))


def _mujoco_binary(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """MuJoCo's own format: numbers of vertices, normals, texture coordinates and faces, then those arrays."""
    data = file.read_bytes()
    vertices, normals, textures, faces = np.frombuffer(data, np.int32, 4).tolist()
    words = 4 + 3 * (vertices + normals) + 2 * textures
    if min(vertices, normals, textures, faces) < 0 or len(data) < 4 * (words + 3 * faces):
        raise ValueError(f"its header says {vertices} vertices and {faces} faces, it has {len(data)} bytes")
    points = np.frombuffer(data, np.float32, 3 * vertices, 16).reshape(-1, 3)
    triangles = np.frombuffer(data, np.int32, 3 * faces, 4 * words).reshape(-1, 3)
    return points.astype(np.float64), triangles


def _joined(scene) -> tuple[np.ndarray, np.ndarray]:
    """All triangle meshes of a loaded file in its own frame. (trimesh's own joining wants pictures for materials.)"""
    points, triangles, count = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not hasattr(mesh, "faces"):
            continue  # Lines and points have no surface.
        points.append(np.asarray(mesh.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
        triangles.append(np.asarray(mesh.faces, np.int64) + count)
        count += len(points[-1])
    return np.concatenate(points), np.concatenate(triangles)
