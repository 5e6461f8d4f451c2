"""Every public function of the kernel language says what it means."""

import pytest

import engine as en
from engine.library.functions import FUNCTIONS
from engine.library.registry import BUILTINS

PUBLIC = {name: row for name, row in BUILTINS.items() if name[0] != "%"} | {n: f for n, (f, _) in FUNCTIONS.items()}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_function_has_a_docstring_and_a_place(name):
    text = PUBLIC[name].__doc__
    assert text and len(text.strip().splitlines()[0]) >= 10, text
    assert hasattr(en, name)


def test_builtins_need_no_import_in_kernels():
    from tests.engine.programs import define

    text = "@en.kernel\ndef k(out: en.array(dtype=en.vec3)):\n    out[tid()] = normalize(vec3(0.0, 0.0, 2.0)) * erfinv(0.0)\n"
    out = en.ones(2, dtype=en.vec3)
    en.launch(define(text, en=en)["k"], 2, outputs=[out])
    assert not out.numpy().any()
