"""Whatever is handed to the builder, it makes a valid model or raises SimError."""

import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sim

coordinates = st.one_of(
    st.floats(-10, 10, width=32),
    st.sampled_from([0.0, 1.0, np.nan, np.inf, 1e-38, 1e-12, 1e8, 1e38, -1e-38, 3e38, 1e300]),
)
tame = st.floats(-10, 10, width=32)
lenient = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def points(element, low=0, high=12):
    return st.integers(low, high).flatmap(lambda n: hnp.arrays(np.float64, (n, 3), elements=element))


def assert_valid(model: sim.Model) -> None:
    n = model.particle_count
    for name in ("particle_q", "particle_qd", "particle_mass", "particle_inv_mass", "particle_radius"):
        assert np.isfinite(getattr(model, name).numpy()).all(), name
    for family in ("spring", "tri", "edge", "tet"):
        rows = model._element_indices(family)
        assert rows.size == 0 or (rows.max() < n and rows.min() >= (-1 if family == "edge" else 0))
    for name in ("tri_poses", "tri_areas", "tet_poses", "edge_rest_angle", "edge_rest_length", "spring_rest_length"):
        assert np.isfinite(getattr(model, name).numpy()).all(), name
    for name in ("body_mass", "body_com", "body_inertia", "body_inv_mass", "body_inv_inertia", "shape_transform"):
        assert np.isfinite(getattr(model, name).numpy()).all(), name
    assert (model.tri_areas.numpy() > 0).all()


def attempt(add) -> None:
    """``add(builder)`` succeeds and gives a valid model, or raises SimError and leaves an empty, usable builder."""
    builder = sim.ModelBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sim.SimWarning)
        try:
            add(builder)
        except sim.SimError as error:
            assert "expected" in str(error)
            assert not any(builder.family_sizes().values())
        assert_valid(builder.finalize())


@lenient
@given(points(coordinates), hnp.arrays(np.int64, st.integers(0, 24), elements=st.integers(-2, 12)), coordinates)
def test_cloth_mesh(vertices, indices, density):
    attempt(lambda b: b.add_cloth_mesh((0, 0, 0), (0, 0, 0, 1), 1.0, (0, 0, 0), vertices, indices, density))


@lenient
@given(points(tame, 4), st.lists(st.permutations(range(4)).map(lambda p: p[:3]), min_size=1, max_size=8))
def test_cloth_mesh_of_sane_numbers(vertices, faces):
    attempt(
        lambda b: b.add_cloth_mesh(
            (0, 0, 0), (0, 0, 0, 1), 1.0, (0, 0, 0), vertices, np.ravel(faces), 1.0, add_springs=True
        )
    )


@lenient
@given(points(coordinates, 4), hnp.arrays(np.int64, st.integers(0, 16), elements=st.integers(-1, 8)), coordinates)
def test_soft_mesh(vertices, indices, k_mu):
    attempt(lambda b: b.add_soft_mesh((0, 0, 0), (0, 0, 0, 1), 1.0, (0, 0, 0), vertices, indices, 1.0, k_mu, k_mu, 0.0))


@lenient
@given(points(coordinates), points(coordinates), st.one_of(coordinates, hnp.arrays(np.float64, 5)), coordinates)
def test_particles(q, qd, mass, radius):
    attempt(lambda b: b.add_particles(q, qd, mass, radius))


@lenient
@given(st.integers(-1, 6), st.integers(-1, 6), coordinates, coordinates, coordinates)
def test_cloth_grid(nx, ny, cell_x, cell_y, mass):
    attempt(lambda b: b.add_cloth_grid((0, 0, 0), (0, 0, 0, 1), (0, 0, 0), nx, ny, cell_x, cell_y, mass))


@lenient
@given(
    hnp.arrays(np.float64, 7, elements=coordinates),
    coordinates,
    hnp.arrays(np.float64, (3, 3), elements=coordinates),
)
def test_body(origin, mass, inertia):
    attempt(lambda b: b.add_body(origin, m=mass, I_m=inertia))


SHAPES = {
    "sphere": ("radius",),
    "box": ("hx", "hy", "hz"),
    "capsule": ("radius", "half_height"),
    "cylinder": ("radius", "half_height"),
    "cone": ("radius", "half_height"),
}


@lenient
@given(
    st.sampled_from(sorted(SHAPES)),
    st.lists(coordinates, min_size=3, max_size=3),
    hnp.arrays(np.float64, 3, elements=coordinates),
    hnp.arrays(np.float64, 4, elements=coordinates),
    coordinates,
    st.booleans(),
)
def test_shape(kind, sizes, pos, rot, density, is_solid):
    def add(builder):
        body = builder.add_body()
        size = dict(zip(SHAPES[kind], sizes, strict=False))
        try:
            getattr(builder, f"add_shape_{kind}")(body, pos, rot, density=density, is_solid=is_solid, **size)
        except sim.SimError:
            assert builder.shape_count == 0 and builder.body_mass[body] == 0.0
            builder.finalize()
            builder.body_mass.truncate(0)
            for name in ("body_q", "body_qd", "body_com", "body_inertia", "body_flags"):
                getattr(builder, name).truncate(0)
            raise

    attempt(add)


@lenient
@given(points(coordinates, 1), hnp.arrays(np.int64, st.integers(0, 24), elements=st.integers(-1, 12)))
def test_mesh_shape(vertices, indices):
    def add(builder):
        mesh = sim.Mesh(vertices, indices)
        assert np.isfinite(mesh.vertices).all() and len(mesh.indices) % 3 == 0

    attempt(add)
