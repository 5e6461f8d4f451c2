"""Steps that all walks down the hierarchy share, in the kernel language."""

from __future__ import annotations

import engine as en
from engine.spatial.mesh_layout import LANES, NODE_CHILD_ROW, NODE_COUNT_ROW


@en.func
def push_children(
    node: en.uint64,
    keys: en.array(dtype=float),
    limit: float,
    codes: en.array(dtype=int),
    code_keys: en.array(dtype=float),
    count: int,
) -> int:
    """Push the children of `node` whose key is below `limit` on a stack, the one of least key last.

    Only the nearest child is put in its place: ordering the others costs more, in mispredicted branches, than it saves.

    Args:
        node: Address of the node.
        keys: Key of every child, such as its distance, shape [LANES].
        limit: Children from here on are left out.
        codes: The stack: child codes.
        code_keys: The stack: their keys.
        count: Entries on the stack.

    Returns:
        Entries on the stack.
    """
    children = en.ptr_load(en.int32, node, NODE_COUNT_ROW * LANES)
    nearest = -1
    nearest_key = limit
    k = 0
    while k < children:
        key = keys[k]
        codes[count] = en.ptr_load(en.int32, node, NODE_CHILD_ROW * LANES + k)
        code_keys[count] = key
        if key < nearest_key:
            nearest_key = key
            nearest = count
        if key < limit:
            count = count + 1
        k = k + 1
    if nearest >= 0:
        last = count - 1
        code = codes[nearest]
        codes[nearest] = codes[last]
        code_keys[nearest] = code_keys[last]
        codes[last] = code
        code_keys[last] = nearest_key
    return count


@en.func
def packet_point(packet: en.uint64, lane: int, corner: int) -> en.vec3:
    """Point 0, 1 or 2 of the triangle in a lane of a packet."""
    row = corner * 3 * LANES + lane
    return en.vec3(
        en.ptr_load(en.float32, packet, row),
        en.ptr_load(en.float32, packet, row + LANES),
        en.ptr_load(en.float32, packet, row + 2 * LANES),
    )
