"""Random structured programs: their gradients equal finite differences, whatever the control flow."""

import itertools
import linecache
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as en

f64 = en.float64
_count = itertools.count()
_N = 4


@en.struct
class Inner:
    c: en.float64
    d: en.vec3d


@en.struct
class Part:
    a: en.float64
    count: int
    inner: Inner


class Program:
    """Grows a random smooth function of floats with loops, branches, structs, local arrays and updates in place.

    Conditions depend on integers only, so that small steps do not change the path; values are kept bounded by sines.
    """

    def __init__(self, rng: random.Random, size: int = 14):
        self.rng, self.budget, self.fresh, self.lines = rng, size, 0, []
        self.floats, self.ints = ["p", "q"], ["i", "n"]

    def text(self) -> str:
        self.lines = [
            "@en.func", "def helper(a: f64, b: f64, n: int):", "    for k in range(n):", "        if k == 2:",
            "            return a * b", "        a = en.sin(a) * b + a", "    return a - b", "",
            "@en.kernel",
            "def k(x: en.array(dtype=f64), w: en.array(dtype=f64), parts: en.array(dtype=Part), n: int, "
            "y: en.array(dtype=f64)):",
            "    i = en.tid()", "    p = x[i]", "    q = x[(i + 1) % 4] * f64(0.5)", "    v = en.vec3d(p, q, p * q)",
            "    m = en.zeros(shape=4, dtype=f64)", "    m[i % 4] = p", "    s = Part()", "    s.inner.d = v",
            "    r = en.mat22d(p, q, q, f64(1.0))",
        ]  # fmt: skip
        while self.budget > 0:
            self.block(1, False)
        self.put(1, f"y[i] = {' + '.join(self.floats[:2])} + m[0] * m[1] + v[0] * v[1] + w[i]")
        self.put(1, "y[i] += s.a * s.inner.c + en.dot(s.inner.d, v) + en.determinant(r) * parts[i].a")
        return "\n".join(self.lines) + "\n"

    def put(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self, prefix: str) -> str:
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    def index(self) -> str:
        return f"({self.rng.choice(self.ints)} + {self.rng.randint(0, 3)}) % 4"

    def atom(self) -> str:
        r = self.rng.random()
        if r < 0.45:
            return self.rng.choice(self.floats)
        if r < 0.55:
            return f"x[{self.index()}]"
        if r < 0.65:
            return f"m[{self.index()}]"
        if r < 0.69:
            return "w[i]"
        if r < 0.75:
            field = self.rng.choice(["a", "inner.c", f"inner.d[{self.rng.choice(self.ints)} % 3]"])
            return f"{self.rng.choice(['s', 'parts[i]', 's'])}.{field}"
        if r < 0.77:
            return f"r[{self.rng.choice(self.ints)} % 2, {self.rng.randint(0, 1)}]"
        if r < 0.87:
            return f"v[{self.rng.choice(['0', '1', '2', self.rng.choice(self.ints) + ' % 3'])}]"
        return f"f64({self.rng.uniform(-1, 1):.2f})"

    def expr(self) -> str:
        a, b, c = self.atom(), self.atom(), self.atom()
        return self.rng.choice([
            f"{a} * {b}", f"{a} + {b}", f"{a} - {b} * {c}", f"en.sin({a}) * {b}", f"en.cos({a} * {b})",
            f"{a} / (f64(1.5) + {b} * {b})", f"en.sqrt(f64(1.0) + {a} * {a})", f"en.exp(-{a} * {a}) + {b}",
            f"helper({a}, {b}, {self.rng.choice(self.ints)} % 5)", f"({a} if {self.test()} else {b} * {c})",
            f"en.where({self.test()}, {a}, {b})", f"en.dot(v, v) * {a}",
        ])  # fmt: skip

    def test(self) -> str:
        a, b = self.rng.choice(self.ints), self.rng.randint(0, 4)
        return f"{a} {self.rng.choice(['<', '>', '==', '!='])} {b}"

    def block(self, depth: int, loop: bool) -> None:
        for _ in range(self.rng.randint(1, 3)):
            self.budget -= 1
            if self.budget < 0 or self.statement(depth, loop):
                self.put(depth, "pass")
                return

    def statement(self, depth: int, loop: bool) -> bool:
        """Writes one statement; true if nothing can follow it."""
        r, rng = self.rng.random(), self.rng
        if r < 0.2:
            self.put(depth, f"{rng.choice(self.floats)} = en.sin({self.expr()})")
        elif r < 0.3:
            self.put(depth, rng.choice([
                f"s.a = en.sin({self.expr()})",
                f"s.inner.d[{rng.choice(self.ints)} % 3] = en.cos({self.expr()})",
                f"s.inner = Inner(en.sin({self.expr()}), v * f64(0.5))",
                f"parts[i].a = en.sin({self.expr()})",
                f"parts[i].inner.d = en.normalize(v + en.vec3d(f64(2.0), {self.atom()}, f64(0.1)))",
                f"parts[i].inner.c += en.sin({self.expr()})",
                f"s = parts[({rng.choice(self.ints)} % 2) * 0 + i]",
                f"r = r * f64(0.5) + en.mat22d({self.atom()}, f64(0.2), f64(0.3), en.sin({self.expr()}))",
                f"p = en.atomic_add(w, i, en.sin({self.expr()})) * f64(0.3)",
                f"q = en.sin(en.atomic_exch(w, i, en.cos({self.expr()})))",
            ]))  # fmt: skip
        elif r < 0.36 and depth == 1:
            fresh = self.name("t")
            self.put(depth, f"{fresh} = {self.expr()}")
            self.floats.append(fresh)
        elif r < 0.46:
            self.put(depth, f"m[{self.index()}] = en.cos({self.expr()})")
        elif r < 0.52:
            self.put(depth, f"w[i] = en.sin({self.expr()})")
        elif r < 0.56:
            self.put(depth, f"w[i] += en.sin({self.expr()})")
        elif r < 0.64:
            part = rng.choice(["0", "1", "2", f"{rng.choice(self.ints)} % 3"])
            self.put(depth, f"v[{part}] = en.sin({self.expr()})")
        elif r < 0.72 and loop:
            self.put(depth, f"if {self.test()}:")
            self.put(depth + 1, rng.choice(["break", "continue"]))
        elif r < 0.74 and depth > 1:
            self.put(depth, f"if {self.test()}:")
            self.put(depth + 1, f"y[i] = {self.expr()}")
            self.put(depth + 1, "return")
        elif depth > 4:
            self.put(depth, f"p = en.cos({self.expr()})")
        elif r < 0.84:
            self.put(depth, f"if {self.test()}:")
            self.block(depth + 1, loop)
            if rng.random() < 0.5:
                self.put(depth, "else:")
                self.block(depth + 1, loop)
        else:
            self.loop(depth)
        return False

    def loop(self, depth: int) -> None:
        rng, j = self.rng, self.name("j")
        kind = rng.randint(0, 4)
        if kind == 4:
            self.put(depth, f"{j} = 0")
            self.put(depth, f"while {j} < {rng.choice(self.ints)} % 5:")
            self.put(depth + 1, f"{j} = {j} + 1")
        else:
            span = ["n", "n % 3 + 1", "n, -1, -2", "20"][kind]
            self.put(depth, f"for {j} in range({span}):")
            if kind == 3:
                self.put(depth + 1, f"if {j} > n:")
                self.put(depth + 2, "break")
        self.ints.append(j)
        if rng.random() < 0.25:  # an array of each pass
            fresh = self.name("local")
            self.put(depth + 1, f"{fresh} = en.zeros(shape=3, dtype=f64)")
            self.put(depth + 1, f"{fresh}[{j} % 3] = en.sin({self.expr()})")
            self.put(depth + 1, f"{fresh}[1] += {fresh}[0] * {self.atom()} + {fresh}[{self.rng.choice(self.ints)} % 3]")
            self.put(depth + 1, f"p = en.sin({fresh}[1] * p + {fresh}[2])")
        self.block(depth + 1, True)
        self.ints.remove(j)


def check(seed: int) -> None:
    rng = random.Random(seed)
    text = Program(rng).text()
    filename = f"<random {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {"en": en, "f64": f64, "Part": Part, "Inner": Inner, "__name__": "generated"}
    exec(compile(text, filename, "exec"), scope)
    values = np.random.default_rng(seed)
    x = en.array(values.uniform(-1, 1, _N), dtype=f64)
    w = en.array(values.uniform(-1, 1, _N), dtype=f64)
    rows = np.zeros(_N, dtype=Part.__engine_struct__.np_dtype)
    for k in range(_N):
        rows[k] = (values.uniform(-1, 1), k, (values.uniform(-1, 1), values.uniform(-1, 1, 3)))
    parts = en.array(rows, dtype=Part)
    try:
        for n in (0, 3, 6):
            y = en.zeros(_N, dtype=f64)
            assert en.gradcheck(scope["k"], _N, [x, w, parts, n], [y], rtol=1e-4, atol=1e-6)
            compare_modes(scope["k"], x, w, parts, n, values)
    except en.EngineError as error:
        raise AssertionError(f"seed {seed}: {error}\n{text}") from error


def compare_modes(kernel, x, w, parts, n, values):
    """Reverse mode gives the same slope as forward mode, and the Hessian is symmetric, to nearly all digits."""

    def loss_of(x, w, loss):
        kept, mine = en.clone(parts), en.clone(w)
        y = en.zeros(_N, dtype=f64)
        en.launch(kernel, dim=_N, inputs=[x, mine, kept, n], outputs=[y])
        loss.zero_()
        en.launch(summed, dim=_N, inputs=[y, mine], outputs=[loss])

    loss = en.zeros(1, dtype=f64)
    u, v = values.normal(size=(2, 2, _N))
    gradients = []
    for a in (x, w):
        a.requires_grad = True
    with en.Tape() as tape:
        loss_of(x, w, loss)
    tape.backward(loss)
    gradients = [a.grad.numpy().copy() for a in (x, w)]
    for a in (x, w):
        a.requires_grad = False
    slope = en.jvp(loss_of, inputs=[x, w], outputs=[loss], tangents={x: u[0], w: u[1]}).get(loss, np.zeros(1))[0]
    expected = sum(np.dot(g, d) for g, d in zip(gradients, u))
    assert np.isclose(slope, expected, rtol=1e-9, atol=1e-11), f"forward {slope!r}, reverse {expected!r}"
    products = []
    for d, other in ((u, v), (v, u)):
        h = en.hvp(loss_of, inputs=[x, w], outputs=[loss], tangents={x: d[0], w: d[1]})
        products.append(np.dot(h[x], other[0]) + np.dot(h[w], other[1]))
    assert np.isclose(*products, rtol=1e-8, atol=1e-9), f"Hessian not symmetric: {products}"


@en.kernel
def summed(y: en.array(dtype=f64), w: en.array(dtype=f64), loss: en.array(dtype=f64)):
    i = en.tid()
    en.atomic_add(loss, 0, y[i] * f64(i + 1) + en.sin(w[i]))


@pytest.mark.parametrize("seed", range(25))
def test_fixed_programs(seed):
    check(seed)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_any_program(seed):
    check(seed)
