"""Growable NumPy columns: the storage of ``ModelBuilder``."""

from collections.abc import Iterator

import numpy as np

from sim.errors import SimError


class Column:
    """A growable array that reads like a list: ``column[i]``, ``len(column)``, ``column.append(row)``.

    Capacity doubles, so appending is amortised constant time and ``view`` is always one contiguous array.
    """

    __slots__ = ("_count", "_data")

    def __init__(self, item_shape: tuple[int, ...] = (), dtype: np.dtype | type = np.float32):
        self._data = np.empty((0, *item_shape), dtype=dtype)
        self._count = 0

    @property
    def view(self) -> np.ndarray:
        """The rows so far, without a copy; writes go through. Valid until the next growth."""
        return self._data[: self._count]

    def grow(self, count: int) -> np.ndarray:
        """Adds ``count`` uninitialised rows and returns the view of them, to be filled by the caller."""
        start, end = self._count, self._count + count
        if end > len(self._data):
            grown = np.empty((max(end, 2 * len(self._data), 8), *self._data.shape[1:]), dtype=self._data.dtype)
            grown[:start] = self._data[:start]
            self._data = grown
        self._count = end
        return self._data[start:end]

    def extend(self, rows) -> None:
        """Appends many rows."""
        rows = np.asarray(rows, dtype=self._data.dtype)
        self.grow(len(rows))[...] = rows

    def append(self, row) -> None:
        """Appends one row."""
        self.grow(1)[0] = row

    def assign(self, rows, where: str) -> None:
        """Replaces the values of all rows; their number stays.

        Raises:
            SimError: Another number of rows, or rows of another shape or type; it names ``where``.
        """
        view = self.view
        rows = _as_rows(rows, view, where)
        if rows.shape != view.shape:
            raise SimError(
                where, f"shape {rows.shape}", f"shape {view.shape}; the table grows through the builder's add_… methods"
            )
        view[...] = rows

    def truncate(self, count: int) -> None:
        """Forgets all rows from ``count`` on."""
        self._count = min(count, self._count)

    def keep(self, rows: np.ndarray) -> None:
        """Forgets all rows but these."""
        self._data = self.view[rows]
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index):
        return self.view[index]

    def __setitem__(self, index, value) -> None:
        self.view[index] = value

    def __iter__(self) -> Iterator:
        return iter(self.view)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        view = self.view
        if dtype is not None and np.dtype(dtype) != view.dtype:
            return view.astype(dtype)
        return view.copy() if copy else view

    def __repr__(self) -> str:
        return f"Column({self.view!r})"


def _as_rows(rows, view: np.ndarray, where: str) -> np.ndarray:
    """The rows as an array that the table's type can hold; integers may change their width and sign."""
    expected = f"{view.dtype} of shape {view.shape}"
    try:
        rows = np.asarray(rows)
    except ValueError:
        raise SimError(where, "rows of unequal lengths", expected) from None
    if rows.size and not (
        np.can_cast(rows.dtype, view.dtype, "same_kind") or (rows.dtype.kind + view.dtype.kind in ("iu", "ui"))
    ):
        raise SimError(where, f"{rows.dtype} values", expected)
    return rows


class PairTable:
    """A growable set of unordered index pairs, kept as an array of (smaller, larger)."""

    __slots__ = ("_rows",)

    def __init__(self):
        self._rows = Column((2,), np.int32)

    @property
    def view(self) -> np.ndarray:
        """All pairs added so far, shape [n, 2], repeats included."""
        return self._rows.view

    def add(self, pair: tuple[int, int]) -> None:
        """Adds one pair of indices, in any order."""
        self._rows.append(sorted(pair))

    def update(self, pairs) -> None:
        """Adds many pairs, shape [n, 2]."""
        pairs = pairs.view if isinstance(pairs, PairTable) else np.array(list(pairs), dtype=np.int32).reshape(-1, 2)
        self._rows.extend(np.sort(pairs, axis=1))

    def update_sorted(self, pairs: np.ndarray) -> None:
        """Adds pairs [n, 2] whose rows are already (smaller, larger)."""
        self._rows.extend(pairs)

    def truncate(self, count: int) -> None:
        """Forgets all pairs after the first ``count`` added."""
        self._rows.truncate(count)

    def unique(self) -> np.ndarray:
        """The pairs without repeats, sorted, shape [n, 2]."""
        return np.unique(self._rows.view, axis=0) if len(self._rows) else self._rows.view.copy()

    def __contains__(self, pair: tuple[int, int]) -> bool:
        low, high = sorted(pair)
        rows = self._rows.view
        return bool(np.any((rows[:, 0] == low) & (rows[:, 1] == high)))

    def __len__(self) -> int:
        return len(self.unique())

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(map(tuple, self.unique().tolist()))
