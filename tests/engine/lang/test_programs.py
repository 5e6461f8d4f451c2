# ruff: noqa: B023
"""Features of the language together, as programs use them."""

import enum

import numpy as np
import pytest

import engine as en


class Shape(enum.IntEnum):
    BALL = 0
    CUBE = 1


class Flags(enum.IntFlag):
    FIXED = 1
    HEAVY = 4


@en.kernel
def of_enums(kinds: en.array(dtype=int), flags: en.array(dtype=int), out: en.array(dtype=int)):
    i = en.tid()
    if kinds[i] == Shape.CUBE:
        out[i] = int(Shape.CUBE) * 10
    elif kinds[i] == Shape.BALL:
        out[i] = -1
    if (flags[i] & Flags.HEAVY) != 0:
        out[i] += Flags.HEAVY * 100
    out[i] += en.static(len(Shape))


def test_enums():
    out = en.zeros(3, dtype=int)
    kinds, flags = en.array([Shape.BALL, Shape.CUBE, 7], dtype=int), en.array([4, 1, 5], dtype=int)
    en.launch(of_enums, 3, [kinds, flags], [out])
    assert out.numpy().tolist() == [401, 12, 402]


@en.struct
class Material:
    density: float
    colour: en.vec3


@en.struct
class Body:
    material: Material
    pose: en.transform
    neighbours: en.array(dtype=int)
    kind: en.int8


@en.kernel
def of_nested(bodies: en.array(dtype=Body), out: en.array2d(dtype=float)):
    i = en.tid()
    b = bodies[i]
    b.material.colour[1] += 1.0  # a copy
    bodies[i].material.colour[2] = 7.0  # the element
    bodies[i].pose.p.x += 2.0
    bodies[i].neighbours[0] = i + 50
    total = float(0.0)
    for k in range(b.neighbours.shape[0]):
        total += float(b.neighbours[k])
    out[i, 0] = b.material.density * b.material.colour[1] + total
    out[i, 1] = en.transform_get_translation(bodies[i].pose)[0] + float(b.kind)


def test_arrays_of_nested_structs_with_arrays():
    lists = [en.array([1, 2], dtype=int), en.array([3, 4, 5], dtype=int)]
    items = []
    for k, neighbours in enumerate(lists):
        b = Body(neighbours=neighbours, kind=k + 1)
        b.material.density = 2.0
        b.material.colour = en.vec3(0.0, float(k), 0.0)
        items.append(b)
    bodies, out = en.array(items, dtype=Body), en.zeros((2, 2), dtype=float)
    en.launch(of_nested, 2, [bodies, out])
    assert [a.numpy()[0] for a in lists] == [50, 51]
    np.testing.assert_allclose(out.numpy(), [[2.0 + 50 + 2, 2 + 1], [4.0 + 51 + 4 + 5, 2 + 2]])
    assert bodies[1].material.colour == en.vec3(0.0, 1.0, 7.0)


@en.func
def scaled(x: float, factor: float = 2.0):
    return x * factor


@en.func
def shifted(x: float, by: float = 1.0):
    return x + by


@en.func
def compose(f: en.Function, g: en.Function, x: float):
    return f(g(x))


def apply_to_all(f, g):
    @en.kernel(module="unique")
    def k(a: en.array(dtype=float)):
        i = en.tid()
        h = g
        a[i] = compose(f, h, a[i]) + h(a[i], 10.0)

    return k


@pytest.mark.parametrize(("f", "g", "wanted"), [(scaled, shifted, 8 + 13), (shifted, scaled, 7 + 30)])
def test_functions_as_values(f, g, wanted):
    a = en.array([3.0], dtype=float)
    en.launch(apply_to_all(f, g), 1, [a])
    assert a.numpy()[0] == wanted


@en.func
def parts(v: en.vec3):
    return (v[0], v[1]), v[2]


@en.kernel
def of_tuples(v: en.array(dtype=en.vec3), out: en.array(dtype=en.vec4)):
    i = en.tid()
    pair, last = parts(v[i])
    (a, b), c = parts(2.0 * v[i])
    sizes = (1.0, 10.0, 100.0)
    total = float(0.0)
    for k in range(3):
        total += sizes[k] * v[i][k]
    for s in sizes[1:]:
        total += s
    both = (*pair, last)
    both = both[:1] + both[1:]
    out[i] = en.vec4(*pair, last + a + b + c, total + both[2] + float(len(both)))


def test_tuples_and_unpacking():
    out = en.zeros(1, dtype=en.vec4)
    en.launch(of_tuples, 1, [en.array([[1.0, 2.0, 3.0]], dtype=en.vec3)], [out])
    assert out.numpy()[0].tolist() == [1.0, 2.0, 3.0 + 12.0, 321.0 + 110.0 + 3.0 + 3.0]


@en.kernel
def of_formats(x: en.array(dtype=float)):
    en.printf("%s %d|%6.2f|%x %u%%\n", "text", 42, x[0], 255, en.uint32(7))


def test_printf(capfd):
    en.launch(of_formats, 1, [en.array([3.14159], dtype=float)])
    en.synchronize()
    assert capfd.readouterr().out == "text 42|  3.14|ff 7%\n"


def test_types_and_lengths_chosen_by_closures():
    results = []
    for n, scalar in ((2, en.float32), (5, en.float64)):
        vec = en.types.vector(n, scalar)

        @en.func
        def total(v: vec):
            s = scalar(0.0)
            for k in range(en.static(n)):
                s += v[k]
            return s

        def make(total, vec, scalar):
            @en.kernel(module="unique")
            def k(v: en.array(dtype=vec), out: en.array(dtype=scalar)):
                out[en.tid()] = total(v[en.tid()])

            return k

        out = en.zeros(1, dtype=scalar)
        en.launch(make(total, vec, scalar), 1, [en.array([list(range(n))], dtype=vec)], [out])
        results.append(out.numpy()[0])
    assert results == [1, 10]
