"""The pictures that are compared with references, and how alike two pictures look."""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.stage import open_render_scene
from app.render.views import choose_camera
from app.session import Session

FOLDER = Path(__file__).parent / "references"
SCENES = Path(__file__).parents[3] / "scenes"
SIZE = (240, 150)

ARM = """<mujoco><worldbody><geom type="plane" size="0 0 1" rgba="0.6 0.6 0.6 1"/>
<body pos="0 0 0.1"><geom type="cylinder" size="0.15 0.1" rgba="0.3 0.3 0.3 1"/>
<body pos="0 0 0.1"><joint type="hinge" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 0.3 0 0.5" size="0.06" rgba="0.9 0.5 0.1 1"/>
<body pos="0.3 0 0.5"><joint type="hinge" axis="0 1 0"/>
<geom type="box" pos="0.2 0 0" size="0.2 0.05 0.05" rgba="0.2 0.4 0.8 1"/></body></body></body></worldbody></mujoco>"""
CART = """<robot name="cart"><material name="red"><color rgba="0.8 0.15 0.1 1"/></material>
<link name="base"><visual><geometry><box size="0.6 0.3 0.2"/></geometry><material name="red"/></visual>
<inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>
<link name="pole"><visual><origin xyz="0 0 0.4"/><geometry><cylinder radius="0.04" length="0.8"/></geometry></visual>
<inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>
<joint name="hinge" type="revolute"><parent link="base"/><child link="pole"/><axis xyz="0 1 0"/>
<limit lower="-1" upper="1" effort="1" velocity="1"/></joint></robot>"""

# Name: file or text, and the suffix of the text. Everything at its start: pictures, not the solvers, are compared.
CASES = {
    "cloth_over_sphere": SCENES / "cloth_over_sphere.usda",
    "cloth_over_statue": SCENES / "cloth_over_statue.usda",
    "dominoes": SCENES / "dominoes.usda",
    "particle_fountain": SCENES / "particle_fountain.usda",
    "rigid_pile": SCENES / "rigid_pile.usda",
    "soft_body_drop": SCENES / "soft_body_drop.usda",
    "arm": (ARM, ".xml"),
    "cart": (CART, ".urdf"),
}


def draw_case(name: str, context=None) -> np.ndarray:
    """The picture of a case, uint8 [h, w, 3]."""
    import tempfile

    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(case, tuple):
            path = Path(folder) / f"{name}{case[1]}"
            path.write_text(case[0])
        else:
            path = case
        session = Session.open(path)
        scene = open_render_scene(path, session.scene, session.bindings, session.model)
    renderer = Renderer(context, lean=False)
    try:
        renderer.set_scene(scene)
        camera = choose_camera(scene, None, renderer.bounds, scene.body_q, aspect=SIZE[0] / SIZE[1])
        renderer.draw(camera, DrawOptions(samples=4), SIZE)
        return renderer.read_pixels()[..., :3]
    finally:
        renderer.release()


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures, the least of the mean over each colour channel, after a
    blur of a pixel that forgives edges which another driver draws a little differently. 1 for equal pictures."""
    scores = []
    for channel in range(3):
        x, y = (gaussian_filter(p[..., channel].astype(float), 1.0) for p in (a, b))
        mx, my = gaussian_filter(x, 2.0), gaussian_filter(y, 2.0)
        vx, vy = gaussian_filter(x * x, 2.0) - mx * mx, gaussian_filter(y * y, 2.0) - my * my
        cov = gaussian_filter(x * y, 2.0) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        scores.append(float((((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()))
    return min(scores)
