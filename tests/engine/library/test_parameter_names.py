"""Arguments of builtins by name: in kernels and from Python, where a builtin changes them, and by other usual names."""

import pytest

import engine as en


@en.kernel
def by_name(out: en.array(dtype=float), a: en.array(dtype=float), n: en.array(dtype=int)):
    state = en.rand_init(seed=3)
    same = state
    out[0] = en.randf(state=state, low=2.0, high=3.0)
    out[1] = en.randf(state=state, low=2.0, high=3.0)
    out[2] = en.randf(same, 2.0, 3.0)
    out[3] = en.max(a=1.0, b=2.0) + en.min(3.0, b=1.0)
    out[4] = en.where(cond=out[3] > 0.0, value_if_true=1.0, value_if_false=2.0)
    out[5] = en.smoothstep(a=0.0, b=1.0, x=0.5)
    t = en.transform_identity()
    en.transform_set_translation(xform=t, p=en.vec3(4.0, 5.0, 6.0))
    out[6] = en.length_sq(a=en.transform_point(xform=t, point=en.vec3(-4.0, -5.0, -4.0)))
    en.atomic_add(arr=a, i=1, value=2.0)
    en.atomic_add(a, 1, value=2.0)
    n[0] = int(en.poisson(state=same, lam=40.0))
    n[1] = int(en.poisson(state=same, lam=40.0))
    n[2] = en.lower_bound(arr=a, arr_begin=0, arr_end=2, value=1.0)
    n[3] = en.bit_count(x=7)


def test_arguments_by_name_in_kernels():
    out, a, n = en.zeros(7, dtype=float), en.zeros(2, dtype=float), en.zeros(4, dtype=int)
    en.launch(by_name, dim=1, inputs=[out, a, n])
    first, second, again, *rest = out.list()
    assert first == again != second and 2.0 <= second < 3.0
    assert rest == [3.0, 1.0, 0.5, 4.0]
    assert a.list() == [0.0, 4.0]
    assert n.list()[2:] == [1, 3] and n.list()[0] != n.list()[1]


def test_arguments_by_name_from_python():
    assert en.max(a=1, b=2) == 2
    assert en.determinant(a=en.mat22(1.0, 2.0, 3.0, 4.0)) == pytest.approx(-2.0)
    assert en.transform_point(mat=en.identity(n=4, dtype=float), point=en.vec3(1.0, 2.0, 3.0)) == en.vec3(1.0, 2.0, 3.0)
    t = en.transform_identity()
    en.transform_set_translation(xform=t, p=en.vec3(1.0, 2.0, 3.0))
    assert t.p == en.vec3(1.0, 2.0, 3.0)


@pytest.mark.parametrize("names", [{"a": 1, "v": 2}, {"w": 1}, {}])
def test_names_that_no_parameter_has_are_refused(names):
    with pytest.raises(en.KernelTypeError, match=r"length\(\) .*; it takes \(v\)"):
        en.length(**{name: en.vec3() for name in names})
