"""Cloth, soft bodies, cables and particles by the deformable proposal."""

from __future__ import annotations

import numpy as np
import pytest

from usd_io import NothingToSimulateError, SceneError

CLOTH = 'prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsSurfaceDeformableSimAPI", "PhysicsCollisionAPI"]'
SOFT = 'prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsVolumeDeformableSimAPI"]'
CABLE = 'prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsCurvesDeformableSimAPI"]'
QUAD = """point3f[] points = [(0,0,0),(1,0,0),(1,1,0),(0,1,0)]
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0,1,2,3]
"""
THREE = "point3f[] points = [(0,0,0),(1,0,0),(0,1,0)]\n"
TETS = """point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,0,1),(1,1,1)]
    int4[] tetVertexIndices = [(0,1,2,3), (1,2,3,4)]
"""


def cloth(read_text, extra: str = "", **stage):
    return read_text(f'def Mesh "C" ({CLOTH}) {{ {QUAD} {extra} }}', **stage).cloths[0]


def test_cloth_in_centimetres_under_a_transform(read_text):
    record = cloth(
        read_text,
        """vector3f[] velocities = [(0,0,100),(0,0,100),(0,0,100),(0,0,100)]
        double3 xformOp:translate = (0, 300, 0)
        float xformOp:rotateX = 90
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX"]""",
        meters=0.01,
    )
    np.testing.assert_allclose(record.points_w[2], [0.01, 3.0, 0.01], atol=1e-9)
    np.testing.assert_allclose(record.velocities_w, np.tile([0.0, -1.0, 0.0], (4, 1)), atol=1e-7)
    assert record.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert not record.pinned.any() and record.masses is None


def test_schemas_come_through_references_and_the_omni_spelling(read_text):
    scene = read_text(
        f"""
def Mesh "Base" (prepend apiSchemas = ["OmniPhysicsSurfaceDeformableSimAPI"]) {{ {QUAD} }}
def "C" (prepend references = </Base>
    prepend apiSchemas = ["OmniPhysicsDeformableBodyAPI"]) {{ float omniphysics:mass = 3 }}"""
    )
    assert [c.path for c in scene.cloths] == ["/Base", "/C"]
    assert scene.cloths[1].total_mass == 3.0


def test_pinning_by_zero_mass_by_list_and_by_kinematic_body(read_text):
    assert cloth(read_text, "float[] physics:masses = [1, 0, 1, 1]").pinned.tolist() == [False, True, False, False]
    assert cloth(read_text, "custom int[] simrun:pinned = [0, 3]").pinned.tolist() == [True, False, False, True]
    with pytest.raises(NothingToSimulateError):
        cloth(read_text, "bool physics:kinematicEnabled = 1")


@pytest.mark.parametrize("prefix", ["surface", ""])
def test_surface_material_in_stage_units(read_text, prefix):
    def name(n):
        return prefix + n[0].upper() + n[1:] if prefix else n

    scene = read_text(
        f"""
def Xform "Body" (prepend apiSchemas = ["PhysicsDeformableBodyAPI", "MaterialBindingAPI"]) {{
    rel material:binding:physics = </M>
    def Mesh "Sim" (prepend apiSchemas = ["PhysicsSurfaceDeformableSimAPI"]) {{ {QUAD} }}
    def Mesh "Look" {{ {QUAD} }}
}}
def Material "M" (prepend apiSchemas = ["PhysicsSurfaceDeformableMaterialAPI"]) {{
    float physics:youngsModulus = 100
    float physics:poissonsRatio = 0.25
    float physics:density = 0.001
    float physics:{name("thickness")} = 0.2
    float physics:{name("bendStiffness")} = 50
    float physics:{name("shearStiffness")} = -inf
}}""",
        meters=0.01,
    )
    record = scene.cloths[0]
    m = record.material
    assert m.youngs_modulus == pytest.approx(1e4) and m.poissons_ratio == 0.25
    assert m.thickness == pytest.approx(0.002) and m.bend_stiffness == pytest.approx(5e3) and m.shear_stiffness is None
    assert record.density == pytest.approx(1000.0) and record.body_path == "/Body"
    assert any(w.path == "/Body/Look" and "follow" in w.message for w in scene.warnings)


def test_left_handed_and_mirrored_meshes_keep_their_outside(read_text):
    def normal(record):
        a, b, c = record.points_w[record.triangles[0]]
        return np.cross(b - a, c - a)[2]

    mirror = 'float3 xformOp:scale = (-1, 1, 1)\n uniform token[] xformOpOrder = ["xformOp:scale"]'
    assert normal(cloth(read_text)) > 0
    assert normal(cloth(read_text, 'uniform token orientation = "leftHanded"')) < 0
    assert normal(cloth(read_text, mirror)) > 0


def test_rest_shape(read_text):
    record = cloth(
        read_text,
        """point3f[] physics:restShapePoints = [(0,0,0),(2,0,0),(2,2,0),(0,2,0)]
        uniform token physics:restBendAnglesDefault = "restShape" """,
    )
    np.testing.assert_allclose(record.rest_points[2], [2.0, 2.0, 0.0])
    assert not record.flat_rest_bend and record.rest_triangles is None
    with pytest.raises(SceneError, match="restShapePoints"):
        cloth(read_text, "point3f[] physics:restShapePoints = [(0,0,0)]")


def test_soft_body_orientation_and_surface(read_text):
    scene = read_text(f'def TetMesh "S" ({SOFT}) {{ {TETS} }}')
    record = scene.softs[0]
    p = record.points_w[record.tetrahedra]
    assert (np.einsum("ij,ij->i", np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), p[:, 3] - p[:, 0]) > 0).all()
    assert len(record.surface_triangles) == 6
    from usd_io.read.shape_mass import closed_mesh_mass

    assert closed_mesh_mass(record.points_w, record.surface_triangles).mass == pytest.approx(0.5)


def test_cables_and_their_segments(read_text):
    from usd_io.read.cable import cable_segments

    scene = read_text(
        f"""def BasisCurves "K" ({CABLE}) {{
    uniform token type = "linear"
    int[] curveVertexCounts = [3, 2]
    point3f[] points = [(0,0,0),(1,0,0),(2,0,0),(0,1,0),(1,1,0)]
    float[] widths = [0.1] (interpolation = "constant")
}}"""
    )
    record = scene.cables[0]
    assert cable_segments(record.curve_counts, record.closed).tolist() == [[0, 1], [1, 2], [3, 4]]
    assert cable_segments(record.curve_counts, True).tolist() == [[0, 1], [1, 2], [2, 0], [3, 4]]
    np.testing.assert_allclose(record.thicknesses, 0.1, rtol=1e-6)


@pytest.mark.parametrize("schema", ["PhysicsParticleSetAPI", "PhysicsDeformableBodyAPI"])
def test_particles_with_widths_and_velocities(read_text, schema):
    scene = read_text(
        f"""def Points "P" (prepend apiSchemas = ["{schema}"]) {{
    point3f[] points = [(0,0,0),(1,0,0)]
    float[] widths = [2, 4]
    vector3f[] velocities = [(1,0,0),(0,1,0)]
    float3 xformOp:scale = (2, 2, 2)
    uniform token[] xformOpOrder = ["xformOp:scale"]
}}""",
        meters=0.1,
    )
    record = scene.particles[0]
    np.testing.assert_allclose(record.radii, [0.2, 0.4])
    np.testing.assert_allclose(record.velocities_w[1], [0.0, 0.2, 0.0])


@pytest.mark.parametrize(
    ("kind", "schemas", "body"),
    [
        (
            "Mesh",
            CLOTH,
            THREE + "int[] faceVertexCounts = [3]\nint[] faceVertexIndices = [0,1,3]",
        ),
        (
            "Mesh",
            CLOTH,
            THREE + "int[] faceVertexCounts = [3]\nint[] faceVertexIndices = [0,1,-1]",
        ),
        (
            "Mesh",
            CLOTH,
            THREE + "int[] faceVertexCounts = [4]\nint[] faceVertexIndices = [0,1,2]",
        ),
        (
            "Mesh",
            CLOTH,
            THREE.replace("1,0,0", "nan,0,0") + "int[] faceVertexCounts = [3]\nint[] faceVertexIndices = [0,1,2]",
        ),
        ("Mesh", CLOTH, QUAD + "custom int[] simrun:pinned = [4]"),
        ("Mesh", CLOTH, QUAD + "float[] physics:masses = [1, 2]"),
        ("Mesh", CLOTH, QUAD + "float[] physics:masses = [1, 2, -1, 1]"),
        ("Mesh", CLOTH, QUAD + "vector3f[] velocities = [(inf,0,0),(0,0,0),(0,0,0),(0,0,0)]"),
        (
            "TetMesh",
            SOFT,
            "point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,0,1)]\nint4[] tetVertexIndices = [(0,1,2,4)]",
        ),
        ("BasisCurves", CABLE, "point3f[] points = [(0,0,0),(1,0,0)]\nint[] curveVertexCounts = [3]"),
        ("Points", SOFT.replace("Volume", "X"), "point3f[] points = [(0,0,0)]\nfloat[] widths = [-1]"),
    ],
)
def test_corrupt_geometry_is_refused_with_its_prim(read_text, kind, schemas, body):
    with pytest.raises(SceneError, match="</D>"):
        read_text(f'def {kind} "D" ({schemas}) {{ {body} }}')


@pytest.mark.parametrize(
    ("kind", "schemas", "body", "word"),
    [
        ("Mesh", CLOTH, "", "no points"),
        ("Mesh", CLOTH, "point3f[] points = [(0,0,0)]", "empty"),
        (
            "Mesh",
            CLOTH,
            THREE.replace("0,1,0", "2,0,0") + "int[] faceVertexCounts = [3]\nint[] faceVertexIndices = [0,1,2]",
            "area",
        ),
        (
            "TetMesh",
            SOFT,
            "point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(1,1,0)]\nint4[] tetVertexIndices = [(0,1,2,3)]",
            "volume",
        ),
        ("BasisCurves", CABLE, "point3f[] points = [(0,0,0)]\nint[] curveVertexCounts = [1]", "two points"),
        ("Sphere", CLOTH, "", "not to a Sphere"),
        ("Xform", 'prepend apiSchemas = ["PhysicsDeformableBodyAPI"]', "", "without simulation geometry"),
    ],
)
def test_empty_geometry_is_left_out_with_a_warning(read_text, kind, schemas, body, word):
    scene = read_text(f'def {kind} "D" ({schemas}) {{ {body} }}', allow_empty=True)
    assert not scene.deformables and any(w.path == "/D" and word in w.message for w in scene.warnings)


def test_degenerate_and_non_manifold_faces_are_named(read_text):
    scene = read_text(
        f"""def Mesh "D" ({CLOTH}) {{
    point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,-1,0),(0,0,1)]
    int[] faceVertexCounts = [3, 3, 3, 3, 2]
    int[] faceVertexIndices = [0,1,2, 0,1,3, 0,1,4, 0,1,1, 0,1]
}}"""
    )
    assert len(scene.cloths[0].triangles) == 3
    text = " ".join(w.message for w in scene.warnings)
    assert "1 of 4 triangles" in text and "more than two faces" in text
