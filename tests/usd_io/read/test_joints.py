"""UsdPhysics joints: frames under scale, units, limits, drives, directions, trees, and the motion that comes out."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import rotation_matrix
from usd_io import SceneError, emit

SCENE = """
def PhysicsScene "scene" {{
    vector3f physics:gravityDirection = (0, 0, -1)
    float physics:gravityMagnitude = {g}
}}
"""


def body(name, x=0.0, z=0.0, scale=1.0, more="", schemas=""):
    return f"""
def Xform "{name}" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"{schemas}]) {{
    double3 xformOp:translate = ({x}, 0, {z})
    float3 xformOp:scale = ({scale}, {scale}, {scale})
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    float physics:mass = 1
    float3 physics:diagonalInertia = (0.1, 0.1, 0.1)
    {more}
}}
"""


def joint(kind, *lines, parent=None, child="B", name="J", schemas=""):
    ends = [f"rel physics:body{i} = </{end}>" for i, end in enumerate((parent, child)) if end]
    api = f"(prepend apiSchemas = [{schemas}])" if schemas else ""
    return f'def {kind} "{name}" {api} {{\n' + "\n".join([*ends, *lines]) + "\n}\n"


@pytest.fixture
def read(read_text):
    def read(text, *, gravity=9.81, **stage):
        return read_text(SCENE.format(g=gravity) + text.replace("; ", "\n"), up="Z", **stage)

    return read


def built(scene):
    """Model of a scene, with its joint coordinates measured."""
    builder = sim.ModelBuilder()
    bindings = emit(scene, builder)
    model = builder.finalize()
    bindings.configure(model)
    return model, bindings


def simulated(model, seconds, dt=1e-3):
    now, after, integrator = model.state(), model.state(), sim.FeatherstoneIntegrator()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for _ in range(round(seconds / dt)):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
    return now


def test_revolute_joint_reads_axis_limits_in_degrees_and_frames(read):
    scene = read(
        body("A") + body("B", x=2.0)
        + joint(
            "PhysicsRevoluteJoint", 'uniform token physics:axis = "Z"', "float physics:lowerLimit = -90",
            "float physics:upperLimit = 45", "point3f physics:localPos0 = (1, 0, 0)",
            "point3f physics:localPos1 = (-1, 0, 0)", "quatf physics:localRot1 = (0.7071068, 0, 0, 0.7071068)", parent="A",
        )
    )  # fmt: skip
    (record,) = scene.joints
    assert (record.kind, record.parent_path, record.child_path) == ("axes", "/A", "/B")
    (axis,) = record.axes
    assert axis.kind == "angular" and axis.axis.tolist() == [0.0, 0.0, 1.0]
    assert (axis.lower, axis.upper) == (pytest.approx(-np.pi / 2), pytest.approx(np.pi / 4))
    assert np.allclose(record.X_pj, [1, 0, 0, 0, 0, 0, 1])
    assert np.allclose(record.X_cj, [-1, 0, 0, 0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-6)


def test_frames_are_in_the_scaled_space_of_the_prim_they_name(read):
    scene = read(
        body("A", scale=2.0)
        + body("B", x=3.0, scale=0.5, more='def Xform "grip" { double3 xformOp:translate = (2, 0, 0); uniform token[] xformOpOrder = ["xformOp:translate"] }')
        + 'def PhysicsFixedJoint "J" { rel physics:body0 = </A>\n rel physics:body1 = </B/grip>\n'
        "point3f physics:localPos0 = (1, 0, 0)\n point3f physics:localPos1 = (1, 0, 0) }\n",
        meters=0.01,
    )  # fmt: skip
    (record,) = scene.joints
    assert record.child_path == "/B"
    assert np.allclose(record.X_pj[:3], [0.02, 0, 0])
    assert np.allclose(record.X_cj[:3], [(2 + 1) * 0.5 * 0.01, 0, 0])


def test_drive_gains_are_per_degree_in_stage_units(read):
    drive = (
        "float drive:angular:physics:stiffness = 2", "float drive:angular:physics:damping = 0.5",
        "float drive:angular:physics:targetPosition = 90", "float drive:angular:physics:targetVelocity = 180",
        "float drive:angular:physics:maxForce = 7",
    )  # fmt: skip
    text = body("B") + joint("PhysicsRevoluteJoint", *drive, schemas='"PhysicsDriveAPI:angular"')
    (axis,) = read(text, meters=0.01, more="kilogramsPerUnit = 0.001").joints[0].axes
    unit = 0.001 * 0.01**2  # kg m^2/s^2 for one of the stage's torques
    assert axis.drive.stiffness == pytest.approx(2 * unit * 180 / np.pi)
    assert axis.drive.damping == pytest.approx(0.5 * unit * 180 / np.pi)
    assert axis.drive.target == pytest.approx(np.pi / 2)
    assert axis.drive.target_velocity == pytest.approx(np.pi)
    assert axis.drive.max_force == pytest.approx(7 * unit)


def test_an_acceleration_drive_counts_per_inertia(read):
    drive = ('token drive:angular:physics:type = "acceleration"', "float drive:angular:physics:stiffness = 2")
    text = body("B") + joint("PhysicsRevoluteJoint", *drive, schemas='"PhysicsDriveAPI:angular"')
    model, _ = built(read(text))
    assert model.joint_target_ke.numpy()[0] == pytest.approx(2 * 180 / np.pi * 0.1)


def test_a_joint_that_starts_bent_starts_bent(read):
    """Joint coordinates are what the bodies' poses mean: here B is turned by 30 degrees about z against A."""
    turned = (
        'def Xform "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) { float physics:mass = 1\n'
        'float xformOp:rotateZ = 30\n uniform token[] xformOpOrder = ["xformOp:rotateZ"]\n'
        "vector3f physics:angularVelocity = (0, 0, 90) }\n"
    )
    fixed = joint("PhysicsFixedJoint", child="A", name="hold")
    model, _ = built(
        read(body("A") + turned + fixed + joint("PhysicsRevoluteJoint", 'uniform token physics:axis = "Z"', parent="A"))
    )
    assert model.joint_q.numpy().tolist() == pytest.approx([np.pi / 6])
    assert model.joint_qd.numpy().tolist() == pytest.approx([np.pi / 2])


def test_a_joint_named_from_tip_to_root_is_turned_round(read):
    limits = ("float physics:lowerLimit = -10", "float physics:upperLimit = 90", 'uniform token physics:axis = "Y"')
    hold = joint("PhysicsFixedJoint", child="A", name="hold")
    forth = read(body("A") + body("B", x=1.0) + hold + joint("PhysicsRevoluteJoint", *limits, "point3f physics:localPos1 = (-1, 0, 0)", parent="A"))  # fmt: skip
    back = read(body("A") + body("B", x=1.0) + hold + joint("PhysicsRevoluteJoint", *limits, "point3f physics:localPos0 = (-1, 0, 0)", parent="B", child="A"))  # fmt: skip
    ends = []
    for scene, sign in ((forth, 1.0), (back, -1.0)):
        model, _ = built(scene)
        assert scene.warnings == []
        state = simulated(model, 2.0)
        ends.append(sign * float(state.joint_q.numpy()[0]))
    # B falls about +y by 90 degrees; named the other way round the same fall is negative, and stops at -10.
    assert ends[0] == pytest.approx(np.pi / 2, abs=0.1)
    assert ends[1] == pytest.approx(np.radians(10), abs=0.1)


def test_pendulum_swings_with_its_period(read):
    """A body of 1 kg at 1 m with 0.1 kg m^2: from 0.2 rad, through the bottom after a quarter period."""
    text = body("B", x=np.sin(0.2), z=-np.cos(0.2)) + joint(
        "PhysicsRevoluteJoint", 'uniform token physics:axis = "Y"',
        f"point3f physics:localPos1 = ({-np.sin(0.2)}, 0, {np.cos(0.2)})",
    )  # fmt: skip
    model, _ = built(read(text))
    period = 2 * np.pi * np.sqrt(1.1 / 9.81) * (1 + 0.2**2 / 16)
    state = simulated(model, period / 4, dt=period / 4000)
    assert state.body_q.numpy()[0, 0] == pytest.approx(0.0, abs=2e-3)
    assert state.body_q.numpy()[0, 2] == pytest.approx(-1.0, abs=1e-4)


def test_generic_joint_locks_what_low_above_high_says(read):
    def limit(dof, low, high):
        return f"float limit:{dof}:physics:low = {low}", f"float limit:{dof}:physics:high = {high}"

    locked = [line for dof in ("transX", "transY", "rotX", "rotY") for line in limit(dof, 1, -1)]
    schemas = ", ".join(f'"PhysicsLimitAPI:{d}"' for d in ("transX", "transY", "transZ", "rotX", "rotY"))
    (record,) = read(body("B") + joint("PhysicsJoint", *locked, *limit("transZ", -0.5, 2), schemas=schemas)).joints
    assert [(a.kind, a.axis.tolist(), a.lower, a.upper) for a in record.axes] == [
        ("linear", [0, 0, 1], -0.5, 2.0),
        ("angular", [0, 0, 1], None, None),
    ]


def test_generic_joints_with_free_rotations_have_no_singularity(read):
    locked = [f"float limit:{d}:physics:{e} = {v}" for d in ("transX", "transY", "transZ") for e, v in (("low", 1), ("high", -1))]  # fmt: skip
    assert read(body("B") + joint("PhysicsJoint", *locked)).joints[0].kind == "ball"
    assert read(body("B") + joint("PhysicsJoint")).joints[0].kind == "free"


def test_a_chain_without_a_joint_to_the_world_floats_on_its_articulation_root(read):
    text = (
        body("A")
        + body("B", x=1.0, schemas=', "PhysicsArticulationRootAPI"')
        + joint("PhysicsRevoluteJoint", parent="A")
    )
    builder = sim.ModelBuilder()
    emit(read(text), builder)
    assert builder.joint_type.view.tolist() == [sim.JOINT_FREE, sim.JOINT_REVOLUTE]
    assert [builder.body_name[i] for i in builder.joint_child.view] == ["/B", "/A"]


def test_a_kinematic_body_holds_what_is_joined_to_it(read):
    text = body("A", more="bool physics:kinematicEnabled = true") + body("B", x=1.0) + joint("PhysicsFixedJoint", "point3f physics:localPos0 = (1, 0, 0)", parent="A")  # fmt: skip
    model, _ = built(read(text))
    assert np.allclose(simulated(model, 0.2).body_q.numpy()[:, :3], [[0, 0, 0], [1, 0, 0]], atol=1e-6)


def test_a_joint_that_closes_a_loop_comes_last(read):
    text = body("A") + body("B") + joint("PhysicsFixedJoint", child="A", name="one")
    text += joint("PhysicsRevoluteJoint", parent="A", name="two") + joint("PhysicsRevoluteJoint", name="three")
    scene = read(text)
    builder = sim.ModelBuilder()
    emit(scene, builder)
    assert builder.joint_name[-1] in ("/two", "/three")
    trees = builder.finalize().kinematic_trees
    assert trees.loops.tolist() == [2]


def test_of_a_circle_the_joint_without_drive_closes_it(read):
    text = body("A") + body("B")
    text += joint("PhysicsRevoluteJoint", parent="A", name="plain") + joint("PhysicsFixedJoint", child="A", name="one")
    text += joint(
        "PhysicsRevoluteJoint", "float drive:angular:physics:stiffness = 3", name="driven",
        schemas='"PhysicsDriveAPI:angular"',
    )  # fmt: skip
    builder = sim.ModelBuilder()
    emit(read(text), builder)
    assert builder.joint_name[-1] != "/driven"
    assert builder.joint_count == 3


def test_a_joint_that_is_excluded_from_articulations_closes_a_loop(read):
    text = body("A") + joint("PhysicsRevoluteJoint", "bool physics:excludeFromArticulation = true", child="A")
    builder = sim.ModelBuilder()
    emit(read(text), builder)
    assert [int(kind) for kind in builder.joint_type] == [sim.JOINT_FREE, sim.JOINT_REVOLUTE]


def test_the_cone_of_a_spherical_joint_is_read_about_any_axis(read):
    text = body("B") + joint(
        "PhysicsSphericalJoint",
        'token physics:axis = "Y"\nfloat physics:coneAngle0Limit = 30\nfloat physics:coneAngle1Limit = 60',
    )
    record = read(text).joints[0]
    # Towards the axis after Y, which is Z: about -X; the record has the cone about x, y then being Z and z being X.
    assert np.allclose(np.degrees(record.cone), [60.0, 30.0])
    turned = rotation_matrix(record.X_pj[3:])
    assert np.allclose(turned[:, 0], [0, 1, 0])
    assert np.allclose(turned[:, 1], [0, 0, 1])


@pytest.mark.parametrize(
    ("text", "coef"),
    [
        ("rel newton:mimicJoint = </one>\nfloat newton:mimicCoef1 = 2\nfloat newton:mimicCoef0 = 90", (np.pi / 2, 2.0)),
        (
            "rel physxMimicJoint:rotX:referenceJoint = </one>\nfloat physxMimicJoint:rotX:gearing = -2\n"
            "float physxMimicJoint:rotX:offset = -90",
            (np.pi / 2, 2.0),
        ),
        ("rel mjc:target = </one>\ndouble mjc:coef0 = 0.5\ndouble mjc:coef2 = 3", (0.5, 1.0, 3.0, 0.0, 0.0)),
    ],
)
def test_coupled_joints_of_other_programs_are_read(read, text, coef):
    scene = read(
        body("A") + body("B") + joint("PhysicsRevoluteJoint", child="A", name="one")
        + joint("PhysicsRevoluteJoint", text, name="two")
    )  # fmt: skip
    assert [e.axes for e in scene.equalities] == [(("/two", 0), ("/one", 0))]
    assert np.allclose(scene.equalities[0].coef, coef)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (joint("PhysicsFixedJoint", child=None), "without a rigid body"),
        (joint("PhysicsFixedJoint", parent="B"), "both ends"),
        (joint("PhysicsFixedJoint", parent="Nobody"), "does not exist"),
        (joint("PhysicsRevoluteJoint", "float physics:breakForce = 10"), "breakForce"),
    ],
)
def test_what_is_not_simulated_is_named(read, text, said):
    assert any(said in w.message and w.path == "/J" for w in read(body("B") + text).warnings)


def test_collision_between_the_ends_is_off_unless_enabled(read):
    for enabled in ("false", "true"):
        text = (
            body("A") + body("B") + joint("PhysicsFixedJoint", f"bool physics:collisionEnabled = {enabled}", parent="A")
        )
        assert read(text).joints[0].filter_collision == (enabled == "false")


def test_armature_and_friction_of_other_programs_are_taken(read):
    extra = ("float physxJoint:armature = 0.3", "float newton:friction = 0.2")
    (axis,) = read(body("B") + joint("PhysicsRevoluteJoint", *extra)).joints[0].axes
    assert (axis.armature, axis.friction) == (pytest.approx(0.3), pytest.approx(0.2))


def test_limits_that_are_no_numbers_are_refused(read):
    with pytest.raises(SceneError, match=r"</J> physics:lowerLimit"):
        read(body("B") + joint("PhysicsRevoluteJoint", "float physics:lowerLimit = nan"))


@pytest.mark.parametrize("name", ["physxArticulation:enabledSelfCollisions", "newton:selfCollisionEnabled"])
@pytest.mark.parametrize("enabled", [False, True])
def test_self_collisions_of_an_articulation_can_be_switched_off(read, name, enabled):
    text = body("A", more=f"bool {name} = {str(enabled).lower()}", schemas=', "PhysicsArticulationRootAPI"')
    text += body("B") + body("C") + body("D")
    text += joint("PhysicsRevoluteJoint", parent="A", child="B", name="one")
    text += joint("PhysicsRevoluteJoint", parent="B", child="C", name="two")
    pairs = read(text).filtered_pairs
    assert set(pairs) == (set() if enabled else {("/A", "/B"), ("/A", "/C"), ("/B", "/C")})


def test_axes_that_cannot_be_turned_round_are_left_out_by_name(read):
    """A joint from a body to the world with two turning axes: the other way round they would turn in another order."""
    free = ("float limit:{}:physics:low = -30", "float limit:{}:physics:high = 30")
    lines = [line.format(axis) for axis in ("rotX", "rotY") for line in free]
    schemas = ", ".join(f'"PhysicsLimitAPI:{axis}"' for axis in ("rotX", "rotY"))
    scene = read(body("B") + joint("PhysicsJoint", *lines, parent="B", child=None, schemas=schemas))
    model, bindings = built(scene)
    assert "/J" not in bindings.joints and model.body_count == 1
    assert any(w.path == "/J" and "other way round" in w.message for w in scene.warnings)


@pytest.mark.parametrize("name", ["physics:lowerLimit", "physics:breakForce"])
def test_limits_that_are_texts_are_refused(read, name):
    with pytest.raises(SceneError, match=rf"</J> {name}: got .*; expected a number"):
        read(body("B") + joint("PhysicsRevoluteJoint", f'string {name} = "4"'))
