"""Stiffnesses that a scene leaves open follow the solver's step when it changes while the simulation is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import engine
from sim import Model, ModelBuilder
from usd_io import SceneRecord, emit

#: numbers and arrays of the model, and structs of arrays, that emitting a scene may derive from the solver's step
DERIVED = (
    *(f"soft_contact_{name}" for name in ("ke", "kd", "kf")),
    *(f"shape_materials.{name}" for name in ("ke", "kd", "kf")),
    "tri_materials",
    "tet_materials",
    "edge_bending_properties",
    "spring_stiffness",
    "spring_damping",
)


def derive_again(model: Model, before: SceneRecord, after: SceneRecord) -> None:
    """Change a model made of `before` to the materials of `after`, the same scene with other settings.

    Afterwards it is as if it had been opened with these settings, except for what was changed by hand: a number that is
    no longer the derived one stays.

    Args:
        model: what is simulated.
        before: the scene with the settings that the model's materials were derived for.
        after: the scene with the settings from now on.
    """
    old, new = _build(before, model), _build(after, model)
    for owner, name, was, becomes in _differences(model, old, new):
        present = getattr(owner, name)
        if isinstance(present, engine.array):
            host = present.numpy()
            present.assign(np.where(host == was, becomes, host))
        elif present == was:
            setattr(owner, name, becomes)


def _build(scene: SceneRecord, model: Model) -> Model:
    builder = ModelBuilder()
    bindings = emit(replace(scene, warnings=[]), builder)  # what cannot be built was said when the scene was opened
    built = builder.finalize(device=model.device)
    bindings.configure(built)
    return built


def _differences(model: Model, old: Model, new: Model) -> Iterator[tuple[object, str, object, object]]:
    """Where the present value is, and what was and what is derived for it."""
    for path in DERIVED:
        *outer, name = path.split(".")
        owner, was, becomes = model, old, new
        for each in outer:
            owner, was, becomes = getattr(owner, each), getattr(was, each), getattr(becomes, each)
        was, becomes = getattr(was, name), getattr(becomes, name)
        if isinstance(was, engine.array):
            was, becomes = was.numpy(), becomes.numpy()
        if was is not None and not np.array_equal(was, becomes):
            yield owner, name, was, becomes
