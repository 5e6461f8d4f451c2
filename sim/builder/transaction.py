"""Adders that either add everything or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from sim.builder.tables import COLUMNS, OBJECT_COLUMNS


@contextmanager
def all_or_nothing(builder) -> Iterator[None]:
    """Drops what the block appended if it raises. (Rows are only ever appended in it, never changed in place.)"""
    undo = undo_mark(builder)
    try:
        yield
    except BaseException:
        undo()
        raise


def undo_mark(builder):
    """Returns a function that drops every row appended to ``builder`` since now."""
    sizes = builder.family_sizes()
    ranges = len(builder.particle_ranges)
    pairs = len(builder.shape_collision_filter_pairs.view)
    group = builder.last_collision_group

    def undo() -> None:
        for spec in COLUMNS:
            getattr(builder, spec.name).truncate(sizes[spec.family])
        for name, family in OBJECT_COLUMNS:
            del getattr(builder, name)[sizes[family] :]
        del builder.particle_ranges[ranges:]
        builder.shape_collision_filter_pairs.truncate(pairs)
        builder.last_collision_group = group

    return undo
