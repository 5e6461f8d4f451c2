"""Every geometry type collides as what it looks like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from usd_io import SceneError
from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    MeshShape,
    Plane,
    Sphere,
)

STATIC = 'prepend apiSchemas = ["PhysicsCollisionAPI"]'
TETRA = """point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,0,1)]
    int[] faceVertexCounts = [3,3,3,3]
    int[] faceVertexIndices = [0,2,1, 0,1,3, 0,3,2, 1,2,3]"""


def collider(read_text, kind: str, body: str, scale: str = "", schemas: str = STATIC, **stage):
    order = f'double3 xformOp:scale = {scale}\n uniform token[] xformOpOrder = ["xformOp:scale"]' if scale else ""
    scene = read_text(f'def {kind} "G" ({schemas}) {{ {body}\n {order} }}', allow_empty=True, **stage)
    return scene.colliders[0] if scene.colliders else None, scene


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("Sphere", "double radius = 3", Sphere(3.0)),
        ("Sphere", "", Sphere(1.0)),
        ("Cube", "double size = 4", Box((2.0, 2.0, 2.0))),
        ("Capsule", 'double radius = 2\n double height = 6\n uniform token axis = "X"', Capsule(2.0, 3.0, "X")),
        ("Capsule", "", Capsule(0.5, 0.5, "Z")),
        ("Capsule_1", "double radiusTop = 2\n double radiusBottom = 2\n double height = 6", Capsule(2.0, 3.0, "Z")),
        ("Cylinder", 'double radius = 2\n double height = 6\n uniform token axis = "Y"', Cylinder(2.0, 3.0, "Y")),
        ("Cylinder", "", Cylinder(1.0, 1.0, "Z")),
        ("Cylinder_1", "double radiusTop = 2\n double radiusBottom = 2", Cylinder(2.0, 1.0, "Z")),
        ("Cylinder_1", "double radiusTop = 0\n double radiusBottom = 2", Cone(2.0, 1.0, "Z")),
        ("Cone", 'double radius = 2\n double height = 6\n uniform token axis = "X"', Cone(2.0, 3.0, "X")),
        ("Plane", 'uniform token axis = "X"', Plane("X")),
    ],
)
def test_gprim_and_its_defaults(read_text, kind, body, expected):
    assert collider(read_text, kind, body)[0].shape == expected


def test_centimetres(read_text):
    assert collider(read_text, "Sphere", "double radius = 3", meters=0.01)[0].shape.radius == pytest.approx(0.03)


def test_scale_a_shape_can_take_stays_analytic(read_text):
    assert collider(read_text, "Cube", "", "(1, 2, 3)")[0].shape == Box((1.0, 2.0, 3.0))
    assert collider(read_text, "Cylinder", "", "(2, 2, 5)")[0].shape == Cylinder(2.0, 5.0, "Z")
    assert collider(read_text, "Cone", "", "(2, 2, 5)")[0].shape == Cone(2.0, 5.0, "Z")
    assert collider(read_text, "Sphere", "", "(-2, 2, 2)")[0].shape == Sphere(2.0)


def test_ellipsoid_becomes_a_convex_mesh_of_its_size_with_a_warning(read_text):
    record, scene = collider(read_text, "Sphere", "", "(1, 2, 3)")
    assert isinstance(record.shape, MeshShape) and record.shape.convex
    np.testing.assert_allclose(np.abs(record.shape.points).max(axis=0), [1.0, 2.0, 3.0], rtol=0.02)
    assert any(w.path == "/G" and "non-uniform" in w.message for w in scene.warnings)


@pytest.mark.parametrize("kind", ["Capsule", "Cylinder", "Cone", "Capsule_1", "Cylinder_1"])
@pytest.mark.parametrize("axis", "XYZ")
def test_tessellated_shapes_are_closed_and_outward(read_text, kind, axis):
    from usd_io.read.shape_mass import closed_mesh_mass

    record, _ = collider(read_text, kind, f'uniform token axis = "{axis}"\n double height = 2', "(1, 2, 3.5)")
    shape = record.shape
    edges = np.sort(shape.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert closed_mesh_mass(shape.points.astype(float), shape.triangles).mass > 0.0


def test_mirrored_cone_keeps_its_apex_where_it_is_drawn(read_text):
    record, _ = collider(read_text, "Cone", "", "(1, 1, -1)")
    apex = Rotation.from_quat(record.X_bs[3:]).apply([0.0, 0.0, record.shape.half_height])
    np.testing.assert_allclose(apex, [0.0, 0.0, -1.0], atol=1e-9)


def test_plane_normal_follows_its_rotation(read_text):
    scene = read_text(
        f"""def Plane "G" ({STATIC}) {{
    uniform token axis = "Y"
    float xformOp:rotateZ = 30
    double3 xformOp:translate = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
}}""",
        allow_empty=True,
    )
    record = scene.colliders[0]
    normal = Rotation.from_quat(record.X_bs[3:]).apply([0, 1, 0])
    np.testing.assert_allclose(normal, [-0.5, np.sqrt(0.75), 0.0], atol=1e-6)
    np.testing.assert_allclose(record.X_bs[:3], [1.0, 2.0, 3.0])


MESH = 'prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"]'


@pytest.mark.parametrize("token", ["none", "sdf", "meshSimplification", "nonsense"])
def test_tokens_that_use_the_mesh_itself(read_text, token):
    record, scene = collider(read_text, "Mesh", f'{TETRA}\n uniform token physics:approximation = "{token}"', "", MESH)
    assert len(record.shape.triangles) == 4 and not record.shape.convex
    assert bool(scene.warnings) and (token in ("none", "sdf")) == (not any(token in str(w) for w in scene.warnings))


def test_convex_hull_bounding_cube_and_sphere(read_text):
    def shape(token):
        return collider(read_text, "Mesh", f'{TETRA}\n uniform token physics:approximation = "{token}"', "", MESH)[0]

    hull = shape("convexHull").shape
    assert hull.convex and len(hull.points) == 4 and len(hull.triangles) == 4
    cube = shape("boundingCube")
    assert cube.shape.half_extents == pytest.approx((0.5, 0.5, 0.5)) and cube.X_bs[:3] == pytest.approx([0.5] * 3)
    ball = shape("boundingSphere")
    distances = np.linalg.norm([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]] - ball.X_bs[:3], axis=1)
    assert distances.max() <= ball.shape.radius * (1 + 1e-9)
    assert ball.shape.radius == pytest.approx(np.sqrt(2 / 3), rel=0.02)


def test_hull_agrees_with_scipy():
    from scipy.spatial import ConvexHull

    from sim.geometry.hull import convex_hull
    from usd_io.read.shape_mass import closed_mesh_mass

    rng = np.random.default_rng(1)
    for points in (rng.normal(size=(400, 3)), rng.uniform(size=(300, 3)) ** 3, np.round(rng.uniform(size=(200, 3)), 1)):
        mine, oracle = convex_hull(points), ConvexHull(points)
        assert closed_mesh_mass(*mine).mass == pytest.approx(oracle.volume, rel=1e-4)


def test_hull_of_a_flat_mesh_is_a_thin_plate(read_text):
    body = """point3f[] points = [(-1,1,0),(1,1,0),(1,-1,0),(-1,-1,0)]
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0,1,2,3]
    uniform token physics:approximation = "convexHull" """
    plate = 0.02 * np.sqrt(8)
    floor = collider(read_text, "Mesh", body, "", MESH, up="Z")[0].shape
    assert floor.convex and len(floor.points) == 8
    np.testing.assert_allclose(
        [floor.points.min(axis=0), floor.points.max(axis=0)], [[-1, -1, -plate], [1, 1, 0]], atol=1e-6
    )
    wall = collider(read_text, "Mesh", body, "", MESH, up="Y")[0].shape
    np.testing.assert_allclose(wall.points.max(axis=0), [1, 1, 0.5 * plate], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Sphere", "double radius = 0"),
        ("Sphere", "double radius = -1"),
        ("Sphere", "double radius = nan"),
        ("Cube", "double size = inf"),
        ("Capsule", "double height = -2"),
        ("Cylinder", 'uniform token axis = "W"'),
    ],
)
def test_impossible_sizes_are_refused(read_text, kind, body):
    with pytest.raises(SceneError, match="</G>"):
        collider(read_text, kind, body)


def test_collision_on_what_is_no_geometry_is_named(read_text):
    _, scene = collider(read_text, "Scope", 'def Sphere "S" {}')
    assert not scene.colliders and any("no geometry" in w.message for w in scene.warnings)


def test_materials_are_inherited_and_contact_can_be_said_outright(read_text):
    scene = read_text(
        f"""
def Xform "G" (prepend apiSchemas = ["MaterialBindingAPI"]) {{
    rel material:binding:physics = </M>
    def Sphere "A" ({STATIC}) {{ custom float simrun:ke = 12
        custom float simrun:mu = 0.9 }}
}}
def Material "M" (prepend apiSchemas = ["PhysicsMaterialAPI"]) {{
    float physics:dynamicFriction = 0.25
    float physics:restitution = 0.5
    float physics:density = 2
}}""",
        allow_empty=True,
        meters=0.01,
    )
    record = scene.colliders[0]
    assert record.material.dynamic_friction == pytest.approx(0.25) and record.material.restitution == 0.5
    assert record.material.density == pytest.approx(2e6)
    assert record.contact.ke == 12.0 and record.contact.mu == pytest.approx(0.9) and record.contact.kd is None


def test_groups_merge_and_invert(read_text):
    scene = read_text(
        f"""
def Sphere "A" ({STATIC}) {{}}
def Sphere "B" ({STATIC}) {{}}
def Sphere "C" ({STATIC}) {{}}
def PhysicsCollisionGroup "GA" (prepend apiSchemas = ["CollectionAPI:colliders"]) {{
    rel collection:colliders:includes = </A>
    rel physics:filteredGroups = </GB>
    string physics:mergeGroup = "m"
}}
def PhysicsCollisionGroup "GB" (prepend apiSchemas = ["CollectionAPI:colliders"]) {{
    rel collection:colliders:includes = </B>
}}
def PhysicsCollisionGroup "GC" (prepend apiSchemas = ["CollectionAPI:colliders"]) {{
    rel collection:colliders:includes = </C>
    string physics:mergeGroup = "m"
}}
def PhysicsCollisionGroup "GI" (prepend apiSchemas = ["CollectionAPI:colliders"]) {{
    bool physics:invertFilteredGroups = 1
    rel physics:filteredGroups = </GI>
}}""",
        allow_empty=True,
    )
    groups = {g.path: g for g in scene.collision_groups}
    assert groups["/GA"].members == {"/A"} and "/GB" in groups["/GA"].filtered_groups
    assert "/GB" in groups["/GC"].filtered_groups
    assert {"/GA", "/GB", "/GC"} <= groups["/GI"].filtered_groups and "/GI" not in groups["/GI"].filtered_groups
