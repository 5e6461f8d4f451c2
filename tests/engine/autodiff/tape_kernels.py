"""Small kernels and arrays that the tests of tapes share."""

import numpy as np

import engine as en

f64 = en.float64


@en.kernel
def square(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = x[i] * x[i]


@en.kernel
def multiply(x: en.array(dtype=f64), y: en.array(dtype=f64), z: en.array(dtype=f64)):
    i = en.tid()
    z[i] = x[i] * y[i]


@en.kernel
def scale(x: en.array(dtype=f64), by: f64):
    i = en.tid()
    x[i] = x[i] * by


@en.kernel
def total(x: en.array(dtype=f64), loss: en.array(dtype=f64)):
    en.atomic_add(loss, 0, x[en.tid()])


@en.kernel
def set_first(x: en.array(dtype=f64)):
    x[0] = f64(1.0)


def leaf(values):
    return en.array(np.array(values, dtype=float), dtype=f64, requires_grad=True)


def scalar():
    return en.zeros(1, dtype=f64, requires_grad=True)
