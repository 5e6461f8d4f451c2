"""Groups of bodies that can touch each other but none of another group: what a Gauss-Seidel solver may do in parallel."""

import numpy as np

import engine as en


def pair_islands(body_a: np.ndarray, body_b: np.ndarray, body_count: int) -> np.ndarray:
    """Island of each candidate pair of bodies (-1: the world, which connects nothing), numbered by first body.

    The copies of a replicated scene are islands of their own, the bodies of one scene usually a single one.
    """
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
            break
    owner = np.where(body_a >= 0, body_a, body_b)
    _, island = np.unique(label[owner], return_inverse=True)
    return island


@en.func
def first_slot_from(pair: int, active_count: int, active_pair: en.array(dtype=int)) -> int:
    """First active slot whose pair is not below `pair`; active pairs ascend."""
    low = 0
    high = int(active_count)
    while low < high:
        middle = low + (high - low) // 2
        if active_pair[middle] < pair:
            low = middle + 1
        else:
            high = middle
    return low
