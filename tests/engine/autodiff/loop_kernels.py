"""Kernels whose gradient has to go through loops and branches."""

import numpy as np

import engine as en

f64 = en.float64
ONE, HALF = f64(1.0), f64(0.5)


def numbers(n, seed=0, low=0.4, high=1.2):
    return en.array(np.random.default_rng(seed).uniform(low, high, n), dtype=f64)


@en.kernel
def product_in_for(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    p = ONE
    for j in range(n):
        p = p * x[j]
    y[en.tid()] = p * x[en.tid()]


@en.kernel
def recurrence_in_for(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        s = en.sin(s) * x[j] + s * s * HALF
    y[i] = s


@en.kernel
def recurrence_in_while(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    k = 0
    while s < f64(5.0) and k < n:
        s = s * s + x[k % 5]
        k = k + 1
    y[i] = s


@en.kernel
def downward_with_step(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n, -1, -2):
        s = s * x[j % 5] + en.cos(s)
    for j in range(1, n, i + 1):
        s = s * x[j % 5]
    y[i] = s


@en.kernel
def static_past_unrolling(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for _ in range(40):
        s = s - f64(0.1) * en.sin(s) * x[i]
    y[i] = s


@en.func
def loop_in_func(x: en.array(dtype=f64), n: int, s: f64):
    for j in range(n):
        s = s * x[j] + x[j]
    return en.exp(-s) * s


@en.kernel
def nonlinear_after_loop_in_func(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = loop_in_func(x, n, x[i]) * x[0]


@en.kernel
def value_before_used_after(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    before = en.sin(x[i])
    s = before
    for j in range(n):
        s = s * x[j] + before
    y[i] = s * before * before


@en.kernel
def continue_and_break(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        if x[j % 5] < f64(0.6):
            continue
        s = s * x[j % 5] + en.cos(s)
        if s > f64(3.0):
            break
        s = s + x[j % 5] * s
    y[i] = s


@en.kernel
def early_return(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        s = s * x[j % 5] * f64(1.6)
        if s > f64(1.5):
            y[i] = s * s
            return
    y[i] = -s * s * s


@en.kernel
def nested_loops(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        t = s
        for k in range(j + 1):
            t = t * x[k] + en.sin(t) * s
            m = 0
            while m < 2:
                t = t + t * t * f64(0.01)
                m = m + 1
        s = s * HALF + en.cos(t)
    y[i] = s


@en.kernel
def loops_in_ifs_in_loops(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        if x[j % 5] > f64(0.7):
            u = en.exp(-s)
            for k in range(j):
                u = u * s + x[k % 5]
                if u > f64(2.0):
                    u = u * HALF
                    w = en.sqrt(u)
                    for _m in range(2):
                        w = w * x[i] + u
                    u = w
            s = u * x[i]
        elif j % 2 == 0:
            s = s * s + en.log(x[i])
        else:
            q = s / x[j % 5]
            s = en.sin(q) + q * x[i]
    if s > f64(0.2):
        for j in range(3):
            s = s * s + x[j]
    y[i] = s


@en.kernel
def accumulates_in_memory(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = x[i]
    for j in range(n):
        y[i] = y[i] * x[j % 5] + en.sin(y[i])


@en.kernel
def ternaries_and_ties(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    a = x[i] if x[i] > f64(0.8) else x[i] * x[i]
    b = en.max(a, x[(i + 1) % 5]) * en.min(a, x[(i + 2) % 5])
    y[i] = en.where(b > HALF, b * a, b / a)


@en.kernel
def vector_components(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    v = en.vec3d(x[i], x[0], x[1])
    for j in range(n):
        v[0] = v[0] + x[j % 5]
        v[0] = v[0] + v[1] * v[0]
        v[j % 3] = v[j % 3] * x[i] + v[2]
        v[2] += v[0] * f64(0.1)
    y[i] = v[0] * v[1] + en.length(v)


@en.kernel
def local_array(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    a = en.zeros(shape=8, dtype=f64)
    for j in range(8):
        a[j] = x[j % 5] * x[i]
    for j in range(n):
        a[j % 8] = a[j % 8] * a[(j + 3) % 8] + en.sin(a[(j + 1) % 8])
    s = f64(0.0)
    for j in range(8):
        s = s + a[j] * a[j]
    y[i] = s


@en.kernel
def local_array_in_loop(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        a = en.zeros(shape=3, dtype=f64)
        a[j % 3] = s * s
        a[1] = a[1] + x[j % 5]
        a[2] = a[1] * a[0] + en.sin(s)
        s = a[0] + a[1] * HALF + a[2]
        if j > 3:
            a[0] = s * x[i]
            s = a[0] * HALF
    y[i] = s


@en.kernel
def rows_of_matrices(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    m = en.mat22d(x[0], x[1], x[i], x[2])
    for j in range(n):
        m = m * m * HALF
        m[j % 2, 1] = m[j % 2, 1] + x[j % 5]
    y[i] = en.determinant(m) + m[0, 1] + m[1, 0]


LOOPS = [
    product_in_for, recurrence_in_for, recurrence_in_while, downward_with_step, nonlinear_after_loop_in_func,
    value_before_used_after, continue_and_break, early_return, nested_loops, loops_in_ifs_in_loops,
    accumulates_in_memory, ternaries_and_ties, vector_components, local_array, local_array_in_loop, rows_of_matrices,
]  # fmt: skip
