"""Reading and writing components of vectors, matrices, structs and arrays of them."""

import numpy as np
import pytest

import engine as en


@en.struct
class Inner:
    m: en.mat33
    v: en.vec3
    k: int


@en.struct
class Outer:
    inner: Inner
    t: en.transform
    data: en.array(dtype=float)
    grid: en.array2d(dtype=en.vec2)


def run(kernel, *args, dim=1):
    en.launch(kernel, dim, inputs=list(args))


def test_vector_components_by_name_index_and_negative_index():
    @en.kernel
    def k(out: en.array(dtype=float), j: int):
        v = en.vec4(1.0, 2.0, 3.0, 4.0)
        v.x = 10.0
        v[1] += 5.0
        v[-1] = v[-2] * 2.0
        v[j] *= 100.0
        for c in range(4):
            out[c] = v[c]
        out[4] = v[j]
        w = v
        w[0] = 0.0
        out[5] = v[0]
        for j2 in range(en.tid(), 4):
            out[6] = out[6] + v[j2]

    out = en.zeros(7, dtype=float)
    run(k, out, 2)
    assert out.list() == [10.0, 7.0, 300.0, 6.0, 300.0, 10.0, 323.0]


def test_matrix_components_rows_and_slices():
    @en.kernel
    def k(out: en.array(dtype=en.mat33), j: int, rows: en.array(dtype=en.vec3)):
        m = en.mat33(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
        m[0, 1] = 20.0
        m[-1, -1] += 90.0
        m[1] = en.vec3(0.0, 0.5, 1.0)
        out[0] = m
        m[j, j] = -1.0
        m[j, 0] *= 2.0
        out[1] = m
        rows[0] = m[j]
        rows[1] = en.vec3(m[0, 0], m[j, 2], m[2][j])
        m[:, 0] = en.vec3(7.0, 8.0, 9.0)
        out[2] = m
        rows[2] = m[0:3, 1]

    out, rows = en.zeros(3, dtype=en.mat33), en.zeros(3, dtype=en.vec3)
    run(k, out, 2, rows)
    m = np.array([[1, 20, 3], [0, 0.5, 1], [7, 8, 99]], np.float32)
    np.testing.assert_array_equal(out.numpy()[0], m)
    m[2, 2], m[2, 0] = -1, 14
    np.testing.assert_array_equal(out.numpy()[1], m)
    np.testing.assert_array_equal(rows.numpy()[0], m[2])
    np.testing.assert_array_equal(rows.numpy()[1], [m[0, 0], m[2, 2], m[2, 2]])
    m[:, 0] = [7, 8, 9]
    np.testing.assert_array_equal(out.numpy()[2], m)
    np.testing.assert_array_equal(rows.numpy()[2], m[:, 1])


def test_nested_struct_components():
    @en.kernel
    def k(s: Outer, out: en.array(dtype=float), boxes: en.array(dtype=Outer)):
        s.inner.m[1, 2] = 5.0
        s.inner.v.y += 2.0
        s.inner.k = s.inner.k * 3
        s.t.p = en.vec3(1.0, 2.0, 3.0)
        out[0] = s.inner.m[1, 2] + s.inner.v[1] + float(s.inner.k)
        out[1] = s.t.p[2] + s.t.q[3]
        s.data[1] = 4.0
        s.grid[0, 1][1] = 8.0
        boxes[0].inner.m[2, 1] = 6.0
        boxes[0].inner.v[2] += 1.0
        boxes[0].inner.v.x = 3.0
        boxes[0].t.q = en.quat_identity()
        boxes[1] = boxes[0]
        b = boxes[1]
        b.inner.k = 77
        boxes[1] = b

    data, grid = en.zeros(3, dtype=float), en.zeros((2, 2), dtype=en.vec2)
    s = Outer(data=data, grid=grid)
    s.inner.v, s.inner.k, s.t = en.vec3(1, 1, 1), 2, en.transform_identity()
    out, boxes = en.zeros(2, dtype=float), en.zeros(2, dtype=Outer)
    run(k, s, out, boxes)
    assert out.list() == [5.0 + 3.0 + 6.0, 3.0 + 1.0]
    assert data.list() == [0.0, 4.0, 0.0] and grid.numpy()[0, 1].tolist() == [0.0, 8.0]
    first, second = boxes.numpy()
    assert first["inner"]["m"][2, 1] == 6.0 and first["inner"]["v"].tolist() == [3.0, 0.0, 1.0]
    assert first["t"].tolist() == [0, 0, 0, 0, 0, 0, 1] and first["inner"]["k"] == 0
    assert second["inner"]["k"] == 77 and second["inner"]["m"][2, 1] == 6.0
    assert s.inner.m[1, 2] == 0.0  # arguments are values


def test_components_of_array_elements():
    @en.kernel
    def k(v: en.array(dtype=en.vec3), m: en.array2d(dtype=en.mat22), j: int):
        i = en.tid()
        v[i][0] = 1.0
        v[i][-1] = 2.0
        v[i].y += 3.0
        v[i][j] *= 2.0
        m[i, 0][1, 0] = 4.0
        m[i, 0][0] = en.vec2(5.0, 6.0)
        m[0, i][j, j] -= 1.0
        m[i, 0][j][0] += 0.5
        v[i + 1].x = v[i].y

    v, m = en.zeros(2, dtype=en.vec3), en.zeros((1, 1), dtype=en.mat22)
    run(k, v, m, 1)
    np.testing.assert_array_equal(v.numpy(), [[1, 6, 2], [6, 0, 0]])
    np.testing.assert_array_equal(m.numpy()[0, 0], [[5, 6], [4.5, -1]])


def test_rows_of_arrays_are_views():
    @en.func
    def total(row: en.array(dtype=float)) -> float:
        s = float(0.0)
        for j in range(row.shape[0]):
            s += row[j]
        row[0] = -1.0
        return s

    @en.kernel
    def k(a: en.array2d(dtype=float), b: en.array3d(dtype=float), out: en.array(dtype=float)):
        i = en.tid()
        row = a[i]
        row[1] = 10.0
        out[i] = total(row) + total(b[i, 1]) + b[i][1][2] + float(len(b[i]))

    a = en.array(np.ones((2, 3), np.float32))
    b = en.array(np.full((2, 2, 4), 2.0, np.float32))
    out = en.zeros(2, dtype=float)
    run(k, a, b, out, dim=2)
    np.testing.assert_array_equal(out.numpy(), [12 + 8 + 2 + 2] * 2)
    np.testing.assert_array_equal(a.numpy(), [[-1, 10, 1]] * 2)
    assert b.numpy()[1, 1].tolist() == [-1, 2, 2, 2] and b.numpy()[1, 0].tolist() == [2, 2, 2, 2]


def test_negative_constant_index_counts_from_the_end_of_an_array():
    @en.kernel
    def k(a: en.array(dtype=float), b: en.array2d(dtype=float)):
        a[-1] = 5.0
        a[0] = a[-2]
        b[-1, -2] = 7.0

    a, b = en.array([1.0, 2.0, 3.0], dtype=float), en.zeros((2, 3), dtype=float)
    run(k, a, b)
    assert a.list() == [2.0, 2.0, 5.0] and b.numpy()[1, 1] == 7.0


@pytest.mark.cpu_only("memory shared with the host")
def test_strided_transposed_and_reversed_views():
    @en.kernel
    def k(a: en.array2d(dtype=float), v: en.array(dtype=en.vec3)):
        i, j = en.tid()
        a[i, j] = float(i * 10 + j)
        if j == 0:
            v[i] = en.vec3(float(i))

    base, vectors = np.zeros((6, 8), np.float32), np.zeros((8, 3), np.float32)
    a = en.from_numpy(base).transpose()[1:8:2, ::-1]
    v = en.from_numpy(vectors, dtype=en.vec3)[::2]
    assert a.shape == (4, 6) and not a.is_contiguous and v.shape == (4,)
    run(k, a, v, dim=(4, 6))
    expected = np.zeros((6, 8), np.float32)
    expected.T[1:8:2, ::-1] = np.arange(4)[:, None] * 10 + np.arange(6)
    np.testing.assert_array_equal(base, expected)
    np.testing.assert_array_equal(vectors[::2], np.arange(4)[:, None] * np.ones(3))
    assert not vectors[1::2].any()


def test_local_arrays_are_private_to_the_thread():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        stack = en.zeros(shape=8, dtype=int)
        grid = en.zeros(shape=(2, 3), dtype=en.vec2)
        for j in range(i % 8):
            stack[j] += i + j
            stack[0] += 1
        grid[1, 2] = en.vec2(1.0, float(i))
        s = int(grid[1, 2][1])
        for j in range(8):
            s += stack[j]
        out[i] = s

    n = 1000
    out = en.zeros(n, dtype=int)
    run(k, out, dim=n)
    expected = [i + sum(i + j + 1 for j in range(i % 8)) for i in range(n)]
    assert out.list() == expected
