"""Linear solvers against NumPy's direct solution, on dense, block, vector and matrix-free systems."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse.linalg import gmres as scipy_gmres

import engine as en
from engine.optim.linear import LinearOperator, aslinearoperator, bicgstab, cg, cr, gmres, preconditioner

SYMMETRIC, GENERAL = [cg, cr, bicgstab, gmres], [bicgstab, gmres]
TYPES = [(en.float32, 3e-4), (en.float64, 1e-8)]


def symmetric(n, seed=0):
    rng = np.random.default_rng(seed)
    C = rng.normal(size=(n, n))
    return C @ C.T + n * np.eye(n), rng.normal(size=n)


def general(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n)) + 2 * np.sqrt(n) * np.eye(n), rng.normal(size=n)


def check(solver, A, b, dtype, tolerance, **options):
    x = en.zeros(len(b), dtype=dtype)
    steps, residual, bound = solver(en.array(A, dtype=dtype), en.array(b, dtype=dtype), x, **options)
    assert residual <= bound and 0 < steps <= len(b) + 31
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(A, b), atol=tolerance * np.abs(np.linalg.solve(A, b)).max())
    assert np.linalg.norm(A @ x.numpy() - b) <= 10 * bound + 1e-6 * np.linalg.norm(b) * (dtype is en.float32)


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("solver", SYMMETRIC)
def test_symmetric_system(solver, preconditioned, dtype, tolerance):
    A, b = symmetric(40)
    A[3, 3] += 500
    M = preconditioner(en.array(A, dtype=dtype)) if preconditioned else None
    check(solver, A, b, dtype, tolerance, M=M)


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("side", [None, "left", "right"])
@pytest.mark.parametrize("solver", GENERAL)
def test_general_system(solver, side, dtype, tolerance):
    A, b = general(40)
    A = np.diag(np.linspace(1, 30, 40)) @ A
    options = (
        {}
        if side is None
        else {"M": preconditioner(en.array(A, dtype=dtype)), "is_left_preconditioner": side == "left"}
    )
    check(solver, A, b, dtype, tolerance, maxiter=400, **options) if solver is gmres else check(
        solver, A, b, dtype, tolerance, maxiter=70, **options
    )


def test_conjugate_gradients_need_as_many_steps_as_there_are_eigenvalues():
    d = np.repeat([1.0, 5.0, 20.0], 10)
    Q = np.linalg.qr(np.random.default_rng(1).normal(size=(30, 30)))[0]
    for solver in (cg, cr):
        steps, *_ = solver(
            en.array(Q @ np.diag(d) @ Q.T), en.ones(30, dtype=en.float64), en.zeros(30, dtype=en.float64)
        )
        assert steps == 3


def test_gmres_matches_scipy_after_one_cycle():
    A, b = general(30, seed=5)
    A -= 2 * np.sqrt(30) * np.eye(30)  # hard: far from converged after 10 steps
    x = en.zeros(30, dtype=en.float64)
    steps, residual, _ = gmres(en.array(A), en.array(b), x, tol=1e-14, restart=10, maxiter=10)
    theirs, _ = scipy_gmres(A, b, rtol=1e-14, restart=10, maxiter=1)
    np.testing.assert_allclose(x.numpy(), theirs, rtol=1e-8)
    assert steps == 10 and residual == pytest.approx(np.linalg.norm(A @ theirs - b))


def test_gmres_stops_where_the_space_is_exhausted():
    x = en.zeros(6, dtype=en.float64)
    gmres(en.array(np.eye(6) * 4), en.full(6, 2.0, dtype=en.float64), x)
    np.testing.assert_allclose(x.numpy(), 0.5)


@pytest.mark.parametrize("solver", SYMMETRIC)
def test_warm_start_at_the_solution_takes_no_step(solver):
    A, b = symmetric(20)
    A, b, x = en.array(A), en.array(b), en.zeros(20, dtype=en.float64)
    solver(A, b, x)
    found = x.numpy().copy()
    steps, residual, bound = solver(A, b, x, tol=1e-9)
    assert steps == 0 and residual <= bound
    np.testing.assert_array_equal(x.numpy(), found)


@pytest.mark.parametrize("solver", SYMMETRIC)
def test_right_hand_side_of_zeros_gives_zeros(solver):
    A, _ = symmetric(10)
    x = en.zeros(10, dtype=en.float64)
    steps, residual, _ = solver(en.array(A), en.zeros(10, dtype=en.float64), x)
    assert steps == 0 and residual == 0 and not x.numpy().any()


@pytest.mark.parametrize("solver", SYMMETRIC)
def test_captured_solve_gives_the_same_bits(solver):
    A, b = symmetric(24)
    A, b, x, y = en.array(A), en.array(b), en.zeros(24, dtype=en.float64), en.zeros(24, dtype=en.float64)
    steps, residual, _ = solver(A, b, x)
    with en.ScopedCapture() as capture:
        done, squared, bound = solver(A, b, y, check_every=0)
    en.capture_launch(capture.graph)
    np.testing.assert_array_equal(x.numpy(), y.numpy())
    assert (
        done.numpy()[0] == steps
        and squared.numpy()[0] == pytest.approx(residual**2)
        and squared.numpy() <= bound.numpy()
    )
    y.zero_()
    en.capture_launch(capture.graph)
    np.testing.assert_array_equal(x.numpy(), y.numpy())


@pytest.mark.parametrize("solver", SYMMETRIC)
def test_system_of_vectors_with_block_diagonal(solver):
    rng = np.random.default_rng(4)
    blocks = rng.normal(size=(9, 3, 3))
    blocks = blocks @ blocks.transpose(0, 2, 1) + 2 * np.eye(3)
    b = rng.normal(size=(9, 3))
    x = en.zeros(9, dtype=en.vec3d)
    A = en.array(blocks, dtype=en.mat33d)
    _, residual, bound = solver(A, en.array(b, dtype=en.vec3d), x, M=preconditioner(A), maxiter=60)
    assert residual <= bound
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(blocks, b[..., None])[..., 0], atol=1e-9)


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("solver", SYMMETRIC)
def test_matrix_free_operator(solver, captured):
    @en.kernel
    def stencil(
        x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float), alpha: float, beta: float
    ):
        i = en.tid()
        out = 2.5 * x[i]
        if i > 0:
            out -= x[i - 1]
        if i + 1 < x.shape[0]:
            out -= x[i + 1]
        z[i] = alpha * out + beta * y[i]

    calls = []

    def matvec(x, y, z, alpha, beta):
        calls.append(1)
        en.launch(stencil, x.shape[0], inputs=[x, y, z, alpha, beta])

    n = 50
    dense = 2.5 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    A = LinearOperator((n, n), float, "cpu", matvec, capturable=True) if captured else matvec
    b = en.ones(n, dtype=float)
    x = en.zeros(n, dtype=float)
    steps, residual, bound = solver(A, b, x)
    assert residual <= bound
    np.testing.assert_allclose(x.numpy(), np.linalg.solve(dense, np.ones(n)), rtol=1e-4)
    assert solver is gmres or (len(calls) < 8) == captured or steps < 5


def test_tolerances_combine_as_documented():
    A, b = symmetric(20)
    args = en.array(A), en.array(b)
    norm = np.linalg.norm(b)
    for options, bound in (({"tol": 1e-3}, 1e-3 * norm), ({"atol": 0.5}, 0.5), ({"tol": 1e-3, "atol": 0.5}, 0.5)):
        assert cg(*args, en.zeros(20, dtype=en.float64), **options)[2] == pytest.approx(bound)


def test_callback_sees_the_residual_fall():
    A, b = symmetric(40)
    seen = []
    cr(en.array(A), en.array(b), en.zeros(40, dtype=en.float64), callback=lambda *a: seen.append(a), check_every=2)
    assert [k for k, *_ in seen[:3]] == [0, 2, 4]
    assert all(late[1] < early[1] for early, late in pairwise(seen))


def test_limit_of_iterations_is_kept():
    A, b = symmetric(40)
    steps, residual, bound = cg(en.array(A), en.array(b), en.zeros(40, dtype=en.float64), maxiter=2)
    assert steps == 2 and residual > bound


@pytest.mark.parametrize("ptype", ["diag", "diag_abs", "id"])
def test_preconditioners_are_what_they_say(ptype):
    A = np.array([[2.0, 1.0], [1.0, -4.0]])
    M = preconditioner(en.array(A), ptype)
    x, z = en.array([3.0, 8.0], dtype=en.float64), en.ones(2, dtype=en.float64)
    M.matvec(x, z, z, 2.0, 1.0)
    expected = {"diag": [1.5, -2.0], "diag_abs": [1.5, 2.0], "id": [3.0, 8.0]}[ptype]
    np.testing.assert_allclose(z.numpy(), 2 * np.array(expected) + 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: cg(en.zeros((3, 4), dtype=float), v, v), "expected a square one"),
        (lambda v: cg(en.zeros((5, 5), dtype=float), v, v), r"the matrix is \(5, 5\).*the vectors are 3"),
        (lambda v: cg(en.zeros((3, 3), dtype=en.float64), v, v), r"float64; the vectors are 3 of float"),
        (lambda v: cg(en.zeros((3, 3), dtype=float), v, en.zeros(4, dtype=float)), "two vectors of one size"),
        (lambda v: cg("A", v, v), "cannot be made of str"),
        (lambda v: aslinearoperator(en.zeros((2, 2, 2), dtype=float)), "cannot be made of array"),
        (
            lambda v: preconditioner(LinearOperator((3, 3), float, None, print)),
            "diagonal of this operator is not known",
        ),
        (lambda v: preconditioner(en.zeros((3, 3), dtype=float), "ilu"), "ptype='ilu'"),
        (lambda v: LinearOperator((3, 3), float), "matvec is None"),
    ],
)
def test_refusals_say_why(call, message):
    with pytest.raises(en.EngineError, match=message):
        call(en.ones(3, dtype=float))
