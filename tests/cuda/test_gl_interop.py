"""Positions that kernels write into GL buffers, against those that come by way of the host.

Runs on a GPU with EGL, and on the stand-in for the driver (`SIMRUN_TEST_DEVICE=stand-in`) with any OpenGL.
"""

import logging
import os

import numpy as np
import pytest

import engine as en
from app.render import cuda_buffers
from app.render.camera import Camera
from app.render.errors import NoGraphics
from app.render.options import DrawOptions
from app.render.scene import CurvesItem, Geometry, MeshItem, ParticleRange, PointsItem, RenderScene
from engine.cuda.memory import CudaMemory
from engine.interop import opengl

STAND_IN = os.environ.get("SIMRUN_TEST_DEVICE") == "stand-in"
pytestmark = pytest.mark.skipif(not en.is_cuda_available(), reason="needs a GPU, or the stand-in for its driver")
DEVICE = "cuda:0"
SIZE = (320, 200)


@pytest.fixture(scope="module")
def gl():
    pytest.importorskip("moderngl")
    from app.render.context import headless_context

    try:
        context = headless_context()
    except NoGraphics as missing:
        pytest.skip(f"no OpenGL here: {missing}")
    if not STAND_IN and "nvidia" not in context.info["GL_VENDOR"].lower():
        pytest.skip(f"OpenGL draws with {context.info['GL_RENDERER']}")
    yield context
    context.release()


@pytest.fixture
def any_vendor(monkeypatch):
    """The stand-in works with the OpenGL that is there."""
    if STAND_IN:
        monkeypatch.setattr(cuda_buffers, "why_not", lambda context, device: opengl.why_not_shared(device))


@pytest.fixture
def renderer(gl, any_vendor):
    from app.render.renderer import Renderer

    made = Renderer(gl, lean=True)
    yield made
    made.release()


def box():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
             [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    return Geometry(corners, np.array(faces, np.int32), corners / np.sqrt(3.0).astype(np.float32))


def bodies_scene(count=30):
    """Boxes, the first ten of which stand still, and a see-through one."""
    rng = np.random.default_rng(3)
    q = np.zeros((count, 7), np.float32)
    q[:, :3], q[:, 3:] = rng.uniform(-1, 1, (count, 3)), rng.standard_normal((count, 4))
    q[:, 3:] /= np.linalg.norm(q[:, 3:], axis=1, keepdims=True)
    transforms = np.tile(np.diag([0.1, 0.06, 0.08, 1.0]).astype(np.float32), (count, 1, 1))
    transforms[:10, :3, 3] = rng.uniform(-1, 1, (10, 3))
    bodies = np.arange(count, dtype=np.int32)
    bodies[:10] = -1
    glass = np.array([0.2, 0.5, 0.9, 0.4], np.float32)
    shape = box()
    items = [
        MeshItem("/boxes", geometry=shape, transforms=transforms, bodies=bodies),
        MeshItem("/glass", geometry=shape, transforms=transforms[:1], bodies=np.array([12], np.int32), color=glass),
    ]
    moved = q.copy()
    moved[:, :3] += rng.uniform(-0.3, 0.3, (count, 3)).astype(np.float32)
    return RenderScene(meshes=items, body_q=q), moved, None


def cloth_scene(side=24):
    """A sheet that bulges, out of order among the particles, with spheres and capsules of others."""
    x, z = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    grid = np.arange(side * side).reshape(side, side)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel(), grid[:-1, 1:].ravel()
    triangles = np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)]).astype(np.int32)
    sheet = np.stack([x, np.zeros_like(x), z], axis=2).reshape(-1, 3)
    others = np.random.default_rng(4).uniform(-1, 1, (60, 3))
    q = np.concatenate([others, sheet]).astype(np.float32)
    rows = np.arange(60, 60 + side * side)
    cloth = MeshItem("/cloth", geometry=Geometry(q[rows], triangles), particles=ParticleRange(rows))
    balls = PointsItem(
        "/balls", positions=q[20:60], radii=np.full(40, 0.06, np.float32), particles=ParticleRange(np.arange(20, 60))
    )
    ends = np.stack([np.arange(0, 19), np.arange(1, 20)], axis=1).astype(np.int32)
    rope = CurvesItem(
        "/rope", positions=q[:20], segments=ends, radii=np.full(20, 0.03, np.float32),
        particles=ParticleRange(np.arange(20)),
    )  # fmt: skip
    moved = q.copy()
    moved[:, 1] += 0.4 * np.cos(3.0 * q[:, 0]) * np.cos(2.0 * q[:, 2])
    return RenderScene(meshes=[cloth], points=[balls], curves=[rope], particle_q=q), None, moved


def on_device(values, dtype):
    return None if values is None else en.array(values, dtype=dtype, device=DEVICE)


def draw(renderer, size=SIZE):
    bounds = renderer.bounds
    renderer.draw(Camera.framing(bounds, aspect=size[0] / size[1]), DrawOptions(samples=1), size)
    return renderer.read_pixels().astype(int), bounds


def both_ways(renderer, scene, body_q, particle_q, size=SIZE):
    """Pixels and bounds by way of the host, and without."""
    renderer.set_scene(scene)
    renderer.update(body_q, particle_q)
    assert not renderer.placement.on_gpu
    host = draw(renderer, size)
    renderer.set_scene(scene)
    renderer.update(on_device(body_q, en.transform), on_device(particle_q, en.vec3))
    assert renderer.placement.on_gpu
    return host, draw(renderer, size)


def assert_alike(one, other):
    """Positions are those of one arithmetic up to the last bits: an edge may fall on the next pixel."""
    assert one.std() > 5.0
    assert (np.abs(one - other).max(axis=2) > 3).mean() < 2e-3


SCENES = pytest.mark.parametrize("make", [bodies_scene, cloth_scene])


@SCENES
def test_pictures_are_those_of_the_way_over_the_host(renderer, make):
    (host, host_bounds), (direct, bounds) = both_ways(renderer, *make())
    assert_alike(host, direct)
    assert np.allclose(bounds.lower, host_bounds.lower, atol=1e-5)
    assert np.allclose(bounds.upper, host_bounds.upper, atol=1e-5)


@SCENES
def test_moved_things_are_seen_to_move(renderer, make):
    scene, body_q, particle_q = make()
    renderer.set_scene(scene)
    start = draw(renderer)[0]
    renderer.update(on_device(body_q, en.transform), on_device(particle_q, en.vec3))
    assert (np.abs(start - draw(renderer)[0]).max(axis=2) > 8).mean() > 0.02


@SCENES
def test_contents_of_the_buffers_are_those_of_the_cpu(renderer, make):
    scene, body_q, particle_q = make()

    def contents():
        read = [b.row_buffer.read() for b in renderer._meshes if b.surface is None]
        read += [b.vertex_buffer.read() for b in renderer._meshes if b.surface is not None]
        return [np.frombuffer(r, np.float32) for r in read + [g.place_buffer.read() for g in renderer._grains]]

    renderer.set_scene(scene)
    renderer.update(body_q, particle_q)
    expected = contents()
    renderer.set_scene(scene)
    renderer.update(on_device(body_q, en.transform), on_device(particle_q, en.vec3))
    for direct, host in zip(contents(), expected, strict=True):
        assert np.allclose(direct, host, atol=1e-5)


def test_another_size_of_picture_and_another_scene(renderer):
    scene, body_q, particle_q = bodies_scene()
    for size in (SIZE, (480, 300), (160, 100)):
        (host, _), (direct, _) = both_ways(renderer, scene, body_q, particle_q, size)
        assert_alike(host, direct)
    (host, _), (direct, _) = both_ways(renderer, *cloth_scene())
    assert_alike(host, direct)


def test_the_host_may_take_over_and_hand_back(renderer):
    scene, body_q, _ = bodies_scene()
    (_, _), (direct, _) = both_ways(renderer, scene, body_q, None)
    renderer.update(scene.body_q)
    assert not renderer.placement.on_gpu
    between = draw(renderer)[0]
    assert (np.abs(direct - between).max(axis=2) > 8).mean() > 0.01
    renderer.update(on_device(body_q, en.transform))
    assert_alike(draw(renderer)[0], direct)


def test_positions_do_not_visit_the_host(renderer, monkeypatch):
    n = 20_000
    q = np.random.default_rng(0).uniform(-1, 1, (n, 3)).astype(np.float32)
    item = PointsItem("/p", positions=q, radii=np.full(n, 0.01, np.float32), particles=ParticleRange(np.arange(n)))
    renderer.set_scene(RenderScene(points=[item], particle_q=q))
    there = on_device(q, en.vec3)
    renderer.update(None, there)
    sizes, read, upload = [], CudaMemory.read, CudaMemory.upload
    monkeypatch.setattr(CudaMemory, "read", lambda self, data: sizes.append(data.nbytes) or read(self, data))
    monkeypatch.setattr(
        CudaMemory, "upload", lambda self, data, host: sizes.append(host.nbytes) or upload(self, data, host)
    )
    renderer.update(None, there)
    draw(renderer)
    assert sizes and max(sizes) <= 24 * cuda_buffers.BOXES < q.nbytes


def test_particles_that_flew_away_do_not_spoil_the_bounds(renderer):
    scene, _, particle_q = cloth_scene()
    particle_q[[3, 30, 100]] = [[np.nan] * 3, [np.inf] * 3, [1e20] * 3]
    (_, host), (_, direct) = both_ways(renderer, scene, None, particle_q)
    assert np.allclose(direct.lower, host.lower, atol=1e-5) and np.allclose(direct.upper, host.upper, atol=1e-5)


def test_a_script_viewer_draws_states_from_the_device(gl, any_vendor):
    pytest.importorskip("pxr")
    import sim
    from app.viewer import Viewer

    builder = sim.ModelBuilder()
    for k in range(5):
        body = builder.add_body(origin=en.transform(en.vec3(0.5 * k, 0.4 + 0.2 * k, 0.0), en.quat_identity()))
        builder.add_shape_box(body, hx=0.1, hy=0.2, hz=0.1)
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 0.8, -1.0), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0), dim_x=8, dim_y=8,
        cell_x=0.1, cell_y=0.1, mass=0.1, fix_left=True,
    )  # fmt: skip
    model = builder.finalize(device=DEVICE)
    a, b = model.state(), model.state()
    solver = sim.SemiImplicitIntegrator()
    for _ in range(10):
        a.clear_forces()
        solver.simulate(model, a, b, 1e-2)
        a, b = b, a

    class OnTheHost:
        body_q, particle_q = a.body_q.numpy(), a.particle_q.numpy()

    with Viewer(model, headless=True, size=SIZE) as viewer:
        viewer.render(a)
        assert viewer._pictures._renderer.placement.on_gpu
        direct = viewer.picture().astype(int)
        viewer.render(OnTheHost)
        assert not viewer._pictures._renderer.placement.on_gpu
        assert_alike(viewer.picture().astype(int), direct)


def test_every_buffer_that_was_registered_is_let_go(gl, any_vendor, monkeypatch):
    from app.render.renderer import Renderer

    counts = {"cuGraphicsGLRegisterBuffer": 0, "cuGraphicsUnregisterResource": 0}
    real = opengl.call

    def counted(name, *args):
        if name in counts:
            counts[name] += 1
        return real(name, *args)

    monkeypatch.setattr(opengl, "call", counted)
    renderer = Renderer(gl, lean=True)
    for make in (bodies_scene, cloth_scene):
        scene, body_q, particle_q = make()
        renderer.set_scene(scene)
        for _ in range(2):
            renderer.update(on_device(body_q, en.transform), on_device(particle_q, en.vec3))
    renderer.release()
    assert counts == {"cuGraphicsGLRegisterBuffer": 5, "cuGraphicsUnregisterResource": 5}


def test_a_capture_refuses_to_map(gl):
    buffer = gl.buffer(reserve=48)
    shared = opengl.GLBuffer(buffer.glo, 48, DEVICE)
    with en.ScopedDevice(DEVICE), en.ScopedCapture(), pytest.raises(en.EngineError, match="captured"):
        with opengl.mapped([shared], DEVICE):
            pass
    with opengl.mapped([shared], DEVICE) as (memory,):
        memory.array(en.vec3, (4,)).fill_(2.0)
        with pytest.raises(en.EngineError, match="no room"):
            memory.array(en.vec3, (5,))
    assert np.frombuffer(buffer.read(), np.float32).tolist() == [2.0] * 12
    shared.release()
    shared.release()
    with pytest.raises(en.EngineError, match="released"), opengl.mapped([shared], DEVICE):
        pass


@pytest.mark.skipif(not STAND_IN, reason="a GPU cannot be told that another one draws")
@pytest.mark.parametrize("why", ["another GPU", "an error", "software"])
def test_where_it_is_not_possible_the_host_is_the_way_and_says_so_once(gl, why, monkeypatch, caplog, request):
    import stand_in

    from app.render.renderer import Renderer

    expected = {"another GPU": "another GPU", "an error": "cuGraphicsGLRegisterBuffer", "software": "OpenGL draws with"}
    if why != "software":
        request.getfixturevalue("any_vendor")
    if why == "another GPU":
        monkeypatch.setattr(stand_in, "gl_devices", [1])
    if why == "an error":
        monkeypatch.setattr(stand_in, "gl_devices", None)

        def fails(*_):
            raise stand_in.Failed(stand_in.CUresult.CUDA_ERROR_INVALID_VALUE)

        monkeypatch.setitem(stand_in._CALLS, "cuGraphicsGLRegisterBuffer", fails)
    monkeypatch.setattr(cuda_buffers, "_told", set())
    renderer = Renderer(gl, lean=True)
    scene, body_q, _ = bodies_scene()
    with caplog.at_level(logging.WARNING, "simrun.render"):
        for _ in range(2):
            renderer.set_scene(scene)
            for _ in range(2):
                renderer.update(on_device(body_q, en.transform))
    assert not renderer.placement.on_gpu
    assert [expected[why] in record.message for record in caplog.records] == [True]
    direct = draw(renderer)[0]
    renderer.update(body_q)
    assert np.array_equal(draw(renderer)[0], direct)
    renderer.release()
