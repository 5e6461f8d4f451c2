"""The handle with which a selected body is moved."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui, imguizmo

from app.render.camera import pose_matrices
from app.view.application import Application
from app.view.panels.layout import Rectangle

gizmo = imguizmo.im_guizmo


class BodyGizmo:
    """Translates and turns the selected body: at once while resting; a kinematic one also while the simulation runs."""

    def __init__(self, app: Application):
        self._app = app
        self.used = False

    @property
    def is_over(self) -> bool:
        """Whether the pointer is over the handle, so that a press is not meant for the picture."""
        return self.used and (gizmo.is_over() or gizmo.is_using())

    def draw(self, picture: Rectangle) -> None:
        """The handle, if a body is selected that may be moved now."""
        app = self._app
        part, frame = app.part(), app.frame
        self.used = False
        if (
            part is None
            or part.body < 0
            or frame is None
            or not app.timeline.at_end
            or app.held is not None  # one press pulls or moves, not both
            or min(picture.width, picture.height) < 50
        ):
            return
        kinematic = float(app.session.model.body_inv_mass.numpy()[part.body]) == 0.0
        if app.runner.playing and not kinematic:
            return
        self.used = True
        pose = frame.rows("body_q")[part.body].astype(float)
        camera = app.camera.camera
        aspect = picture.width / picture.height
        gizmo.begin_frame()
        gizmo.set_orthographic(camera.orthographic_height is not None)
        gizmo.set_rect(picture.x, picture.y, picture.width, picture.height)
        gizmo.set_drawlist(imgui.get_background_draw_list())
        operation = gizmo.OPERATION.rotate if app.gizmo_turns else gizmo.OPERATION.translate
        matrix = matrix16(pose_matrices(pose[None])[0])
        view, projection = matrix16(camera.view_matrix()), matrix16(camera.projection_matrix(aspect, app.bounds()))
        if gizmo.manipulate(view, projection, operation, gizmo.MODE.world, matrix):
            app.place_body(part.body, pose_of(np.array(matrix.values, float).reshape(4, 4).T))


def matrix16(matrix: np.ndarray) -> object:
    """A matrix for column vectors as ImGuizmo wants it."""
    return gizmo.Matrix16([float(x) for x in matrix.T.reshape(-1)])


def pose_of(matrix: np.ndarray) -> np.ndarray:
    """Position and quaternion (x, y, z, w) of a rigid matrix [4, 4]."""
    m = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    q = np.array(
        [
            np.sqrt(max(0.0, 1 + m[0, 0] - m[1, 1] - m[2, 2])),
            np.sqrt(max(0.0, 1 - m[0, 0] + m[1, 1] - m[2, 2])),
            np.sqrt(max(0.0, 1 - m[0, 0] - m[1, 1] + m[2, 2])),
            np.sqrt(max(0.0, 1 + m.trace())),
        ]
    )
    largest = int(np.argmax(q))  # the signs of the others follow from the largest
    pairs = np.array(
        [
            [0, m[1, 0] + m[0, 1], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[1, 0] + m[0, 1], 0, m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[2, 1] + m[1, 2], 0, m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 0],
        ]
    )
    row = pairs[largest] / q[largest]
    row[largest] = q[largest]
    return np.concatenate([matrix[:3, 3], row / np.linalg.norm(row)])
