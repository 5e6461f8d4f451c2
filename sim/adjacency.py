"""Which force slots each particle sums: the table behind gather-based, deterministic force accumulation.

Every element writes its per-vertex forces to slots of its own, then every particle sums its slots in a fixed order.
No atomics, so results do not depend on the thread count.

Slot layout: ``[springs: 2 blocks][triangles: 3 blocks][edges: 4 blocks][tetrahedra: 4 blocks]``, one block per local
vertex (structure of arrays): ``slot = base + local_vertex * element_count + element``. One further slot, number
``slot_count``, must hold zero: padding points at it.
"""

from dataclasses import dataclass

import numpy as np

from sim.geometry.integer_order import stable_order

FAMILIES = ("spring", "tri", "edge", "tet")
LOCAL_VERTICES = {"spring": 2, "tri": 3, "edge": 4, "tet": 4}


@dataclass(frozen=True)
class ForceSlots:
    """Slot numbering and per-particle slot lists.

    Attributes:
        bases: First slot of each family (``spring tri edge tet``).
        slot_count: Number of slots; slot arrays have one more entry, the zero slot.
        padded: Slots of each particle in ascending order, padded with ``slot_count``, slot-major, int32, shape
            [max_degree, particle_count]; shape [0, particle_count] when ``use_csr``.
        offsets: Compressed rows: particle p has ``slots[offsets[p]:offsets[p + 1]]``, int32, [particle_count + 1].
        slots: Slots sorted by particle, then ascending, int32.
        use_csr: Whether a few particles have so many slots that padding would waste memory and time.
    """

    bases: dict[str, int]
    slot_count: int
    padded: np.ndarray
    offsets: np.ndarray
    slots: np.ndarray
    use_csr: bool


def force_slots(particle_count: int, elements: dict[str, np.ndarray]) -> ForceSlots:
    """Builds the tables from element indices [n, vertices]; edges with a -1 (borders) take part in no sum."""
    bases, owners, slots, slot_count = {}, [], [], 0
    for family in FAMILIES:
        rows = elements[family]
        bases[family] = slot_count
        if len(rows):
            active = np.flatnonzero(rows.min(axis=1) >= 0)
            for vertex in range(LOCAL_VERTICES[family]):
                owners.append(rows[active, vertex])
                slots.append(slot_count + vertex * len(rows) + active)
        slot_count += LOCAL_VERTICES[family] * len(rows)
    if not owners:
        empty = np.empty(0, dtype=np.int32)
        offsets = np.zeros(particle_count + 1, dtype=np.int32)
        return ForceSlots(bases, slot_count, np.empty((0, particle_count), dtype=np.int32), offsets, empty, False)

    # Slots are already ascending, so a stable order by owner keeps them so within each particle.
    owner, slot = np.concatenate(owners), np.concatenate(slots).astype(np.int32)
    order = stable_order(owner)
    owner, slot = owner[order], slot[order]
    degree = np.bincount(owner, minlength=particle_count)
    offsets = np.zeros(particle_count + 1, dtype=np.int32)
    np.cumsum(degree, out=offsets[1:])
    use_csr = bool(degree.max() > max(48, 4.0 * degree.mean()))
    width = 0 if use_csr else int(degree.max())
    padded = np.full((width, particle_count), slot_count, dtype=np.int32)
    if width:
        rank = np.arange(len(owner)) - offsets[owner]
        padded[rank, owner] = slot
    return ForceSlots(bases, slot_count, padded, offsets, slot, use_csr)
