"""The entry that XLA calls for a kernel on a GPU, with a driver and a frame made here: no GPU, no JAX."""

import ctypes

from engine.cpu import jit
from engine.interop import xla_cuda, xla_entry

P = ctypes.c_void_p
I64 = ctypes.c_int64


def buffer_of(address, *dims):
    """XLA_FFI_Buffer: size, extension, type, data, rank, dimensions."""
    shape = (I64 * max(1, len(dims)))(*dims)
    fields = (I64 * 6)(48, 0, 0, address, len(dims), ctypes.addressof(shape))
    return fields, shape


def frame_with(operands, results, api):
    """XLA_FFI_CallFrame in the stage of execution."""
    lists = [(I64 * len(row))(*(ctypes.addressof(b[0]) for b in row)) for row in (operands, results)]
    frame = (I64 * 32)()
    frame[2], frame[3], frame[4] = ctypes.addressof(api), 0x1234, 3
    frame[xla_entry._ARGS // 8] = ctypes.addressof(lists[0])
    frame[xla_entry._RETS // 8] = ctypes.addressof(lists[1])
    return frame, lists


def test_entry_copies_and_launches_on_the_stream_of_xla_for_every_batch():
    calls = []

    @ctypes.CFUNCTYPE(P, P)
    def stream_get(request):
        fields = (I64 * 4).from_address(request)
        assert fields[2] == 0x1234  # the context of the frame
        fields[3] = 0x777
        return None

    @ctypes.CFUNCTYPE(ctypes.c_int32, P)
    def set_current(context):
        calls.append(("context", context))
        return 0

    @ctypes.CFUNCTYPE(ctypes.c_int32, P, P, I64, P)
    def copy(target, source, size, stream):
        calls.append(("copy", target, source, size, stream))
        return 0

    U = ctypes.c_uint32

    @ctypes.CFUNCTYPE(ctypes.c_int32, P, U, U, U, U, U, U, U, P, P, P)
    def launch(function, gx, gy, gz, bx, by, bz, shared, stream, params, extra):
        block = (I64 * 8).from_address(P.from_address(params).value)
        calls.append(("launch", function, gx, bx, stream, block[5], block[6], block[7]))
        return 0

    buffers = [
        xla_entry._Buffer(xla_entry._ARGS, 0, 40, 400),
        xla_entry._Buffer(xla_entry._RETS, 0, 48, 800, copied_from=1),
    ]
    text = xla_cuda.on_stream(xla_entry.entry_text(buffers, 1, 64, ""), len(buffers))
    code = jit.load_object(jit.compile_text(text), ["xla_entry", "state"])
    api = (I64 * 32)()
    api[10] = ctypes.cast(stream_get, P).value
    table = (I64 * 4)(*(ctypes.cast(f, P).value for f in (set_current, launch)), 0x55, ctypes.cast(copy, P).value)
    template = (I64 * 8)(100, 1, 1, 1, 0, 0, 0, 99)
    (I64 * len(xla_entry._STATE)).from_address(code["state"])[:] = [
        0xABC, ctypes.addressof(table), 0, 4, 32, ctypes.addressof(template), 0, 0, 0]  # fmt: skip
    operands = [buffer_of(10_000, 2, 100), buffer_of(20_000, 2, 100)]
    results = [buffer_of(30_000, 2, 100)]
    frame, lists = frame_with(operands, results, api)
    run = ctypes.CFUNCTYPE(P, P)(code["xla_entry"])
    assert run(ctypes.addressof(frame)) is None and lists
    assert calls == [
        ("context", 0x55),
        ("copy", 30_000, 20_000, 1600, 0x777),
        ("launch", 0xABC, 4, 32, 0x777, 10_000, 30_000, 99),
        ("launch", 0xABC, 4, 32, 0x777, 10_400, 30_800, 99),
    ]
