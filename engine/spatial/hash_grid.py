# ruff: noqa: F811
"""Neighbour search among moving points: a grid of cells that repeats in space, sorted by cell.

`build` is a stable counting sort of the points by cell, in two rounds so that each works inside the cache: blocks of
points go to buckets of neighbouring cells, then every bucket sorts itself and writes where its cells start. Each number
has one writing thread, so the result is the same for any number of threads: cells in order, points of a cell in the
order of their numbers. Everything runs as kernels, so a build can be captured in a graph. On a GPU the device's radix
sort does it (`cell_sort`), with the same result.

Cells of a row lie side by side in memory, so a query walks rows, not cells: two loads find all points of a row.
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.errors import EngineError, EngineTypeError, EngineValueError
from engine.in_out import InOut
from engine.spatial.cell_buckets import count_block, rank_blocks, scatter_block, sort_bucket
from engine.spatial.cell_sort import CellSorter, keep_for_graph, runs_on
from engine.spatial.descriptor import take_descriptor
from engine.taping import active_tape, structures

STARTS, IDS, POINT_COUNT, DIM_X, DIM_Y, DIM_Z, CELLS_PER_METRE, GROUPS = range(8)
"""Descriptor words: addresses of int32[cell_count + 1] and int32[point_count]; counts; 1 / cell width as float32;
address of int32[point_count], or 0 without groups."""

POINT_TYPES = {en.float16: en.vec3h, en.float32: en.vec3, en.float64: en.vec3d}

_MOST_BLOCKS = 256
_MOST_BUCKETS = 512
_SMALLEST_BLOCK = 1024

FAR = 1.0e9
"""Cell numbers stay within this, so that they fit an int32."""

ULPS = 2.4e-7
"""A query box grows by this part of its coordinates: covers the rounding of the distances that its user computes."""


@en.func
def cell_number(x: float, cells_per_metre: float) -> float:
    """Number of the cell at coordinate `x` along one axis, not wrapped yet."""
    cell = en.floor(x * cells_per_metre)
    return en.where(cell != cell, 0.0, en.min(en.max(cell, -FAR), FAR))


@en.func
def wrapped(cell: float, dim: int) -> int:
    """A cell number brought into [0, dim). Plain float64 arithmetic, exact here, so that it vectorises."""
    c = en.float64(cell)
    d = en.float64(dim)
    rest = c - d * en.floor(c / d)
    rest = en.where(rest < en.float64(0.0), rest + d, rest)
    return int(en.where(rest >= d, rest - d, rest))


@en.kernel
def find_cells(
    points: en.array(dtype=Any),
    cells_per_metre: float,
    dim_x: int,
    dim_y: int,
    dim_z: int,
    cells: en.array(dtype=int),
):
    """Cell of every point, x running fastest."""
    i = en.tid()
    p = points[i]
    x = wrapped(cell_number(float(p[0]), cells_per_metre), dim_x)
    y = wrapped(cell_number(float(p[1]), cells_per_metre), dim_y)
    z = wrapped(cell_number(float(p[2]), cells_per_metre), dim_z)
    cells[i] = (z * dim_y + y) * dim_x + x


@en.kernel
def finish_header(
    id: en.uint64,
    point_count: int,
    cells_per_metre: float,
    bucket_starts: en.array(dtype=int),
    starts: en.array(dtype=int),
):
    """Starts of the buckets from their sizes, and what the queries must know; one thread."""
    total = en.int32(0)
    for b in range(bucket_starts.shape[0]):
        n = bucket_starts[b]
        bucket_starts[b] = total
        total = total + n
    starts[0] = 0
    en.ptr_store(en.uint64, id, POINT_COUNT, en.uint64(point_count))
    en.ptr_store(en.float32, id, 2 * CELLS_PER_METRE, cells_per_metre)


class HashGrid:
    """A grid of cells around points, for finding neighbours inside kernels.

    The grid repeats in space: points anywhere, with negative coordinates too, fall into its `dim_x * dim_y * dim_z`
    cells. More cells than the region of interest needs cost memory (4 bytes each), fewer cost time.

    Attributes:
        id: Handle for kernels (`uint64`), valid as long as this object lives.
        device: Where the grid lives.
    """

    def __init__(self, dim_x: int, dim_y: int, dim_z: int, device: Any = None, dtype: Any = en.float32):
        """A grid without points.

        Args:
            dim_x, dim_y, dim_z: Cells along each axis before the grid repeats.
            device: Where it lives.
            dtype: Scalar type of the points: float16, float32 or float64. Cells are found in float32; queries cover the
                rounding.

        Raises:
            EngineError: No cells, too many, or another type.
        """
        self.dtype = en.types.as_type(dtype)
        if self.dtype not in POINT_TYPES:
            raise EngineTypeError(f"HashGrid: got dtype {dtype}; expected float16, float32 or float64")
        dims = (int(dim_x), int(dim_y), int(dim_z))
        if min(dims) < 1 or dims[0] * dims[1] * dims[2] >= 2**31 - 1:
            raise EngineError(f"HashGrid: got {dims} cells; expected at least one along each axis and fewer than 2**31")
        self.device = en.get_device(device)
        self.dims = dims
        cell_count = dims[0] * dims[1] * dims[2]
        self._shift = 0
        while cell_count > _MOST_BUCKETS << self._shift:
            self._shift += 1
        bucket_count = -(-cell_count // (1 << self._shift))
        self._starts = en.zeros(cell_count + 1, dtype=en.int32, device=self.device)
        self._bucket_starts = en.zeros(bucket_count, dtype=en.int32, device=self.device)
        self._ids = self._cells = self._bucket_cells = self._bucket_points = self._counts = None
        self._capacity = 0
        self._groups: Any = None
        self._group_room: Any = None
        self._native = runs_on(self.device)
        self._descriptor = take_descriptor(self, self.device)
        self._descriptor.update({DIM_X: dims[0], DIM_Y: dims[1], DIM_Z: dims[2], STARTS: self._starts.ptr})
        self.id = en.uint64(self._descriptor.address)

    def kernel_arrays(self) -> list[Any] | None:
        """Arrays of its own that kernels reach through the id; None where something else than launches writes them."""
        return None if self._native else [self._starts, self._ids, self._groups]

    def reserve(self, num_points: int, *, with_groups: bool = False) -> None:
        """Make room for `num_points` points, and for their groups, so that no later `build` allocates."""
        if with_groups and (self._group_room is None or self._group_room.size < num_points):
            self._group_room = en.empty(int(num_points), dtype=en.int32, device=self.device)
        if num_points <= self._capacity and self._cells is not None:
            return
        self._capacity = int(num_points)
        if self._native:
            self._cells = en.empty(self._capacity, dtype=en.int32, device=self.device)
            self._sorter = CellSorter(self.device, self._cells, self._starts.shape[0] - 1)
            self._descriptor[IDS] = self._sorter.ids
            return
        for name in ("_ids", "_cells", "_bucket_cells", "_bucket_points"):
            setattr(self, name, en.empty(self._capacity, dtype=en.int32, device=self.device))
        shape = (_block_count(self._capacity), self._bucket_starts.shape[0])
        self._counts = en.empty(shape, dtype=en.int32, device=self.device)
        self._descriptor[IDS] = self._ids.ptr

    def build(self, points: Any, radius: float, groups: Any = None) -> None:
        """Sort points into cells; kernels launched afterwards find them.

        Args:
            points: Positions [m], `array(vec3)`, of the grid's scalar type.
            radius: Width of a cell [m]. Queries may ask for any distance; about this one is fastest.
            groups: A number for each point, `array(int32)`, so that queries may ask for one group only.

        Raises:
            EngineError: Points of another type, or a radius that is not positive and finite.
        """
        wanted = POINT_TYPES[self.dtype]
        if not isinstance(points, en.array) or points.dtype != wanted:
            got = getattr(points, "dtype", type(points).__name__)
            raise EngineTypeError(f"HashGrid.build: points are {got}; expected array(dtype={wanted.__name__})")
        if not 0.0 < radius < float("inf"):
            raise EngineValueError(f"HashGrid.build: got radius {radius}; expected a positive number")
        if points.device != self.device:
            raise EngineError(
                f"HashGrid.build: points are on {points.device}; expected {self.device}, where the grid is"
            )
        structures.changed(self)
        if self._native and active_tape() is not None:
            self._build_by_launches()
        points = points.contiguous()
        points = points.flatten() if points.ndim > 1 else points
        n = points.shape[0]
        self.reserve(n)
        self._set_groups(groups, n)
        if self._native:
            cells_per_metre = 1.0 / float(radius)
            if self.dtype is not en.float32:
                en.launch(find_cells, n, [points, cells_per_metre, *self.dims], [self._cells])
            keep_for_graph(self.device, points)
            at = points.ptr if self.dtype is en.float32 else 0
            self._sorter.sort(at, n, self.dims, self._starts.ptr, int(self.id), cells_per_metre)
            return
        blocks = _block_count(n)
        size = -(-n // blocks)
        counts = self._counts[:blocks]
        cells_per_metre = 1.0 / float(radius)
        cell_count = self._starts.shape[0] - 1
        en.launch(find_cells, n, [points, cells_per_metre, *self.dims], [self._cells])
        en.launch(count_block, blocks, [self._cells, n, size, self._shift], [counts])
        en.launch(rank_blocks, counts.shape[1], [counts], [self._bucket_starts])
        en.launch(finish_header, 1, [self.id, n, cells_per_metre], [self._bucket_starts, self._starts])
        en.launch(
            scatter_block,
            blocks,
            [self._cells, n, size, self._shift, self._bucket_starts, counts],
            [self._bucket_cells, self._bucket_points],
        )
        en.launch(
            sort_bucket,
            counts.shape[1],
            [self._bucket_starts, self._bucket_cells, self._bucket_points, n, cell_count, self._shift],
            [self._starts, self._ids],
        )

    def _build_by_launches(self) -> None:
        """From now on builds are launches, which a tape can see and put back."""
        self._native, self._cells, self._capacity = False, None, 0

    def _set_groups(self, groups: Any, count: int) -> None:
        if groups is None:
            self._groups = None
        else:
            if not isinstance(groups, en.array) or groups.dtype is not en.int32 or groups.size != count:
                got = f"{groups.shape} of {groups.dtype}" if isinstance(groups, en.array) else type(groups).__name__
                raise EngineError(f"HashGrid.build: groups is {got}; expected array(int32) with {count} numbers")
            if self._group_room is None or self._group_room.size < count:
                self._group_room = en.empty(self._capacity, dtype=en.int32, device=self.device)
            self._groups = self._group_room[:count]
            en.copy(self._groups, groups.contiguous().flatten())
        place = 0 if self._groups is None else self._groups.ptr
        if self._descriptor[GROUPS] != place:
            self._descriptor[GROUPS] = place


def _block_count(point_count: int) -> int:
    return min(_MOST_BLOCKS, max(1, -(-point_count // _SMALLEST_BLOCK)))


@en.struct
class HashGridQuery:
    """A walk over the cells around a place; `for index in query` gives the points in them.

    Attributes:
        starts, ids: Addresses of the grid's arrays.
        at, end: Entries of `ids` still to come in the current row of cells.
        x_first, x_end: Cells along x; the part of a row before the grid wraps.
        x_rest: Cells from 0 on along x: the part behind the wrap.
        in_rest: Whether the part behind the wrap is next.
        y, y_first, y_left, y_count: Next row, the first one, rows left in this layer, rows of a layer.
        z, z_left: Layer of the next row, layers left with it.
        groups, group: Address of the points' group numbers, or 0; the group asked for.
    """

    starts: en.uint64
    ids: en.uint64
    at: int
    end: int
    dim_x: int
    dim_y: int
    dim_z: int
    x_first: int
    x_end: int
    x_rest: int
    in_rest: bool
    y: int
    y_first: int
    y_left: int
    y_count: int
    z: int
    z_left: int
    groups: en.uint64
    group: int


@en.func
def _axis_range(x: float, reach: float, cells_per_metre: float, dim: int):
    """(first cell, number of cells) that the interval around `x` meets along one axis; each cell once."""
    slack = reach + ULPS * (en.abs(x) + reach)
    low = cell_number(x - slack, cells_per_metre)
    high = cell_number(x + slack, cells_per_metre)
    count = int(high - low) + 1
    first = wrapped(low, dim)
    if count >= dim:
        first = 0
        count = dim
    return first, count


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3, max_dist: float) -> HashGridQuery:
    """Start looking for points around `point` [m], of any scalar type; with a fourth argument, those of that group only.

    The query gives every point within `max_dist` [m] once, and others nearby: compare the distances. Use it as
    `for index in query`, or with `hash_grid_query_next`. `max_dist` is independent of the radius of the build.
    """
    query = HashGridQuery()
    query.starts = en.ptr_load(en.uint64, id, STARTS)
    query.ids = en.ptr_load(en.uint64, id, IDS)
    query.dim_x = int(en.ptr_load(en.uint64, id, DIM_X))
    query.dim_y = int(en.ptr_load(en.uint64, id, DIM_Y))
    query.dim_z = int(en.ptr_load(en.uint64, id, DIM_Z))
    if en.ptr_load(en.uint64, id, POINT_COUNT) != en.uint64(0) and max_dist >= 0.0:
        cells_per_metre = en.ptr_load(en.float32, id, 2 * CELLS_PER_METRE)
        first, count = _axis_range(point[0], max_dist, cells_per_metre, query.dim_x)
        query.x_first = first
        query.x_end = en.min(first + count, query.dim_x)
        query.x_rest = en.max(first + count - query.dim_x, 0)
        first, count = _axis_range(point[1], max_dist, cells_per_metre, query.dim_y)
        query.y = first
        query.y_first = first
        query.y_left = count
        query.y_count = count
        first, count = _axis_range(point[2], max_dist, cells_per_metre, query.dim_z)
        query.z = first
        query.z_left = count
    return query


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3, max_dist: float, group: int) -> HashGridQuery:
    query = hash_grid_query(id, point, max_dist)
    query.groups = en.ptr_load(en.uint64, id, GROUPS)
    query.group = group
    return query


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3h, max_dist: en.float16) -> HashGridQuery:
    # distances that its user computes in half precision may come out smaller by as much
    return hash_grid_query(id, en.vec3(point), float(max_dist) * 1.002)


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3h, max_dist: en.float16, group: int) -> HashGridQuery:
    return hash_grid_query(id, en.vec3(point), float(max_dist) * 1.002, group)


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3d, max_dist: en.float64) -> HashGridQuery:
    return hash_grid_query(id, en.vec3(point), float(max_dist))


@en.func
def hash_grid_query(id: en.uint64, point: en.vec3d, max_dist: en.float64, group: int) -> HashGridQuery:
    return hash_grid_query(id, en.vec3(point), float(max_dist), group)


@en.func
def _next_of_all(query: HashGridQuery, index: int):
    while query.at >= query.end and query.z_left > 0:
        row = (query.z * query.dim_y + query.y) * query.dim_x
        first = row + query.x_first
        end = row + query.x_end
        if query.in_rest:
            first = row
            end = row + query.x_rest
        query.at = en.ptr_load(en.int32, query.starts, first)
        query.end = en.ptr_load(en.int32, query.starts, end)
        query.in_rest = query.x_rest > 0 and not query.in_rest
        if not query.in_rest:
            query.y = en.where(query.y + 1 == query.dim_y, 0, query.y + 1)
            query.y_left = query.y_left - 1
            if query.y_left == 0:
                query.y = query.y_first
                query.y_left = query.y_count
                query.z = en.where(query.z + 1 == query.dim_z, 0, query.z + 1)
                query.z_left = query.z_left - 1
    found = query.at < query.end
    if found:
        index = en.ptr_load(en.int32, query.ids, query.at)
        query.at = query.at + 1
    return found, query, index


hash_grid_query_point = hash_grid_query  # the name in Warp's course


@en.func
def _next(query: HashGridQuery, index: int):
    found, query, index = _next_of_all(query, index)
    if query.groups != en.uint64(0):
        while found and en.ptr_load(en.int32, query.groups, index) != query.group:
            found, query, index = _next_of_all(query, index)
    return found, query, index


@en.func
def hash_grid_point_id(id: en.uint64, index: int) -> int:
    """Number of the point that comes `index`-th in the order of cells: threads in this order share neighbours."""
    return en.ptr_load(en.int32, en.ptr_load(en.uint64, id, IDS), index)


hash_grid_query_next = InOut(_next, (0, 1), "hash_grid_query_next")
hash_grid_query_next.__doc__ = """`hash_grid_query_next(query, index) -> bool`: move on to the next point.

Sets `index` to its number; returns whether there was one."""
HashGridQuery.__engine_next__ = hash_grid_query_next
HashGridQuery.__class_getitem__ = classmethod(lambda cls, _: cls)  # one query type serves points of every scalar type
