"""The compiled door to the driver hands over what it is given: checked with functions of our own in the driver's place."""

import ctypes

import pytest

from engine.cuda import entry


class Config(ctypes.Structure):
    """CUlaunchConfig of the driver's header."""

    _fields_ = [
        *((name, ctypes.c_uint) for name in ("gx", "gy", "gz", "bx", "by", "bz", "shared")),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(ctypes.c_uint * 18)),
        ("count", ctypes.c_uint),
    ]


@pytest.fixture
def driver():
    """(table, calls): a launch table whose functions note their arguments and answer 7."""
    calls = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def set_current(context):
        calls.append(("context", context))
        return 0

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, ctypes.c_void_p,
                      ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)  # fmt: skip
    def launch(function, *rest):
        *numbers, stream, params, _ = rest
        calls.append((function, numbers, stream, ctypes.string_at(params[0], 3)))
        return 7

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Config), ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p),
                      ctypes.c_void_p)  # fmt: skip
    def launch_extended(config, function, params, _):
        c = config.contents
        numbers = [c.gx, c.gy, c.gz, c.bx, c.by, c.bz, c.shared]
        calls.append(
            (function, numbers, c.stream, ctypes.string_at(params[0], 3), list(c.attributes.contents)[: c.count * 18])
        )
        return 7

    places = [ctypes.cast(f, ctypes.c_void_p).value for f in (set_current, launch, launch_extended)]
    table = (ctypes.c_int64 * 5)(places[0], places[1], 123, 0, places[2])
    table.functions = set_current, launch, launch_extended
    return table, calls


@pytest.mark.parametrize("numbers", [(), (7,), (2**63 - 1, 0, 3), (1, 2, 3, 4, 5)])
def test_a_call_hands_over_up_to_five_numbers(driver, numbers):
    table, calls = driver

    @ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 5)
    def noted(*given):
        calls.append(given)
        return 9

    more = (ctypes.c_int64 * 7)(*table, 0, ctypes.cast(noted, ctypes.c_void_p).value)
    assert entry.call_entry()(ctypes.addressof(more), 6, *numbers) == 9
    assert calls == [("context", 123), (*numbers, *[0] * (5 - len(numbers)))]


def test_a_launch_arrives_as_it_was_given(driver):
    table, calls = driver
    assert entry.launch_entry()(ctypes.addressof(table), 11, 22, 33, 44, 55, b"abc") == 7
    assert calls == [("context", 123), (11, [22, 1, 1, 33, 1, 1, 44], 55, b"abc")]


def test_an_early_launch_allows_the_start_before_the_kernel_before_has_ended(driver):
    table, calls = driver
    assert entry.early_entry()(ctypes.addressof(table), 11, 22, 33, 44, 55, b"abc") == 7
    function, numbers, stream, block, attributes = calls[1]
    assert (function, numbers, stream, block) == (11, [22, 1, 1, 33, 1, 1, 44], 55, b"abc")
    programmatic_stream_serialization = 6
    assert attributes == [programmatic_stream_serialization, 0, 1, *[0] * 15]
