"""Random numbers: the PCG hash of Jarzynski and Olano (JCGT 9(3), 2020), state held by the caller."""

from __future__ import annotations

from engine import types as T
from engine.lang.values import Val
from engine.library.registry import Emit, builtin

_RAND = "Random"


def _pcg(e: Emit, x):
    def k(v):
        return e.const(v, T.uint32)

    s = e.op("add", e.op("mul", x, k(747796405)), k(2891336453))
    w = e.op("mul", e.op("xor", e.op("shr", s, e.op("add", e.op("shr", s, k(28)), k(4))), s), k(277803737))
    return e.op("xor", e.op("shr", w, k(22)), w)


def _bits(e: Emit, v: Val):
    v = e.integer("a seed", v)
    return e.cast(v.value, T.uint32)


@builtin("rand_init", _RAND)
def _rand_init(e: Emit, seed: Val, offset: Val | None = None) -> Val:
    """State (uint32) of a generator for a seed and, optionally, a sequence number such as the thread index."""
    s = _bits(e, seed)
    if offset is not None:
        s = e.op("add", s, _pcg(e, _bits(e, offset)))
    return e.scalar(_pcg(e, s))


@builtin("rand_next", _RAND)
def _rand_next(e: Emit, state: Val) -> Val:
    """The state after this one, without changing it: how code of Python scope goes on. Not differentiable."""
    return e.scalar(_pcg(e, state.value))


def _unit(e: Emit, state):
    return e.op(
        "mul", e.cast(e.op("shr", state, e.const(8, T.uint32)), T.float32), e.const(1.0 / 16777216.0, T.float32)
    )


@builtin("randi", _RAND, mutates=(0,))
def _randi(e: Emit, state: Val, low: Val | None = None, high: Val | None = None):
    """Random int32, or one in [low, high); advances the state."""
    s = _pcg(e, state.value)
    if low is None:
        return e.scalar(e.cast(s, T.int32)), e.scalar(s)
    low, high = (e.integer("randi()", v) for v in e.unify("randi()", low, high))
    span = e.cast(e.op("sub", high.value, low.value), T.uint32)
    return e.scalar(e.op("add", e.cast(e.op("mod", s, span), low.type), low.value)), e.scalar(s)


@builtin("randu", _RAND, mutates=(0,))
def _randu(e: Emit, state: Val, low: Val | None = None, high: Val | None = None):
    """Random uint32, or one in [low, high); advances the state. Not differentiable."""
    s = _pcg(e, state.value)
    if low is None:
        return e.scalar(s), e.scalar(s)
    low, high = (e.integer("randu()", v) for v in e.unify("randu()", low, high))
    span = e.cast(e.op("sub", high.value, low.value), T.uint32)
    return e.scalar(e.op("add", e.cast(e.op("mod", s, span), low.type), low.value)), e.scalar(s)


@builtin("randf", _RAND, mutates=(0,))
def _randf(e: Emit, state: Val, low: Val | None = None, high: Val | None = None):
    """Random float in [0, 1), or in [low, high); advances the state."""
    s = _pcg(e, state.value)
    u = _unit(e, s)
    if low is not None:
        low, high = e.floating("randf()", low, high)
        u = e.op("add", e.op("mul", e.op("sub", high.value, low.value), u), low.value)
    return e.scalar(u), e.scalar(s)


@builtin("randn", _RAND, mutates=(0,))
def _randn(e: Emit, state: Val):
    """Random float of the standard normal distribution (Box and Muller); advances the state."""
    s1 = _pcg(e, state.value)
    s2 = _pcg(e, s1)
    u = e.op("max", _unit(e, s1), e.const(1.0 / 16777216.0, T.float32))
    r = e.op("sqrt", e.op("mul", e.const(-2.0, T.float32), e.op("log", u)))
    a = e.op("mul", e.const(6.283185307179586, T.float32), _unit(e, s2))
    return e.scalar(e.op("mul", r, e.op("cos", a))), e.scalar(s2)
