"""C++ text of one native function: the snippet with its parameters, and an entry that kernels call.

The entry takes scalars only, in the order of the IR: addresses, 32- and 64-bit integers, float and double; narrower
numbers arrive as 32-bit integers (half precision as its bits). Results are written through addresses after them.
"""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.structs import StructType, scalar_types

_NAMES = {"bool": "bool", "float16": "wp::uint16", "bfloat16": "wp::uint16"}


def wire(t: T.ScalarType) -> str:
    """The type in which the entry receives a scalar."""
    if t is T.pointer:
        return "char*"
    if t.is_float and t.bits > 16:
        return "float" if t.bits == 32 else "double"
    return "long long" if t.bits == 64 else "int"


def cpp_type(t: Any) -> str:
    """How snippets name a type of the kernel language."""
    if t.kind == "scalar":
        return _NAMES.get(t.name, f"wp::{t.name}")
    if t.kind == "vec":
        return f"wp::vec_t<{t.count}, {cpp_type(t.scalar)}>"
    if t.kind == "mat":
        return f"wp::mat_t<{t.shape[0]}, {t.shape[1]}, {cpp_type(t.scalar)}>"
    if t.kind == "quat":
        return f"wp::quat_t<{cpp_type(t.scalar)}>"
    if t.kind == "transform":
        return f"wp::transform_t<{cpp_type(t.scalar)}>"
    if t.kind == "fixed":
        return f"wp::fixedarray_t<{t.elements}, {cpp_type(t.dtype)}>"
    if t.kind == "array":
        return f"wp::array_t<{cpp_type(t.dtype)}, {t.ndim}>"
    return t.name


def structs_of(types: list[Any]) -> list[StructType]:
    """The structs among types and what they are made of, inner ones first."""
    out: list[StructType] = []

    def visit(t: Any) -> None:
        if t.kind in ("array", "fixed"):
            visit(t.dtype)
        elif t.kind == "struct" and t not in out:
            for part in t.fields.values():
                visit(part)
            out.append(t)

    for t in types:
        visit(t)
    return out


def declaration(t: StructType) -> str:
    fields = " ".join(f"{cpp_type(f)} {name};" for name, f in t.fields.items())
    return f"struct {t.name} {{ {fields} }};"


class Entry:
    """The text of an entry while it is put together."""

    def __init__(self) -> None:
        self.params: list[str] = []
        self.lines: list[str] = []

    def parameter(self, t: T.ScalarType) -> str:
        name = f"p{len(self.params)}"
        self.params.append(f"{wire(t)} {name}")
        return name

    def result(self, t: T.ScalarType, value: str) -> None:
        name = f"p{len(self.params)}"
        self.params.append(f"{wire(t)}* {name}")
        self.lines.append(f"  *{name} = ({wire(t)})({value});")

    def receive(self, t: Any, place: str) -> None:
        """Fills the variable `place` of type `t` from parameters."""
        if t.kind == "struct":
            for name, f in t.fields.items():
                self.receive(f, f"{place}.{name}")
        elif t.kind == "array":
            names = [self.parameter(s) for s in scalar_types(t)]
            self.lines.append(f"  {place}.data = ({cpp_type(t.dtype)}*){names[0]};")
            for k, name in enumerate(names[1:]):
                part, d = ("shape", k) if k < t.ndim else ("strides", k - t.ndim)
                self.lines.append(f"  {place}.{part}[{d}] = {name};")
        else:
            for name in leaves(t, place):
                source = self.parameter(t.scalar)
                self.lines.append(f"  {name} = ({cpp_type(t.scalar)}){source};")

    def give(self, t: Any, place: str) -> None:
        """Writes the variable `place` of type `t` to result addresses."""
        if t.kind == "struct":
            for name, f in t.fields.items():
                self.give(f, f"{place}.{name}")
        elif t.kind == "array":
            self.result(T.pointer, f"{place}.data")
            for part in ("shape", "strides"):
                for d in range(t.ndim):
                    self.result(T.int64, f"{place}.{part}[{d}]")
        elif t.kind == "fixed":
            for k in range(t.elements):
                self.give(t.dtype, f"{place}.data[{k}]")
        else:
            for name in leaves(t, place):
                self.result(t.scalar, name)


def leaves(t: Any, place: str) -> list[str]:
    """C++ places of the scalars of a number, vector, matrix, quaternion or transform."""
    if t.kind == "scalar":
        return [place]
    if t.kind == "mat":
        return [f"{place}.data[{i}][{j}]" for i in range(t.shape[0]) for j in range(t.shape[1])]
    if t.kind == "quat":
        return [f"{place}.{axis}" for axis in "xyzw"]
    if t.kind == "transform":
        return [f"{place}.p.c[{k}]" for k in range(3)] + [f"{place}.q.{axis}" for axis in "xyzw"]
    return [f"{place}.c[{k}]" for k in range(t.count)]


def forward_text(symbol: str, where: str, snippet: str, arguments: dict[str, Any], result: Any) -> str:
    """The function that runs a snippet; its entry returns the scalars of `result` (None: nothing)."""
    entry = Entry()
    for name, t in arguments.items():
        entry.lines.append(f"  {cpp_type(t)} {name}{{}};")
        entry.receive(t, name)
    call = f"run({', '.join(arguments)})"
    if result is None:
        entry.lines.append(f"  {call};")
    else:
        entry.lines.append(f"  {cpp_type(result)} result = {call};")
        entry.give(result, "result")
    params = ", ".join(f"{cpp_type(t)} {name}" for name, t in arguments.items())
    head = f"NATIVE {'void' if result is None else cpp_type(result)} run({params})"
    return _whole(symbol, where, head, snippet, [*arguments.values(), *([] if result is None else [result])], entry)


def adjoint_text(symbol: str, where: str, snippet: str, arguments: dict[str, Any], result: Any) -> str:
    """The function that runs an adjoint snippet.

    Its entry takes the arguments, the gradient of the result, the addresses of the gradients of array arguments, and
    returns the gradients of the float numbers of the other arguments.
    """
    entry = Entry()
    params, given = [], []
    for name, t in arguments.items():
        entry.lines.append(f"  {cpp_type(t)} {name}{{}};")
        entry.receive(t, name)
        params.append(f"{cpp_type(t)} {name}")
        given.append(name)
    if result is not None:
        entry.lines.append(f"  {cpp_type(result)} adj_ret{{}};")
        entry.receive(result, "adj_ret")
    for name, t in arguments.items():
        if t.kind == "array":
            element = cpp_type(t.dtype)
            twin = f"wp::gradients_t<{element}, {t.ndim}>"
            address = entry.parameter(T.pointer)
            entry.lines += [f"  alignas(16) NATIVE_SINK char sink_{name}[sizeof({element})] = {{0}};", f"  {twin} adj_{name}{{}};",
                            f"  static_cast<{cpp_type(t)}&>(adj_{name}) = {name};",
                            f"  adj_{name}.data = ({element}*){address}; adj_{name}.sink = ({element}*)sink_{name};"]  # fmt: skip
            params.append(f"{twin} adj_{name}")
        else:
            entry.lines.append(f"  {cpp_type(t)} adj_{name}{{}};")
            params.append(f"{cpp_type(t)}& adj_{name}")
        given.append(f"adj_{name}")
    if result is not None:
        params.append(f"{cpp_type(result)} adj_ret")
        given.append("adj_ret")
    entry.lines.append(f"  run({', '.join(given)});")
    for name, t in arguments.items():
        for scalar, place in _numbers(t, f"adj_{name}"):
            if scalar.is_float:
                entry.result(scalar, place)
    head = f"NATIVE void run({', '.join(params)})"
    return _whole(symbol, where, head, snippet, [*arguments.values(), *([] if result is None else [result])], entry)


def _numbers(t: Any, place: str) -> list[tuple[T.ScalarType, str]]:
    if t.kind == "array":
        return []
    if t.kind == "struct":
        return [pair for name, f in t.fields.items() for pair in _numbers(f, f"{place}.{name}")]
    return [(t.scalar, name) for name in leaves(t, place)]


def _whole(symbol: str, where: str, head: str, snippet: str, types: list[Any], entry: Entry) -> str:
    structs = [declaration(s) for s in structs_of(types)]
    lines = [
        f"namespace {symbol}_body {{",
        "using namespace wp;",
        *structs,
        f"{head} {{",
        f'#line 1 "{where}"',
        snippet,
        "}",
        f'#line 1 "entry of {symbol}"',
        f"NATIVE void enter({', '.join(entry.params)}) {{",
        *entry.lines,
        "}",
        "}",
        f"NATIVE_ENTRY void {symbol}({', '.join(entry.params)}) {{ {symbol}_body::enter({_names(entry.params)}); }}",
    ]
    return "\n".join(lines) + "\n"


def _names(params: list[str]) -> str:
    return ", ".join(p.rpartition(" ")[2] for p in params)
