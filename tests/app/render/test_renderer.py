"""What the renderer draws, seen in its pixels."""

import numpy as np
import pytest

from app.render.materials import Material, Texture
from app.render.scene import CurvesItem, ParticleRange, PointsItem, RenderScene
from tests.app.render.shapes import at, box, card, still

SIZE = (120, 100)


def picture(renderer, scene, camera, options, **more):
    renderer.set_scene(scene)
    renderer.draw(camera, options, SIZE, **more)
    return renderer.read_pixels()


def covered(pixels):
    """Where anything is drawn on the black background."""
    return pixels[..., :3].max(axis=2) > 8


def test_box_covers_the_pixels_it_should(renderer, plain, front):
    seen = covered(picture(renderer, RenderScene(meshes=[still("/a", box(0.5))]), front, plain))
    # 1 m of 2 m height at 100 pixels: 50 x 50 pixels in the middle
    assert abs(int(seen.sum()) - 2500) <= 150
    rows, columns = np.nonzero(seen)
    assert abs(rows.mean() - 49.5) < 0.6 and abs(columns.mean() - 59.5) < 0.6


def test_body_pose_moves_and_turns_its_item(renderer, plain, front):
    item = still("/a", box(0.2))
    item.bodies[:] = 0
    scene = RenderScene(meshes=[item], body_q=np.array([[0.3, 0, 0, 0, 0, 0, 1]], np.float32))
    columns = np.nonzero(covered(picture(renderer, scene, front, plain)))[1]
    assert abs(columns.mean() - (59.5 + 15)) < 0.6
    turned = np.array([[-0.3, 0.2, 0, 0, 0, np.sin(np.pi / 8), np.cos(np.pi / 8)]])
    renderer.update(turned)
    renderer.draw(front, plain, SIZE)
    rows, columns = np.nonzero(covered(renderer.read_pixels()))
    assert abs(columns.mean() - (59.5 - 15)) < 0.6 and abs(rows.mean() - (49.5 - 10)) < 0.6
    assert abs((columns.max() - columns.min() + 1) - 0.4 * np.sqrt(2) * 50) < 3  # stands on its corner


def test_all_instances_of_one_geometry_are_drawn_with_one_call(renderer, plain, front):
    places = [(x, y, 0) for x in (-0.8, -0.4, 0.0, 0.4, 0.8) for y in (-0.6, 0.0, 0.6)]
    shared = box(0.1)
    scene = RenderScene(meshes=[still("/grid", shared, *places[:10]), still("/more", shared, *places[10:])])
    seen = covered(picture(renderer, scene, front, plain))
    assert len(renderer._meshes) == 1
    assert abs(int(seen.sum()) - 15 * 100) < 15 * 25
    from scipy.ndimage import label

    assert label(seen)[1] == 15


def test_instance_colors_show(renderer, plain, front):
    item = still("/pair", box(0.2), (-0.4, 0, 0), (0.4, 0, 0))
    item.instance_colors = np.array([[0.9, 0.05, 0.05, 1], [0.05, 0.05, 0.9, 1]], np.float32)
    pixels = picture(renderer, RenderScene(meshes=[item]), front, plain).astype(int)
    left, right = pixels[50, 40], pixels[50, 80]
    assert left[0] > left[2] + 80 and right[2] > right[0] + 80


def test_texture_shows_the_right_way_up(renderer, plain, front):
    image = np.zeros((2, 2, 4), np.uint8)
    image[0, 0], image[0, 1], image[1, 0], image[1, 1] = (  # top left red, top right green, bottom left blue
        (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 255),
    )  # fmt: skip
    material = Material("/m", diffuse=(1, 1, 1), texture=Texture("quarters", image, repeat=(False, False)))
    scene = RenderScene(meshes=[still("/card", card(0.5), material=1)], materials=[Material(), material])
    pixels = picture(renderer, scene, front, plain).astype(int)
    top_left, top_right, low_left = pixels[30, 40, :3], pixels[30, 80, :3], pixels[70, 40, :3]
    assert top_left.argmax() == 0 and top_right.argmax() == 1 and low_left.argmax() == 2
    assert pixels[70, 80, :3].min() > 100


def test_shadow_falls_on_what_is_below(renderer, plain, front):
    front.eye = np.array([0.0, 6.0, 0.01])
    floor = still("/floor", box(1.0), (0, -1.5, 0))
    scene = RenderScene(meshes=[floor, still("/block", box(0.15), (0.0, 0.3, 0.0))])
    bright = picture(renderer, scene, front, plain).astype(int)
    plain.shadows = True
    dark = picture(renderer, scene, front, plain).astype(int)
    change = (bright - dark)[..., :3].sum(axis=2)
    assert (change > 60).sum() > 100  # a shadow about as large as the block (15 x 15 pixels)
    assert (change > 60).sum() < 600
    # The key light comes from the left and the front: the shadow lies to the right and behind (up in this picture).
    rows, columns = np.nonzero(change > 60)
    assert columns.mean() > 62 and rows.mean() < 47


@pytest.mark.parametrize("radius", [0.1, 0.3])
def test_particles_are_discs_of_their_radius(renderer, plain, front, radius):
    points = PointsItem("/p", positions=np.zeros((1, 3), np.float32), radii=np.full(1, radius, np.float32))
    seen = covered(picture(renderer, RenderScene(points=[points]), front, plain))
    assert abs(seen.sum() - np.pi * (radius * 50) ** 2) < 0.12 * np.pi * (radius * 50) ** 2 + 12


def test_spheres_hide_each_other_by_their_true_depth(renderer, plain, front):
    positions = np.array([[-0.1, 0, 0.0], [0.1, 0, 0.0]], np.float32)
    colors = np.array([[0.9, 0, 0, 1], [0, 0, 0.9, 1]], np.float32)
    points = PointsItem("/p", positions=positions, radii=np.full(2, 0.3, np.float32), colors=colors)
    pixels = picture(renderer, RenderScene(points=[points]), front, plain).astype(int)
    # They cut each other in the plane x = 0.
    assert pixels[50, 56, 0] > pixels[50, 56, 2] and pixels[50, 63, 2] > pixels[50, 63, 0]


def test_particles_move(renderer, plain, front):
    points = PointsItem(
        "/p",
        positions=np.zeros((2, 3), np.float32),
        radii=np.full(2, 0.1, np.float32),
        particles=ParticleRange(np.array([1, 2])),
    )
    start = np.array([[9, 9, 9], [0, 0, 0], [0, 0, 0]], np.float32)
    renderer.set_scene(RenderScene(points=[points], particle_q=start))
    renderer.update(None, np.array([[9, 9, 9], [-0.5, 0, 0], [0.5, 0, 0]]))
    renderer.draw(front, plain, SIZE)
    columns = np.nonzero(covered(renderer.read_pixels()))[1]
    assert columns.min() < 40 and columns.max() > 80 and not ((columns > 45) & (columns < 75)).any()


def test_cable_is_a_tube_of_its_radius(renderer, plain, front):
    curve = CurvesItem(
        "/c",
        positions=np.array([[-0.5, 0, 0], [0.5, 0, 0]], np.float32),
        segments=np.array([[0, 1]]),
        radii=np.full(2, 0.1, np.float32),
    )
    seen = covered(picture(renderer, RenderScene(curves=[curve]), front, plain))
    assert abs(seen[:, 60].sum() - 10) <= 1
    assert abs(seen[50].sum() - 60) <= 2  # with round ends


def test_what_is_transparent_shows_what_is_behind(renderer, plain, front):
    behind = still("/red", card(0.3), (0, 0, -1), color=(0.9, 0.02, 0.02, 1))
    glass = still("/glass", card(0.6), color=(0.1, 0.1, 0.9, 0.4))
    pixels = picture(renderer, RenderScene(meshes=[glass, behind]), front, plain).astype(int)
    through, beside = pixels[50, 60, :3], pixels[50, 82, :3]
    assert through[0] > beside[0] + 50 and beside[2] > 20


def test_wireframe_leaves_faces_empty_and_edges_drawn(renderer, plain, front):
    scene = RenderScene(meshes=[still("/a", card(0.5))])
    plain.background, plain.shading = "white", "wireframe"
    ink = picture(renderer, scene, front, plain)[..., :3].max(axis=2) < 128
    assert 100 < ink.sum() < 500
    assert not ink[40, 50] and ink[49:52, 59:62].any()  # the diagonal crosses the middle


def test_wireframe_on_shaded_draws_both(renderer, plain, front):
    scene = RenderScene(meshes=[still("/a", card(0.5))])
    shaded = picture(renderer, scene, front, plain).astype(int)
    plain.shading = "wireframe on shaded"
    both = picture(renderer, scene, front, plain).astype(int)
    assert (both[40, 50] == shaded[40, 50]).all()
    assert (shaded - both)[..., :3].max() > 80


def test_normals_are_shown_as_colors(renderer, plain, front):
    plain.shading = "normals"
    pixels = picture(renderer, RenderScene(meshes=[still("/a", card(0.5))]), front, plain)
    np.testing.assert_allclose(pixels[50, 60, :3], [128, 128, 255], atol=2)


def test_points_mode_draws_vertices(renderer, plain, front):
    plain.shading = "points"
    seen = covered(picture(renderer, RenderScene(meshes=[still("/a", card(0.5))]), front, plain))
    assert seen[23:28, 33:38].any() and not seen[50, 60]


def test_cloth_is_shaded_smoothly(renderer, plain, front):
    """A folded strip: with normals of points, neighbours across the fold get the same shade."""
    from app.render.scene import Geometry, MeshItem

    x = np.linspace(-0.6, 0.6, 13)
    points = np.array([[a, b, 0.4 - abs(a)] for a in x for b in (-0.5, 0.5)], np.float32)
    k = 2 * np.arange(12)[:, None]
    triangles = np.concatenate([k + np.array([0, 2, 3]), k + np.array([0, 3, 1])]).astype(np.int32)
    item = MeshItem("/cloth", geometry=Geometry(points, triangles), particles=ParticleRange(np.arange(26)))
    plain.shading = "normals"
    pixels = picture(renderer, RenderScene(meshes=[item], particle_q=points), front, plain).astype(int)
    row = pixels[50, 32:88, 0]
    assert np.abs(np.diff(row)).max() < 60  # flat shading would jump by 180 at the fold
    assert row[0] < 60 and row[-1] > 195


def test_hidden_purposes_and_invisible_items_are_not_drawn(renderer, plain, front):
    scene = RenderScene(
        meshes=[still("/guide", box(0.2), (-0.5, 0, 0), purpose="guide"), still("/hidden", box(0.2), visible=False)]
    )
    assert not covered(picture(renderer, scene, front, plain)).any()
    plain.purposes = ("default", "render", "guide")
    renderer.draw(front, plain, SIZE)
    columns = np.nonzero(covered(renderer.read_pixels()))[1]
    assert len(columns) and columns.max() < 50


def test_selected_item_is_outlined_and_others_are_not(renderer, plain, front):
    shared = box(0.2)
    scene = RenderScene(meshes=[still("/a", shared, (-0.5, 0, 0)), still("/b/c", shared, (0.5, 0, 0))])
    before = picture(renderer, scene, front, plain).astype(int)
    plain.selected = ("/b",)
    renderer.draw(front, plain, SIZE)
    changed = np.abs(renderer.read_pixels().astype(int) - before).max(axis=2) > 60
    columns = np.nonzero(changed)[1]
    assert len(columns) > 60 and columns.min() > 60


def test_picking_returns_prim_instance_body_and_place(renderer, plain, front):
    pair = still("/World/Pair", box(0.2), (-0.5, 0.1, 0), (0.5, 0, 0))
    pair.bodies[:] = (-1, 0)
    pair.instance_paths = ["/World/Pair[0]", "/World/Pair[1]"]
    ball = PointsItem("/World/Balls", positions=np.array([[0, 0.6, 0]], np.float32), radii=np.full(1, 0.2, np.float32))
    scene = RenderScene(meshes=[pair], points=[ball], body_q=np.array([[0, -0.2, 0, 0, 0, 0, 1]], np.float32))
    picture(renderer, scene, front, plain)
    left, right, top = renderer.pick(35, 45), renderer.pick(85, 60), renderer.pick(60, 20)
    assert (left.path, left.instance, left.body) == ("/World/Pair[0]", 0, -1)
    assert (right.path, right.instance, right.body) == ("/World/Pair[1]", 1, 0)
    assert (top.path, top.instance) == ("/World/Balls", 0)
    np.testing.assert_allclose(right.position, [0.51, -0.21, 0.2], atol=0.012)
    np.testing.assert_allclose(top.position, [0.01, 0.59, 0.2], atol=0.012)
    assert renderer.pick(60, 50) is None


def test_picking_cloth_names_the_particles(renderer, plain, front):
    from app.render.scene import MeshItem

    item = MeshItem("/cloth", geometry=card(0.5), particles=ParticleRange(np.array([4, 5, 6, 7])))
    particles = np.concatenate([np.zeros((4, 3)), card(0.5).points]).astype(np.float32)
    picture(renderer, RenderScene(meshes=[item], particle_q=particles), front, plain)
    hit = renderer.pick(75, 65)  # lower right: triangle 0, 1, 2
    assert hit.triangle == 0 and hit.particles == (4, 5, 6)


def test_a_million_pixels_and_nothing_at_all(renderer, plain, front):
    renderer.set_scene(RenderScene())
    renderer.draw(front, plain, (0, 100))
    renderer.draw(front, plain, (1, 1))
    assert renderer.read_pixels().shape == (1, 1, 4)


def test_transparent_background_has_no_opacity(renderer, plain, front):
    plain.transparent = True
    pixels = picture(renderer, RenderScene(meshes=[still("/a", box(0.3))]), front, plain)
    assert pixels[5, 5, 3] == 0 and pixels[50, 60, 3] == 255


def test_overlay_lines_behind_a_surface_are_hidden_unless_drawn_through(renderer, plain, front):
    from app.render.options import Overlay

    scene = RenderScene(meshes=[still("/a", box(0.3), color=(0, 0, 0, 1))])
    overlay = Overlay()
    overlay.lines([[-0.8, 0, -1]], [[0.8, 0, -1]], (0, 1, 0), width=3)
    overlay.lines([[-0.8, 0.2, -1]], [[0.8, 0.2, -1]], (0, 0, 1), width=3, through=True)
    pixels = picture(renderer, scene, front, plain, overlay=overlay)
    assert pixels[49:51, 25, 1].max() > 200 and pixels[49:51, 60, 1].max() < 120
    assert pixels[39:41, 60, 2].max() > 200


def test_labels_appear_at_their_place(renderer, plain, front):
    from app.render.options import Overlay

    overlay = Overlay()
    overlay.labels([[0.2, 0.4, 0]], ["12.5 N"], (1, 1, 1))
    pixels = picture(
        renderer, RenderScene(meshes=[still("/a", box(0.01), color=(0, 0, 0, 1))]), front, plain, overlay=overlay
    )
    rows, columns = np.nonzero(pixels[..., 0] > 100)
    assert columns.min() >= 66 and abs(rows.mean() - 30) < 8


@pytest.mark.parametrize("up_axis", [1, 2])
def test_ground_lies_across_the_up_axis(renderer, plain, up_axis):
    from app.render.camera import Camera

    plain.grid = True
    up = np.eye(3)[up_axis]
    scene = RenderScene(meshes=[still("/a", box(0.1))], up_axis=up_axis)
    above = Camera(5.0 * up, np.zeros(3), np.eye(3)[0])
    grid = (picture(renderer, scene, above, plain)[..., :3].max(axis=2) > 20).mean()
    renderer.draw(Camera(5.0 * np.eye(3)[0], np.zeros(3), up), plain, SIZE)  # edge on
    edge_on = (renderer.read_pixels()[..., :3].max(axis=2) > 20).mean()
    assert grid > 2 * edge_on > 0


def test_changed_colors_show_after_the_scene_says_so(renderer, plain, front):
    item = still("/a", box(0.5), color=(0.9, 0, 0, 1))
    scene = RenderScene(meshes=[item])
    assert picture(renderer, scene, front, plain)[50, 60].argmax() in (0, 3)
    item.color = np.array([0, 0, 0.9, 1], np.float32)
    scene.changed()
    renderer.draw(front, plain, SIZE)
    pixel = renderer.read_pixels()[50, 60, :3]
    assert pixel.argmax() == 2


def test_at_places_matrices():
    np.testing.assert_array_equal(at((1, 2, 3))[0, :3, 3], [1, 2, 3])


def test_ten_thousand_bodies_are_one_batch_and_each_is_where_its_body_is(renderer, plain, front):
    from app.render.scene import MeshItem

    side = 100
    x, y = np.meshgrid(np.linspace(-0.99, 0.99, side), np.linspace(-0.99, 0.99, side))
    poses = np.zeros((side * side, 7), np.float32)
    poses[:, 0], poses[:, 1], poses[:, 6] = x.ravel(), y.ravel(), 1.0
    transforms = np.tile(np.diag([0.004, 0.004, 0.004, 1.0]).astype(np.float32), (side * side, 1, 1))
    item = MeshItem("/many", geometry=box(1.0), transforms=transforms, bodies=np.arange(side * side))
    renderer.set_scene(RenderScene(meshes=[item], body_q=poses))
    assert len(renderer._meshes) == 1
    renderer.draw(front, plain, (1000, 1000))
    from scipy.ndimage import center_of_mass, label

    seen, count = label(covered(renderer.read_pixels()))
    assert count == side * side
    rows, columns = np.array(center_of_mass(seen > 0, seen, np.arange(1, count + 1))).T
    expected = np.sort((poses[:, 0] + 1.0) * 500.0 - 0.5)
    np.testing.assert_allclose(np.sort(columns), expected, atol=0.75)
    np.testing.assert_allclose(np.sort(rows), expected, atol=0.75)


def test_scene_that_moved_away_is_still_lit_and_not_clipped(renderer, plain, front):
    item = still("/a", box(0.3))
    item.bodies[:] = 0
    renderer.set_scene(RenderScene(meshes=[item], body_q=np.array([[0, 0, 0, 0, 0, 0, 1]], np.float32)))
    plain.shadows = True
    renderer.update(np.array([[0, -500.0, 0, 0, 0, 0, 1]], np.float32))
    from app.render.camera import Camera

    camera = Camera.framing(renderer.bounds, aspect=1.2)
    renderer.draw(camera, plain, SIZE)
    assert covered(renderer.read_pixels()).sum() > 1000


@pytest.mark.parametrize("samples", [1, 4])
def test_ambient_occlusion_darkens_corners_only(renderer, plain, samples):
    from app.render.camera import Camera

    plain.samples = samples
    scene = RenderScene(meshes=[still("/floor", box(1.0), (0, -1, 0)), still("/block", box(0.3), (0, 0.3, 0))])
    camera = Camera(np.array([0.0, 1.6, 3.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    without = picture(renderer, scene, camera, plain).astype(int)
    plain.ambient_occlusion = True
    renderer.draw(camera, plain, SIZE)
    change = (without - renderer.read_pixels().astype(int))[..., :3].max(axis=2)
    x, foot, _ = camera.project([[0, 0, 0.3]], *SIZE)[0]
    _, front, _ = camera.project([[0, 0, 0.9]], *SIZE)[0]
    assert change[int(foot) - 1 : int(foot) + 2, int(x)].max() > 15
    assert change[int(front), int(x)] <= 6 and change[2, 2] == 0
