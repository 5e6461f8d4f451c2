"""Structs on the host: fields, defaults, layout, mistakes."""

import numpy as np
import pytest

import engine as en


@en.struct
class Material:
    stiffness: float
    color: en.vec3
    kind: en.uint8


@en.struct
class Body:
    material: Material
    pose: en.transform
    points: en.array(dtype=en.vec3)
    count: int
    active: bool


def test_fields_start_at_zero_and_take_values():
    b = Body()
    assert b.count == 0 and b.material.color == en.vec3() and b.points is None and b.pose == en.transform.zero()
    b.material.color = (1, 2, 3)
    b.count = 4
    assert b.material.color == en.vec3(1, 2, 3)
    m = Material(2.0, en.vec3(1, 1, 1), kind=7)
    assert (m.stiffness, m.kind) == (2.0, 7) and "Material(" in repr(m)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Material(1.0, en.vec3(), 1, 2), "its fields are stiffness, color, kind"),
        (lambda: Material(weight=1.0), "its fields are"),
        (lambda: setattr(Material(), "weight", 1.0), "no field 'weight'"),
        (lambda: setattr(Material(), "color", (1, 2)), "color.*vec3"),
        (lambda: setattr(Material(), "stiffness", "soft"), "stiffness.*float32"),
        (lambda: setattr(Material(), "stiffness", None), "stiffness.*float32"),
        (lambda: setattr(Material(), "kind", 1.5), "kind.*uint8"),
        (lambda: setattr(Body(), "points", en.zeros(3, dtype=float)), "points.*vec3"),
        (lambda: setattr(Body(), "points", np.zeros((3, 3))), "points.*vec3"),
        (lambda: setattr(Body(), "material", 3.0), "material.*Material"),
    ],
)
def test_mistakes_are_refused(act, message):
    with pytest.raises(en.EngineError, match=message):
        act()


def test_struct_without_fields_is_a_value_like_others():
    @en.struct
    class Empty:
        pass

    @en.func
    def pass_on(e: Empty):
        return e, 3

    @en.kernel
    def k(e: Empty, all: en.array(dtype=Empty), out: en.array(dtype=int)):
        _same, n = pass_on(all[1])
        out[0] = n

    out = en.zeros(1, dtype=int)
    en.launch(k, 1, [Empty(), en.zeros(2, dtype=Empty)], [out])
    assert out.numpy()[0] == 3


def test_struct_with_foreign_types_is_refused():
    with pytest.raises(en.EngineError, match=r"name.*str"):

        @en.struct
        class Named:
            name: str


def test_argument_and_array_carry_every_field():
    @en.kernel
    def read(b: Body, out: en.array(dtype=float)):
        out[0] = b.material.stiffness + b.material.color[2] + float(b.material.kind)
        out[1] = b.pose.p[1] + b.pose.q[3]
        out[2] = b.points[1][0] + float(b.points.shape[0])
        if b.active:
            out[3] = float(b.count)

    @en.kernel
    def read_array(bodies: en.array(dtype=Body), out: en.array(dtype=float)):
        i = en.tid()
        b = bodies[i]
        out[i] = b.points[1][0] + b.material.color[2] + bodies[i].points[0][1]
        bodies[i].points[0][1] = 50.0
        bodies[i].count += 1

    points = en.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=en.vec3)
    b = Body(
        material=Material(2.0, en.vec3(1, 2, 3), 4),
        pose=en.transform(en.vec3(7, 8, 9), en.quat_identity()),
        points=points,
        count=11,
        active=True,
    )
    out = en.zeros(4, dtype=float)
    en.launch(read, 1, inputs=[b, out])
    assert out.list() == [9.0, 9.0, 6.0, 11.0]
    bodies = en.array([b, b], dtype=Body)
    en.launch(read_array, 1, inputs=[bodies, out])
    assert out.list()[0] == 4.0 + 3.0 + 2.0
    assert points.numpy()[0, 1] == 50.0 and bodies.numpy()["count"].tolist() == [12, 11]


def test_wrong_struct_is_refused_at_launch():
    @en.kernel
    def k(m: Material, out: en.array(dtype=float)):
        out[0] = m.stiffness

    for wrong in (Body(), None, 1.0, {"stiffness": 1.0}, Material):
        with pytest.raises(en.LaunchError, match="expected Material"):
            en.launch(k, 1, inputs=[wrong, en.zeros(1, dtype=float)])


def test_structs_made_in_kernels_and_passed_through_functions():
    @en.func
    def heavier(m: Material, by: float) -> Material:
        m.stiffness = m.stiffness * by
        return m

    @en.kernel
    def k(out: en.array(dtype=Material)):
        m = Material(stiffness=2.0, color=en.vec3(1.0, 2.0, 3.0))
        n = heavier(m, 3.0)
        out[0] = m
        out[1] = n
        for j in range(en.tid() + 3):
            n = heavier(n, 2.0)
        out[2] = n

    out = en.zeros(3, dtype=Material)
    en.launch(k, 1, inputs=[out])
    assert out.numpy()["stiffness"].tolist() == [2.0, 6.0, 48.0] and out.numpy()["color"][2].tolist() == [1, 2, 3]


def test_layout_matches_c():
    dtype = en.zeros(1, dtype=Material).numpy().dtype
    assert dtype.itemsize == 20 and dtype.fields["kind"][1] == 16 and dtype.alignment in (1, 4)


def test_arrays_that_structs_refer_to_stay_alive():
    @en.kernel
    def total(bodies: en.array(dtype=Body), one: Body, out: en.array(dtype=float)):
        out[0] = bodies[0].points[0][0] + one.points[0][0]

    def filled(x):
        return Body(points=en.full(1000, en.vec3(x), dtype=en.vec3))

    bodies, one, out = en.array([filled(1.0)], dtype=Body), filled(2.0), en.zeros(1, dtype=float)
    with en.ScopedCapture() as c:
        en.launch(total, 1, inputs=[bodies, one, out])
    one.points = None
    junk = [np.full((1000, 3), 99.0, np.float32) for _ in range(100)]
    en.capture_launch(c.graph)
    assert out.list() == [3.0] and junk


def test_numpy_records():
    @en.struct
    class Record:
        count: en.int16
        place: en.vec3
        values: en.array(dtype=float)

    dtype = np.dtype(Record.numpy_dtype())
    values = en.ones(2, dtype=float)
    r = Record(count=3, place=en.vec3(1.0, 2.0, 3.0), values=values)
    rows = np.zeros(2, dtype)
    rows[1] = r.numpy_value()
    a = en.array(rows, dtype=Record)
    assert a.dtype == Record and a[1].count == 3 and a[1].place == en.vec3(1.0, 2.0, 3.0)
    assert rows[1]["values"][0] == values.ptr
    assert r.to(values.device).values is values


def test_struct_made_from_another():
    @en.struct
    class Point:
        x: float
        y: float

    @en.struct
    class Weighted(Point):
        weight: float

    @en.kernel
    def k(p: Weighted, out: en.array(dtype=float)):
        out[0] = p.x + 10.0 * p.y + 100.0 * p.weight

    out = en.zeros(1, dtype=float)
    en.launch(k, 1, [Weighted(1.0, 2.0, 3.0)], [out])
    assert out.numpy()[0] == 321.0
    assert list(Weighted.numpy_dtype()["names"]) == ["x", "y", "weight"]


def test_one_number_is_no_vector():
    @en.struct
    class Place:
        v: en.vec3

    with pytest.raises(TypeError, match=r"Place.v got float 1.5; expected vec3"):
        Place(v=1.5)
    assert Place(v=[1, 2, 3]).v == en.vec3(1.0, 2.0, 3.0)
