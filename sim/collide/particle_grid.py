"""Neighbours among loose particles (grains): those that belong to no spring, triangle, edge or tetrahedron.

A hashed uniform grid with cells of one particle diameter. The sort keeps the order of the particles within a cell, so
sums over neighbours have the same bits whatever the thread count: a counting sort in one thread, or, for many particles on
a GPU, a radix sort.
"""

import numpy as np

import engine as en

ACTIVE = en.constant(en.uint32(1))
SERIAL_UP_TO = 1024
"""Most particles that one thread of a GPU sorts: its launch is shorter than the several of a radix sort."""


def loose_particles(model) -> np.ndarray:
    """Indices of the particles in no element, int32."""
    loose = np.ones(model.particle_count, dtype=bool)
    for family in ("spring", "tri", "edge", "tet"):
        if getattr(model, f"{family}_count"):
            used = getattr(model, f"{family}_indices").numpy().ravel()
            loose[used[used >= 0]] = False
    return np.flatnonzero(loose).astype(np.int32)


class ParticleGrid:
    """Sorted cells of the loose particles of one model.

    Attributes:
        count: Number of loose particles.
        loose: 1 for loose particles, shape [particle_count].
        cell: Edge of a cell [m].
        start, order: Bucket b holds particles order[start[b]:start[b + 1]], ascending.
        delta: Work array of the integrators (force [N] or displacement [m]), shape [particle_count].
    """

    def __init__(self, model):
        index = loose_particles(model)
        self.count = len(index)
        flags = np.zeros(model.particle_count, dtype=np.int32)
        flags[index] = 1
        radius = model.particle_radius.numpy()[index]
        self.cell = max(2.0 * float(radius.max(initial=0.0)) + float(model.particle_cohesion), 1.0e-9)
        self.buckets = 1 << max(6, int(2 * max(self.count, 1)).bit_length())
        self.index = en.array(index if self.count else np.zeros(1, dtype=np.int32), dtype=int)
        self.loose = en.array(flags, dtype=int)
        self.start = en.zeros(self.buckets + 1, dtype=int)
        self.sort_with(parallel=self.start.device.is_cuda and self.count > SERIAL_UP_TO)
        self.delta = en.zeros(model.particle_count, dtype=en.vec3)

    def sort_with(self, *, parallel: bool) -> None:
        """Choose how to sort: by one thread, or in parallel with as much scratch room behind the results."""
        self.parallel, room = parallel, max(self.count, 1) * (2 if parallel else 1)
        self.bucket = en.zeros(room, dtype=int)
        self.order = en.zeros(room, dtype=int)

    def build(self, x) -> None:
        """Sorts the loose particles at positions `x` into cells."""
        en.launch(find_buckets, dim=self.count, inputs=[x, self.index, self.cell, self.buckets], outputs=[self.bucket])
        if self.parallel:
            en.copy(self.order, self.index, count=self.count)
            en.utils.radix_sort_pairs(self.bucket, self.order, self.count, end_bit=self.buckets.bit_length() - 1)
            en.launch(find_starts, dim=self.count, inputs=[self.count, self.buckets, self.bucket], outputs=[self.start])
            return
        en.launch(
            sort_into_buckets,
            dim=1,
            inputs=[self.count, self.buckets, self.index, self.bucket],
            outputs=[self.start, self.order],
        )


def particle_grid(model) -> ParticleGrid | None:
    """The grid of the model's loose particles, created on first use; None with fewer than two of them.

    Also None when `model.particle_self_contact` is set to False.
    """
    if not getattr(model, "particle_self_contact", True) or model.particle_count < 2:
        return None
    if getattr(model, "particle_grid", None) is None:
        model.particle_grid = ParticleGrid(model)
    return model.particle_grid if model.particle_grid.count > 1 else None


@en.func
def cell_of(p: en.vec3, cell: float) -> en.vec3i:
    """Integer cell coordinates."""
    return en.vec3i(int(en.floor(p[0] / cell)), int(en.floor(p[1] / cell)), int(en.floor(p[2] / cell)))


@en.func
def bucket_of(c: en.vec3i, buckets: int) -> int:
    """Hash of cell coordinates (Teschner et al. 2003); `buckets` is a power of two."""
    h = (en.uint32(c[0]) * en.uint32(73856093)) ^ (en.uint32(c[1]) * en.uint32(19349663))
    h = h ^ (en.uint32(c[2]) * en.uint32(83492791))
    return int(h & en.uint32(buckets - 1))


@en.kernel
def find_buckets(
    x: en.array(dtype=en.vec3), index: en.array(dtype=int), cell: float, buckets: int, bucket: en.array(dtype=int)
):
    i = en.tid()
    bucket[i] = bucket_of(cell_of(x[index[i]], cell), buckets)


@en.kernel
def find_starts(count: int, buckets: int, bucket: en.array(dtype=int), start: en.array(dtype=int)):
    """Where each bucket begins among sorted ones: the first of its particles says so, also for the empty ones before."""
    i = en.tid()
    before = -1
    if i > 0:
        before = bucket[i - 1]
    for b in range(before + 1, bucket[i] + 1):
        start[b] = i
    if i == count - 1:
        for b in range(bucket[i] + 1, buckets + 1):
            start[b] = count


@en.kernel
def sort_into_buckets(
    count: int,
    buckets: int,
    index: en.array(dtype=int),
    bucket: en.array(dtype=int),
    start: en.array(dtype=int),
    order: en.array(dtype=int),
):
    for b in range(buckets + 1):
        start[b] = 0
    for i in range(count):
        start[bucket[i] + 1] = start[bucket[i] + 1] + 1
    for b in range(buckets):
        start[b + 1] = start[b + 1] + start[b]
    # fill from the end of each bucket backwards, last particle first; start then points at the beginnings again
    for k in range(count):
        i = count - 1 - k
        b = bucket[i] + 1
        start[b] = start[b] - 1
        order[start[b]] = index[i]
    # now start[b + 1] is the beginning of bucket b: shift down
    for b in range(buckets):
        start[b] = start[b + 1]
    start[buckets] = count
