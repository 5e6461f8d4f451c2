"""Triangle meshes that kernels can query."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

import engine as en
from engine.capture import recording_of
from engine.errors import EngineError
from engine.spatial import mesh_layout as layout
from engine.spatial.box_bvh import checked_constructor
from engine.spatial.bvh_layout import GROUP_COUNT, GROUPS, LEAVES, NODES, PARENTS
from engine.spatial.descriptor import take_descriptor
from engine.spatial.fit_at_once import arrivals, fit, fit_triangles
from engine.spatial.forest import checked_groups
from engine.spatial.mesh_features import CORNERS_AND_FACE
from engine.spatial.mesh_parts import parts_from_host, parts_from_kernels
from engine.spatial.mesh_refresh import ON_GPU, fill_packets, first_wrong, fit_nodes, sum_feature_normals, weigh_faces
from engine.spatial.mesh_winding import fit_dipoles
from engine.taping import structures


class Mesh:
    """A triangle mesh with a hierarchy of boxes, for closest points and rays inside kernels.

    `id` goes to kernels (as `uint64`) and stays valid as long as this object lives; afterwards queries find nothing.

    Attributes:
        id: Handle for kernels.
        points: Positions [m], `array(vec3)`, shape [point_count]. After changing its contents call `refit()`; assigning
            another array of the same shape refits.
        indices: Point numbers of the triangles, `array(int32)`, shape [3 * triangle_count].
        velocities: Velocities of the points [m/s], `array(vec3)`, shape [point_count], or None.
        device: Where the mesh lives.
    """

    def __init__(
        self,
        points: Any,
        indices: Any,
        velocities: Any = None,
        support_winding_number: bool = False,
        bvh_constructor: str | None = None,
        groups: Any = None,
        bvh_leaf_size: int | None = None,
    ):
        """Take the arrays (shared, not copied) and build the hierarchy.

        Inside a capture everything that depends on the contents of the arrays becomes part of the graph, which builds the
        mesh anew each time it runs; contents are not checked then.

        Args:
            points: Positions [m], `array(vec3)`.
            indices: Three point numbers per triangle, flat `array(int32)`.
            velocities: Velocities of the points [m/s], `array(vec3)`, or None.
            support_winding_number: Prepare for `mesh_winding_number` and `mesh_query_point_sign_winding_number`; the
                other queries do not need it.
            bvh_constructor: "sah" (the default) chooses splits by surface area, on the host. "lbvh" packs triangles along
                a space-filling curve, in kernels: nothing goes through the host, and building is ten times faster; closest
                points then take up to 1.2 times as long, rays up to 1.8 times. "median" means "lbvh".
            groups: A number for each triangle, `array(int32)`, so that queries may look in one group only (see
                `mesh_get_group_root`). Such a hierarchy is built on the host.
            bvh_leaf_size: For compatibility; leaves hold up to 8 triangles, which are tested at once.

        Raises:
            EngineError: Arrays of other types or shapes, no triangles, a point number out of range, or a point that
                is not finite.
        """
        self._points = _checked_array("points", points, en.vec3)
        self.indices = _checked_array("indices", indices, en.int32)
        self._velocities = None
        self.support_winding_number = support_winding_number
        self.device = self.points.device
        checked_constructor("Mesh", bvh_constructor)
        self.bvh_constructor = bvh_constructor
        if self.indices.device != self.device:
            raise EngineError(
                f"Mesh: points live on {self.device}, indices on {self.indices.device}; expected one device"
            )
        self._check()
        self.groups = groups
        self._group_numbers = checked_groups("Mesh", groups, self.indices.shape[0] // 3)
        with en.ScopedDevice(self.device):
            self._build(velocities)

    def _build(self, velocities: Any) -> None:
        if self._is_built_by_kernels():
            parts = parts_from_kernels(self.points, self.indices)
        else:
            parts = parts_from_host(self.points, self.indices, self._group_numbers)
        self._level_starts, self._roots = parts.level_starts, parts.roots
        self._child, self._nodes, self._parents = parts.child, parts.nodes, parts.parents
        self._packet_faces, self._packets = parts.packet_faces, parts.packets
        self._arrived = arrivals(self._parents.shape[0], self.device)
        self._feature_ids, self._feature_starts, self._feature_items = parts.feature_ids, parts.starts, parts.items
        self._dipoles = None
        if self.support_winding_number:
            shape = (self._child.shape[0], layout.DIPOLE_ROWS, layout.LANES)
            self._dipoles = en.zeros(shape, dtype=en.float32)
        triangle_count = self.indices.shape[0] // 3
        self._feature_normals = en.zeros(self._feature_starts.shape[0] - 1, dtype=en.vec3)
        self._face_normals = en.zeros(triangle_count, dtype=en.vec3)
        self._face_weights = en.zeros((triangle_count, CORNERS_AND_FACE), dtype=en.float32)

        self._descriptor = take_descriptor(self, self.device)
        self.id = en.uint64(self._descriptor.address)
        _meshes[int(self.id)] = self
        self._velocities = self._checked_velocities(velocities)
        self._write_descriptor()
        self.refit()

    def _is_built_by_kernels(self) -> bool:
        """A graph can only build with kernels; otherwise as asked."""
        captured = recording_of(self.device) is not None
        if captured and self._group_numbers is not None:
            raise EngineError("Mesh: groups need a hierarchy from the host; make the mesh before the capture")
        return captured or (self._group_numbers is None and self.bvh_constructor in ("lbvh", "median"))

    @property
    def points(self) -> Any:
        return self._points

    @points.setter
    def points(self, points: Any) -> None:
        points = _checked_array("points", points, en.vec3)
        if points.shape != self._points.shape:
            raise EngineError(
                f"Mesh: got {points.shape[0]} points; expected {self._points.shape[0]} as before; make a new Mesh for "
                "another shape"
            )
        self._points = points
        self._descriptor[layout.POINTS] = points.ptr
        self.refit()

    @property
    def velocities(self) -> Any:
        return self._velocities

    @velocities.setter
    def velocities(self, velocities: Any) -> None:
        velocities = self._velocities = self._checked_velocities(velocities)
        self._descriptor[layout.VELOCITIES] = 0 if velocities is None else velocities.ptr
        structures.changed(self)

    def _checked_velocities(self, velocities: Any) -> Any:
        if velocities is None:
            return None
        velocities = _checked_array("velocities", velocities, en.vec3)
        if velocities.shape != self.points.shape:
            raise EngineError(
                f"Mesh: velocities have {velocities.shape[0]} entries; expected one for each of the "
                f"{self.points.shape[0]} points"
            )
        return velocities

    def hidden_arrays(self) -> dict[int, Any]:
        """By descriptor word for the address of gradients: the arrays that kernels reach through the id."""
        arrays = {layout.POINTS_GRADIENT: self._points, layout.VELOCITIES_GRADIENT: self._velocities}
        return {word: a for word, a in arrays.items() if a is not None}

    def kernel_arrays(self) -> list[Any]:
        """Arrays of its own that kernels reach through the id."""
        return [self._nodes, self._packets, self._parents, self._feature_ids, self._feature_normals, self._dipoles]

    def refit(self) -> None:
        """Bring boxes and normals up to date after the contents of `points` changed; the triangles stay the same.

        Runs as kernels, so it can be captured in a graph. Queries stay exact for any movement; after a large one a new
        `Mesh` answers faster, because its hierarchy fits the new shape.
        """
        structures.changed(self)
        en.launch(
            fill_packets,
            dim=self._packet_faces.shape,
            inputs=[self.points, self.indices, self._packet_faces],
            outputs=[self._packets],
        )
        if not fit(fit_triangles, self._child, self._parents, self._packets, self._nodes, self._arrived):
            self._fit_levels(fit_nodes, self._nodes)
        if self._dipoles is not None:
            self._fit_levels(fit_dipoles, self._dipoles)
        en.launch(
            weigh_faces,
            dim=self._face_normals.shape[0],
            inputs=[self.points, self.indices],
            outputs=[self._face_normals, self._face_weights],
        )
        en.launch(
            sum_feature_normals(ON_GPU if self.device.is_cuda else 1),
            dim=self._feature_normals.shape[0],
            inputs=[self._feature_starts, self._feature_items, self._face_normals, self._face_weights],
            outputs=[self._feature_normals],
        )

    def _fit_levels(self, kernel: Any, result: Any) -> None:
        """Run a kernel on every level of the hierarchy, from the deepest up."""
        starts = self._level_starts
        for first, end in zip(starts[-2::-1], starts[:0:-1]):
            inputs = [self._child, self._packets, first]
            en.launch(kernel, dim=(end - first, layout.LANES), inputs=inputs, outputs=[result])

    def _check(self) -> None:
        count, point_count = self.indices.shape[0], self.points.shape[0]
        if count == 0:
            raise EngineError("Mesh: got no triangles; expected at least three indices")
        if count % 3:
            raise EngineError(f"Mesh: got {count} indices; expected three per triangle")
        if recording_of(self.device) is not None:
            return  # nothing is there yet to look at
        wrong_index, wrong_point = first_wrong(self.points, self.indices)
        if wrong_index < count:
            raise EngineError(
                f"Mesh: indices[{wrong_index}] (triangle {wrong_index // 3}) is "
                f"{self.indices.numpy()[wrong_index]}; expected 0 to {point_count - 1}, as there are {point_count} points"
            )
        if wrong_point < point_count:
            positions = self.points.numpy()
            wrong = point_count - int(np.isfinite(positions).all(axis=1).sum())
            raise EngineError(
                f"Mesh: points[{wrong_point}] is {positions[wrong_point].tolist()}; expected finite numbers"
                f" ({wrong} of {point_count} points are not)"
            )

    def _write_descriptor(self) -> None:
        words = {
            layout.POINTS: self.points.ptr,
            layout.INDICES: self.indices.ptr,
            layout.VELOCITIES: 0 if self._velocities is None else self._velocities.ptr,
            layout.NODES: self._nodes.ptr,
            layout.PACKETS: self._packets.ptr,
            layout.FEATURE_IDS: self._feature_ids.ptr,
            layout.FEATURE_NORMALS: self._feature_normals.ptr,
            layout.DIPOLES: 0 if self._dipoles is None else self._dipoles.ptr,
            layout.PARENTS: self._parents.ptr,
            layout.BVH + NODES: self._nodes.ptr,
            layout.BVH + LEAVES: self._packets.ptr,
            layout.BVH + PARENTS: self._parents.ptr,
            layout.POINT_COUNT: self.points.shape[0],
            layout.TRIANGLE_COUNT: self.indices.shape[0] // 3,
        }
        if self._roots is not None:
            words |= {layout.BVH + GROUPS: self._roots.ptr, layout.BVH + GROUP_COUNT: len(self._roots)}
        self._descriptor.update(words)


def mesh_by_id(id: int) -> Mesh | None:
    """The living mesh that has this id, or None."""
    return _meshes.get(int(id))


_meshes: weakref.WeakValueDictionary[int, Mesh] = weakref.WeakValueDictionary()


def _checked_array(name: str, values: Any, dtype: Any) -> Any:
    """`values` as a contiguous one-dimensional array of `dtype`."""
    if not isinstance(values, en.array):
        try:
            values = en.array(np.asarray(values), dtype=dtype)
        except (TypeError, ValueError) as error:
            raise EngineError(f"Mesh: {name} cannot be read as an array of {dtype}: {error}") from None
    if values.dtype != dtype or values.ndim != 1:
        raise EngineError(
            f"Mesh: {name} is a {values.ndim}-dimensional array of {values.dtype}; expected one dimension of {dtype}"
        )
    if not values.is_contiguous:
        raise EngineError(f"Mesh: {name} is a strided view; expected a contiguous array; pass {name}.contiguous()")
    return values
