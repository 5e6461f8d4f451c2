"""Scratch numbers of a cluster's nodes and of its joints' rows: what stands where.

A node's numbers are along the world's axes about the origin of the child's joint frame where the step begins, its
anchor.
"""

import engine as en

NODE_SIZE = 66
ROW_SIZE = 21
CLOSURE_SIZE = 6 * ROW_SIZE + 72
NODE_WORDS = en.constant(NODE_SIZE)
ROW_WORDS = en.constant(ROW_SIZE)

# Words of a node: its anchor [m], the way from there to the centre of mass [m], the articulated inertia left after all
# rows were released, the impulse that its children hand down [kg m^2, kg m], the displacement that the joint's errors
# ask for, the displacement found [rad, m], and what the node adds to its ancestor: inertia about that anchor.
ANCHOR = en.constant(0)
ARM = en.constant(3)
INERTIA_A = en.constant(6)
INERTIA_H = en.constant(12)
INERTIA_M = en.constant(21)
TORQUE = en.constant(27)
FORCE = en.constant(30)
ERROR_A = en.constant(33)
ERROR_L = en.constant(36)
MOVE_A = en.constant(39)
MOVE_L = en.constant(42)
ADDED_A = en.constant(45)
ADDED_H = en.constant(51)
ADDED_M = en.constant(60)

# Words of a closure: six rows, how each responds to an impulse along each other one, room for a factor of that.
CLOSURE_WORDS = en.constant(CLOSURE_SIZE)
RESPONSE = en.constant(6 * ROW_SIZE)
FACTOR = en.constant(6 * ROW_SIZE + 36)

# Words of a row: its spatial axis, what resists motion along it, the inverse of that, the law of its impulse (given -
# extra times displacement), the impulse applied so far in this step, that impulse's drive in the sweep, the displacement
# that the sweep found, and dry friction: its largest impulse and what of `EXTRA` stands for it;
# and whether the row is the end of a ball joint's range.
AXIS_A = en.constant(0)
AXIS_L = en.constant(3)
PUSH_A = en.constant(6)
PUSH_L = en.constant(9)
INVERSE = en.constant(12)
EXTRA = en.constant(13)
GIVEN = en.constant(14)
APPLIED = en.constant(15)
DRIVE = en.constant(16)
SHIFT = en.constant(17)
FRICTION = en.constant(18)
GRIP = en.constant(19)
STOP = en.constant(20)


@en.func
def node_at(position: int) -> int:
    """First word of the item of the node at a position."""
    return position * NODE_WORDS


@en.func
def row_item(row: int) -> int:
    """First word of a row's item."""
    return row * ROW_WORDS


@en.func
def get3(words: en.array(dtype=float), at: int) -> en.vec3:
    return en.vec3(words[at], words[at + 1], words[at + 2])


@en.func
def put3(words: en.array(dtype=float), at: int, v: en.vec3):
    words[at] = v[0]
    words[at + 1] = v[1]
    words[at + 2] = v[2]


@en.func
def get_symmetric(words: en.array(dtype=float), at: int) -> en.mat33:
    xx = words[at]
    xy = words[at + 1]
    xz = words[at + 2]
    yy = words[at + 3]
    yz = words[at + 4]
    zz = words[at + 5]
    return en.mat33(xx, xy, xz, xy, yy, yz, xz, yz, zz)


@en.func
def put_symmetric(words: en.array(dtype=float), at: int, m: en.mat33):
    words[at] = m[0, 0]
    words[at + 1] = m[0, 1]
    words[at + 2] = m[0, 2]
    words[at + 3] = m[1, 1]
    words[at + 4] = m[1, 2]
    words[at + 5] = m[2, 2]


@en.func
def get_matrix(words: en.array(dtype=float), at: int) -> en.mat33:
    return en.mat33(
        words[at], words[at + 1], words[at + 2], words[at + 3], words[at + 4], words[at + 5], words[at + 6],
        words[at + 7], words[at + 8],
    )  # fmt: skip


@en.func
def put_matrix(words: en.array(dtype=float), at: int, m: en.mat33):
    for i in range(3):
        for k in range(3):
            words[at + 3 * i + k] = m[i, k]
