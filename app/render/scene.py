"""What is to be drawn, as plain arrays: no GL, no USD.

Lengths are metres, axes those of the stage and the model. A matrix takes column vectors: `p_w = M @ p`. Things that move
name what moves them: a body (the matrix is then relative to the body's pose) or particles (one a point).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from app.render.camera import Bounds, Camera, pose_matrices
from app.render.dome import DomeImage
from app.render.materials import Material

PURPOSES = ("default", "render", "proxy", "guide")
DEFAULT_GREY = (0.62, 0.63, 0.65)


@dataclass(eq=False)
class Geometry:
    """Triangles, shared by every item that shows them (drawn as instances of one batch).

    Attributes:
        points: [n, 3] float32, in the space of the item's matrices.
        triangles: [m, 3] int32, counter-clockwise seen from outside.
        normals: [n, 3] float32 unit vectors; None for dynamic geometry, whose normals are computed with every frame.
        uvs: [n, 2] float32, or None.
        colors: [n, 4] float32 linear red, green, blue, opacity of each point, or None.
        source_points: [n] int32: which point of the prim a vertex was split from; None when they are the same.
        materials: material index of each triangle [m] where parts differ (GeomSubsets), else None.
        closed: whether it is known to have no holes, so that its inside is never seen.
    """

    points: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray | None = None
    uvs: np.ndarray | None = None
    colors: np.ndarray | None = None
    source_points: np.ndarray | None = None
    materials: np.ndarray | None = None
    closed: bool = False


@dataclass(frozen=True, eq=False)
class ParticleRange:
    """Particles that are the points of a prim: point i is particle `rows[i]`."""

    rows: np.ndarray

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.rows)


@dataclass(eq=False)
class Item:
    """What all drawn things share.

    Attributes:
        path: prim path.
        purpose: one of `PURPOSES`.
        visible: False where USD says invisible; may be switched while drawing (bump `RenderScene.changed`).
        material: index into `RenderScene.materials`.
        color: display colour, linear red, green, blue, opacity, float32 [4].
        particles: what moves the points; None when they are rigid.
        animated: whether the stage itself moves, shows or deforms it while it plays.
    """

    path: str
    purpose: str = "default"
    visible: bool = True
    material: int = 0
    color: np.ndarray = field(default_factory=lambda: np.array([*DEFAULT_GREY, 1.0], np.float32))
    particles: ParticleRange | None = None
    animated: bool = False


@dataclass(eq=False)
class MeshItem(Item):
    """A mesh prim, or all instances of one.

    Attributes:
        geometry: what is drawn.
        transforms: [k, 4, 4] float32: geometry to body, or to world where the body is -1; one a instance.
        bodies: [k] int32: body of each instance, -1 for what stands still.
        instance_colors: [k, 4] float32 colours of the instances, or None for `color`.
        instance_paths: path of each instance where they are prims of their own, else None.
        double_sided: whether the back is drawn (as if it were a front).
        ground: whether this is the ground of the scene: an unbounded plane.
    """

    geometry: Geometry = None
    transforms: np.ndarray = field(default_factory=lambda: np.eye(4, dtype=np.float32)[None])
    bodies: np.ndarray = field(default_factory=lambda: np.full(1, -1, np.int32))
    instance_colors: np.ndarray | None = None
    instance_paths: list[str] | None = None
    double_sided: bool = True
    ground: bool = False

    @property
    def body(self) -> int:
        """The body, when there is one instance; -1 for none or several."""
        return int(self.bodies[0]) if len(self.bodies) == 1 else -1


@dataclass(eq=False)
class PointsItem(Item):
    """Spheres.

    Attributes:
        positions: [n, 3] float32 centres, in the body's frame, or world.
        radii: [n] float32 [m].
        colors: [n, 4] float32, or None for `color`.
        body: the body they hang on, or -1.
    """

    positions: np.ndarray = None
    radii: np.ndarray = None
    colors: np.ndarray | None = None
    body: int = -1


@dataclass(eq=False)
class CurvesItem(Item):
    """Polylines with a thickness.

    Attributes:
        positions: [n, 3] float32, in the body's frame, or world.
        segments: [m, 2] int32 into the positions.
        radii: [n] float32 [m].
        colors: [n, 4] float32, or None for `color`.
        body: the body they hang on, or -1.
    """

    positions: np.ndarray = None
    segments: np.ndarray = None
    radii: np.ndarray = None
    colors: np.ndarray | None = None
    body: int = -1


@dataclass(eq=False)
class LightItem:
    """A light of the stage.

    Attributes:
        path: prim path.
        kind: "distant", "dome", "sphere", "rect", "disk" or "cylinder".
        color: linear colour, intensity and exposure included [3].
        transform: [4, 4] float32 light to body or world; it shines along its -z.
        body: the body it hangs on, or -1.
        area: surface [m^2] of lights that have one.
        radius: size [m], for soft light and distances that stay finite.
        angle: width of a distant light [rad].
        cone: half angle that a spot light shines within [rad]; a right angle or more for others.
        cone_softness: share of the cone in which its light fades.
        casts_shadow: whether it may.
        headlight: what of a dome's light stands for a light at the camera, as a white surface that faces it shows it [3].
        image: what a dome shows, None for one colour.
    """

    path: str
    kind: str
    color: np.ndarray
    transform: np.ndarray
    body: int = -1
    area: float = 0.0
    radius: float = 0.0
    angle: float = 0.0
    cone: float = np.pi
    cone_softness: float = 0.0
    image: DomeImage | None = None
    visible: bool = True
    casts_shadow: bool = True
    headlight: np.ndarray | None = None


@dataclass(eq=False)
class CameraItem:
    """A camera of the stage.

    Attributes:
        path: prim path.
        transform: [4, 4] camera to body or world; it looks along its -z, up is +y.
        body: the body it hangs on, or -1.
        fov: vertical field of view [rad]; `orthographic_height` [m] instead when not None.
        aspect: width over height of what it frames; a wider picture shows more at the sides, a narrower one fits it.
        near, far: clipping distances [m], None where the stage says nothing.
        focus: distance of what it looks at [m], the pivot for orbiting from here.
        track: for a camera that the stage moves: time codes [k] and matrices [k, 4, 4]; else None.
    """

    path: str
    transform: np.ndarray
    body: int = -1
    fov: float = 0.8
    orthographic_height: float | None = None
    aspect: float = 16.0 / 9.0
    near: float | None = None
    far: float | None = None
    focus: float = 5.0
    track: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    def camera(
        self, body_q: np.ndarray | None = None, *, up: np.ndarray | None = None, time_code: float | None = None
    ) -> Camera:
        """Where it is now, given the poses of the bodies [n, 7]; `up` is the up axis of the scene for orbiting."""
        matrix = np.asarray(self.transform, np.float64)
        if self.track is not None and time_code is not None:
            times, matrices = self.track
            # Between samples a frame apart, mixing the matrices is as good as USD's own interpolation of each operation.
            at = float(np.interp(time_code, times, np.arange(len(times))))
            low = min(int(at), len(times) - 1)
            high = min(low + 1, len(times) - 1)
            matrix = (1.0 - (at - low)) * matrices[low] + (at - low) * matrices[high]
            matrix[:3, :3] = _orthonormal(matrix[:3, :3])
        if self.body >= 0 and body_q is not None:
            matrix = pose_matrices(np.asarray(body_q)[self.body : self.body + 1])[0] @ matrix
        return Camera.from_matrix(
            matrix,
            fov=self.fov,
            orthographic_height=self.orthographic_height,
            near=self.near,
            far=self.far,
            focus=self.focus,
            fit_aspect=self.aspect,
            world_up=up,
        )


@dataclass(eq=False)
class ItemChange:
    """What a stage's animation makes of an item; None for what stays.

    Attributes:
        item: the item.
        transforms: as `MeshItem.transforms`.
        points: as `Geometry.points`, or centres of spheres.
        visible: whether it is shown.
    """

    item: Item
    transforms: np.ndarray | None = None
    points: np.ndarray | None = None
    visible: bool | None = None


class Animation(Protocol):
    """Time samples of a stage."""

    def at(self, time_code: float) -> list[ItemChange]:
        """What they say for a time."""


@dataclass(eq=False)
class RenderScene:
    """Everything that is drawn.

    Attributes:
        meshes, points, curves: the items, in the stage's order.
        lights, cameras: of the stage; a default is used where there are none.
        materials: the looks; number 0 is the default.
        up_axis: 0, 1 or 2.
        meters_per_unit: of the stage this came from; positions here are metres already.
        body_q: [n, 7] float32 poses at the start.
        particle_q: [n, 3] float32 positions at the start.
        body_paths: prim path of each body.
        ground_height: height of the simulated ground along the up axis [m], None without one.
        notes: what could not be drawn as authored, (prim path, message).
        animation: what the stage itself moves, None where it moves nothing.
        start_time_code: time code of the start in the stage's own counting.
        time_codes_per_second: of the stage.
        version: goes up when items were changed in place.
    """

    meshes: list[MeshItem] = field(default_factory=list)
    points: list[PointsItem] = field(default_factory=list)
    curves: list[CurvesItem] = field(default_factory=list)
    lights: list[LightItem] = field(default_factory=list)
    cameras: list[CameraItem] = field(default_factory=list)
    materials: list[Material] = field(default_factory=lambda: [Material()])
    up_axis: int = 1
    meters_per_unit: float = 1.0
    body_q: np.ndarray = field(default_factory=lambda: np.zeros((0, 7), np.float32))
    particle_q: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    body_paths: list[str] = field(default_factory=list)
    ground_height: float | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    animation: Animation | None = None
    start_time_code: float = 0.0
    time_codes_per_second: float = 24.0
    version: int = 0

    @property
    def items(self) -> list[Item]:
        """All items: meshes, points, curves. An item's place in this list is its number in the renderer."""
        return [*self.meshes, *self.points, *self.curves]

    @property
    def up(self) -> np.ndarray:
        """Unit vector of the up axis [3]."""
        return np.eye(3)[self.up_axis]

    def time_code(self, seconds: float) -> float:
        """Time code of the stage that long after the start."""
        return self.start_time_code + seconds * self.time_codes_per_second

    def changed(self) -> None:
        """Tell renderers that items (visibility, colours, materials) were changed in place."""
        self.version += 1

    def find_items(self, path: str) -> list[Item]:
        """The items at or below a prim path."""
        below = path.rstrip("/") + "/"
        return [item for item in self.items if item.path == path or item.path.startswith(below)]

    def find_camera(self, name: str) -> CameraItem:
        """The camera with this prim path or name.

        Raises:
            KeyError: the message lists the cameras there are.
        """
        for camera in self.cameras:
            if name in (camera.path, camera.name):
                return camera
        known = ", ".join(c.path for c in self.cameras) or "none"
        raise KeyError(f"no camera {name!r} in the scene; cameras there are: {known}")

    def bounds(
        self,
        body_q: np.ndarray | None = None,
        particle_q: np.ndarray | None = None,
        *,
        items: list[Item] | None = None,
        purposes: tuple[str, ...] = ("default", "render", "proxy"),
    ) -> Bounds:
        """Box around what is seen, or around some items [m]; without poses, at the start. Unbounded ground is left out."""
        body_q = self.body_q if body_q is None else np.asarray(body_q, np.float64).reshape(-1, 7)
        particle_q = self.particle_q if particle_q is None else np.asarray(particle_q, np.float64).reshape(-1, 3)
        poses = pose_matrices(body_q)
        total = Bounds.empty()
        for item in self.items if items is None else items:
            if not item.visible or (items is None and item.purpose not in purposes):
                continue
            total = total.union(_item_bounds(item, poses, particle_q))
        return total


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(columns)
    return u @ vt


def _item_bounds(item: Item, poses: np.ndarray, particle_q: np.ndarray) -> Bounds:
    if isinstance(item, MeshItem):
        if item.ground:
            return Bounds.empty()
        if item.particles is not None:
            return Bounds.around(particle_q[item.particles.rows])
        corners = Bounds.around(item.geometry.points).corners()
        world = item.transforms.astype(np.float64)
        moving = item.bodies >= 0
        if moving.any():
            world[moving] = poses[item.bodies[moving]] @ world[moving]
        return Bounds.around((corners @ world[:, :3, :3].transpose(0, 2, 1) + world[:, None, :3, 3]).reshape(-1, 3))
    if item.particles is not None:
        points = particle_q[item.particles.rows]
    else:
        points = np.asarray(item.positions, np.float64)
        if item.body >= 0:
            points = points @ poses[item.body, :3, :3].T + poses[item.body, :3, 3]
    return Bounds.around(points).grown(float(np.max(item.radii, initial=0.0)))
