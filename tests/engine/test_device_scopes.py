"""Which device is current: for all threads, and inside a scope for one."""

import threading

import pytest

import engine as en
from engine.device import Device, pop_device, push_device


def in_another_thread(ask):
    found = []
    thread = threading.Thread(target=lambda: found.append(ask()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def elsewhere():
    return Device("elsewhere", "a place for tests")


def test_a_scope_is_of_its_thread(elsewhere):
    before = en.get_device()
    push_device(elsewhere)
    try:
        assert en.get_device() is elsewhere
        assert in_another_thread(en.get_device) is before
    finally:
        pop_device()
    assert en.get_device() is before


def test_set_device_outside_of_scopes_is_for_all_threads_and_inside_until_the_scope_ends(elsewhere):
    before = en.get_device()
    try:
        en.set_device(elsewhere)
        assert in_another_thread(en.get_device) is elsewhere
        push_device(before)
        en.set_device(elsewhere)
        pop_device()
        assert en.get_device() is elsewhere
    finally:
        en.set_device(before)
