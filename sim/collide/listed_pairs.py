"""Near pairs among a list of candidates: bounds overlap, then a compaction in list order. For scenes of few pairs."""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.collide.body_lists import number_near_pairs
from sim.collide.broad_phase import list_near_pairs, mark_near_pairs, place_near_pairs
from sim.collide.islands import connected
from sim.collide.shapes import ShapePlacement
from sim.geometry.integer_order import stable_order


class ListedPairs:
    """Candidates are numbered once, island after island; near ones are found by testing all.

    Attributes:
        count: Number of candidates.
        shapes: Candidate pairs (a, b), int [count, 2].
        kind: Number of each pair's kernel.
        label: The first body of each body's island, whether it has pairs or not: bodies that joints hold together are in
            one island, host int [body_count]. first_body: that of each island.
        largest_island: Most pairs of an island.
        island_start: First pair of each island (see `sim.collide.islands`) and the number of pairs, [island_count + 1].
        active_count: Number of pairs that are near, shape [1].
        active_pair: Pair of each slot.
        previous_slot: Slot that each active pair had before, -1 for none.
        wanted: Number of near pairs, also of those without a slot, shape [1].
        tests: Bounds compared in one detection.
    """

    def __init__(self, model, pairs: np.ndarray, kinds: np.ndarray):
        bodies = model.shape_body.numpy()[pairs].reshape(-1, 2)
        ends = np.concatenate([bodies, jointed_bodies(model)])
        label = connected(ends[:, 0], ends[:, 1], model.body_count)
        self.first_body, island = np.unique(label[bodies.max(axis=1)], return_inverse=True)
        self.label = label
        order = stable_order(island)
        pairs, kinds = pairs[order], kinds[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(island))]) if len(pairs) else np.zeros(1)
        self.count = self.tests = len(pairs)
        self.island_count = len(starts) - 1
        self.island_start = en.array(starts.astype(np.int32), dtype=int)
        n = max(self.count, 1)
        self.shapes = en.array(pairs if len(pairs) else np.zeros((1, 2), dtype=np.int32), dtype=int)
        self.kind = en.array(kinds if len(pairs) else np.zeros(1, dtype=np.int32), dtype=int)
        self._kind_if_near = en.zeros_like(self.kind)
        self.largest_island = int(np.diff(starts).max(initial=0))
        self.slot = en.array(np.full(n, -1, dtype=np.int32), dtype=int)
        self.active_count = en.zeros(1, dtype=int)
        self.wanted = en.zeros(1, dtype=int)
        self._near = en.zeros(n, dtype=int)
        self._before = None

    def make_room(self, capacity: int) -> None:
        """Makes slots for `capacity` near pairs; what was near before is forgotten."""
        self.capacity = capacity
        self.active_pair = en.zeros(capacity, dtype=int)
        self.previous_slot = en.zeros(capacity, dtype=int)
        self.slot.fill_(-1)

    def find(self, model, placement: ShapePlacement, reach: float) -> None:
        """Lists the pairs whose bounds come closer than `reach` [m]."""
        test = self._test(model, placement, reach)
        en.launch(mark_near_pairs, dim=self.count, inputs=test, outputs=[self._near])
        self.number(model.device.is_cuda)

    def find_in_place(self, model, placement: ShapePlacement, reach: float, points, history: list):
        """What `find` does where there are slots for all pairs: each has one of its own, and nobody counts the near ones.

        On a GPU that costs less, for who need not go through all slots of a body.

        Args:
            model: The model.
            placement: Where the shapes are.
            reach: Distance of bounds [m].
            points: `PointTable` of the slots, which becomes empty.
            history: What `keep_points` writes to, after the friction history that it reads.

        Returns:
            Number of the kernel of each pair, -1 for those that are not near.
        """
        en.launch(
            place_near_pairs,
            dim=self.count,
            inputs=[*self._test(model, placement, reach), self.count, self.kind],
            outputs=[
                self.slot, self.active_count, self.active_pair, self.previous_slot, self.wanted, self._kind_if_near,
                points, *history,
            ],
        )  # fmt: skip
        return self._kind_if_near

    def _test(self, model, placement: ShapePlacement, reach: float) -> list:
        geo, bounds = model.shape_geo, [placement.X_ws, placement.lower_w, placement.upper_w]
        return [self.shapes, geo.type, geo.scale, *bounds, reach, -1 if model.ground else model.ground_shape]

    def number(self, parallel: bool) -> None:
        """Numbers the near pairs; by one thread, or `parallel` with the same result."""
        outputs = [self.slot, self.active_count, self.active_pair, self.previous_slot, self.wanted]
        if not parallel:
            en.launch(list_near_pairs, dim=1, inputs=[self.count, self.capacity, self._near], outputs=outputs)
            return
        if self._before is None:
            with NotRecorded():
                self._before = en.zeros(self.count, dtype=int)
        en.utils.array_scan(self._near, self._before, inclusive=False)
        inputs = [self.count, self.capacity, self._near, self._before]
        en.launch(number_near_pairs, dim=self.count, inputs=inputs, outputs=outputs)


def jointed_bodies(model) -> np.ndarray:
    """Bodies that joints hold together, int [n, 2]; kinematic ones hold nothing together."""
    ends = np.stack([model.joint_parent.numpy(), model.joint_child.numpy()], axis=1)
    held = (model.joint_enabled.numpy() != 0) & (ends[:, 0] >= 0)
    fixed = (model.body_flags.numpy() & BODY_FLAG_KINEMATIC) != 0
    ends = ends[held]
    return ends[~fixed[ends].any(axis=1)]
