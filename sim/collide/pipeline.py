"""`collide`: finds the contacts of a state and keeps them on the model for the integrators."""

from engine.capture import NotRecorded, recording_of
from engine.taping import NotTaped
from sim.collide.body_arrays import body_state
from sim.collide.particle_contacts import ParticleContacts
from sim.collide.rigid_contacts import RigidContacts
from sim.collide.shapes import ShapePlacement
from sim.collide.start_overlaps import sort_out
from sim.device_arrays import on_model_device


@on_model_device
def collide(model, state, *, horizon: float = 0.0, particles: bool = True, bodies: bool = True) -> None:
    """Finds candidate contacts of particles and rigid shapes.

    Particle candidates stay valid until a particle has moved farther than `model.soft_contact_margin` relative to a
    shape, so once a frame is usually enough; `horizon` widens the margin by what each particle travels meanwhile.
    The integrators detect rigid contacts themselves in every step, so their age does not matter here.

    Args:
        model: The model; contacts are stored in `model.particle_contacts` and `model.rigid_contacts`.
        state: Positions and velocities to test.
        horizon: Time until the next call [s].
        particles: Whether to look for particle contacts.
        bodies: Whether to look for rigid contacts.
    """
    if not model.shape_count:
        return
    placement = shape_placement(model)
    body_q, _ = body_state(model, state)
    placement.refresh(model, body_q)
    if particles and model.particle_count:
        contacts = particle_contacts(model)
        if contacts.enabled_count:
            contacts.find(model, state, placement, body_q, model.soft_contact_margin, horizon)
    if bodies and model.body_count:
        contacts = rigid_contacts(model, state)
        if contacts.pair_count:
            contacts.find(model, placement, body_q, float(model.rigid_contact_margin))


@on_model_device
def collide_in_step(model, state, dt: float = 0.0, *, by_body: bool = True, carry: bool = True) -> None:
    """Finds the rigid contacts of a step of `dt` [s], for the integrators; flags as in `RigidContacts.find`.

    Only what touches now matters, so the margin is a twentieth of the smallest shape instead of
    `model.rigid_contact_margin`: several times fewer pairs and points.
    """
    contacts = rigid_contacts(model, state)
    if contacts.pair_count:
        placement = shape_placement(model)
        placement.refresh(model, state.body_q)
        margin = min(float(model.rigid_contact_margin), contacts.step_margin)
        contacts.find(model, placement, state.body_q, margin, dt, by_body=by_body, carry=carry)


def shape_placement(model) -> ShapePlacement:
    """The model's shape frames and bounds, created on first use."""
    if getattr(model, "shape_placement", None) is None:
        with NotRecorded():
            model.shape_placement = ShapePlacement(model)
    return model.shape_placement


def particle_contacts(model) -> ParticleContacts:
    """The model's particle contact table, created on first use."""
    if getattr(model, "particle_contacts", None) is None:
        with NotRecorded():
            model.particle_contacts = ParticleContacts(model)
    return model.particle_contacts


def rigid_contacts(model, state=None) -> RigidContacts:
    """The model's rigid contact table, created on first use, when what overlaps in `state` is sorted out."""
    if getattr(model, "rigid_contacts", None) is None:
        grow = recording_of(model.device) is None
        with NotRecorded(), NotTaped():
            contacts = RigidContacts(model)
            while state is not None and contacts.pair_count:
                placement, (body_q, _) = shape_placement(model), body_state(model, state)
                placement.refresh(model, body_q)
                if not sort_out(model, contacts, placement, body_q, grow=grow):
                    break
                contacts = RigidContacts(model)
        model.rigid_contacts = contacts
    return model.rigid_contacts
