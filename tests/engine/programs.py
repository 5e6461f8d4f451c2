"""Random structured programs for differential tests: one text, run by Python and by a kernel."""

from __future__ import annotations

import itertools
import linecache

_count = itertools.count()


def define(text: str, **scope):
    """Executes `text` so that `inspect` can read its source; returns the namespace."""
    filename = f"<generated {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"__name__": "generated", **scope}
    exec(compile(text, filename, "exec"), namespace)
    return namespace


class Program:
    """Grows one random function `prog(a, b, c, row)` over small integers; `rng` is a random.Random."""

    def __init__(self, rng, size: int = 14):
        self.rng, self.budget, self.lines, self.fresh = rng, size, [], 0
        self.known = ["a", "b", "c"]

    def text(self) -> str:
        self.lines = ["def prog(a, b, c, row):"]
        if self.rng.random() < 0.5:
            self.lines.append("    v = en.vector(a, b, c)")
            self.vector = True
        else:
            self.vector = False
        self.block(1, loop=None)
        self.put(1, f"return {self.expr()}")
        return "\n".join(self.lines) + "\n"

    def put(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self, prefix: str) -> str:
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    # expressions: every result stays within 0..1023 so that 32 bits are enough
    def atom(self) -> str:
        r = self.rng.random()
        if r < 0.2:
            return str(self.rng.randint(0, 9))
        if self.vector and r < 0.35:
            return f"v[{self.rng.randint(0, 2)}]"
        if r < 0.45:
            return f"row[{self.rng.choice(self.known)} & 7]"
        return self.rng.choice(self.known)

    def expr(self) -> str:
        r = self.rng.random()
        a, b = self.atom(), self.atom()
        if r < 0.15:
            return a
        if r < 0.7:
            return f"({a} {self.rng.choice('+-*&|^')} {b}) & 1023"
        if r < 0.8:
            return f"({self.atom()} if {self.test()} else {self.atom()})"
        if r < 0.9:
            return f"helper({a}, {b})"
        return f"{self.rng.choice(['min', 'max'])}({a}, {b})"

    def test(self) -> str:
        rng = self.rng
        r = rng.random()
        op = rng.choice(["<", "<=", ">", ">=", "==", "!="])
        if r < 0.5:
            return f"{self.atom()} {op} {self.atom()}"
        if r < 0.62:
            return f"{self.atom()} {rng.choice(['<', '<='])} {self.atom()} {op} {self.atom()}"
        if r < 0.75:
            return f"{self.atom()} & 1 == 0"
        if r < 0.9:
            return f"({self.test()} {rng.choice(['and', 'or'])} {self.test()})"
        return f"not ({self.test()})"

    # statements
    def block(self, depth: int, loop: str | None) -> None:
        before = len(self.lines)
        known = list(self.known)
        for _ in range(self.rng.randint(1, 4) if depth > 1 else self.budget):
            if self.budget <= 0:
                break
            self.budget -= 1
            if self.statement(depth, loop):
                break
        if len(self.lines) == before:
            self.put(depth, "pass")
        if depth > 1:
            self.known = known

    def statement(self, depth: int, loop: str | None) -> bool:
        """Writes one statement; true if control cannot reach what follows."""
        rng = self.rng
        r = rng.random()
        if r < 0.25:
            target = self.name("x") if rng.random() < 0.3 else rng.choice(self.known[:3])
            self.put(depth, f"{target} = {self.expr()}")
            if target not in self.known:
                self.known.append(target)
        elif r < 0.32:
            target = rng.choice(self.known[:3])
            self.put(depth, f"{target} += {self.atom()}")
            self.put(depth, f"{target} &= 1023")
        elif r < 0.37:
            p, q = rng.sample(self.known[:3], 2)
            self.put(depth, f"{p}, {q} = {q}, {self.expr()}")
        elif r < 0.47:
            index = f"{rng.choice(self.known)} & 7"
            self.put(depth, f"row[{index}] = {self.expr()}")
        elif r < 0.52 and self.vector:
            index = rng.choice(["0", "1", "2", "-1", f"({rng.choice(self.known)} & 1)"])
            self.put(depth, f"v[{index}] = {self.expr()}")
        elif r < 0.62 and loop is not None:
            word = rng.choice(["break", "continue"])
            if rng.random() < 0.9:
                self.put(depth, f"if {self.test()}:")
                self.put(depth + 1, word)
            else:
                self.put(depth, word)
                return True
        elif r < 0.65:
            if depth == 1 or rng.random() < 0.85:
                self.put(depth, f"if {self.test()}:")
                self.put(depth + 1, f"return {self.expr()}")
            else:
                self.put(depth, f"return {self.expr()}")
                return True
        elif depth > 4:
            self.put(depth, f"a = {self.expr()}")
        elif r < 0.82:
            self.put(depth, f"if {self.test()}:")
            self.block(depth + 1, loop)
            while rng.random() < 0.25:
                self.put(depth, f"elif {self.test()}:")
                self.block(depth + 1, loop)
            if rng.random() < 0.5:
                self.put(depth, "else:")
                self.block(depth + 1, loop)
        elif r < 0.94:
            self.for_loop(depth)
        else:
            self.while_loop(depth)
        return False

    def for_loop(self, depth: int) -> None:
        rng = self.rng
        i = self.name("i")
        kind = rng.randint(0, 7)
        v = rng.choice(self.known)
        span = {
            0: "range(3)", 1: f"range({v} & 3)", 2: f"range(1, ({v} & 7), 2)", 3: f"range(({v} & 7), -1, -2)",
            4: f"range(0, 6, ({v} & 3) + 1)", 5: f"range(5, {v} & 1, 0 - (1 + ({v} & 1)))", 6: "range(20)", 7: f"({v}, 3, {rng.choice(self.known)})",
        }[kind]  # fmt: skip
        self.put(depth, f"for {i} in {span}:")
        outer = list(self.known)
        self.known.append(i)
        if kind == 6:
            self.put(depth + 1, f"if {i} > 4:")
            self.put(depth + 2, "break")
        self.block(depth + 1, i)
        self.known = outer + ([i] if kind in (0, 6, 7) else [])

    def while_loop(self, depth: int) -> None:
        rng = self.rng
        n = self.name("n")
        self.put(depth, f"{n} = 0")
        self.known.append(n)
        limit = rng.randint(1, 4)
        if rng.random() < 0.5:
            self.put(depth, f"while {n} < {limit} and {self.test()}:")
            self.put(depth + 1, f"{n} += 1")
        else:
            self.put(depth, "while True:")
            self.put(depth + 1, f"{n} += 1")
            self.put(depth + 1, f"if {n} > {limit}:")
            self.put(depth + 2, "break")
        self.block(depth + 1, n)
