"""Lists by body in parallel, for GPUs: the same lists that one thread makes on a CPU, by a stable sort and a prefix sum.

On a GPU one thread that walks through all slots takes milliseconds.
"""

import engine as en
from engine.capture import NotRecorded


class BodyLists:
    """Sorts slots by the body that they belong to; slots of no body come last.

    Attributes:
        key: Body of each entry, or the number of bodies for none; to be filled before `sort`, int, [2 * count].
        entry: What is listed, filled likewise; sorted afterwards, int, [2 * count].
    """

    def __init__(self, body_count: int, count: int):
        """Makes room for `count` entries."""
        self._body_count, self._count = body_count, count
        with NotRecorded():
            self.key, self.entry = en.zeros(2 * count, dtype=int), en.zeros(2 * count, dtype=int)

    def sort(self, body_start) -> None:
        """Orders the entries by body, those of one body as they were, and writes where each body's begin."""
        bits = self._body_count.bit_length()
        en.utils.radix_sort_pairs(self.key, self.entry, self._count, end_bit=bits)
        en.launch(find_starts, dim=self._body_count + 1, inputs=[self._count, self.key], outputs=[body_start])


@en.kernel
def find_starts(count: int, key: en.array(dtype=int), body_start: en.array(dtype=int)):
    """Number of keys below each body."""
    b = en.tid()
    low = 0
    high = int(count)
    while low < high:
        middle = low + (high - low) // 2
        if key[middle] < b:
            low = middle + 1
        else:
            high = middle
    body_start[b] = low


@en.kernel
def key_particle_slots(
    particle_count: int,
    slots: int,
    body_count: int,
    shape_body: en.array(dtype=int),
    count: en.array(dtype=int),
    contact_shape: en.array2d(dtype=int),
    key: en.array(dtype=int),
    entry: en.array(dtype=int),
):
    """Entries slot * particle_count + particle, particle after particle."""
    e = en.tid()
    p = e // slots
    c = e - p * slots
    b = -1
    if c < count[p]:
        b = shape_body[contact_shape[c, p]]
    key[e] = en.where(b >= 0, b, body_count)
    entry[e] = c * particle_count + p


@en.kernel
def key_pair_sides(
    body_count: int,
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    key: en.array(dtype=int),
    entry: en.array(dtype=int),
):
    """Entries 2 * slot + side."""
    e = en.tid()
    slot = e // 2
    b = -1
    if slot < active_count[0]:
        b = shape_body[pair_shapes[active_pair[slot], e - 2 * slot]]
    key[e] = en.where(b >= 0, b, body_count)
    entry[e] = e


@en.kernel
def number_near_pairs(
    pair_count: int,
    capacity: int,
    near: en.array(dtype=int),
    before: en.array(dtype=int),
    pair_slot: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    previous_slot: en.array(dtype=int),
    wanted: en.array(dtype=int),
):
    """What `list_near_pairs` does, from the number of near pairs before each one."""
    pair = en.tid()
    old = pair_slot[pair]
    n = before[pair]
    slot = -1
    if near[pair] != 0 and n < capacity:
        slot = n
        active_pair[n] = pair
        previous_slot[n] = old
    pair_slot[pair] = slot
    if pair == pair_count - 1:
        total = n + near[pair]
        active_count[0] = en.min(total, capacity)
        wanted[0] = total
