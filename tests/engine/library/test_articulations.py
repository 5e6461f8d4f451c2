"""Jacobian and mass matrix of articulations against sums over the joints on the way to the root."""

import numpy as np

import engine as en

# two articulations behind one another: a single joint, then a tree of four; joint 3 has three velocities, joint 4 none
PARENTS = np.array([-1, -1, 1, 1, 3])
STARTS = np.array([0, 1, 2, 3, 6, 6])
FIRST, COUNT, DOFS = 1, 4, 5


@en.kernel
def jacobian(s: en.array(dtype=en.spatial_vectord), parents: en.array(dtype=int), starts: en.array(dtype=int),
             out: en.array(dtype=en.float64)):  # fmt: skip
    en.spatial_jacobian(s, parents, starts, 1, 4, 7, out)


@en.kernel
def mass(inertias: en.array(dtype=en.spatial_matrix), out: en.array(dtype=float)):
    en.spatial_mass(I_s=inertias, joint_start=1, joint_count=2, M_start=3, M=out)


def axes():
    return np.random.default_rng(3).normal(size=(6, 6))


def expected(s):
    full = np.zeros((COUNT, 6, DOFS))
    for link in range(COUNT):
        joint = FIRST + link
        while joint != -1:
            columns = np.arange(STARTS[joint], STARTS[joint + 1])
            full[link][:, columns - STARTS[FIRST]] = s[columns].T
            joint = PARENTS[joint]
    return full.ravel()


def test_jacobian_and_its_gradient():
    s = en.array(axes(), dtype=en.spatial_vectord, requires_grad=True)
    integers = [en.array(x, dtype=int) for x in (PARENTS, STARTS)]
    size = 7 + COUNT * 6 * DOFS
    out = en.zeros(size, dtype=en.float64, requires_grad=True)
    with en.Tape() as tape:
        en.launch(jacobian, dim=1, inputs=[s, *integers], outputs=[out])
    np.testing.assert_array_equal(out.numpy()[7:], expected(axes()))
    assert not out.numpy()[:7].any()
    weights = np.random.default_rng(4).normal(size=size)
    tape.backward(grads={out: en.array(weights, dtype=en.float64)})
    # linear in s: the gradient is what each entry of s adds to the weighted sum
    unit = np.eye(36).reshape(36, 6, 6)
    sums = [expected(u) @ weights[7:] for u in unit]
    np.testing.assert_allclose(s.grad.numpy().ravel(), sums, rtol=1e-12, atol=1e-12)


def test_mass_is_blocks_of_inertias():
    inertias = np.random.default_rng(5).normal(size=(3, 6, 6)).astype(np.float32)
    out = en.zeros(3 + 144, dtype=float)
    en.launch(mass, dim=1, inputs=[en.array(inertias, dtype=en.spatial_matrix)], outputs=[out])
    full = np.zeros((12, 12), np.float32)
    full[:6, :6], full[6:, 6:] = inertias[1], inertias[2]
    np.testing.assert_array_equal(out.numpy()[3:].reshape(12, 12), full)
