"""The reference is what the generator writes now, and tells what the compiler does."""

import pytest

import engine as en
from docs.generate_reference import TARGET, collect, reference
from docs.probe import forms_of
from engine.library.registry import BUILTINS


def test_reference_is_current():
    assert TARGET.read_text(encoding="utf-8") == reference(), "run: python -m docs.generate_reference"


def test_every_function_is_listed_with_its_meaning():
    listed = {name: function for rows in collect().values() for name, function in rows}
    assert {n for n in BUILTINS if n[0] != "%"} <= set(listed)
    assert {"svd3", "mesh_query_point", "hash_grid_query", "volume_sample_f", "noise"} <= set(listed)
    assert [n for n, f in listed.items() if not (f.__doc__ or "").strip()] == []


@pytest.mark.parametrize(
    ("name", "form", "gradient"),
    [
        ("dot", "(a: vec3, b: vec3) → float", "yes"),
        ("mul", "(a: mat33, b: vec3) → vec3", "yes"),
        ("floor", "(x: float) → float", "zero"),
        ("isnan", "(x: float) → bool", ""),
        ("quat_rotate", "(q: quat, v: vec3) → vec3", "yes"),
        ("randf", "(state: uint32) → float", "zero"),
        ("svd3", "(A: mat33) → (mat33, vec3, mat33)", "yes"),
        ("transform_point", "(t: transform, x: vec3) → vec3", "yes"),
    ],
)
def test_forms_are_those_of_the_language(name, form, gradient):
    found = {str(f): f.gradient for f in forms_of(getattr(en, name))}
    assert found.get(form) == gradient, sorted(found)


@pytest.mark.parametrize(
    ("name", "wrong"), [("dot", "float, b: float"), ("cross", "mat33"), ("quat_rotate", "q: vec3")]
)
def test_what_the_compiler_refuses_is_not_listed(name, wrong):
    assert not any(wrong in str(f) for f in forms_of(getattr(en, name)))
