"""Points of a shape's surface that stand for it against the signed distance of another shape.

Corners and also the middles of faces: a corner that lies exactly on a side of the other solid is nearest to that side,
so flat faces of equal size would not feel each other through corners alone.
"""

import engine as en
from sim.collide.shape_types import BOX, CONE, CYLINDER, MESH


@en.func
def sample_count(kind: int, source: en.uint64) -> int:
    """Number of sample points; 0 for shapes that have none (plane, sphere, capsule)."""
    n = 0
    if kind == BOX:
        n = 14
    elif kind == CYLINDER:
        n = 14
    elif kind == CONE:
        n = 8
    elif kind == MESH:
        mesh = en.mesh_get(source)
        n = mesh.points.shape[0] + mesh.indices.shape[0] // 3
    return n


@en.func
def rim_point(radius: float, y: float, k: int) -> en.vec3:
    """Corner `k` of the hexagon in the circle of `radius` at height `y`."""
    c = 1.0
    s = 0.0
    if k == 1 or k == 5:
        c = 0.5
    if k == 2 or k == 4:
        c = -0.5
    if k == 3:
        c = -1.0
    if k == 1 or k == 2:
        s = 0.8660254
    if k == 4 or k == 5:
        s = -0.8660254
    return en.vec3(radius * c, y, radius * s)


@en.func
def sample_point(kind: int, scale: en.vec3, source: en.uint64, i: int, toward: en.vec3) -> en.vec3:
    """Sample `i` in the shape frame; round shapes add the rim points nearest to the direction `toward`."""
    p = en.vec3(0.0, 0.0, 0.0)
    if kind == BOX:
        if i < 8:
            sx = en.where((i & 1) == 0, -1.0, 1.0)
            sy = en.where((i & 2) == 0, -1.0, 1.0)
            sz = en.where((i & 4) == 0, -1.0, 1.0)
            p = en.vec3(sx * scale[0], sy * scale[1], sz * scale[2])
        else:
            s = en.where((i & 1) == 0, -1.0, 1.0)
            if i < 10:
                p = en.vec3(s * scale[0], 0.0, 0.0)
            elif i < 12:
                p = en.vec3(0.0, s * scale[1], 0.0)
            else:
                p = en.vec3(0.0, 0.0, s * scale[2])
    elif kind == CYLINDER or kind == CONE:
        r = en.sqrt(toward[0] * toward[0] + toward[2] * toward[2])
        # upright (within half a degree) the hexagons do; the extra points then sit harmlessly in the middle
        radial = en.vec3(0.0, 0.0, 0.0)
        if r > 1.0e-2 * en.abs(toward[1]):
            radial = en.vec3(toward[0] * scale[0] / r, 0.0, toward[2] * scale[0] / r)
        h = scale[1]
        if i == 0:
            p = en.vec3(radial[0], -h, radial[2])
        elif kind == CONE:
            if i == 1:
                p = en.vec3(0.0, h, 0.0)
            else:
                p = rim_point(scale[0], -h, i - 2)
        elif i == 1:
            p = en.vec3(radial[0], h, radial[2])
        elif i < 8:
            p = rim_point(scale[0], -h, i - 2)
        else:
            p = rim_point(scale[0], h, i - 8)
    elif kind == MESH:
        mesh = en.mesh_get(source)
        vertices = mesh.points.shape[0]
        if i < vertices:
            p = en.cw_mul(mesh.points[i], scale)
        else:
            f = 3 * (i - vertices)
            a = mesh.points[mesh.indices[f]]
            b = mesh.points[mesh.indices[f + 1]]
            c = mesh.points[mesh.indices[f + 2]]
            p = en.cw_mul((a + b + c) * 0.33333333, scale)
    return p
