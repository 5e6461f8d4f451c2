"""Kernels that copy and fill arrays through indices, so that it works in graphs, on tapes and on every device."""

from __future__ import annotations

from typing import Any

import engine as en


@en.kernel
def copy1(dest: Any, src: Any):
    i = en.tid()
    dest[i] = src[i]


@en.kernel
def copy2(dest: Any, src: Any):
    i, j = en.tid()
    dest[i, j] = src[i, j]


@en.kernel
def copy3(dest: Any, src: Any):
    i, j, k = en.tid()
    dest[i, j, k] = src[i, j, k]


@en.kernel
def copy4(dest: Any, src: Any):
    i, j, k, m = en.tid()
    dest[i, j, k, m] = src[i, j, k, m]


@en.kernel
def fill1(dest: Any, src: Any):
    i = en.tid()
    dest[i] = src[0]


@en.kernel
def fill2(dest: Any, src: Any):
    i, j = en.tid()
    dest[i, j] = src[0]


@en.kernel
def fill3(dest: Any, src: Any):
    i, j, k = en.tid()
    dest[i, j, k] = src[0]


@en.kernel
def fill4(dest: Any, src: Any):
    i, j, k, m = en.tid()
    dest[i, j, k, m] = src[0]


_COPY: tuple[en.Kernel, ...] = (copy1, copy2, copy3, copy4)
_FILL: tuple[en.Kernel, ...] = (fill1, fill2, fill3, fill4)


def copy(dest: Any, src: Any) -> None:
    """Copies every element between arrays of one shape and type."""
    en.launch(_COPY[dest.ndim - 1], dim=dest.shape, inputs=[dest, src], device=dest.device)


def fill(dest: Any, one: Any) -> None:
    """Sets every element to the first of `one`."""
    en.launch(_FILL[dest.ndim - 1], dim=dest.shape, inputs=[dest, one], device=dest.device)
