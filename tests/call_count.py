"""How much Python a piece of code runs: what tests bound instead of time, which depends on the machine."""

import sys
from collections.abc import Callable


def python_calls(action: Callable[[], object]) -> int:
    """Calls of Python and C functions that `action` makes on this thread."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return calls
