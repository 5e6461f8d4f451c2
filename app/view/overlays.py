"""What is drawn over a scene on demand: contacts, joints, frames, masses, collision shapes, velocities, boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.frame_history import Frame
from app.render.camera import pose_matrices
from app.render.options import Overlay
from sim import GEO_BOX, GEO_CAPSULE, GEO_CONE, GEO_CYLINDER, GEO_MESH, GEO_PLANE, GEO_SPHERE, JOINT_FREE, Model
from sim.collide.shapes import local_bounds

CONTACT, FORCE = (1.0, 0.45, 0.1, 1.0), (0.95, 0.2, 0.2, 1.0)
AXIS, COM, INERTIA = (0.25, 0.75, 0.95, 1.0), (0.98, 0.85, 0.2, 1.0), (0.98, 0.85, 0.2, 0.7)
SHAPE, VELOCITY, BOX, HAND = (0.3, 0.9, 0.45, 0.8), (0.4, 0.6, 1.0, 1.0), (0.75, 0.5, 0.95, 0.6), (1.0, 0.9, 0.2, 1.0)
#: most bodies, or particles, that get marks of their own
MOST = 4000
#: most edges of a mesh shape that are drawn
MOST_EDGES = 3000


@dataclass
class Toggles:
    """What is drawn besides the scene."""

    contacts: bool = False
    joints: bool = False
    frames: bool = False
    mass_centers: bool = False
    inertia: bool = False
    shapes: bool = False
    velocities: bool = False
    boxes: bool = False
    names: bool = False


TOGGLE_LABELS = {
    "contacts": "Contacts and forces",
    "joints": "Joint axes",
    "frames": "Body frames",
    "mass_centers": "Centres of mass",
    "inertia": "Inertia boxes",
    "shapes": "Collision shapes",
    "velocities": "Velocities",
    "boxes": "Bounding boxes of shapes (BVH leaves)",
    "names": "Names of bodies",
}


class OverlayMaker:
    """Draws the marks of one model; what does not change is computed once."""

    def __init__(self, model: Model, size: float):
        """Marks for `model`, in a scene of about `size` [m]."""
        self._size = size
        self._gravity = float(np.linalg.norm(model.gravity)) or 9.81
        self.body_count, self.shape_count = model.body_count, model.shape_count
        if model.body_count:
            self._com = model.body_com.numpy().reshape(-1, 3).astype(float)
            self._mass = model.body_mass.numpy().astype(float)
            self._inertia = model.body_inertia.numpy().reshape(-1, 3, 3).astype(float)
            self._names = [name.rsplit("/", 1)[-1] for name in model.body_name]
        self._shape_body = model.shape_body.numpy() if model.shape_count else np.zeros(0, int)
        self._shape_pose = (
            pose_matrices(model.shape_transform.numpy().reshape(-1, 7)) if model.shape_count else np.zeros((0, 4, 4))
        )
        self._model = model
        self._inertia_shapes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._outlines: list[np.ndarray] | None = None
        self._bounds: tuple[np.ndarray, np.ndarray] | None = None

    def draw(self, overlay: Overlay, frame: Frame, toggles: Toggles) -> None:
        """Add the marks that are switched on, for a frame."""
        poses = pose_matrices(frame.rows("body_q")[:MOST])
        if toggles.contacts and frame.contacts is not None:
            self._contacts(overlay, frame.contacts)
        if toggles.shapes:
            self._shapes(overlay, poses)
        if toggles.boxes:
            self._boxes(overlay, poses)
        if toggles.joints and self._model.joint_count:
            self._joints(overlay, poses)
        if toggles.velocities:
            self._velocities(overlay, frame, poses)
        if not len(poses):
            return
        centers = np.einsum("nij,nj->ni", poses[:, :3, :3], self._com[:MOST]) + poses[:, :3, 3]
        if toggles.frames:
            overlay.frames(poses, 0.06 * self._size)
        if toggles.mass_centers:
            overlay.points(centers, COM, size=9.0, through=True)
        if toggles.inertia:
            self._inertia_boxes(overlay, poses, centers)
        if toggles.names:
            overlay.labels(centers[:200], self._names[:200], (0.95, 0.95, 0.95, 1.0))

    def draw_hand(self, overlay: Overlay, held: np.ndarray, target: np.ndarray) -> None:
        """The spring between a held point and the hand."""
        overlay.lines(held, target, HAND, width=2.5, through=True)
        overlay.points(np.stack([held, target]), HAND, size=9.0, through=True)

    def _contacts(self, overlay: Overlay, contacts: np.ndarray) -> None:
        points, normals, forces = contacts[:, :3], contacts[:, 3:6], contacts[:, 6:9]
        overlay.points(points, CONTACT, size=6.0, through=True)
        size = np.linalg.norm(forces, axis=1)
        pressed = size > 1e-9
        if pressed.any():  # the weight of an average body is as long as a twentieth of the scene
            weight = self._gravity * float(self._mass[self._mass > 0].mean()) if self.body_count else size.max()
            length = np.minimum(0.05 * self._size * size[pressed] / max(weight, 1e-12), 0.2 * self._size)
            overlay.arrows(points[pressed], forces[pressed] * (length / size[pressed])[:, None], FORCE, through=True)
        if (~pressed).any():
            overlay.arrows(points[~pressed], 0.03 * self._size * normals[~pressed], CONTACT, through=True)

    def _joints(self, overlay: Overlay, poses: np.ndarray) -> None:
        starts, vectors = joint_axes(self._model, poses)
        overlay.arrows(starts, 0.12 * self._size * vectors, AXIS, width=3.0, through=True)
        overlay.points(starts, AXIS, size=7.0, through=True)

    def _velocities(self, overlay: Overlay, frame: Frame, poses: np.ndarray) -> None:
        lasting = 0.1  # an arrow is the way of a tenth of a second
        if len(poses):
            centers = np.einsum("nij,nj->ni", poses[:, :3, :3], self._com[:MOST]) + poses[:, :3, 3]
            overlay.arrows(centers, lasting * frame.rows("body_qd")[:MOST, 3:], VELOCITY)
        points, speeds = frame.rows("particle_q"), frame.rows("particle_qd")
        if len(points):
            some = slice(None, None, max(1, -(-len(points) // MOST)))
            overlay.lines(points[some], points[some] + lasting * speeds[some], VELOCITY, width=1.0)

    def _inertia_boxes(self, overlay: Overlay, poses: np.ndarray, centers: np.ndarray) -> None:
        if self._inertia_shapes is None:
            heavy = np.flatnonzero(self._mass[:MOST] > 0.0)
            shapes = [equivalent_box(self._mass[body], self._inertia[body]) for body in heavy]
            halves, axes = (np.array([s[k] for s in shapes]) for k in (0, 1))
            self._inertia_shapes = heavy, halves.reshape(-1, 3), axes.reshape(-1, 3, 3)
        heavy, halves, axes = self._inertia_shapes
        frames = np.tile(np.eye(4), (len(heavy), 1, 1))
        frames[:, :3, :3], frames[:, :3, 3] = poses[heavy, :3, :3] @ axes, centers[heavy]
        overlay.boxes(frames, halves, INERTIA)

    def _world(self, poses: np.ndarray) -> np.ndarray:
        """Shape frames to the world [shape_count, 4, 4]."""
        world = self._shape_pose.copy()
        moving = (self._shape_body >= 0) & (self._shape_body < len(poses))
        world[moving] = poses[self._shape_body[moving]] @ world[moving]
        return world

    def _shapes(self, overlay: Overlay, poses: np.ndarray) -> None:
        if self._outlines is None:
            geo, sources = self._model.shape_geo, self._model.shape_geo_src
            kinds, scales = geo.type.numpy(), geo.scale.numpy().reshape(-1, 3)
            self._outlines = [outline(int(k), s, m) for k, s, m in zip(kinds, scales, sources)]
        segments = [
            lines @ matrix[:3, :3].T + matrix[:3, 3]
            for lines, matrix in zip(self._outlines[:MOST], self._world(poses))
            if len(lines)
        ]
        if segments:
            both = np.concatenate(segments)
            overlay.lines(both[:, 0], both[:, 1], SHAPE)

    def _boxes(self, overlay: Overlay, poses: np.ndarray) -> None:
        if self._bounds is None:
            geo, sources = self._model.shape_geo, self._model.shape_geo_src
            rows = zip(geo.type.numpy(), geo.scale.numpy().reshape(-1, 3), sources)
            bounds = [local_bounds(int(k), s, getattr(m, "vertices", None)) for k, s, m in rows]
            self._bounds = tuple(np.array([b[k] for b in bounds], float).reshape(-1, 3) for k in (0, 1))
        lower, upper = self._bounds
        finite = (np.abs(lower) < 1e6).all(axis=1) & (np.abs(upper) < 1e6).all(axis=1)
        world = self._world(poses)[finite][:MOST]
        half, middle = 0.5 * (upper - lower)[finite][:MOST], 0.5 * (upper + lower)[finite][:MOST]
        center = np.einsum("nij,nj->ni", world[:, :3, :3], middle) + world[:, :3, 3]
        frames = np.tile(np.eye(4), (len(center), 1, 1))
        frames[:, :3, 3] = center
        overlay.boxes(frames, np.einsum("nij,nj->ni", np.abs(world[:, :3, :3]), half), BOX)


def joint_axes(model: Model, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where joints turn and slide: world points [n, 3] and unit axes [n, 3], one for each axis of a joint."""
    types, parents = model.joint_type.numpy(), model.joint_parent.numpy()
    frames = pose_matrices(model.joint_X_p.numpy().reshape(-1, 7))
    firsts = model.joint_axis_start.numpy()
    axes = model.joint_axis.numpy().reshape(-1, 3) if model.joint_axis_count else np.zeros((0, 3))
    starts, vectors = [], []
    for joint in range(model.joint_count):
        if types[joint] == JOINT_FREE:
            continue
        world = frames[joint]
        if 0 <= parents[joint] < len(poses):
            world = poses[parents[joint]] @ world
        for axis in range(firsts[joint], firsts[joint + 1]):
            starts.append(world[:3, 3])
            vectors.append(world[:3, :3] @ axes[axis])
    return np.array(starts).reshape(-1, 3), np.array(vectors).reshape(-1, 3)


def equivalent_box(mass: float, inertia: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half extents [3] and axes [3, 3] of the uniform box with this mass and inertia."""
    moments, axes = np.linalg.eigh(inertia)
    squares = 6.0 * (moments.sum() / 2.0 - moments) * 2.0 / max(mass, 1e-30)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1.0
    return 0.5 * np.sqrt(np.maximum(squares, 0.0)), axes


def outline(kind: int, scale: np.ndarray, mesh: object) -> np.ndarray:
    """Lines that show a collision shape, in its frame [n, 2, 3]."""
    r, h = float(scale[0]), float(scale[1])
    if kind == GEO_SPHERE:
        return np.concatenate([circle(r, axis) for axis in range(3)])
    if kind == GEO_BOX:
        return box_edges(np.asarray(scale, float))
    if kind == GEO_CAPSULE:
        ends = [shifted(circle(r, 1), y) for y in (-h, h)]
        caps = [shifted(arc(r, plane, sign), sign * h) for plane in (0, 2) for sign in (-1.0, 1.0)]
        return np.concatenate([*ends, *caps, pillars(r, -h, r, h)])
    if kind == GEO_CYLINDER:
        return np.concatenate([shifted(circle(r, 1), -h), shifted(circle(r, 1), h), pillars(r, -h, r, h)])
    if kind == GEO_CONE:
        return np.concatenate([shifted(circle(r, 1), -h), pillars(r, -h, 0.0, h)])
    if kind == GEO_PLANE:
        half = np.array([r if r > 0 else 0.0, 0.0, h if h > 0 else 0.0])
        return box_edges(half) if half.any() else np.zeros((0, 2, 3))
    if kind == GEO_MESH and mesh is not None:
        return mesh_edges(np.asarray(mesh.vertices, float).reshape(-1, 3) * scale, np.asarray(mesh.indices))
    return np.zeros((0, 2, 3))


def shifted(points: np.ndarray, height: float) -> np.ndarray:
    """Points moved along y."""
    return points + np.array([0.0, height, 0.0])


def chain(points: np.ndarray) -> np.ndarray:
    """Segments between neighbours."""
    return np.stack([points[:-1], points[1:]], axis=1)


def circle(radius: float, axis: int, count: int = 32) -> np.ndarray:
    """A circle about an axis, as segments."""
    angle = np.linspace(0.0, 2.0 * np.pi, count + 1)
    points = np.zeros((count + 1, 3))
    points[:, (axis + 1) % 3], points[:, (axis + 2) % 3] = radius * np.cos(angle), radius * np.sin(angle)
    return chain(points)


def arc(radius: float, across: int, sign: float, count: int = 16) -> np.ndarray:
    """Half a circle over the y axis, to the side of `sign`."""
    angle = np.linspace(0.0, np.pi, count + 1)
    points = np.zeros((count + 1, 3))
    points[:, across], points[:, 1] = radius * np.cos(angle), sign * radius * np.sin(angle)
    return chain(points)


def pillars(r0: float, y0: float, r1: float, y1: float) -> np.ndarray:
    """Four lines from a circle to another."""
    around = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 1.0], [0, 0, -1.0]])
    return np.stack([shifted(r0 * around, y0), shifted(r1 * around, y1)], axis=1)


def box_edges(half: np.ndarray) -> np.ndarray:
    """The twelve edges of a box."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * half
    edges = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
    return np.array([[corners[a], corners[b]] for a, b in edges])


def mesh_edges(points: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Every edge of a mesh once; of a large one, some."""
    triangles = indices.reshape(-1, 3)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges = np.unique(edges, axis=0)
    return points[edges[:: max(1, -(-len(edges) // MOST_EDGES))]]
