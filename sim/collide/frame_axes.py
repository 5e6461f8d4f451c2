"""A second opinion on deep or touching contacts: separation along the axes of both shapes' frames.

Any direction gives a lower bound of the gap, namely the distance between the shapes along it, and the gap is the largest of
these. So a normal along which the shapes are much closer than they are said to be is wrong: in single precision the simplex of a
small box on a wide slab is a sliver, and its faces may point anywhere. The flat faces of boxes, cylinders and cones lie across
their frames' axes, which makes them the directions to try.
"""

import engine as en
from sim.collide.closest_points import Closest, difference
from sim.collide.convex_shapes import Convex, HullTable

WRONG = en.constant(0.02)
"""Part of the smaller shape's size by which the distance along a normal may fall short of the gap found."""


@en.func
def check_along_axes(a: Convex, b: Convex, R: en.mat33, t: en.vec3, hulls: HullTable, near: Closest) -> Closest:
    """The closest points; where their normal cannot be right, those along the axis of a frame that shows the largest gap."""
    s = difference(a, b, R, t, hulls, -near.normal, -1, -1)
    best = en.dot(near.normal, s.w)
    result = near
    if near.gap - best > WRONG * en.min(a.size, b.size):
        for i in range(6):
            axis = en.vec3(0.0, 0.0, 0.0)
            if i < 3:
                axis[i] = 1.0
            else:
                axis = en.vec3(R[0, i - 3], R[1, i - 3], R[2, i - 3])
            for side in range(2):
                n = axis * (1.0 - 2.0 * float(side))
                s = difference(a, b, R, t, hulls, -n, -1, -1)
                gap = en.dot(n, s.w)
                if gap > best:
                    best = gap
                    result.gap = gap
                    result.normal = n
                    # the corner that is deepest in the other shape's face
                    if i < 3:
                        result.on_a = s.p - s.w + n * gap
                        result.on_b = s.p - s.w
                    else:
                        result.on_a = s.p
                        result.on_b = s.p - n * gap
    return result
