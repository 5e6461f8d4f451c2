"""Pictures of the Radiance format (.hdr): three mantissas and an exponent a pixel.

After Ward, "Real Pixels" (Graphics Gems II, 1991) and the format's description in Radiance's manual (`filefmts`).
"""

from __future__ import annotations

import re

import numpy as np

MAGIC = (b"#?RADIANCE", b"#?RGBE")
LARGEST = 1 << 28
"""Pixels; more are refused as broken."""


def read_radiance(data: bytes) -> np.ndarray:
    """Linear colours [height, width, 3] float32, top row first.

    Raises:
        ValueError: if the bytes are no such picture.
    """
    if not data.startswith(MAGIC):
        raise ValueError("no Radiance picture")
    head = re.match(rb"(.*?)\n\r?\n-Y (\d+) \+X (\d+)\r?\n", data, re.DOTALL)
    if head is None:
        raise ValueError("its header does not end with -Y height +X width")
    if b"FORMAT=32-bit_rle_xyze" in head[1]:
        raise ValueError("its colours are XYZ; expected FORMAT=32-bit_rle_rgbe")
    height, width = int(head[2]), int(head[3])
    if not 0 < height * width <= LARGEST:
        raise ValueError(f"its size is {width} x {height}")
    body = memoryview(data)[head.end() :]
    if 8 <= width < 32768 and len(body) > 3 and body[0] == 2 and body[1] == 2 and body[2] < 128:
        pixels = _packed(body, height, width)
    elif len(body) >= 4 * height * width:
        pixels = np.frombuffer(body, np.uint8, 4 * height * width).reshape(height, width, 4)
    else:
        raise ValueError(f"it has {len(body)} bytes of pixels; expected {4 * height * width}")
    scale = np.ldexp(np.float32(1.0), pixels[..., 3].astype(np.int32) - 136)
    scale[pixels[..., 3] == 0] = 0.0
    # A mantissa stands for the middle of what rounds down to it.
    out = (pixels[..., :3].astype(np.float32) + 0.5) * scale[..., None]
    for text in re.findall(rb"EXPOSURE=\s*([0-9.eE+-]+)", head[1]):
        if not 0.0 < float(text) < np.inf:
            raise ValueError(f"its exposure is {text.decode()}; expected a positive number")
        out /= np.float32(float(text))
    return out


def _packed(body: memoryview, height: int, width: int) -> np.ndarray:
    """Rows of run lengths: for each of the four parts of a row, counts above 128 repeat one byte, others precede as many."""
    rows, at = np.empty((height, 4 * width), np.uint8), 0
    start = bytes((2, 2, width >> 8, width & 255))
    for row in rows:
        if body[at : at + 4] != start:
            raise ValueError("a row does not begin as its others do")
        at, pieces, filled = at + 4, [], 0
        while filled < 4 * width:
            if at + 1 >= len(body):
                raise ValueError("it ends within a row")
            count = body[at]
            if count > 128:
                count -= 128
                pieces.append(bytes(body[at + 1 : at + 2]) * count)
                at += 2
            else:
                pieces.append(body[at + 1 : at + 1 + count])
                at += 1 + count
            if count == 0:
                raise ValueError("a run has no length")
            filled += count
        whole = b"".join(pieces)
        if len(whole) != 4 * width:
            raise ValueError("the runs of a row do not fill it")
        row[:] = np.frombuffer(whole, np.uint8)
    return np.ascontiguousarray(rows.reshape(height, 4, width).transpose(0, 2, 1))
