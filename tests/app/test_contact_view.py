"""Contacts as they are shown: at rest they carry the weight, under each solver."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from app.contact_view import count_contacts, find_contacts
from app.session import Session
from app.settings import RunSettings
from usd_io import SceneBindings

MASS, GRAVITY = 0.2, 10.0


def rest(solver: str, *, on: str, frames: int = 240) -> Session:
    """Four loose particles that came to rest on the ground, or on a box."""
    builder = sim.ModelBuilder(gravity=-GRAVITY)
    for k in range(4):
        builder.add_particle((0.5 * k, 1.05 if on == "box" else 0.05, 0.0), (0.0, 0.0, 0.0), MASS, radius=0.05)
    if on == "box":
        builder.add_shape_box(-1, pos=(0.75, 0.5, 0.0), hx=2.0, hy=0.5, hz=1.0, ke=1.0e4, kd=20.0, mu=0.5)
    builder.set_ground_plane(normal=(0.0, 1.0, 0.0), offset=0.0)
    model = builder.finalize(device="cpu")
    model.soft_contact_ke, model.soft_contact_kd = 1.0e4, 20.0
    model.ground = on == "ground"
    settings = RunSettings(
        frames=0, fps=60.0, substeps=8, solver=solver, iterations=4, device="cpu", start_time_code=0.0
    )
    session = Session.of_model(model, SceneBindings(), settings)
    for _ in range(frames):
        session.step()
    return session


@pytest.mark.parametrize("on", ["ground", "box"])
@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd", "featherstone"])
def test_forces_on_resting_particles_are_their_weights(solver, on):
    session = rest(solver, on=on)
    contacts = find_contacts(session.model, session.state, session.settings)
    assert len(contacts) == 4 == count_contacts(session.model, session.state, session.settings)
    assert contacts[:, 1] == pytest.approx(np.full(4, 1.0 if on == "box" else 0.0), abs=2e-3)  # points on the surface
    assert contacts[:, 3:6] == pytest.approx(np.tile([0.0, 1.0, 0.0], (4, 1)), abs=1e-3)
    assert contacts[:, 6:9] == pytest.approx(np.tile([0.0, MASS * GRAVITY, 0.0], (4, 1)), rel=0.03, abs=0.02)


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_a_particle_that_was_lifted_off_has_no_contact_any_more(solver):
    session = rest(solver, on="box", frames=60)
    lifted = session.state.particle_q.numpy().copy()
    lifted[0, 1] += 3.0
    session.state.particle_q.assign(lifted)
    session.step()
    contacts = find_contacts(session.model, session.state, session.settings)
    assert len(contacts) == 3 and contacts[:, 0].min() > 0.3
