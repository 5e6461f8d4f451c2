"""How friction of two shapes combines: a box slides over a floor and slows down by mu g."""

import pytest

from sim import FeatherstoneIntegrator, ModelBuilder, SemiImplicitIntegrator, SimError, XPBDIntegrator

G, DT, SPEED = 10.0, 1.0 / 1000, 4.0
BOX, FLOOR = 0.2, 0.6
INTEGRATORS = {
    "semi-implicit": lambda: SemiImplicitIntegrator(angular_damping=0.0),
    "xpbd": lambda: XPBDIntegrator(iterations=2, angular_damping=0.0),
    "featherstone": FeatherstoneIntegrator,
}


def sliding(say) -> ModelBuilder:
    """A box (shape 0) on a floor (shape 1), to which ``say(builder)`` adds rules."""
    builder = ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(origin=((0.0, 0.05, 0.0), (0.0, 0.0, 0.0, 1.0)), linear_velocity=(SPEED, 0.0, 0.0))
    builder.add_shape_box(body, hx=0.5, hy=0.05, hz=0.5, density=100.0, mu=BOX)
    builder.add_shape_plane(width=0.0, length=0.0, mu=FLOOR)
    say(builder)
    return builder


def slowed_by(builder, integrator: str, steps: int = 200) -> float:
    """Coefficient of friction that the box's loss of speed means."""
    model = builder.finalize()
    now, after, solver = model.state(), model.state(), INTEGRATORS[integrator]()
    for _ in range(steps):
        solver.simulate(model, now, after, DT)
        now, after = after, now
    return (SPEED - float(now.body_qd.numpy()[0, 3])) / (G * DT * steps)


RULES = {
    "average": (lambda b: None, 0.4),
    "min": (lambda b: b.set_shape_friction_rule(0, "min"), 0.2),
    "multiply": (lambda b: b.set_shape_friction_rule(1, "multiply"), 0.12),
    "max": (lambda b: b.set_shape_friction_rule(0, "max"), 0.6),
    "the later one of two": (
        lambda b: (b.set_shape_friction_rule(0, "multiply"), b.set_shape_friction_rule(1, "min")), 0.12
    ),
    "higher priority": (lambda b: b.set_shape_friction_rule(0, "max", priority=2), 0.2),
    "lower priority": (lambda b: b.set_shape_friction_rule(0, "max", priority=-1), 0.6),
    "one frictionless": (lambda b: b.set_shape_friction_rule(0, "max", frictionless=True), 0.6),
    "both frictionless": (
        lambda b: [b.set_shape_friction_rule(s, "max", frictionless=True) for s in (0, 1)], 0.0
    ),
    "frictionless by priority": (lambda b: b.set_shape_friction_rule(0, priority=1, frictionless=True), 0.0),
    "a pair": (lambda b: b.add_friction_pair(1, 0, 0.3), 0.3),
    "a pair before priority": (
        lambda b: (b.set_shape_friction_rule(0, priority=1), b.add_friction_pair(0, 1, 0.3)), 0.3
    ),
    "the last of two pairs": (lambda b: [b.add_friction_pair(0, 1, mu) for mu in (0.5, 0.1)], 0.1),
}  # fmt: skip


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize(("say", "mu"), RULES.values(), ids=RULES)
def test_a_box_slows_down_by_the_coefficient_of_the_pair(integrator, say, mu):
    assert slowed_by(sliding(say), integrator) == pytest.approx(mu, abs=0.01)


@pytest.mark.parametrize("integrator", ["semi-implicit", "xpbd"])
def test_copies_keep_rules_and_pairs(integrator):
    one = sliding(lambda b: (b.set_shape_friction_rule(1, "max"), b.add_friction_pair(0, 1, 0.3)))
    builder = ModelBuilder(gravity=-G)
    builder.ground = False
    builder.add_builder(sliding(lambda b: None))
    builder.replicate(one, 2)
    model = builder.finalize()
    assert model.friction_rules.rule.numpy().tolist() == [0, 0, 0, 3, 0, 3]
    now, after, solver = model.state(), model.state(), INTEGRATORS[integrator]()
    for _ in range(100):
        solver.simulate(model, now, after, DT)
        now, after = after, now
    lost = (SPEED - now.body_qd.numpy()[:, 3]) / (G * DT * 100)
    assert lost == pytest.approx([0.4, 0.3, 0.3], abs=0.01)


@pytest.mark.parametrize(
    "say",
    [
        lambda b: b.set_shape_friction_rule(5, "max"),
        lambda b: b.set_shape_friction_rule(0, "largest"),
        lambda b: b.set_shape_friction_rule(0, priority=0.5),
        lambda b: b.add_friction_pair(0, 9, 0.5),
        lambda b: b.add_friction_pair(0, 1, -0.5),
        lambda b: b.add_friction_pair(0, 1, float("nan")),
    ],
)
def test_what_makes_no_rule_is_refused(say):
    with pytest.raises(SimError):
        sliding(say)
