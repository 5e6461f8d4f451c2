"""A tape as a graph in the DOT language of Graphviz: arrays are boxes, operations are ellipses, scopes are frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.autodiff.copy_records import CopyRecord, FillRecord, FunctionRecord
from engine.autodiff.launch_record import LaunchRecord


@dataclass
class _Operation:
    """One node of the picture: operations in a row with the same name and arrays are drawn once."""

    name: str
    label: str
    inputs: list[array]
    outputs: list[array]
    first: int
    repeats: int = 1
    notes: list[str] = field(default_factory=list)

    def is_like(self, other: _Operation) -> bool:
        return (
            self.name == other.name
            and _ids(self.inputs) == _ids(other.inputs)
            and _ids(self.outputs) == _ids(other.outputs)
        )


def _ids(arrays: Iterable[array]) -> list[int]:
    return [id(a) for a in arrays]


def _operation(record: Any, at: int) -> _Operation:
    if isinstance(record, LaunchRecord):
        plan, params = record.plan, record.memory.function.params
        present = [n for n, a in enumerate(record.arrays) if a is not None and a.size]
        inputs = [record.arrays[n] for n in present if n in plan.read or n not in plan.written]
        outputs = [record.arrays[n] for n in present if n in plan.written]
        notes = [f"{params[record.memory.pointers[n]].name}: {describe(record.arrays[n])}" for n in present]
        label = f"{record.name} dim={'×'.join(map(str, record.extents))}"
        return _Operation(record.name, label, inputs, outputs, at, notes=notes)
    if isinstance(record, CopyRecord):
        return _Operation("copy", "copy", [record.src], [record.dest], at)
    if isinstance(record, FillRecord):
        return _Operation("fill", "fill", [], [record.dest], at)
    arrays = record.arrays if isinstance(record, FunctionRecord) else []
    return _Operation("record_func", getattr(record, "name", type(record).__name__), list(arrays), list(arrays), at)


def describe(a: array) -> str:
    return f"array: dtype={T.type_name(a.dtype)} shape={a.shape} requires_grad={a.requires_grad}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Picture:
    """The DOT text of records and scopes.

    Args:
        records, scopes: What a tape recorded.
        merge_repeats: Draw operations that repeat one after the other once.
        labels: Names of arrays.
        direction: Where the graph grows, as Graphviz says it ("LR", "TB").
        with_readonly: Draw arrays that nothing on the tape writes.
        with_scopes: Draw frames around scopes.
    """

    def __init__(
        self,
        records: list[Any],
        scopes: list[tuple[int, str | None, dict | None]],
        *,
        merge_repeats: bool = True,
        labels: Mapping[array, str] | None = None,
        direction: str = "LR",
        with_readonly: bool = True,
        with_scopes: bool = True,
    ):
        self.labels = {id(a): name for a, name in (labels or {}).items()}
        self.merge = merge_repeats
        self.scopes = scopes if with_scopes else []
        self.lines = ["digraph tape {", f"  rankdir={direction};", "  node [fontname=Helvetica, fontsize=10];"]
        marks: dict[int, list] = {}
        for at, name, metadata in self.scopes:
            marks.setdefault(at, []).append((name, metadata))
        operations = self._operations(records, set(marks))
        written = {id(a) for o in operations for a in o.outputs}
        kept = [a for o in operations for a in (*o.inputs, *o.outputs) if with_readonly or id(a) in written]
        self.names = {}
        for a in kept:
            if id(a) not in self.names:
                self._draw_array(a)
        self._draw_operations(operations, marks, len(records))
        self.lines.append("}")

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def _operations(self, records: list[Any], breaks: set[int]) -> list[_Operation]:
        out: list[_Operation] = []
        for at, record in enumerate(records):
            new = _operation(record, at)
            if self.merge and out and at not in breaks and out[-1].is_like(new):
                out[-1].repeats += 1
            else:
                out.append(new)
        return out

    def _draw_array(self, a: array) -> None:
        name = self.names[id(a)] = f"array{len(self.names)}"
        label = self.labels.get(id(a), f"{T.type_name(a.dtype)} {a.shape}")
        shape = "box, style=filled, fillcolor=lightblue" if a.requires_grad else "box"
        self.lines.append(f"  {name} [shape={shape}, label={_quoted(label)}, tooltip={_quoted(describe(a))}];")

    def _draw_operations(self, operations: list[_Operation], marks: dict[int, list], count: int) -> None:
        frames = 0
        left = dict(marks)
        edges: list[str] = []

        def draw_marks(upto: int) -> None:
            nonlocal frames
            for at in sorted(k for k in left if k <= upto):
                for name, metadata in left.pop(at):
                    if name is None:
                        self.lines.append("  }")
                        continue
                    notes = "".join(f"\n{k}: {v}" for k, v in (metadata or {}).items())
                    self.lines.append(f"  subgraph cluster{frames} {{ label={_quoted(name + notes)};")
                    frames += 1

        for k, o in enumerate(operations):
            draw_marks(o.first)
            label = o.label if o.repeats == 1 else f"{o.label}\nrepeated {o.repeats}x"
            hint = "\n".join(o.notes) or o.name
            hint = hint if o.name not in hint else "arguments"
            self.lines.append(f"  op{k} [shape=ellipse, label={_quoted(label)}, tooltip={_quoted(hint)}];")
            edges += [f"  {self.names[id(a)]} -> op{k};" for a in o.inputs if id(a) in self.names]
            edges += [f"  op{k} -> {self.names[id(a)]};" for a in o.outputs if id(a) in self.names]
        draw_marks(count)
        self.lines += edges
