"""Point of a simplex nearest to the origin, as weights of its corners (Ericson, "Real-Time Collision Detection", 5.1)."""

import engine as en


@en.func
def nearest_on_segment(a: en.vec3, b: en.vec3) -> en.vec4:
    """Weights (wa, wb, 0, 0)."""
    ab = b - a
    t = en.clamp(-en.dot(a, ab) / en.max(en.dot(ab, ab), 1.0e-30), 0.0, 1.0)
    return en.vec4(1.0 - t, t, 0.0, 0.0)


@en.func
def nearest_on_triangle(a: en.vec3, b: en.vec3, c: en.vec3) -> en.vec4:
    """Weights (wa, wb, wc, 0); zero for corners that the nearest feature does not have."""
    ab = b - a
    ac = c - a
    d1 = -en.dot(ab, a)
    d2 = -en.dot(ac, a)
    d3 = -en.dot(ab, b)
    d4 = -en.dot(ac, b)
    d5 = -en.dot(ab, c)
    d6 = -en.dot(ac, c)
    va = d3 * d6 - d5 * d4
    vb = d5 * d2 - d1 * d6
    vc = d1 * d4 - d3 * d2
    w = en.vec4(1.0, 0.0, 0.0, 0.0)
    if d1 <= 0.0 and d2 <= 0.0:
        w = en.vec4(1.0, 0.0, 0.0, 0.0)
    elif d3 >= 0.0 and d4 <= d3:
        w = en.vec4(0.0, 1.0, 0.0, 0.0)
    elif d6 >= 0.0 and d5 <= d6:
        w = en.vec4(0.0, 0.0, 1.0, 0.0)
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = d1 / en.max(d1 - d3, 1.0e-30)
        w = en.vec4(1.0 - t, t, 0.0, 0.0)
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t = d2 / en.max(d2 - d6, 1.0e-30)
        w = en.vec4(1.0 - t, 0.0, t, 0.0)
    elif va <= 0.0 and d4 >= d3 and d5 >= d6:
        t = (d4 - d3) / en.max((d4 - d3) + (d5 - d6), 1.0e-30)
        w = en.vec4(0.0, 1.0 - t, t, 0.0)
    else:
        f = 1.0 / en.max(va + vb + vc, 1.0e-30)
        w = en.vec4(va * f, vb * f, vc * f, 0.0)
    return w


@en.func
def outside_of(a: en.vec3, b: en.vec3, c: en.vec3, d: en.vec3) -> bool:
    """Whether the origin lies on the other side of the plane a b c than d, or on it; also if d is almost in the plane."""
    n = en.cross(b - a, c - a)
    e = d - a
    height = en.dot(n, e)
    flat = height * height <= 1.0e-7 * en.dot(n, n) * en.dot(e, e)
    return flat or -en.dot(n, a) * height <= 0.0


@en.func
def nearest_on_simplex(w: en.array(dtype=en.vec3), count: int):
    """Weights of the corners w[0 .. count-1], and whether the origin is inside (of a tetrahedron)."""
    inside = False
    weights = en.vec4(1.0, 0.0, 0.0, 0.0)
    if count == 2:
        weights = nearest_on_segment(w[0], w[1])
    elif count == 3:
        weights = nearest_on_triangle(w[0], w[1], w[2])
    elif count == 4:
        inside = True
        best = 1.0e30
        for f in range(4):
            # face without corner f
            i = en.where(f == 0, 1, 0)
            j = en.where(f <= 1, 2, 1)
            k = en.where(f <= 2, 3, 2)
            a = w[i]
            b = w[j]
            c = w[k]
            if outside_of(a, b, c, w[f]):
                inside = False
                u = nearest_on_triangle(a, b, c)
                v = a * u[0] + b * u[1] + c * u[2]
                vv = en.dot(v, v)
                if vv < best:
                    best = vv
                    weights = en.vec4(0.0, 0.0, 0.0, 0.0)
                    weights[i] = u[0]
                    weights[j] = u[1]
                    weights[k] = u[2]
    return weights, inside
