"""The seed cloth through the calls that both programs share; imports neither, so that a start can be timed with one."""

import math

FPS, SUBSTEPS = 60, 32
DT = 1.0 / FPS / SUBSTEPS


def cloth(m, s, dim_x: int = 64, dim_y: int = 32, device: str = "cuda:0"):
    """A cloth of cells of 0.1 m over a sphere and the ground, whatever its size; `m` is the core, `s` the simulation module."""
    builder = s.ModelBuilder()
    builder.add_cloth_grid(
        pos=m.vec3(0.0, 4.0, -1.6), rot=m.quat_from_axis_angle(m.vec3(1.0, 0.0, 0.0), math.pi * 0.5), vel=m.vec3(0.0, 0.0, 0.0),
        dim_x=dim_x, dim_y=dim_y, cell_x=0.1, cell_y=0.1, mass=0.1, fix_left=True, tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=1.0e1,
    )  # fmt: skip
    builder.add_shape_sphere(body=-1, pos=m.vec3(0.0, 0.0, 0.0), radius=2.0, ke=1.0e2, kd=1.0e2, kf=1.0e1)
    return dressed(builder.finalize(device=device))


def dressed(model):
    """The model with the ground and contact stiffness of the course."""
    model.ground = True
    model.soft_contact_ke, model.soft_contact_kd = 1.0e4, 1.0e2
    return model


def first_frame(m, s, integrator) -> None:
    """Builds, simulates one frame launch by launch, and brings it to the host."""
    model = cloth(m, s)
    a, b = model.state(), model.state()
    with m.ScopedDevice("cuda:0"):
        s.collide(model, a)
        for _ in range(SUBSTEPS):
            a.clear_forces()
            integrator.simulate(model, a, b, DT)
            a, b = b, a
    a.particle_q.numpy()
