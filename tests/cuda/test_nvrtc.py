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


def nvrtc():
    from engine.cuda.nvrtc import nvrtc as find

    try:
        return find()
    except en.EngineError as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("kernel", list(project_kernels()))
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
