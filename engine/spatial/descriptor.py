"""Descriptors: what the id of a spatial structure points to.

An id is the address of `DESCRIPTOR_WORDS` uint64 words of addresses and numbers, so that one integer hands a whole
structure to a kernel. It lies where the structure's kernels run: in host memory, or on the CUDA device. The descriptor
of a dead structure is all zeros: queries through a stale id find nothing.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import Any

import numpy as np

from engine.device import Device
from engine.taping import DESCRIPTOR_WORDS

_REUSE_AFTER = 1024
"""Descriptors of dead structures rest, zeroed, until this many others died: a stale id finds no stranger."""


class Descriptor:
    """The words of one structure; setting one makes it visible to later launches.

    Attributes:
        address: Where kernels find the words; the structure's id.
    """

    def __init__(self, device: Device):
        self.device = device
        self._words = np.zeros(DESCRIPTOR_WORDS, np.uint64)
        self._memory = self._words
        if device.is_cuda:
            self._memory = device.memory.allocate(self._words.nbytes, False).view(np.uint64)
            device.memory.write(self._memory, self._words)  # now, not each time that a graph being captured runs
        self.address = self._memory.ctypes.data

    def __getitem__(self, which: Any) -> Any:
        return self._words[which]

    def __setitem__(self, which: Any, value: Any) -> None:
        self._words[which] = value
        self._send()

    def update(self, words: dict[int, int]) -> None:
        """Sets several words at once."""
        for which, value in words.items():
            self._words[which] = value
        self._send()

    def _send(self) -> None:
        if self.device.is_cuda:
            self.device.memory.write(self._memory, self._words)


_resting: dict[Device, deque[Descriptor]] = {}


def take_descriptor(owner: Any, device: Device) -> Descriptor:
    """A zeroed descriptor on `device` that lives as long as `owner`."""
    resting = _resting.setdefault(device, deque())
    words = resting.popleft() if len(resting) > _REUSE_AFTER else Descriptor(device)
    weakref.finalize(owner, _give_back, words)
    return words


def _give_back(words: Descriptor) -> None:
    try:
        words[:] = 0
    except Exception:
        return  # the driver is shutting down
    _resting[words.device].append(words)
