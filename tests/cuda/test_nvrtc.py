"""Every kernel of the project compiles to machine code of a GPU, on a machine that has none."""

import importlib
import pkgutil

import pytest

import engine as en
from engine.kernel import Kernel


def project_kernels():
    for package in ("engine", "sim"):
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, package + "."):
            if "interop" in info.name:
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if isinstance(value, Kernel) and value.__module__ == info.name:
                    yield pytest.param(value, id=f"{info.name}.{name}")
    from app.render import motion

    for name, value in vars(motion).items():
        if isinstance(value, Kernel):
            yield pytest.param(value, id=f"app.render.motion.{name}")


def made_kernels():
    """Kernels that the solvers make to measure, in forms that cover their parts."""
    from engine.spatial.mesh_refresh import ON_GPU, sum_feature_normals
    from sim.collide.particle_contacts import find_candidates
    from sim.collide.signed_distance import meshless_distance, shape_distance
    from sim.double_precision import in_double
    from sim.featherstone.inverse_dynamics import balance_trees
    from sim.featherstone.sweep import sweep_outward
    from sim.forces.element_batch import eval_elements
    from sim.forces.particle_forces import MEMBRANES
    from sim.maximal.prepare import prepare_clusters
    from sim.semi_implicit.particle_step import advance_particles
    from sim.semi_implicit.particles import integrate_particles
    from sim.xpbd.bodies import solve_rigid_positions
    from sim.xpbd.bounces import bounce_rigid_contacts
    from sim.xpbd.island_steps import step_islands
    from sim.xpbd.pulls import pull_elements
    from sim.xpbd.settle import settle_particles

    yield pytest.param(sum_feature_normals(ON_GPU), id="sum_feature_normals")
    yield pytest.param(find_candidates(shape_distance), id="find_candidates")
    yield pytest.param(find_candidates(meshless_distance), id="find_candidates_meshless")
    yield pytest.param(find_candidates(meshless_distance, True), id="find_candidates_in_tree")
    for name, (_, forces) in MEMBRANES.items():
        yield pytest.param(eval_elements(True, forces, True, True, True, True, "packed"), id=f"eval_elements_{name}")
    yield pytest.param(eval_elements(True, None, False, False, False, False, "listed"), id="eval_elements_springs")
    yield pytest.param(pull_elements(True, True, True, True, True, True, "packed", True), id="pull_elements")
    yield pytest.param(pull_elements(False, True, True, True, False, False, "listed", False), id="pull_elements_rows")
    for width in (18, 50, -1):
        yield pytest.param(advance_particles(width, True), id=f"advance_particles_{width}")
        for first in (True, False):
            yield pytest.param(settle_particles(width, True, not first, first), id=f"settle_particles_{width}_{first}")
    yield pytest.param(integrate_particles(18), id="integrate_particles")
    for kernel in (sweep_outward, balance_trees):
        yield pytest.param(in_double(kernel), id=f"{kernel.__name__}_double")
    for penalty in (False, True):
        yield pytest.param(prepare_clusters(penalty), id=f"prepare_clusters_{penalty}")
    yield pytest.param(step_islands(), id="step_islands")
    for jointed in (False, True):
        yield pytest.param(solve_rigid_positions(jointed), id=f"solve_rigid_positions_{jointed}")
        yield pytest.param(bounce_rigid_contacts(jointed), id=f"bounce_rigid_contacts_{jointed}")


def nvrtc():
    from engine.cuda.nvrtc import nvrtc as find

    try:
        return find()
    except en.EngineError as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("kernel", [*project_kernels(), *made_kernels()])
def test_kernel_compiles_for_a_gpu(kernel):
    compiler = nvrtc()
    try:
        text = kernel.cuda()
    except en.EngineError as error:
        assert "generic" in str(error)
        pytest.skip(str(error))
    assert compiler.compile(text, "sm_90", kernel.__name__).startswith(b"\x7fELF")


def test_ptx_is_text_for_any_architecture():
    nvrtc()

    @en.kernel
    def double(x: en.array(dtype=float)):
        i = en.tid()
        x[i] = 2.0 * x[i]

    assert ".visible .entry kernel" in double.ptx(80)
    assert "__global__" in double.cuda()


def test_missing_device_says_what_is_missing():
    if en.is_cuda_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(en.EngineError, match="CUDA"):
        en.zeros(3, device="cuda")


@en.kernel
def loops(x: en.array(dtype=float), n: int, y: en.array(dtype=float)):
    i = en.tid()
    s = x[i]
    for k in range(n):
        local = en.zeros(shape=4, dtype=float)
        local[k % 4] = en.sin(s)
        s = s * 0.5 + local[k % 4]
    en.atomic_add(y, 0, s)


def test_backward_forms_with_a_stack_compile(monkeypatch):
    """Loops keep values on a stack that no plain kernel has."""
    from engine.autodiff.backend import HostBackend
    from engine.cuda.emit_cuda import Source

    compiler, made, compiled = nvrtc(), [], HostBackend.compile

    def noted(self, function, arity, *args, **kw):
        made.append(Source(function, arity))
        return compiled(self, function, arity, *args, **kw)

    monkeypatch.setattr(HostBackend, "compile", noted)
    with en.ScopedDevice("cpu"), en.Tape() as tape:
        x, y = en.ones(3, requires_grad=True), en.zeros(1, requires_grad=True)
        en.launch(loops, 3, [x, 10], [y])
    tape.backward(y)
    assert any(source.uses_tape for source in made)
    for source in made:
        assert compiler.compile(source.text(), "sm_90", "adjoint").startswith(b"\x7fELF")


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64", "int8", "uint16", "int64"])
def test_atomics_of_small_and_large_types_compile(name, tmp_path):
    file = tmp_path / "kernels.py"
    file.write_text(
        f"import engine as en\nT = en.{name}\n"
        "@en.kernel\n"
        "def k(a: en.array(dtype=T), out: en.array(dtype=T)):\n"
        "    i = en.tid()\n"
        "    en.atomic_min(out, 0, a[i])\n    en.atomic_max(out, 1, a[i])\n    en.atomic_add(out, 2, a[i])\n"
        "    en.atomic_sub(out, 3, a[i])\n    en.atomic_exch(out, 4, a[i])\n    en.atomic_cas(out, 5, a[i], a[i])\n"
    )
    scope: dict = {"__name__": "atomics"}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    assert nvrtc().compile(scope["k"].cuda(), "sm_90", "k").startswith(b"\x7fELF")


def test_a_kernel_that_walks_jobs_of_several_kinds_compiles():
    from engine.cuda.sequence import SequenceSource
    from sim.xpbd.bending import solve_bending
    from sim.xpbd.particles import predict_particles, update_velocities
    from sim.xpbd.tetrahedra import solve_tetrahedra
    from sim.xpbd.triangles import solve_triangles

    compiler = nvrtc()
    kinds = []
    for kernel in (predict_particles, solve_triangles, solve_bending, solve_tetrahedra, update_velocities):
        form = kernel._any_variant()
        kinds.append((form.function, form.arity))
    for words in (40, 300):  # of an argument block: fewer and more than the block has threads
        code = compiler.compile(SequenceSource(kinds, words).text(), "sm_90", "sequence")
        assert code.startswith(b"\x7fELF")
