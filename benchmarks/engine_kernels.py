"""The same kernels for us and the peer, made from one source by passing the module in."""


def make(wp):
    @wp.kernel
    def saxpy(a: float, x: wp.array(dtype=float), y: wp.array(dtype=float)):
        i = wp.tid()
        y[i] = a * x[i] + y[i]

    @wp.kernel
    def integrate(
        x: wp.array(dtype=wp.vec3),
        v: wp.array(dtype=wp.vec3),
        f: wp.array(dtype=wp.vec3),
        w: wp.array(dtype=float),
        g: wp.vec3,
        dt: float,
    ):
        i = wp.tid()
        v1 = v[i] + (f[i] * w[i] + g) * dt
        x[i] = x[i] + v1 * dt
        v[i] = v1

    @wp.kernel
    def triple(a: wp.array(dtype=float), b: wp.array(dtype=float), c: wp.array(dtype=float), s: float):
        i = wp.tid()
        c[i] = a[i] * s + b[i]

    return saxpy, integrate, triple
