"""Groups of bodies that can touch each other but none of another group, and what of a group's contacts may run at once.

A Gauss-Seidel solver may serve islands in parallel. Within an island, a contact waits for those before it that share a
body with it, and for no others: contacts in turns, with the result of one after the other in the order of their slots.
"""

import numpy as np

import engine as en
from engine.taping import active_tape
from sim.collide.contact_points import PointTable

LANES, MOST_LANES = 32, 256
"""Threads that share an island on a GPU: those of a warp, or of a block where some island is large and islands are few."""

_LARGE = 512  # pairs of an island
_FEW = 256  # islands
_NOBODY = en.constant(2147483647)


@en.struct
class IslandTable:
    """The contacts of each island that have points, in turns.

    first, count: per island, its first entry and how many there are; turns: in how many turns they run. open: the last
    turn that left some over. slot, body_a, body_b, turn: per entry, the contact's slot,
    its bodies and its turn. claim: per body, lowest slot that
    wants it.
    """

    first: en.array(dtype=int)
    count: en.array(dtype=int)
    turns: en.array(dtype=int)
    open: en.array(dtype=int)
    slot: en.array(dtype=int)
    body_a: en.array(dtype=int)
    body_b: en.array(dtype=int)
    turn: en.array(dtype=int)
    claim: en.array(dtype=int)


class IslandOrder:
    """In which order the contacts of islands are solved, and by how many threads.

    Attributes:
        table: `IslandTable`, of the contacts when `sort` was called.
        width: Threads that share an island.
    """

    def __init__(self, model, contacts):
        """Makes room for the islands and slots of some `RigidContacts`."""
        islands, slots = max(contacts.island_count, 1), contacts.capacity
        self.width, self.capacity = 1, slots
        largest = contacts.pairs.largest_island
        self._most = MOST_LANES if largest > _LARGE and contacts.island_count <= _FEW else LANES
        self.table = IslandTable()
        for name, n in (("first", islands), ("count", islands), ("turns", islands), ("open", islands),
                        ("slot", slots), ("turn", slots), ("body_a", slots), ("body_b", slots)):  # fmt: skip
            setattr(self.table, name, en.zeros(n, dtype=int))
        self.table.claim = en.full(max(model.body_count, 1), 2**31 - 1, dtype=int)

    @property
    def block_dim(self) -> int | None:
        """Threads of a block that launches have to ask for."""
        return MOST_LANES if self.width == MOST_LANES else None

    def choose_width(self, model) -> int:
        """Threads that share an island now: one on a CPU, and where a tape wants to go backward."""
        self.width = self._most if model.device.is_cuda and active_tape() is None else 1
        return self.width

    def sort(self, model, contacts) -> None:
        """Lists the contacts that have points and gives them their turns."""
        self.choose_width(model)
        en.launch(
            order_contacts,
            dim=contacts.island_count * self.width,
            inputs=[
                self.width, contacts.island_start, contacts.active_count, contacts.active_pair, contacts.pair_shapes,
                model.shape_body, contacts.points,
            ],
            outputs=[self.table],
            block_dim=self.block_dim,
        )  # fmt: skip


def connected(body_a: np.ndarray, body_b: np.ndarray, body_count: int) -> np.ndarray:
    """For every body, the first of all that pairs of bodies connect it with (-1: the world, which connects nothing)."""
    label = np.arange(body_count + 1)
    both = (body_a >= 0) & (body_b >= 0)
    a, b = body_a[both], body_b[both]
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, a, low)
        np.minimum.at(label, b, low)
        np.minimum.at(label, before[a], low)
        np.minimum.at(label, before[b], low)
        label = label[label]
        if np.array_equal(label, before):
            return label[:body_count]


def pair_islands(body_a: np.ndarray, body_b: np.ndarray, body_count: int) -> np.ndarray:
    """Island of each candidate pair of bodies (-1: the world, which connects nothing), numbered by first body.

    The copies of a replicated scene are islands of their own, the bodies of one scene usually a single one.
    """
    label = connected(body_a, body_b, body_count)
    return np.unique(label[np.where(body_a >= 0, body_a, body_b)], return_inverse=True)[1]


@en.func
def first_slot_from(pair: int, active_count: int, active_pair: en.array(dtype=int)) -> int:
    """First active slot whose pair is not below `pair`; active pairs ascend."""
    low = 0
    high = int(active_count)
    if pair <= high:
        # as many pairs as there can be below one come before it only if all are active
        if pair == 0:
            high = 0
        elif active_pair[pair - 1] == pair - 1:
            low = int(pair)
            high = int(pair)
    while low < high:
        middle = low + (high - low) // 2
        if active_pair[middle] < pair:
            low = middle + 1
        else:
            high = middle
    return low


@en.func
def order_island(
    island: int,
    lane: int,
    width: int,
    island_start: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    points: PointTable,
    islands: IslandTable,
):
    """Lists an island's contacts; in each turn those run that have the lowest slot of all left at both their bodies."""
    first = first_slot_from(island_start[island], active_count[0], active_pair)
    last = first_slot_from(island_start[island + 1], active_count[0], active_pair)
    if lane == 0:
        islands.first[island] = first
        islands.count[island] = 0
        islands.turns[island] = 1
        islands.open[island] = 0
    en.sync_lanes(width)
    for slot in range(first + lane, last, width):
        if points.count[slot] > 0:
            # where an entry stands decides which lane serves it, not when
            at = first + en.atomic_add(islands.count, island, 1)
            islands.slot[at] = slot
            islands.body_a[at] = shape_body[pair_shapes[active_pair[slot], 0]]
            islands.body_b[at] = shape_body[pair_shapes[active_pair[slot], 1]]
            islands.turn[at] = en.where(width > 1, -1, 0)
    if width > 1:
        en.sync_lanes(width)
        last = first + islands.count[island]
        turn = 0
        while islands.open[island] == turn and last > first:
            for at in range(first + lane, last, width):
                if islands.turn[at] < 0:
                    slot = islands.slot[at]
                    a = islands.body_a[at]
                    b = islands.body_b[at]
                    if a >= 0:
                        en.atomic_min(islands.claim, a, slot)
                    if b >= 0:
                        en.atomic_min(islands.claim, b, slot)
            en.sync_lanes(width)
            for at in range(first + lane, last, width):
                if islands.turn[at] < 0:
                    slot = islands.slot[at]
                    a = islands.body_a[at]
                    b = islands.body_b[at]
                    mine = True
                    if a >= 0:
                        mine = islands.claim[a] == slot
                    if b >= 0:
                        mine = mine and islands.claim[b] == slot
                    if mine:
                        islands.turn[at] = turn
                    else:
                        islands.open[island] = turn + 1
            en.sync_lanes(width)
            for at in range(first + lane, last, width):
                if islands.turn[at] < 0 or islands.turn[at] == turn:
                    slot = islands.slot[at]
                    a = islands.body_a[at]
                    b = islands.body_b[at]
                    if a >= 0:
                        islands.claim[a] = _NOBODY
                    if b >= 0:
                        islands.claim[b] = _NOBODY
            en.sync_lanes(width)
            turn = turn + 1
        if lane == 0:
            islands.turns[island] = turn


@en.kernel
def order_contacts(
    width: int,
    island_start: en.array(dtype=int),
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    points: PointTable,
    islands: IslandTable,
):
    thread = en.tid()
    island = thread // width
    order_island(
        island, thread - island * width, width, island_start, active_count, active_pair, pair_shapes, shape_body, points,
        islands,
    )  # fmt: skip
