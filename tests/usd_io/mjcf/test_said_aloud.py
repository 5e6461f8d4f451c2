"""What a model says and the simulation does otherwise is said aloud; what would never end is refused."""

import pytest

from usd_io import SceneError, read_scene

BODY = '<body><joint name="j" {}/><geom size=".1"/></body>'


def read(tmp_path, body: str, rest: str = ""):
    file = tmp_path / "model.xml"
    file.write_text(f"<mujoco><worldbody>{body}</worldbody>{rest}</mujoco>")
    return read_scene(file)


@pytest.mark.parametrize(
    ("joint", "rest", "said"),
    [
        ('springdamper="0.2 0.5"', "", "damping ratio"),
        ("", '<actuator><position joint="j" kp="4" forcerange="0 4"/></actuator>', "uneven force range"),
        ("", '<equality><joint joint1="j" joint2="j"/></equality>', "to itself"),
        ('stiffness="1 2"', "", "linear part"),
        ('margin=".1"', "", "margins of joint limits"),
        ("", '<extension><plugin plugin="mujoco.elasticity.cable"/></extension>', "plugins"),
        ("", '<tendon><fixed><joint joint="j" coef="1"/></fixed></tendon>', "tendons"),
        ("", '<sensor><jointpos joint="j"/><jointvel joint="j"/></sensor>', "sensors"),
        ("", '<deformable><flex name="f" dim="1" body="b b" element="0 1"/></deformable>', "deformables"),
        ('type="ball" frictionloss=".1"', "", "along the parent's axes"),
    ],
)
def test_a_warning_names_it(tmp_path, joint, rest, said):
    assert any(said in warning.message for warning in read(tmp_path, BODY.format(joint), rest).warnings)


@pytest.mark.parametrize(("condim", "times"), [(1, 0), (3, 0), (4, 1), (6, 1)])
def test_friction_against_spin_is_named_once(tmp_path, condim, times):
    geoms = f'<geom size=".1" condim="{condim}"/>' * 3
    said = [w for w in read(tmp_path, f"<body><freejoint/>{geoms}</body>").warnings if "condim" in w.message]
    assert len(said) == times


def test_even_force_ranges_are_taken_without_a_word(tmp_path):
    rest = '<actuator><position joint="j" kp="4" forcerange="-4 4"/></actuator>'
    assert not read(tmp_path, BODY.format(""), rest).warnings


@pytest.mark.parametrize("inside", ['<site name="s"/>', '<geom size=".1"/>'])
def test_replicas_of_replicas_are_refused_before_they_fill_the_memory(tmp_path, inside):
    copies = '<replicate count="10000">' * 3 + inside + "</replicate>" * 3
    with pytest.raises(SceneError, match="fewer replicas"):
        read(tmp_path, copies)


def test_trees_may_be_deeper_than_pythons_stack(tmp_path):
    n = 1500
    record = read(tmp_path, '<body><joint/><geom size=".1"/>' * n + "</body>" * n)
    assert len(record.bodies) == len(record.joints) == n
    assert [j.parent_path for j in record.joints[1:]] == [b.path for b in record.bodies[:-1]]
