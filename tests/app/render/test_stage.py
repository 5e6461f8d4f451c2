"""What a USD stage becomes: items, places, looks, lights, cameras."""

import numpy as np
import pytest
from PIL import Image
from pxr import Usd

from app.render.camera import pose_matrices
from app.render.stage import from_model, from_stage
from sim import ModelBuilder
from usd_io import emit, read_stage


def stage_of(body: str, *, up: str = "Y", meters: float = 1.0) -> Usd.Stage:
    stage = Usd.Stage.CreateInMemory()
    header = f'#usda 1.0\n(\n    upAxis = "{up}"\n    metersPerUnit = {meters}\n)\n'
    one_a_line = body.replace("{", "{\n").replace("}", "\n}\n")
    assert stage.GetRootLayer().ImportFromString(header + one_a_line)
    return stage


def world_points(item, scene, instance=0):
    matrix = item.transforms[instance].astype(float)
    if item.bodies[instance] >= 0:
        matrix = pose_matrices(scene.body_q)[item.bodies[instance]] @ matrix
    return item.geometry.points @ matrix[:3, :3].T + matrix[:3, 3]


def extent(points):
    return points.min(axis=0), points.max(axis=0)


@pytest.mark.parametrize(
    ("gprim", "lower", "upper"),
    [
        ('def Cube "g" { double size = 4 }', (-2, -2, -2), (2, 2, 2)),
        ('def Sphere "g" { double radius = 3 }', (-3, -3, -3), (3, 3, 3)),
        ('def Cylinder "g" { double radius = 1\n double height = 6\n token axis = "X" }', (-3, -1, -1), (3, 1, 1)),
        ('def Cone "g" { double radius = 1\n double height = 4\n token axis = "Y" }', (-1, -2, -1), (1, 2, 1)),
        ('def Capsule "g" { double radius = 1\n double height = 4\n token axis = "Z" }', (-1, -1, -3), (1, 1, 3)),
        ('def Plane "g" { double width = 6\n double length = 2\n token axis = "Z" }', (-3, -1, 0), (3, 1, 0)),
        ('def Plane "g" { double width = 6\n double length = 2\n token axis = "Y" }', (-3, 0, -1), (3, 0, 1)),
        ('def Plane "g" { double width = 6\n double length = 2\n token axis = "X" }', (0, -1, -3), (0, 1, 3)),
    ],
)
def test_solids_have_the_extent_that_usd_computes(gprim, lower, upper):
    from pxr import UsdGeom

    stage = stage_of(gprim)
    scene = from_stage(stage)
    found = extent(world_points(scene.meshes[0], scene))
    np.testing.assert_allclose(found, [lower, upper], atol=1e-5)
    box = UsdGeom.Imageable(stage.GetPrimAtPath("/g")).ComputeWorldBound(0, "default").ComputeAlignedRange()
    np.testing.assert_allclose(found, [box.GetMin(), box.GetMax()], atol=1e-5)


@pytest.mark.parametrize("gprim", ["Cube", "Sphere", "Cylinder", "Cone", "Capsule", "Plane"])
def test_triangles_of_solids_face_their_normals(gprim):
    geometry = from_stage(stage_of(f'def {gprim} "g" {{}}')).meshes[0].geometry
    a, b, c = (geometry.points[geometry.triangles[:, k]].astype(float) for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = geometry.normals[geometry.triangles].mean(axis=1)
    assert (np.einsum("ij,ij->i", faces, normals) > 0.0).all()
    np.testing.assert_allclose(np.linalg.norm(geometry.normals, axis=1), 1.0, atol=1e-5)


def test_lengths_become_metres_and_the_up_axis_stays():
    scene = from_stage(
        stage_of('def Xform "a" { double3 xformOp:translate = (100, 0, 50)\n'
                 'uniform token[] xformOpOrder = ["xformOp:translate"]\n def Cube "c" { double size = 20 } }',
                 up="Z", meters=0.01)
    )  # fmt: skip
    lower, upper = extent(world_points(scene.meshes[0], scene))
    np.testing.assert_allclose([lower, upper], [(0.9, -0.1, 0.4), (1.1, 0.1, 0.6)], atol=1e-6)
    assert scene.up_axis == 2 and scene.meters_per_unit == 0.01


BODY = """
def PhysicsScene "Physics" {}
def Xform "World" {
  double3 xformOp:translate = (0, 3, 0)
  uniform token[] xformOpOrder = ["xformOp:translate"]
  def Xform "Body" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {
    double3 xformOp:translate = (1, 2, 3)
    float3 xformOp:rotateXYZ = (20, 40, 60)
    float3 xformOp:scale = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ", "xformOp:scale"]
    def Cube "Box" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
      double3 xformOp:translate = (0.5, 0, 0)
      uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Sphere "Loose" { uniform token[] xformOpOrder = ["!resetXformStack!"] }
  }
}
"""


def simulated(stage):
    record = read_stage(stage)
    builder = ModelBuilder()
    bindings = emit(record, builder)
    model = builder.finalize()
    bindings.configure(model)
    return from_stage(stage, bindings, model), model


@pytest.mark.parametrize("meters", [1.0, 0.01])
def test_what_a_body_carries_stands_where_usd_puts_it(meters):
    from pxr import UsdGeom

    stage = stage_of(BODY, meters=meters)
    scene, _ = simulated(stage)
    by_path = {m.path: m for m in scene.meshes}
    box, loose = by_path["/World/Body/Box"], by_path["/World/Body/Loose"]
    assert box.body == 0 and loose.body == -1
    matrix = np.array(UsdGeom.Imageable(stage.GetPrimAtPath(box.path)).ComputeLocalToWorldTransform(0)).T
    expected = meters * (box.geometry.points @ matrix[:3, :3].T + matrix[:3, 3])
    np.testing.assert_allclose(world_points(box, scene), expected, atol=2e-6)


INSTANCER = """
def PhysicsScene "Physics" {}
def PointInstancer "Many" {
  double3 xformOp:translate = (0, 1, 0)
  uniform token[] xformOpOrder = ["xformOp:translate"]
  point3f[] positions = [(0,0,0), (2,0,0), (4,0,0), (6,0,0)]
  float3[] scales = [(1,1,1), (1,1,1), (2,2,2), (1,1,1)]
  int[] protoIndices = [0, 1, 0, 0]
  int64[] invisibleIds = [3]
  rel prototypes = [</Many/Proto/Block>, </Many/Proto/Ball>]
  def Scope "Proto" {
    def Xform "Block" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {
      def Cube "Geo" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
        double size = 1
        double3 xformOp:translate = (0, 0.25, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
      }
    }
    def Sphere "Ball" { double radius = 0.5 }
  }
}
"""


def test_point_instances_follow_their_bodies_and_hidden_ones_are_left_out():
    scene, model = simulated(stage_of(INSTANCER))
    blocks, balls = scene.meshes
    assert model.body_count == 2
    assert blocks.instance_paths == ["/Many[0]", "/Many[2]"] and list(blocks.bodies) == [0, 1]
    assert list(balls.bodies) == [-1]
    centers = [world_points(blocks, scene, k).mean(axis=0) for k in range(2)]
    np.testing.assert_allclose(centers, [(0, 1.25, 0), (4, 1.5, 0)], atol=1e-5)
    np.testing.assert_allclose(world_points(balls, scene).mean(axis=0), (2, 1, 0), atol=1e-2)


def test_prototypes_are_not_drawn_where_they_stand():
    assert {m.path for m in from_stage(stage_of(INSTANCER)).meshes} == {"/Many/Proto/Block/Geo", "/Many/Proto/Ball"}
    assert sum(len(m.transforms) for m in from_stage(stage_of(INSTANCER)).meshes) == 3


def test_scene_graph_instances_share_their_geometry():
    scene = from_stage(
        stage_of("""
    def Xform "P" { def Mesh "m" { point3f[] points = [(0,0,0),(1,0,0),(0,1,0)]
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0,1,2] } }
    def Xform "A" (instanceable = true
        references = </P>) { double3 xformOp:translate = (5,0,0)
        uniform token[] xformOpOrder = ["xformOp:translate"] }
    def Xform "B" (instanceable = true
        references = </P>) { double3 xformOp:translate = (9,0,0)
        uniform token[] xformOpOrder = ["xformOp:translate"] }
    """)
    )
    by_path = {m.path: m for m in scene.meshes}
    assert set(by_path) == {"/P/m", "/A/m", "/B/m"}
    assert by_path["/A/m"].geometry is by_path["/B/m"].geometry
    np.testing.assert_allclose(world_points(by_path["/B/m"], scene).min(axis=0), (9, 0, 0))


QUAD = """def Mesh "m" {{ point3f[] points = [(0,0,0),(1,0,0),(1,1,0),(0,1,0),(2,0,1),(2,1,1)]
    int[] faceVertexCounts = [4, 4]
    int[] faceVertexIndices = [0,1,2,3, 1,4,5,2]
    uniform token subdivisionScheme = "none"
    {more} }}"""


def test_face_varying_texture_coordinates_split_points():
    more = """texCoord2f[] primvars:st = [(0,0),(1,0),(1,1),(0,1),(0,0),(1,0),(1,1),(0,1)] (interpolation = "faceVarying")
    normal3f[] normals = [(0,0,1),(0,0,1),(0,0,1),(0,0,1),(0,0,1),(0,0,1)] (interpolation = "vertex")"""
    geometry = from_stage(stage_of(QUAD.format(more=more))).meshes[0].geometry
    assert len(geometry.points) == 8 and len(geometry.triangles) == 4
    seam = geometry.uvs[geometry.source_points == 1]
    assert sorted(map(tuple, seam.tolist())) == [(0.0, 0.0), (1.0, 0.0)]


def test_mesh_without_normals_is_flat_and_a_left_handed_one_is_turned():
    right = from_stage(stage_of(QUAD.format(more=""))).meshes[0].geometry
    left = from_stage(stage_of(QUAD.format(more='uniform token orientation = "leftHanded"'))).meshes[0].geometry
    np.testing.assert_allclose(right.normals[right.triangles[0]], [(0, 0, 1)] * 3, atol=1e-6)
    np.testing.assert_allclose(left.normals[left.triangles[0]], [(0, 0, -1)] * 3, atol=1e-6)
    assert len(right.points) == 8


def test_colors_by_face_and_by_point():
    by_face = from_stage(stage_of(QUAD.format(
        more='color3f[] primvars:displayColor = [(1,0,0),(0,0,1)] (interpolation = "uniform")'))).meshes[0].geometry  # fmt: skip
    np.testing.assert_allclose(by_face.colors[by_face.triangles[[0, 3]]][:, :, 0], [[1] * 3, [0] * 3])
    single = from_stage(stage_of(QUAD.format(more="color3f[] primvars:displayColor = [(0.1,0.2,0.3)]"))).meshes[0]
    assert single.geometry.colors is None
    np.testing.assert_allclose(single.color, (0.1, 0.2, 0.3, 1.0), atol=1e-6)


def test_broken_mesh_is_named_and_the_rest_is_drawn():
    scene = from_stage(stage_of('def Cube "ok" {}\n' + QUAD.format(more="").replace("[4, 4]", "[4, 9]")))
    assert [m.path for m in scene.meshes] == ["/ok"]
    assert scene.notes[0][0] == "/m" and "faceVertexCounts add up to 13" in scene.notes[0][1]


def test_visibility_and_purpose_are_inherited():
    scene = from_stage(
        stage_of("""
    def Xform "a" { token visibility = "invisible"
        def Cube "c" {} }
    def Xform "b" { uniform token purpose = "guide"
        def Cube "c" {} }
    def Cube "d" {}""")
    )
    assert [(m.path, m.visible, m.purpose) for m in scene.meshes] == [
        ("/a/c", False, "default"), ("/b/c", True, "guide"), ("/d", True, "default"),
    ]  # fmt: skip


LOOK = """
def Material "Look" {{
  token outputs:surface.connect = </Look/Surface.outputs:surface>
  def Shader "Surface" {{
    uniform token info:id = "UsdPreviewSurface"
    color3f inputs:diffuseColor{diffuse}
    float inputs:roughness = 0.3
    float inputs:metallic = 1
    float inputs:opacity = 0.4
    color3f inputs:emissiveColor = (0, 0.5, 0)
    token outputs:surface
  }}
  def Shader "Image" {{
    uniform token info:id = "UsdUVTexture"
    asset inputs:file = @{file}@
    token inputs:wrapS = "clamp"
    token inputs:wrapT = "repeat"
    float2 inputs:st.connect = </Look/Turn.outputs:result>
    float3 outputs:rgb
  }}
  def Shader "Turn" {{
    uniform token info:id = "UsdTransform2d"
    float2 inputs:in.connect = </Look/Reader.outputs:result>
    float2 inputs:scale = (2, 3)
    float2 inputs:translation = (0.5, 0)
    float2 outputs:result
  }}
  def Shader "Reader" {{
    uniform token info:id = "UsdPrimvarReader_float2"
    string inputs:varname = "map1"
    float2 outputs:result
  }}
}}
def Cube "c" (prepend apiSchemas = ["MaterialBindingAPI"]) {{ rel material:binding = </Look> }}
def Cube "plain" {{}}
"""


def test_preview_surface_values_are_read():
    scene = from_stage(stage_of(LOOK.format(diffuse=" = (0.2, 0.4, 0.6)", file="")))
    look = scene.materials[scene.meshes[0].material]
    assert look.name == "/Look" and look.texture is None
    np.testing.assert_allclose(look.diffuse, (0.2, 0.4, 0.6), atol=1e-6)
    np.testing.assert_allclose([look.roughness, look.metallic, look.opacity], [0.3, 1.0, 0.4], atol=1e-6)
    np.testing.assert_allclose(look.emissive, (0, 0.5, 0))
    assert scene.meshes[1].material == 0


def test_texture_with_its_coordinates_is_read(tmp_path):
    Image.fromarray(np.full((2, 4, 3), (10, 20, 30), np.uint8)).save(tmp_path / "a.png")
    scene = from_stage(stage_of(LOOK.format(diffuse=".connect = </Look/Image.outputs:rgb>", file=tmp_path / "a.png")))
    look = scene.materials[scene.meshes[0].material]
    assert look.texture.pixels.shape == (2, 4, 4) and look.texture.repeat == (False, True)
    assert tuple(look.texture.pixels[0, 0]) == (10, 20, 30, 255)
    np.testing.assert_allclose(look.uv_transform @ (1, 1, 1), (2.5, 3, 1))
    assert scene.notes == []


def test_missing_texture_is_named_and_a_plain_colour_takes_its_place():
    scene = from_stage(stage_of(LOOK.format(diffuse=".connect = </Look/Image.outputs:rgb>", file="nowhere.png")))
    ((path, message),) = scene.notes
    assert path == "/Look" and "nowhere.png" in message
    assert scene.materials[scene.meshes[0].material].diffuse is not None


def test_subsets_have_their_own_materials():
    more = """
    def GeomSubset "first" (prepend apiSchemas = ["MaterialBindingAPI"]) { int[] indices = [1]
        uniform token elementType = "face"
        uniform token familyName = "materialBind"
        rel material:binding = </Look> }"""
    stage = stage_of(LOOK.format(diffuse=" = (1, 0, 0)", file="") + QUAD.format(more=more))
    scene = from_stage(stage)
    mesh = next(m for m in scene.meshes if m.path == "/m")
    assert mesh.material == 0
    assert [scene.materials[i].name for i in mesh.geometry.materials] == ["", "", "/Look", "/Look"]


def test_lights_have_their_color_direction_and_size():
    scene = from_stage(
        stage_of(
            """
    def DistantLight "sun" { float inputs:intensity = 3
        float inputs:exposure = 1
        color3f inputs:color = (1, 0.5, 0.25)
        float3 xformOp:rotateXYZ = (-90, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:rotateXYZ"] }
    def SphereLight "bulb" { float inputs:radius = 10
        float inputs:intensity = 5 }
    def DomeLight "sky" { float inputs:intensity = 0.5 }
    """,
            meters=0.01,
        )
    )
    sun, bulb, sky = scene.lights
    np.testing.assert_allclose(sun.color, (6, 3, 1.5))
    np.testing.assert_allclose(-sun.transform[:3, 2], (0, -1, 0), atol=1e-6)
    assert bulb.radius == pytest.approx(0.1) and bulb.area == pytest.approx(4 * np.pi * 0.01)
    assert sky.kind == "dome"


def test_cameras_frame_what_usd_frames():
    from pxr import Gf, UsdGeom

    stage = stage_of("""def Camera "cam" { float focalLength = 30
        float horizontalAperture = 36
        float verticalAperture = 24
        float2 clippingRange = (10, 5000)
        double3 xformOp:translate = (100, 200, 800)
        float3 xformOp:rotateXYZ = (-10, 20, 5)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"] }
    def Cube "c" { double size = 50 }""", meters=0.01)  # fmt: skip
    scene = from_stage(stage)
    camera = scene.find_camera("cam").camera(up=scene.up)
    frustum = UsdGeom.Camera(stage.GetPrimAtPath("/cam")).GetCamera(0).frustum
    point = Gf.Vec3d(30, 60, -20)
    ndc = (frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix()).Transform(point)
    x, y, _ = camera.project(0.01 * np.array(point), 600, 400)[0]
    np.testing.assert_allclose([x / 300 - 1, 1 - y / 200], [ndc[0], ndc[1]], atol=1e-5)
    assert camera.clipping() == pytest.approx((0.1, 50.0))
    with pytest.raises(KeyError, match="/cam"):
        scene.find_camera("other")


def test_points_and_curves_have_radii_in_metres():
    scene = from_stage(
        stage_of(
            """
    def Points "p" { point3f[] points = [(0,0,0),(10,0,0)]
        float[] widths = [4, 2] }
    def BasisCurves "line" { uniform token type = "linear"
        int[] curveVertexCounts = [3, 2]
        point3f[] points = [(0,0,0),(1,0,0),(2,0,0),(5,5,5),(6,5,5)]
        float[] widths = [1] (interpolation = "constant") }
    def BasisCurves "bow" { uniform token type = "cubic"
        uniform token basis = "bezier"
        int[] curveVertexCounts = [4]
        point3f[] points = [(0,0,0),(0,4,0),(4,4,0),(4,0,0)]
        float[] widths = [1] }
    """,
            meters=0.1,
        )
    )
    np.testing.assert_allclose(scene.points[0].radii, [0.2, 0.1])
    line, bow = scene.curves
    np.testing.assert_array_equal(line.segments, [(0, 1), (1, 2), (3, 4)])
    np.testing.assert_allclose(line.radii, 0.05)
    middle = bow.positions[len(bow.positions) // 2]
    np.testing.assert_allclose(middle, (0.2, 0.3, 0.0), atol=1e-6)


def test_model_from_a_script_shows_shapes_cloth_particles_and_ground():
    builder = ModelBuilder()
    body = builder.add_body(origin=((1.0, 2.0, 3.0), (0.0, 0.0, 0.0, 1.0)))
    builder.add_shape_box(body, hx=0.5, hy=0.25, hz=0.1)
    builder.add_shape_sphere(-1, pos=(0, 1, 0), radius=0.3)
    builder.add_cloth_grid((0, 3, 0), (0, 0, 0, 1), (0, 0, 0), 4, 4, 0.1, 0.1, mass=0.01)
    builder.add_particle((5, 5, 5), (0, 0, 0), 1.0, radius=0.2)
    model = builder.finalize()
    scene = from_model(model)
    moving = [m for m in scene.meshes if m.body == 0]
    np.testing.assert_allclose(extent(world_points(moving[0], scene)), [(0.5, 1.75, 2.9), (1.5, 2.25, 3.1)], atol=1e-5)
    cloth = next(m for m in scene.meshes if m.particles is not None)
    assert cloth.particles.count == 25 and len(cloth.geometry.triangles) == 32
    np.testing.assert_allclose(scene.points[0].radii, [0.2])
    assert scene.ground_height == 0.0 and sum(m.ground for m in scene.meshes) == 1


FLOOR = """
def PhysicsScene "Physics" {}
def Plane "Floor" (prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]) {
  token axis = "Y"
  double width = 20
  double length = 20
  double3 xformOp:translate = (0, -0.5, 0)
  uniform token[] xformOpOrder = ["xformOp:translate"]
  rel material:binding = </Look>
}
def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) { double radius = 0.1 }
"""


def test_colliding_plane_is_the_ground_and_does_not_count_for_framing():
    scene, _ = simulated(stage_of(FLOOR))
    assert [m.path for m in scene.meshes if m.ground] == ["/Floor"]
    assert scene.ground_height == pytest.approx(-0.5)
    np.testing.assert_allclose(scene.bounds().upper, 0.1, atol=1e-5)


def test_floor_with_an_image_is_drawn_as_authored(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "a.png")
    look = LOOK.format(diffuse=".connect = </Look/Image.outputs:rgb>", file=tmp_path / "a.png")
    scene, _ = simulated(stage_of(look + FLOOR))
    assert not any(m.ground for m in scene.meshes)
    floor = next(m for m in scene.meshes if m.path == "/Floor")
    np.testing.assert_allclose(extent(world_points(floor, scene)), [(-10, -0.5, -10), (10, -0.5, 10)], atol=1e-5)


def test_animated_camera_is_where_usd_has_it_at_every_time():
    from pxr import UsdGeom

    stage = stage_of("""def Xform "rig" {
      float xformOp:rotateY.timeSamples = { 0: 0, 10: 90 }
      uniform token[] xformOpOrder = ["xformOp:rotateY"]
      def Camera "cam" { double3 xformOp:translate.timeSamples = { 0: (0, 0, 5), 10: (0, 2, 3) }
        uniform token[] xformOpOrder = ["xformOp:translate"] } }
    def Camera "still" {}""")  # fmt: skip
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(10)
    scene = from_stage(stage)
    item = scene.find_camera("cam")
    for code in (0.0, 4.0, 10.0):
        camera = item.camera(time_code=code)
        matrix = np.array(UsdGeom.Imageable(stage.GetPrimAtPath("/rig/cam")).ComputeLocalToWorldTransform(code)).T
        np.testing.assert_allclose(camera.eye, matrix[:3, 3], atol=1e-6)
        np.testing.assert_allclose(camera.axes()[2], matrix[:3, 2], atol=1e-6)
    assert scene.find_camera("still").track is None


def test_unusable_stage_metadata_is_noted_and_the_scene_is_drawn():
    scene = from_stage(stage_of('def Cube "c" {}', up="Q", meters=-1.0))
    assert scene.up_axis == 1 and scene.meters_per_unit == 1.0 and len(scene.meshes) == 1
    assert "upAxis" in scene.notes[0][1]
