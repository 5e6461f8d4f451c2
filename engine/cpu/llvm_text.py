"""Types and constants as LLVM writes them."""

from __future__ import annotations

import struct

from engine import types as T


def llvm_type(t: T.ScalarType) -> str:
    if t is T.pointer:
        return "ptr"
    if t.is_float:
        return {16: "half", 32: "float", 64: "double"}[t.bits]
    return f"i{t.bits}"


def literal(value, t: T.ScalarType) -> str:
    if t is T.pointer:
        return "null" if value == 0 else f"inttoptr (i64 {int(value)} to ptr)"
    if t.is_bool:
        return "true" if value else "false"
    if t.is_float:
        if t.bits == 16:
            return "0xH" + struct.pack(">e", value).hex().upper()
        return "0x" + struct.pack(">d", t.np_dtype.type(value)).hex().upper()
    return str(int(value))


def struct_type(values) -> str:
    """The LLVM struct of the types of some values."""
    return "{ " + ", ".join(llvm_type(v.type) for v in values) + " }"
