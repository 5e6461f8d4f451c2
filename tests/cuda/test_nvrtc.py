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


def made_kernels():
    """Kernels that the solvers make to measure, in forms that cover their parts."""
    from sim.collide.particle_contacts import find_candidates
    from sim.collide.signed_distance import meshless_distance, shape_distance
    from sim.forces.element_batch import eval_elements
    from sim.forces.particle_forces import MEMBRANES
    from sim.semi_implicit.particle_step import advance_particles
    from sim.semi_implicit.particles import integrate_particles
    from sim.xpbd.pulls import pull_elements
    from sim.xpbd.settle import settle_particles

    yield pytest.param(find_candidates(shape_distance), id="find_candidates")
    yield pytest.param(find_candidates(meshless_distance), id="find_candidates_meshless")
    for name, (_, forces) in MEMBRANES.items():
        yield pytest.param(eval_elements(True, forces, True, True), id=f"eval_elements_{name}")
    yield pytest.param(eval_elements(True, None, False, False), id="eval_elements_springs")
    yield pytest.param(pull_elements(True, True, True, True), id="pull_elements")
    for width in (18, 50, -1):
        yield pytest.param(advance_particles(width, True), id=f"advance_particles_{width}")
        yield pytest.param(settle_particles(width, True, True), id=f"settle_particles_{width}")
    yield pytest.param(integrate_particles(18), id="integrate_particles")


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
