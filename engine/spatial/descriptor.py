"""Descriptors: what the id of a spatial structure points to.

An id is the address of `DESCRIPTOR_WORDS` uint64 words of addresses and numbers, so that one integer hands a whole
structure to a kernel. The descriptor of a dead structure is all zeros: queries through a stale id find nothing.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any

import numpy as np

DESCRIPTOR_WORDS = 32

_REUSE_AFTER = 1024
"""Descriptors of dead structures rest, zeroed, until this many others died: a stale id finds no stranger."""

_resting: deque[np.ndarray] = deque()


def take_descriptor(owner: Any) -> np.ndarray:
    """A zeroed descriptor that lives as long as `owner`; its address is `descriptor.ctypes.data`."""
    words = _resting.popleft() if len(_resting) > _REUSE_AFTER else np.zeros(DESCRIPTOR_WORDS, np.uint64)
    weakref.finalize(owner, _give_back, words)
    return words


def _give_back(words: np.ndarray) -> None:
    words[:] = 0
    _resting.append(words)
