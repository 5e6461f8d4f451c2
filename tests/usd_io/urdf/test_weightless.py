"""Links without mass: they cannot move freely, and are no hindrance within a chain."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import rotation_matrix
from usd_io import SceneError, emit, read_urdf

INERTIAL = '<inertial><origin xyz="{0} 0 0"/><mass value="2"/><inertia ixx=".02" iyy=".02" izz=".02"/></inertial>'
NO_MASS = '<inertial><mass value="0"/><inertia ixx="1" iyy="1" izz="1"/></inertial>'
INTEGRATORS = {
    "xpbd": lambda: sim.XPBDIntegrator(),
    "semi-implicit": lambda: sim.SemiImplicitIntegrator(angular_damping=0.0),
    "featherstone": lambda: sim.FeatherstoneIntegrator(),
}


def link(name: str, inside: str = "") -> str:
    return f'<link name="{name}">{inside}</link>\n'


def joint(kind: str, parent: str, child: str, axis: str = "0 1 0") -> str:
    return (
        f'<joint name="{parent}_{child}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<axis xyz="{axis}"/></joint>\n'
    )


@pytest.fixture
def read(tmp_path):
    def read(*parts: str, **options):
        path = tmp_path / "robot.urdf"
        path.write_text('<robot name="r">\n' + "".join(parts) + "</robot>")
        return read_urdf(path, **options)

    return read


def moved(scene, name: str, seconds: float = 0.5) -> dict[str, np.ndarray]:
    """Places [m] and turns of all bodies by the last parts of their paths, after a while without a ground."""
    builder = sim.ModelBuilder()
    bindings = emit(scene, builder)
    model = builder.finalize()
    bindings.configure(model)
    now, after, dt = model.state(), model.state(), 1e-3
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    integrator = INTEGRATORS[name]()
    for _ in range(round(seconds / dt)):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
    places = now.body_q.numpy()
    return {each.path.rsplit("/", 1)[-1]: places[each.index] for each in bindings.bodies}


@pytest.mark.parametrize("inside", ["", NO_MASS], ids=["no inertial", "zero mass"])
def test_a_floating_root_without_mass_is_refused_by_file_line_and_link(read, inside):
    parts = link("base", inside), link("arm", INERTIAL.format(0.5)), joint("continuous", "base", "arm")
    with pytest.raises(SceneError, match=r"robot\.urdf:2 .*'base' shall float .*mass value=.*leave --floating out"):
        read(*parts, floating_base=True)
    record = read(*parts)
    assert record.joints[0].kind == "fixed"
    (warning,) = (text for text in map(str, record.warnings) if "'base'" in text)
    assert "robot.urdf:2" in warning and "has no mass" in warning and "--floating" not in warning


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_root_without_mass_floats_with_the_mass_fixed_to_it(read, name):
    parts = link("base"), link("frame"), link("trunk", INERTIAL.format(0.0))
    scene = read(*parts, joint("fixed", "base", "frame"), joint("fixed", "frame", "trunk"), floating_base=True)
    assert scene.joints[0].kind == "free"
    places = moved(scene, name)
    for part in ("base", "frame", "trunk"):
        assert places[part][2] == pytest.approx(-0.5 * 9.81 * 0.25, rel=0.01)


def test_a_floating_joint_of_a_link_without_mass_is_taken_as_fixed(read):
    parts = link("base", INERTIAL.format(0.0)), link("frame"), link("arm", INERTIAL.format(0.5))
    arm = joint("continuous", "frame", "arm")
    scene = read(*parts, joint("floating", "base", "frame"), arm)
    assert [each.kind for each in scene.joints] == ["fixed", "fixed", "axes"]
    assert any("'base_frame' is taken as fixed" in text and "robot.urdf:" in text for text in map(str, scene.warnings))
    heavy = link("frame", INERTIAL.format(0.0))
    assert read(parts[0], heavy, parts[2], joint("floating", "base", "frame"), arm).joints[1].kind == "free"


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_link_without_mass_between_two_hinges_makes_them_one_joint(read, name):
    """Only the second hinge is asked to turn: the bob swings as on one hinge (a compound pendulum, by scipy)."""
    from scipy.integrate import solve_ivp

    parts = link("base"), link("cross"), link("bob", INERTIAL.format(0.5))
    scene = read(*parts, joint("continuous", "base", "cross", "0 0 1"), joint("continuous", "cross", "bob"))
    q = moved(scene, name)["bob"]
    x, _, z = rotation_matrix(q[3:])[:, 0]
    about = 0.02 + 2.0 * 0.5**2
    swing = solve_ivp(lambda _, y: [y[1], 2.0 * 9.81 * 0.5 * np.cos(y[0]) / about], (0, 0.5), [0, 0], rtol=1e-9)
    assert np.arctan2(-z, x) == pytest.approx(swing.y[0, -1], rel=0.01)
    assert np.abs(q[:3]).max() < 2e-3


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_slider_on_a_rail_without_mass_only_slides(read, name):
    """The rail is drawn and held, the pole on it balances: no energy from nowhere."""
    cart, pole = link("cart", INERTIAL.format(0.0)), link("pole", INERTIAL.format(0.5))
    scene = read(link("rail", NO_MASS), cart, pole, joint("prismatic", "rail", "cart", "1 0 0").replace(
        "</joint>", '<limit lower="-9" upper="9" effort="9" velocity="9"/></joint>'), joint("continuous", "cart", "pole"))  # fmt: skip
    places = moved(scene, name)
    assert not places["rail"][:3].any()
    assert abs(places["cart"][2]) < 2e-3 and places["cart"][0] > 0.05
