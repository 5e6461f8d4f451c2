"""Wrong programs get an error of the right class, at the right place, that says what would work."""

from pathlib import Path

import pytest

import engine as en
from tests.engine.programs import define


def wrong_programs():
    text = Path(__file__).with_name("wrong_programs.txt").read_text()
    for block in text.split("\n=== ")[1:]:
        head, program = block.split("\n", 1)
        name, kind, message = head.split(" | ", 2)
        yield pytest.param(kind, message, program, id=name)


def place(program: str) -> tuple[int, str]:
    """The line (1-based) and the text that « » enclose."""
    before, rest = program.split("«")
    return before.count("\n") + 1, rest.split("»")[0]


@pytest.mark.parametrize(("kind", "message", "program"), list(wrong_programs()))
def test_wrong_program_is_refused_at_its_place(kind, message, program):
    line, marked = place(program)
    plain = program.replace("«", "").replace("»", "")
    with pytest.raises(en.EngineError) as caught:
        scope = define(plain, en=en)
        en.launch(scope["k"], 4, inputs=[en.zeros(8, dtype=float)])
    error = caught.value
    assert type(error).__name__ == kind, error
    assert message in error.reason
    assert error.lineno == line
    shown, caret = str(error).splitlines()[-2:]
    assert shown.strip() == plain.splitlines()[line - 1].strip()
    assert shown[caret.index("^") : caret.rindex("^") + 1] == marked


def check_caret(kernel, marked, line_text):
    with pytest.raises(en.KernelError) as caught:
        en.launch(kernel, 1, inputs=[en.zeros(8, dtype=float)])
    shown, caret = str(caught.value).splitlines()[-2:]
    assert shown.strip() == line_text
    assert shown[caret.index("^") : caret.rindex("^") + 1] == marked
    with open(__file__) as file:
        assert file.readlines()[caught.value.lineno - 1].strip() == line_text


def test_caret_in_a_kernel_inside_a_function():
    def make():
        @en.kernel
        def k(a: en.array(dtype=float)):
            """Text
            that is indented less than the code."""
            i = en.tid()
            if i == 0:
                a[i] = en.sin(i)

        return k

    check_caret(make(), "en.sin(i)", "a[i] = en.sin(i)")


def test_caret_in_a_statement_of_several_lines():
    @en.kernel
    def k(
        a: en.array(dtype=float),
    ):
        i = en.tid()
        # fmt: off
        a[i] = (
            1.0
            + missing_name
        )
        # fmt: on

    check_caret(k, "missing_name", "+ missing_name")


def test_caret_counts_characters_not_bytes():
    @en.kernel
    def k(a: en.array(dtype=float)):
        größe = 1.0
        a[0] = größe * größe + übrig

    check_caret(k, "übrig", "a[0] = größe * größe + übrig")


def other_decorator(f):
    return f


def test_caret_below_several_decorators():
    @en.kernel
    @other_decorator
    def k(a: en.array(dtype=float)):
        a[0] = nothing_here

    check_caret(k, "nothing_here", "a[0] = nothing_here")


def test_error_inside_a_function_shows_the_function():
    @en.func
    def inner(x: float):
        return x * 2.0 + en.tid_missing

    @en.kernel
    def k(a: en.array(dtype=float)):
        a[0] = inner(a[0])

    check_caret(k, "en.tid_missing", "return x * 2.0 + en.tid_missing")


def test_kernel_without_source_text_is_refused_plainly():
    scope = {"en": en}
    exec("def f(a: en.array(dtype=float)):\n    a[0] = 1.0\n", scope)
    with pytest.raises(en.KernelSyntaxError, match="source text cannot be read"):
        en.launch(en.kernel(scope["f"]), 1, inputs=[en.zeros(1, dtype=float)])


def test_calling_a_kernel_says_how_to_launch_it():
    @en.kernel
    def k(a: en.array(dtype=float)):
        a[0] = 1.0

    with pytest.raises(en.EngineError, match="launch"):
        k(en.zeros(1, dtype=float))


def test_suggested_names_can_be_used():
    @en.kernel
    def k(a: en.array(dtype=float)):
        a[0] = float(a.dtype.shape)

    with pytest.raises(en.KernelError) as caught:
        en.launch(k, dim=1, inputs=[en.zeros(1, dtype=float)])
    assert "did you mean" not in str(caught.value)
