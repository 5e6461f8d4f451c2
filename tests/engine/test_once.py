"""What is made once is one object for all threads."""

import threading
import time

from engine.once import made_once


def test_threads_that_ask_at_once_get_one_object():
    @made_once
    def thing(name):
        """A thing."""
        time.sleep(0.02)  # others come meanwhile
        return [name]

    gate, found = threading.Barrier(6), []

    def ask():
        gate.wait()
        found.append(thing("a"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 6 and all(f is found[0] for f in found)
    assert thing("b") == ["b"] and thing.__doc__ == "A thing."


def test_clearing_makes_anew():
    thing = made_once(lambda: [])
    first = thing()
    assert thing() is first
    thing.cache_clear()
    assert thing() is not first


def test_makers_may_use_each_other():
    inner = made_once(lambda: [1])
    outer = made_once(lambda: [*inner(), 2])
    assert outer() == [1, 2]
