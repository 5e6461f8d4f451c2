"""Putting builders into builders: one copy at a pose, or many on a grid, all columns at once."""

import numpy as np

from sim.builder.joint_copies import MOVES, is_shift, placed
from sim.builder.tables import COLUMNS, FAMILY_SIZE_COLUMN, OBJECT_COLUMNS
from sim.errors import SimError
from sim.geometry.rotation import rotate, transform_multiply, transform_points
from sim.inputs import as_count, as_floats, as_transform, as_vector


class ComposeBuilder:
    """``add_builder`` and ``replicate``."""

    def add_builder(
        self,
        builder,
        xform=None,
        update_num_env_count: bool = True,
        separate_collision_group: bool = True,
    ) -> None:
        """Copies everything of another builder into this one.

        Args:
            builder: The builder to copy from; it stays as it is. Its ground plane is not copied.
            xform: Pose (p, q) applied to its bodies, particles and static shapes; None means identity.
            update_num_env_count: Whether ``num_envs`` goes up by one.
            separate_collision_group: Whether all copied shapes get one new collision group of their own; else only
                groups above -1 are shifted to new numbers.
        """
        self._append_copies(
            builder, as_transform(xform, "add_builder()", "xform")[None], separate_collision_group, "add_builder()"
        )
        if update_num_env_count:
            self.num_envs += 1

    def replicate(self, builder, n: int, spacing=None, *, separate_collision_group: bool = True) -> None:
        """Copies another builder ``n`` times onto a grid centred at the origin, each copy an environment.

        Args:
            builder: The builder to copy from.
            n: Number of copies.
            spacing: Distance between neighbours along x, y, z [m]; the grid extends along the axes where it is not 0.
                None means 5 m along the two axes across ``up_axis``.
            separate_collision_group: As for ``add_builder``, for each copy.
        """
        where = "replicate()"
        count = as_count(n, where, "n")
        if spacing is None:
            spacing = np.where(np.arange(3) == self.up_axis, 0.0, 5.0)
        self.replicate_at(
            builder,
            grid_offsets(count, as_vector(spacing, 3, where, "spacing")),
            separate_collision_group=separate_collision_group,
        )

    def replicate_at(self, builder, xforms, *, separate_collision_group: bool = True) -> None:
        """Copies another builder to every pose of ``xforms``, positions [n, 3] or transforms [n, 7]."""
        where = "replicate_at()"
        poses = as_floats(xforms, where, "xforms")
        if poses.ndim != 2 or poses.shape[1] not in (3, 7):
            raise SimError(where, f"xforms of shape {poses.shape}", "shape (n, 3) or (n, 7)")
        if poses.shape[1] == 3:
            poses = np.concatenate([poses, np.broadcast_to((0.0, 0.0, 0.0, 1.0), (len(poses), 4))], axis=1)
        else:
            norms = np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
            if norms.size and norms.min() < 1e-12:
                raise SimError(where, f"xforms[{int(np.argmin(norms))}] with a zero quaternion", "unit quaternions")
            poses = np.concatenate([poses[:, :3], poses[:, 3:] / norms], axis=1)
        self._append_copies(builder, poses, separate_collision_group, where)
        self.num_envs += len(poses)

    def _append_copies(self, source, poses: np.ndarray, separate_groups: bool, where: str) -> None:
        if source is self:
            raise SimError(where, "the builder itself", "another ModelBuilder")
        copies = len(poses)
        sizes = source.family_sizes()
        starts = self.family_sizes()
        for spec in COLUMNS:
            count = sizes[spec.family]
            if count == 0:
                continue
            rows = getattr(source, spec.name).view
            target = getattr(self, spec.name).grow(copies * count)
            target = target.reshape(copies, count, *spec.item_shape)
            target[...] = _moved(spec.moves, rows, poses, source) if spec.moves else rows
            if spec.refers:
                shift = starts[spec.refers] + sizes[spec.refers] * np.arange(copies, dtype=np.int32)
                shift = shift.reshape(copies, *[1] * rows.ndim)
                np.add(target, shift, out=target, where=rows >= 0)
        for name, family in OBJECT_COLUMNS:
            if sizes[family]:
                getattr(self, name).extend(getattr(source, name) * copies)
        self._copy_ranges(source, starts["particle"], sizes["particle"], copies)
        if sizes["shape"]:
            self._separate_groups(source, starts["shape"], sizes["shape"], copies, separate_groups)

    def _copy_ranges(self, source, start: int, count: int, copies: int) -> None:
        for c in range(copies if source.particle_ranges else 0):
            self.particle_ranges.extend(r.shifted(start + c * count) for r in source.particle_ranges)

    def _separate_groups(self, source, start: int, count: int, copies: int, separate: bool) -> None:
        pairs = source.shape_collision_filter_pairs.view
        if len(pairs):
            shift = start + count * np.arange(copies, dtype=np.int32)
            self.shape_collision_filter_pairs.update_sorted((pairs + shift[:, None, None]).reshape(-1, 2))
        groups = self.shape_collision_group.view[start:].reshape(copies, count)
        last = self.last_collision_group
        if separate:
            groups[...] = last + 1 + np.arange(copies)[:, None]
            self.last_collision_group = last + copies
        else:
            step = source.last_collision_group
            shift = last + step * np.arange(copies, dtype=np.int32)[:, None]
            groups[...] = np.where(groups > -1, groups + shift, groups)
            self.last_collision_group = last + step * copies

    def family_sizes(self) -> dict[str, int]:
        """How many there are of each family of ``sim.builder.tables``."""
        return {family: getattr(self, f"{family}_count") for family in FAMILY_SIZE_COLUMN}


def _moved(how: str, rows: np.ndarray, poses: np.ndarray, source) -> np.ndarray:
    """Rows [count, ...] under every pose [copies, 7]: shape [copies, count, ...]."""
    # Bodies at rest and shapes on bodies are the usual case, and stay as they are.
    if (how in ("vector", "twist") and not rows.any()) or (
        how == "static_transform" and (source.shape_body.view >= 0).all()
    ):
        return rows
    x = poses[:, None, :]
    if how in MOVES:
        return MOVES[how](source, x)
    if is_shift(poses):
        if how in ("vector", "twist"):
            return rows
        if how == "point":
            return x[..., :3] + rows
        moved = placed(x, rows)
        return np.where((source.shape_body.view < 0)[:, None], moved, rows) if how == "static_transform" else moved
    q = x[..., 3:]
    if how == "point":
        return transform_points(x, rows.astype(np.float64))
    if how == "vector":
        return rotate(q, rows.astype(np.float64))
    if how == "twist":
        return np.concatenate(
            [rotate(q, rows[:, :3].astype(np.float64)), rotate(q, rows[:, 3:].astype(np.float64))], -1
        )
    moved = transform_multiply(x, rows)
    if how == "static_transform":
        return np.where((source.shape_body.view < 0)[:, None], moved, rows)
    return moved


def grid_offsets(count: int, spacing: np.ndarray) -> np.ndarray:
    """Positions [count, 3] of a near-square (near-cubic) grid centred at the origin."""
    axes = np.flatnonzero(spacing)
    if len(axes) == 0:
        return np.zeros((count, 3))
    side = int(np.ceil(round(count ** (1.0 / len(axes)), 9)))
    index = np.arange(count)
    offsets = np.zeros((count, 3))
    for axis in axes:
        offsets[:, axis] = (index % side) * spacing[axis]
        index = index // side
    return offsets - 0.5 * (offsets.min(axis=0) + offsets.max(axis=0))
