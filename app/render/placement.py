"""Where everything is now: matrices of instances, vertices of surfaces, centres of grains, and the box around them.

Poses and particles of the host, or of a GPU that OpenGL does not draw with, are turned into these on the CPU and uploaded;
those on the GPU that draws stay there, see `app.render.cuda_buffers`.
"""

from __future__ import annotations

import moderngl
import numpy as np

import engine as en
from app.render import cuda_buffers
from app.render.batches import GrainBatch, MeshBatch
from app.render.camera import Bounds, pose_matrices
from app.render.motion import InstanceRows, as_engine
from app.render.scene import ItemChange, PointsItem, RenderScene

NEIGHBOUR = 4.0
"""Static things up to this many times as large as what moves count for framing; a landscape does not."""


class Placement:
    """Follows poses and particles, and writes GL buffers.

    Attributes:
        poses: poses of bodies as matrices [n, 4, 4]; those of the start where only the GPU needs them.
        bounds: box around what is looked at: what moves, and its surroundings of like size.
        everything: box around all that is drawn but unbounded ground.
        refused: why arrays on a GPU take the way over the host; empty while they need not.
    """

    def __init__(
        self, context: moderngl.Context, scene: RenderScene, meshes: list[MeshBatch], grains: list[GrainBatch]
    ):
        self._context, self._meshes, self._grains = context, meshes, grains
        self._cuda: cuda_buffers.CudaBuffers | None = None
        self.refused = ""
        #: whether the last poses, and the last particles, were taken on the GPU
        self._bodies_there = self._particles_there = False
        self._rigid = [b for b in meshes if b.surface is None]
        first = 0
        for batch in self._rigid:
            batch.first = first
            first += batch.count
        self._animated: dict[int, list[MeshBatch]] = {}
        for batch in self._rigid:
            if batch.items[0][1].animated:  # such items have batches of their own
                self._animated.setdefault(id(batch.items[0][1]), []).append(batch)
        self._rows = None
        if self._rigid:
            transforms = np.concatenate([b.transforms for b in self._rigid])
            bodies = np.concatenate([b.bodies for b in self._rigid])
            self._rows = InstanceRows(transforms, bodies)
            self._moving = bodies >= 0
            self._centers = np.concatenate([np.tile(b.center, (b.count, 1)) for b in self._rigid]).astype(np.float32)
            self._halves = np.concatenate([np.tile(b.half_extent, (b.count, 1)) for b in self._rigid]).astype(
                np.float32
            )
        self._fixed_grains = [g for g in grains if g.gathered is None]
        # what the host places itself: its poses are read even from a GPU
        self._needs_poses = any(g.body >= 0 for g in self._fixed_grains) or any(
            each.body >= 0 for each in (*scene.lights, *scene.cameras)
        )
        self._body_q: object = scene.body_q
        self.poses = pose_matrices(scene.body_q)
        self._fresh = True
        self.update(scene.body_q, scene.particle_q)

    @property
    def body_q(self) -> np.ndarray:
        """Poses at the last update, [n, 7]."""
        values = self._body_q.numpy() if isinstance(self._body_q, en.array) else np.asarray(self._body_q, np.float32)
        return values.reshape(-1, 7)

    def update(self, body_q: object | None, particle_q: object | None) -> None:
        """Poses [n, 7] and positions [n, 3] as arrays of NumPy or of the engine; None for what did not change."""
        there = [self.can_stay(body_q), self.can_stay(particle_q)]
        if any(there):
            self._cuda.update(body_q if there[0] else None, particle_q if there[1] else None)
        if body_q is not None:
            self._bodies_there = there[0]
            if there[0]:
                self._body_q = body_q
                if self._needs_poses:
                    self.poses = pose_matrices(self.body_q)
            else:
                self._follow_bodies(body_q)
        if particle_q is not None:
            self._particles_there = there[1]
            if not there[1]:
                self._follow_particles(particle_q)
        self._fresh = False
        self._measure()

    def follow_stage(self, changes: list[ItemChange]) -> None:
        """Take what the animation of the stage says; visibility is the renderer's matter."""
        for change in changes:
            if isinstance(change.item, PointsItem):
                for grains in self._grains:
                    if grains.item is change.item and change.points is not None:
                        grains.write_positions(change.points)
                continue
            for batch in self._animated.get(id(change.item), ()):
                if change.transforms is not None:
                    change.item.transforms = batch.transforms = change.transforms
                    batch.write_rows(self._rows.put(batch.first, change.transforms))
                if change.points is not None:
                    batch.deform(change.points)
                    span = slice(batch.first, batch.first + batch.count)
                    self._centers[span], self._halves[span] = batch.center, batch.half_extent
        self._measure()

    def can_stay(self, values: object | None) -> bool:
        """Whether values lie on a GPU whose kernels can write the GL buffers; sees to that at the first of them."""
        if not isinstance(values, en.array) or not values.device.is_cuda or not values.is_contiguous:
            return False
        if self._cuda is None and not self.refused:
            self.refused = cuda_buffers.why_not(self._context, values.device)
            if not self.refused:
                try:
                    self._cuda = cuda_buffers.CudaBuffers(values.device, self._meshes, self._grains)
                except (en.EngineError, RuntimeError) as error:  # RuntimeError: the driver lacks the functions
                    self.refused = " ".join(str(error).split())
            if self.refused:
                cuda_buffers.tell_once(self.refused)
        return self._cuda is not None and self._cuda.device == values.device

    def _follow_bodies(self, body_q: object) -> None:
        poses = as_engine(body_q, en.transform)
        self._body_q = poses.numpy().reshape(-1, 7)
        if len(self._body_q) <= 4096 or self._fixed_grains:
            self.poses = pose_matrices(self._body_q)
        if self._rows is None:
            return
        if not len(self._body_q):
            poses = en.zeros(1, dtype=en.transform, device="cpu")
        self._rows.update(poses)
        rows = self._rows.rows.numpy().reshape(-1, 3, 4)
        for batch in self._rigid:
            if self._fresh or batch.moves:
                batch.write_rows(rows[batch.first : batch.first + batch.count])

    def _follow_particles(self, particle_q: object) -> None:
        positions = as_engine(particle_q, en.vec3)
        for batch in self._meshes:
            if batch.surface is not None:
                batch.surface.update(positions)
                batch.write_vertices(batch.surface.vertices.numpy())
        for grains in self._grains:
            if grains.gathered is not None:
                grains.gathered.update(positions)
                grains.write_positions(grains.gathered.points.numpy().reshape(-1, 3))

    def _measure(self) -> None:
        """Boxes around what moves, and around everything."""
        moving, still = Bounds.empty(), np.zeros((0, 2, 3))
        if self._rows is not None:
            rows = self._rows.rows.numpy().reshape(-1, 3, 4)
            centers = np.einsum("nij,nj->ni", rows[:, :, :3], self._centers) + rows[:, :, 3]
            halves = np.einsum("nij,nj->ni", np.abs(rows[:, :, :3]), self._halves)
            boxes = np.stack([centers - halves, centers + halves], axis=1)
            shown = np.concatenate([np.full(b.count, not b.all_hidden) for b in self._rigid])
            if self._bodies_there:
                for batch in self._rigid:
                    if not batch.all_hidden and batch.moves:
                        moving = moving.union(self._cuda.bounds(batch))
            else:
                moving = moving.union(Bounds.around(boxes[self._moving & shown]))
            still = boxes[~self._moving & shown].astype(float)
        for batch in self._meshes:
            if batch.surface is not None and not batch.all_hidden:
                moving = moving.union(self._surface_bounds(batch))
        for grains in self._grains:
            if grains.all_hidden:
                continue
            there = self._particles_there and grains.gathered is not None
            box = self._cuda.bounds(grains) if there else Bounds.around(self.grain_positions(grains))
            box = box.grown(grains.largest)
            if grains.gathered is not None or grains.body >= 0:
                moving = moving.union(box)
            elif not box.is_empty:
                still = np.concatenate([still, [[box.lower, box.upper]]])
        self.everything = moving.union(Bounds.around(still))
        radii = 0.5 * np.linalg.norm(still[:, 1] - still[:, 0], axis=1)
        near = still if moving.is_empty else still[radii < NEIGHBOUR * moving.radius]
        self.bounds = moving.union(Bounds.around(near))

    def _surface_bounds(self, batch: MeshBatch) -> Bounds:
        if self._particles_there:
            return self._cuda.bounds(batch)
        return Bounds.around(batch.surface.vertices.numpy().reshape(-1, 2, 3)[:, 0])

    def grain_positions(self, grains: GrainBatch) -> np.ndarray:
        """World positions of the points of a batch [n, 3], where the host knows them."""
        if grains.body < 0:
            return grains.positions
        pose = self.poses[grains.body]
        return grains.positions @ pose[:3, :3].T + pose[:3, 3]

    def grain_matrix(self, grains: GrainBatch) -> np.ndarray:
        """Model matrix [4, 4] of a batch."""
        return self.poses[grains.body] if grains.body >= 0 and grains.gathered is None else np.eye(4)

    def batch_center(self, batch: MeshBatch) -> np.ndarray:
        """About the middle of a batch [3], to sort by distance."""
        if batch.surface is not None:
            if self._particles_there:
                return self._cuda.bounds(batch).center
            return batch.surface.vertices.numpy().reshape(-1, 2, 3)[:, 0].mean(axis=0)
        if self._bodies_there and batch.moves:
            return self._cuda.bounds(batch).center
        rows = self._rows.rows.numpy().reshape(-1, 3, 4)[batch.first : batch.first + batch.count]
        return (rows[:, :, :3] @ batch.center + rows[:, :, 3]).mean(axis=0)

    @property
    def on_gpu(self) -> bool:
        """Whether positions of the last update went into GL buffers without visiting the host."""
        return self._bodies_there or self._particles_there

    def release(self) -> None:
        """Let go of GL buffers that a GPU's kernels write, before they are deleted."""
        if self._cuda is not None:
            self._cuda.release()
            self._cuda = None
