"""`func_native`: functions of the kernel language whose body is native code.

```
@func_native("return x * x;", adj_snippet="adj_x += 2.0f * x * adj_ret;")
def square(x: float) -> float: ...
```
The text is spliced into CUDA C++ as it is; on the CPU a C++ compiler of the system compiles it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from typing import Any

from engine import types as T
from engine.array_types import FixedArrayType, FixedValue
from engine.errors import EngineError, KernelTypeError
from engine.function import Function, parameter
from engine.indexed_arrays import IndexedArrayType
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.values import Val
from engine.native import text
from engine.structs import scalar_types


class NativeFunction(Function):
    """A function made by `func_native`."""

    def __init__(
        self,
        function: Callable,
        earlier: tuple[Function, ...],
        snippet: str,
        adj_snippet: str | None,
        replay_snippet: str | None,
    ):
        super().__init__(function, earlier)
        self.snippet, self.adj_snippet, self.replay_snippet = snippet, adj_snippet, replay_snippet

    def __call__(self, *args, **kw):
        raise EngineError(f"{self.__name__}() is native code; call it from a kernel or from a function of kernels")

    def _compile(self, values: dict[str, Any], debug: bool) -> tuple[ir.Function, Any]:
        if self.refs:
            raise self._refuse(f"'{self.refs[0]}' is a reference; pass an array, or return the new value")
        types = {name: self._type(name, v) for name, v in values.items()}
        result = self.hints.get("return")
        result = FixedValue(result) if isinstance(result, FixedArrayType) else result
        if result is not None and (T.is_generic(result) or not hasattr(result, "kind")):
            raise self._refuse(f"returns {T.type_name(result)}; a native function returns one kernel type")
        compiled = self._of_snippet(self.__name__, self.snippet, types, result)
        if self.adj_snippet is not None:
            compiled.gradient = ir.Deferred(lambda: self._adjoint(types, result))
        if self.replay_snippet is not None:
            again = self.replay_snippet
            compiled.replay = ir.Deferred(lambda: self._of_snippet(f"{self.__name__} (replay)", again, types, result))
        return compiled, result

    def _type(self, name: str, v: Any) -> Any:
        if not isinstance(v, Val):
            raise self._refuse(f"argument '{name}' is {v!r}; native code takes numbers, vectors, structs and arrays")
        if isinstance(v.type, IndexedArrayType):
            raise self._refuse(f"argument '{name}' is an indexed array; native code takes plain ones")
        return v.type

    def _refuse(self, why: str) -> KernelTypeError:
        return self.source.error(f"{self.__name__}(): {why}", self.source.tree, KernelTypeError)

    def _where(self, part: str) -> str:
        file = self.source.filename.replace("\\", "/").replace('"', "'")
        return f"{part} of {self.__name__} ({file}:{self.source.tree.lineno})"

    def _of_snippet(self, name: str, snippet: str, types: dict[str, Any], result: Any) -> ir.Function:
        where = self._where("snippet")
        if result is not None and not snippet.strip():
            raise self._refuse(f"returns {T.type_name(result)}, so an empty snippet cannot stand for it")
        params = [p for n, t in types.items() for p in parameter(n, t)[0]]
        if not snippet.strip():
            return ir.Function(name, params)
        native = _native(text.forward_text, where, snippet, types, result)
        outs = [] if result is None else scalar_types(result)
        return _calling(name, native, params, outs)

    def _adjoint(self, types: dict[str, Any], result: Any) -> ir.Function:
        """The adjoint snippet in the form that `autodiff.custom_gradient.compile_gradient` gives functions."""
        for name, t in types.items():
            if t.kind == "struct" and T.pointer in scalar_types(t):
                raise self._refuse(f"'{name}' has arrays; pass them as arguments, so that adj_snippet can name adj_...")
        native = _native(text.adjoint_text, self._where("adj_snippet"), self.adj_snippet, types, result)
        params = [p for n, t in types.items() for p in parameter(n, t)[0]]
        if result is not None:
            params += parameter("adj_ret", result)[0]
        params += [ir.Param(f"{n}.grad", T.pointer) for n, t in types.items() if t.kind == "array"]
        outs = [s for t in types.values() if t.kind != "array" for s in scalar_types(t) if s.is_float]
        return _calling(f"adj_{self.__name__}", native, params, outs)


def _native(make: Callable, where: str, snippet: str, types: dict[str, Any], result: Any) -> ir.Native:
    """The native code of a snippet, named by its content."""
    draft = make("native", "", snippet, types, result)
    symbol = "native_" + hashlib.sha256(draft.encode()).hexdigest()[:24]
    written = {n: t.kind != "array" or _may_write(snippet, n) for n, t in types.items()}
    writes = tuple(written[n] for n, t in types.items() for _ in scalar_types(t))
    if make is text.adjoint_text:  # gradients follow
        writes += (True,) * (len(types) + (0 if result is None else len(scalar_types(result))))
    return ir.Native(symbol, make(symbol, where, snippet, types, result), where, writes)


_CHANGE = re.compile(r"\s*(=(?!=)|[-+*/%&|^]=|<<=|>>=|\+\+|--|\.|->|\[)")


def _may_write(snippet: str, name: str) -> bool:
    """Whether a snippet may write to the array `name`: it does more with it than read `name[...]` or `name(...)`."""
    for found in re.finditer(rf"\b{name}\b", snippet):
        end = _after_brackets(snippet, found.end())
        before = snippet[: found.start()].rstrip()
        if end is None or before.endswith(("&", "++", "--")) or _CHANGE.match(snippet, end):
            return True
    return False


def _after_brackets(text: str, start: int) -> int | None:
    """The place after the brackets that open at `start`; None if none open there."""
    depth = 0
    for k in range(start, len(text)):
        if text[k] in "[(":
            depth += 1
        elif text[k] in "])":
            depth -= 1
            if depth == 0:
                return k + 1
        elif depth == 0 and not text[k].isspace():
            return None
    return None


def _calling(name: str, native: ir.Native, params: list[ir.Param], outs: list[T.ScalarType]) -> ir.Function:
    """A function that does nothing but run native code."""
    function = ir.Function(name, params)
    b = Builder(function)
    function.body.yields = list(b.native(native, tuple(params), outs))
    return function


def func_native(
    snippet: str, adj_snippet: str | None = None, replay_snippet: str | None = None
) -> Callable[[Callable], NativeFunction]:
    """Decorator: the function's body is native code, CUDA C++ on a GPU and C++ on the CPU.

    The parameters and the result are typed by annotations; the body of the Python function is not read. Arrays are
    indexed as `x[i]`, `x(i, j)` or `address(x, i, j)`; vectors and matrices are `wp::vec_t<3, float>` and so on.

    Args:
        snippet: the body.
        adj_snippet: adds to `adj_x` for each argument `x`; `adj_ret` is the gradient of the result. Without it the
            function has no gradient, and asking for one is an error.
        replay_snippet: what the backward pass runs instead of `snippet`, for code that must not run twice.

    Raises:
        EngineError: when a kernel is compiled for the CPU and there is no C++ compiler, or it refuses the text.
    """
    for name, given in (("snippet", snippet), ("adj_snippet", adj_snippet), ("replay_snippet", replay_snippet)):
        if not isinstance(given, str) and (given is not None or name == "snippet"):
            raise EngineError(f"func_native: {name} got {type(given).__name__}; expected the text of a function body")

    def decorate(function: Callable) -> NativeFunction:
        again = sys._getframe(1).f_locals.get(function.__name__)
        earlier = again.overloads if isinstance(again, Function) else ()
        return NativeFunction(function, earlier, snippet, adj_snippet, replay_snippet)

    return decorate
