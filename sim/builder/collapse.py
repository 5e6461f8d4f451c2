"""Merging of bodies that fixed joints hold together."""

import numpy as np

from sim.articulation.joint_types import JOINT_FIXED
from sim.builder.tables import COLUMNS, OBJECT_COLUMNS
from sim.geometry.mass_properties import MassProperties
from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_inverse, transform_multiply


class CollapseBuilder:
    """``collapse_fixed_joints``."""

    def collapse_fixed_joints(self, verbose: bool = False) -> dict[str, np.ndarray]:
        """Makes one body of all bodies that fixed joints hold together, and static shapes of what is fixed to the world.

        Shapes, masses and the remaining joints move to the body that stays, the one nearest to the root. A fixed joint
        stays if its child is the child of another joint as well.

        Args:
            verbose: Print what becomes of each body.

        Returns:
            ``body_remap`` and ``joint_remap``: the new index of each former body and joint; a body that became part of
            another has that one's index, of the world -1, as has a joint that is gone.
        """
        gone = self._collapsible()
        stays, X_sb = self._merged_into(gone)
        kept = np.flatnonzero(stays == np.arange(self.body_count))
        number = np.full(self.body_count + 1, -1, dtype=np.int64)  # the last entry answers for -1
        number[kept] = np.arange(len(kept))
        body_remap = number[stays]
        if verbose:
            for body in np.flatnonzero(stays != np.arange(self.body_count)):
                into = "the world" if stays[body] < 0 else self.body_name[stays[body]]
                print(f"collapse_fixed_joints: {self.body_name[body]} becomes part of {into}")
        for body in np.flatnonzero((stays != np.arange(self.body_count)) & (stays >= 0)):
            own = MassProperties(
                float(self.body_mass[body]), self.body_com[body].copy(), self.body_inertia[body].copy()
            )
            self.add_body_mass(int(stays[body]), own.moved(X_sb[body]), "collapse_fixed_joints()")
        self._rehang(self.shape_body.view, self.shape_transform.view, body_remap, X_sb)
        self._rehang(self.joint_parent.view, self.joint_X_p.view, body_remap, X_sb)
        for side in (0, 1):
            frames = self.equality_X_2 if side else self.equality_X_1
            self._rehang(self.equality_body.view[:, side], frames.view, body_remap, X_sb)
        self.joint_child.view[:] = body_remap[self.joint_child.view]
        before = np.append(0, np.cumsum(gone))
        self.articulation_start.view[:] -= before[self.articulation_start.view].astype(np.int32)
        self._keep_rows("body", kept)
        self._keep_rows("joint", np.flatnonzero(~gone))
        return {"body_remap": body_remap, "joint_remap": np.where(gone, -1, np.cumsum(~gone) - 1)}

    def _collapsible(self) -> np.ndarray:
        """Which joints go: fixed ones that alone move their child, unless they follow each other in a circle."""
        moved = np.bincount(self.joint_child.view, minlength=max(1, self.body_count))
        gone = (self.joint_type.view == JOINT_FIXED) & (moved[self.joint_child.view] == 1)
        above = np.full(self.body_count + 1, -1, dtype=np.int64)
        above[self.joint_child.view[gone]] = self.joint_parent.view[gone]
        body = np.arange(self.body_count)
        for _ in range(self.body_count):
            body = above[body]
        circles = np.flatnonzero(body >= 0)
        return gone & ~np.isin(self.joint_child.view, circles)

    def _merged_into(self, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The body that each one becomes part of (itself, or -1 for the world), and its pose there."""
        stays = np.arange(self.body_count)
        X = np.tile(IDENTITY_TRANSFORM, (self.body_count, 1))
        for joint in np.flatnonzero(gone):
            child = self.joint_child[joint]
            stays[child] = self.joint_parent[joint]
            X[child] = transform_multiply(self.joint_X_p[joint], transform_inverse(self.joint_X_c[joint]))
        while True:  # one level of fixed joints upon fixed joints a turn
            merged = (stays >= 0) & (stays != np.arange(len(stays)))
            deeper = merged & (stays[stays] != stays)
            if not deeper.any():
                return stays, X
            X[deeper] = transform_multiply(X[stays[deeper]], X[deeper])
            stays[deeper] = stays[stays[deeper]]

    @staticmethod
    def _rehang(body: np.ndarray, X: np.ndarray, remap: np.ndarray, X_sb: np.ndarray) -> None:
        """Things given in frames of bodies, in place: in the frames of those that stay."""
        on = body >= 0
        X[on] = transform_multiply(X_sb[body[on]], X[on])
        body[on] = remap[body[on]]

    def _keep_rows(self, family: str, rows: np.ndarray) -> None:
        for spec in COLUMNS:
            if spec.family == family:
                getattr(self, spec.name).keep(rows)
        for name, of in OBJECT_COLUMNS:
            if of == family:
                values = getattr(self, name)
                values[:] = [values[row] for row in rows]
