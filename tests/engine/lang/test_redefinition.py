# ruff: noqa: F811, B023
"""Functions defined again: kernels that were compiled with the old ones never run them again."""

import importlib
import sys
import textwrap

import engine as en


@en.func
def step(x: float):
    return x + 1.0


@en.func
def twice(x: float):
    return step(step(x))


@en.kernel
def run(a: en.array(dtype=float)):
    a[0] = twice(a[0])


def value_after(kernel, start=0.0):
    a = en.array([start], dtype=float)
    en.launch(kernel, 1, [a])
    return a.numpy()[0]


def test_function_of_a_module_that_another_function_calls():
    global step
    assert value_after(run) == 2.0
    compiled = list(run._variants)

    @en.func
    def step(x: float):
        return x + 10.0

    assert value_after(run) == 20.0

    @en.func
    def unrelated(x: float):
        return x

    @en.func
    def unrelated(x: float):
        return 2.0 * x

    forms = dict(run._variants)
    assert value_after(run) == 20.0
    assert run._variants == forms and list(forms) == compiled  # looked at again, not compiled again


def test_local_names_and_overloads():
    @en.func
    def f(x: float):
        return x + 1.0

    @en.kernel
    def k(a: en.array(dtype=float)):
        a[0] = f(a[0]) + float(f(1))

    assert value_after(k) == 3.0

    @en.func
    def f(x: int):
        return x + 100

    assert value_after(k) == 102.0


def test_functions_made_in_a_loop_keep_their_own_meaning():
    kernels = []
    for n in range(4):

        @en.func
        def add(x: float):
            return x + float(en.static(n))

        def make(add):
            @en.kernel(module="unique")
            def k(a: en.array(dtype=float)):
                a[0] = add(a[0])

            return k

        kernels.append(make(add))
        assert [value_after(k) for k in kernels] == [0.0, 1.0, 2.0, 3.0][: len(kernels)]


def test_reloaded_modules(tmp_path, monkeypatch):
    def write(name, text):
        (tmp_path / f"{name}.py").write_text("import engine as en\n" + textwrap.dedent(text))
        importlib.invalidate_caches()

    def lower(number):
        write(
            "lower_part",
            f"""
            @en.func
            def number():
                return {number}.0
            """,
        )

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    lower(1)
    write(
        "middle_part",
        """
        import lower_part as low
        @en.func
        def magic():
            return 2.0 * low.number()
        """,
    )
    import lower_part
    import middle_part

    @en.kernel
    def k(a: en.array(dtype=float)):
        a[0] = middle_part.magic()

    assert value_after(k) == 2.0
    lower(7)
    importlib.reload(lower_part)
    assert value_after(k) == 14.0


def test_gradient_given_later():
    @en.func
    def g(x: float):
        return x

    @en.kernel
    def k(x: en.array(dtype=float), y: en.array(dtype=float)):
        y[0] = g(x[0])

    def gradient():
        x, y = en.ones(1, dtype=float, requires_grad=True), en.zeros(1, dtype=float, requires_grad=True)
        with en.Tape() as tape:
            en.launch(k, 1, [x], [y])
        tape.backward(grads={y: en.ones(1, dtype=float)})
        return x.grad.numpy()[0]

    assert gradient() == 1.0

    @en.func_grad(g)
    def adj_g(x: float, adj_ret: float):
        en.adjoint[x] += 5.0 * adj_ret

    assert gradient() == 5.0
