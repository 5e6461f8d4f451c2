"""Records arrive in the model builder with the right indices, masses and parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import sim
from usd_io import emit, read_usd

BODY = 'prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]'
STATIC = 'prepend apiSchemas = ["PhysicsCollisionAPI"]'
CLOTH = 'prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsSurfaceDeformableSimAPI"]'
SOFT = 'prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsVolumeDeformableSimAPI"]'
SQUARES = """point3f[] points = [(0,0,0),(1,0,0),(2,0,0),(0,1,0),(1,1,0),(2,1,0)]
    int[] faceVertexCounts = [4, 4]
    int[] faceVertexIndices = [0,1,4,3, 1,2,5,4]
"""


@pytest.fixture
def build(read_text):
    """Reads prim text and emits it: (scene, builder, bindings)."""

    def run(body: str, **stage):
        scene = read_text(body, **stage)
        builder = sim.ModelBuilder()
        return scene, builder, emit(scene, builder)

    return run


def test_world_bodies_and_shapes(build):
    _, builder, bindings = build(
        f"""
def PhysicsScene "P" {{ vector3f physics:gravityDirection = (1, 0, 0)
    float physics:gravityMagnitude = 300 }}
def Plane "Floor" ({STATIC}) {{ uniform token axis = "Z" }}
def Cylinder "A" ({BODY}) {{
    uniform token axis = "X"
    double radius = 10
    double height = 40
    vector3f physics:velocity = (0, 100, 0)
    double3 xformOp:translate = (0, 0, 50)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}}
def Sphere "K" ({BODY}) {{ bool physics:kinematicEnabled = 1 }}""",
        meters=0.01,
        up="Z",
    )
    assert builder.up_vector * builder.gravity == pytest.approx([3.0, 0.0, 0.0]) and not builder.ground
    assert (bindings.body_index("/A"), bindings.body_index("/K")) == (0, 1)
    assert bindings.body_name(1) == "/K" and bindings.shapes.keys() == {"/Floor", "/A", "/K"}
    assert builder.body_mass[0] == pytest.approx(1000 * np.pi * 0.01 * 0.4, rel=1e-5)
    np.testing.assert_allclose(builder.body_qd[0], [0, 0, 0, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(builder.body_q[0][:3], [0, 0, 0.5], atol=1e-7)
    floor = bindings.shapes["/Floor"]
    normal = Rotation.from_quat(builder.shape_transform[floor][3:]).apply([0, 1, 0])
    np.testing.assert_allclose(normal, [0, 0, 1], atol=1e-6)
    assert builder.shape_body[floor] == -1 and builder.shape_body[bindings.shapes["/A"]] == 0
    model = builder.finalize()
    bindings.configure(model)
    np.testing.assert_allclose(model.gravity, [3.0, 0.0, 0.0], atol=1e-6)
    assert model.soft_contact_ke == bindings.model_parameters["soft_contact_ke"]


@pytest.mark.parametrize("axis", "XYZ")
@pytest.mark.parametrize("kind", ["Capsule", "Cylinder", "Cone"])
def test_axis_of_round_shapes(build, kind, axis):
    _, builder, bindings = build(f'def {kind} "A" ({BODY}) {{ uniform token axis = "{axis}" }}')
    rotation = Rotation.from_quat(builder.shape_transform[bindings.shapes["/A"]][3:])
    np.testing.assert_allclose(rotation.apply([0, 1, 0]), np.eye(3)["XYZ".index(axis)], atol=1e-6)


def test_friction_restitution_and_overrides(build):
    _, builder, bindings = build(
        f"""
def Sphere "A" ({BODY}) {{ rel material:binding:physics = </M> }}
def Sphere "B" ({BODY}) {{ custom float simrun:ke = 5
    custom float simrun:kd = 6
    custom float simrun:kf = 7 }}
def Material "M" (prepend apiSchemas = ["PhysicsMaterialAPI"]) {{
    float physics:dynamicFriction = 0.2
    float physics:staticFriction = 0.7
    float physics:restitution = 0.9
}}"""
    )
    a, b = bindings.shapes["/A"], bindings.shapes["/B"]
    assert builder.shape_material_mu[a] == pytest.approx(0.2)
    assert builder.shape_material_restitution[a] == pytest.approx(0.9)
    assert (builder.shape_material_ke[b], builder.shape_material_kd[b], builder.shape_material_kf[b]) == (5, 6, 7)
    assert builder.shape_material_mu[b] == pytest.approx(0.5)


def test_default_contact_scales_with_weight_over_size(build):
    def ke(radius):
        _, builder, bindings = build(f'def Sphere "A" ({BODY}) {{ double radius = {radius} }}')
        return float(builder.shape_material_ke[bindings.shapes["/A"]])

    assert ke(2.0) / ke(1.0) == pytest.approx(4.0, rel=1e-4)


def test_filtered_pairs_and_groups_become_shape_pairs(build):
    _, builder, bindings = build(
        f"""
def Xform "A" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsFilteredPairsAPI"]) {{
    rel physics:filteredPairs = </B>
    def Sphere "One" ({STATIC}) {{}}
    def Sphere "Two" ({STATIC}) {{}}
}}
def Sphere "B" ({BODY}) {{}}
def Sphere "C" ({BODY}) {{}}
def PhysicsCollisionGroup "G" (prepend apiSchemas = ["CollectionAPI:colliders"]) {{
    rel collection:colliders:includes = [</B>, </C>]
    rel physics:filteredGroups = </G>
}}"""
    )
    s = bindings.shapes
    expected = {frozenset(p) for p in [(s["/A/One"], s["/B"]), (s["/A/Two"], s["/B"]), (s["/B"], s["/C"])]}
    got = {frozenset(map(int, p)) for p in builder.shape_collision_filter_pairs}
    assert expected <= got


MATERIAL = """
def Material "M" (prepend apiSchemas = ["PhysicsSurfaceDeformableMaterialAPI", "PhysicsVolumeDeformableMaterialAPI"]) {
    float physics:youngsModulus = 1000
    float physics:poissonsRatio = 0.25
    float physics:density = 200
    float physics:surfaceThickness = 0.01
}
"""


def test_cloth_parameters_follow_plate_theory(build):
    E, nu, h, rho = 1000.0, 0.25, 0.01, 200.0
    _, builder, bindings = build(
        f'def Mesh "C" ({CLOTH}) {{ {SQUARES} rel material:binding:physics = </M> }}' + MATERIAL
    )
    binding = bindings.particles[0]
    assert (binding.path, binding.kind, binding.start, binding.count) == ("/C", "cloth", 0, 6)
    ke, ka = builder.tri_materials[0][:2]
    assert ke == pytest.approx(E * h / (2 * (1 + nu)), rel=1e-5)  # G h
    assert ka - ke == pytest.approx(E * h * nu / (1 - nu**2), rel=1e-5)
    assert builder.particle_mass.view.sum() == pytest.approx(rho * h * 2.0, rel=1e-5)
    D = E * h**3 / (12 * (1 - nu**2))
    assert builder.edge_count == 3
    diagonal = np.isclose(builder.edge_rest_length.view, np.sqrt(2.0))
    np.testing.assert_allclose(builder.edge_bending_properties.view[diagonal, 0], 3 * D * np.sqrt(2.0), rtol=1e-4)
    np.testing.assert_allclose(builder.edge_bending_properties.view[~diagonal, 0], 3 * D, rtol=1e-4)


def test_mass_precedence_of_deformables(build):
    def mass(extra):
        _, builder, _ = build(
            f'def Mesh "C" ({CLOTH}) {{ {SQUARES} {extra} rel material:binding:physics = </M> }}' + MATERIAL
        )
        return builder.particle_mass.view

    assert mass("float physics:mass = 3\n").sum() == pytest.approx(3.0, rel=1e-5)
    assert mass("float physics:density = 100\n").sum() == pytest.approx(2.0, rel=1e-5)
    each = mass("float physics:mass = 3\n float[] physics:masses = [1, 2, 3, 4, 5, 0]\n")
    np.testing.assert_allclose(each, [1, 2, 3, 4, 5, 0])


def test_pinned_points_are_immovable(build):
    _, builder, _ = build(f'def Mesh "C" ({CLOTH}) {{ {SQUARES} custom int[] simrun:pinned = [2] }}')
    assert builder.particle_mass[2] == 0.0 and builder.particle_flags[2] == 0
    assert builder.particle_flags[1] == sim.PARTICLE_FLAG_ACTIVE


def test_overrides_reach_the_solver(build):
    _, builder, _ = build(
        f"""def Mesh "C" ({CLOTH}) {{ {SQUARES}
    custom float simrun:triKe = 1
    custom float simrun:triKa = 2
    custom float simrun:triKd = 3
    custom float simrun:edgeKe = 4
    custom float simrun:edgeKd = 5
    custom float simrun:particleRadius = 0.25 }}"""
    )
    np.testing.assert_allclose(builder.tri_materials[0], [1, 2, 3, 0, 0])
    np.testing.assert_allclose(builder.edge_bending_properties[0], [4, 5])
    np.testing.assert_allclose(builder.particle_radius.view, 0.25)


@pytest.mark.parametrize("indexed", [False, True])
def test_rest_shape_sets_the_rest_area_and_not_the_start(build, indexed):
    extra = "int3[] physics:restTriVertexIndices = [(0,1,4),(0,4,3),(1,2,5),(1,5,4)]\n" if indexed else ""
    _, builder, _ = build(
        f"""def Mesh "C" ({CLOTH}) {{ {SQUARES} {extra}
    point3f[] physics:restShapePoints = [(0,0,0),(2,0,0),(4,0,0),(0,2,0),(2,2,0),(4,2,0)] }}"""
    )
    assert builder.tri_areas.view.sum() == pytest.approx(8.0, rel=1e-5)
    np.testing.assert_allclose(np.abs(np.linalg.det(builder.tri_poses.view)), 0.25, rtol=1e-5)
    np.testing.assert_allclose(builder.particle_q[5], [2, 1, 0])


def test_soft_body_parameters_and_surface(build):
    E, nu = 1000.0, 0.25
    _, builder, bindings = build(
        f"""def TetMesh "S" ({SOFT}) {{
    point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,0,1)]
    int4[] tetVertexIndices = [(0,2,1,3)]
    rel material:binding:physics = </M> }}"""
        + MATERIAL
    )
    G, lam = E / (2 * (1 + nu)), E * nu / ((1 + nu) * (1 - 2 * nu))
    np.testing.assert_allclose(builder.tet_materials[0][:2], [4 / 3 * G, lam + 5 / 6 * G], rtol=1e-5)
    assert builder.particle_mass.view.sum() == pytest.approx(200 / 6, rel=1e-5)
    assert len(bindings.particles[0].surface_triangles) == 4
    assert builder.finalize().tet_count == 1


def test_cable_segments_become_springs(build):
    _, builder, bindings = build(
        """def BasisCurves "K" (prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsCurvesDeformableSimAPI"]) {
    uniform token type = "linear"
    int[] curveVertexCounts = [4]
    point3f[] points = [(0,0,0),(1,0,0),(2,0,0),(3,0,0)]
    float[] widths = [0.1] (interpolation = "constant")
    float physics:density = 1000 }"""
    )
    assert builder.spring_count == 3 + 2
    assert builder.particle_mass.view.sum() == pytest.approx(1000 * np.pi * 0.05**2 * 3, rel=1e-4)
    assert bindings.particles[0].kind == "cable"


def test_several_sets_keep_their_ranges_and_names(build):
    points = 'prepend apiSchemas = ["PhysicsParticleSetAPI"]'
    _, builder, bindings = build(
        f"""
def Points "P" ({points}) {{ point3f[] points = [(0,0,0),(1,0,0)]
    float[] widths = [0.5, 0.5] }}
def Mesh "C" ({CLOTH}) {{ {SQUARES} }}"""
    )
    assert [(b.path, b.start, b.count) for b in bindings.particles] == [("/C", 0, 6), ("/P", 6, 2)]
    assert bindings.particle_name(7) == "/P point 1"
    assert [r.name for r in builder.particle_ranges] == ["/C", "/P"]
    assert builder.particle_mass[6] == pytest.approx(1000 * 4 / 3 * np.pi * 0.25**3, rel=1e-5)


def test_too_stiff_for_the_explicit_step_is_said(build):
    scene, _, _ = build(f'def Mesh "C" ({CLOTH}) {{ {SQUARES} custom float simrun:triKe = 1e9 }}')
    assert any("substeps" in w.message for w in scene.warnings)


def test_scene_falls_onto_the_floor_and_rests(build):
    """The whole path: a box in a centimetre stage, z up, falls 1 m onto a plane and lies there."""
    _, builder, bindings = build(
        f"""
def Plane "Floor" ({STATIC}) {{ uniform token axis = "Z" }}
def Cube "Box" ({BODY}) {{ double size = 20
    double3 xformOp:translate = (0, 0, 60)
    uniform token[] xformOpOrder = ["xformOp:translate"] }}""",
        meters=0.01,
        up="Z",
    )
    model = builder.finalize()
    bindings.configure(model)
    integrator, state, after = sim.SemiImplicitIntegrator(), model.state(), model.state()
    for _ in range(1920 * 2):
        state.clear_forces()
        sim.collide(model, state)
        integrator.simulate(model, state, after, 1.0 / 1920.0)
        state, after = after, state
    place = state.body_q.numpy()[0][:3]
    assert place[2] == pytest.approx(0.1, abs=2e-3)
    # each bounce turns a tilt of 1e-8 rad, which is rounding, into 5e-6 rad/s: where it comes to rest is known to millimetres
    np.testing.assert_allclose(place[:2], 0, atol=2e-2)


def test_ours_and_the_scenes_are_emitted(pytestconfig):
    for path in sorted((pytestconfig.rootpath / "scenes").glob("*.usda")):
        scene = read_usd(path)
        builder = sim.ModelBuilder()
        bindings = emit(scene, builder)
        assert builder.body_count == len(scene.bodies) and len(bindings.particles) == len(scene.deformables)
        assert np.isfinite(builder.particle_q.view).all()
