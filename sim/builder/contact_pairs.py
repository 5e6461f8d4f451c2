"""Which pairs of shapes may touch at all, decided once when the model is made."""

import numpy as np


def candidate_pairs(groups, active, limit: int) -> np.ndarray | None:
    """All pairs (a < b) of ``active`` shapes whose collision groups meet, shape [n, 2], or None above ``limit`` pairs.

    Args:
        groups: Collision group of every shape; -1 meets all, others meet themselves and -1.
        active: Which shapes take part, bool.
        limit: Largest number of pairs to list.
    """
    shapes = np.flatnonzero(active)
    group = groups[shapes]
    common, grouped = shapes[group == -1], shapes[group != -1]
    grouped_group = group[group != -1]
    order = np.argsort(grouped_group, kind="stable")
    grouped, grouped_group = grouped[order], grouped_group[order]
    end = np.searchsorted(grouped_group, grouped_group, side="right")
    within = end - np.arange(len(grouped)) - 1
    m = len(common)
    if m * (m - 1) // 2 + m * len(grouped) + int(within.sum()) > limit:
        return None
    low, high = np.triu_indices(m, 1)
    first = np.repeat(np.arange(len(grouped)), within)
    step = np.arange(len(first)) - np.repeat(np.cumsum(within) - within, within)
    a = np.concatenate([common[low], np.repeat(common, len(grouped)), grouped[first]])
    b = np.concatenate([common[high], np.tile(grouped, m), grouped[first + 1 + step]])
    return np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)


def filtered_pairs(pairs: np.ndarray, body: np.ndarray, dynamic: np.ndarray, excluded: np.ndarray) -> np.ndarray:
    """Drops pairs on one body, pairs of which nothing can move, and ``excluded`` ones; sorts; int32 [n, 2]."""
    a, b = pairs[:, 0], pairs[:, 1]
    keep = ((body[a] != body[b]) | (body[a] < 0)) & (dynamic[a] | dynamic[b])
    pairs = pairs[keep]
    count = len(body)
    key = pairs[:, 0].astype(np.int64) * count + pairs[:, 1]
    key.sort()
    if len(excluded):
        banned = np.unique(excluded[:, 0].astype(np.int64) * count + excluded[:, 1])
        place = np.minimum(np.searchsorted(banned, key), len(banned) - 1)
        key = key[banned[place] != key]
    return np.stack([key // max(count, 1), key % max(count, 1)], axis=1).astype(np.int32)


def filter_rows(excluded: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Excluded pairs as compressed rows (offsets [count + 1], shapes), both directions, for a run-time broad phase."""
    both = np.concatenate([excluded, excluded[:, ::-1]]) if len(excluded) else np.empty((0, 2), dtype=np.int32)
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    offsets = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(both[:, 0], minlength=count), out=offsets[1:])
    return offsets, both[:, 1].astype(np.int32)
