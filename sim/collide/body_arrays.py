"""Body arrays for kernels that also serve models without bodies."""

from functools import cache
from types import SimpleNamespace

import engine as en


@cache
def _placeholders(device) -> SimpleNamespace:
    return SimpleNamespace(
        q=en.zeros(1, dtype=en.transform, device=device),
        qd=en.zeros(1, dtype=en.spatial_vector, device=device),
        com=en.zeros(1, dtype=en.vec3, device=device),
        inv_mass=en.zeros(1, dtype=float, device=device),
        inv_inertia=en.zeros(1, dtype=en.mat33, device=device),
    )


def body_state(model, state) -> tuple:
    """(body_q, body_qd) of `state`, or one-element placeholders that no kernel reads when the model has no bodies."""
    if model.body_count:
        return state.body_q, state.body_qd
    none = _placeholders(model.device)
    return none.q, none.qd


def body_masses(model) -> tuple:
    """(body_com, body_inv_mass, body_inv_inertia), or placeholders when the model has no bodies."""
    if model.body_count:
        return model.body_com, model.body_inv_mass, model.body_inv_inertia
    none = _placeholders(model.device)
    return none.com, none.inv_mass, none.inv_inertia
