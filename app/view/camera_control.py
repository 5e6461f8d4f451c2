"""Moving the camera by hand: orbit, pan, zoom, fly, framing, named views. Plain arithmetic, no GL, no window."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from app.render.camera import Bounds, Camera

#: which drag does what: mouse button and modifiers -> motion. The first row that fits holds.
#: Plain drags as in MuJoCo's simulate, with Alt as in usdview and Maya.
DRAGS = (
    ("left", {"Alt"}, "orbit"),
    ("middle", {"Alt"}, "pan"),
    ("right", {"Alt"}, "zoom"),
    ("left", {"Shift"}, "pan"),
    ("middle", {"Shift"}, "zoom"),
    ("left", set(), "orbit"),
    ("right", set(), "pan"),
    ("middle", set(), "pan"),
)
#: keys that are held in fly mode -> direction: right, up, forward
FLIGHT = {
    "W": (0, 0, 1),
    "S": (0, 0, -1),
    "A": (-1, 0, 0),
    "D": (1, 0, 0),
    "E": (0, 1, 0),
    "Q": (0, -1, 0),
}
#: directions from the target to the eye: along right, front and up of the scene
VIEWS = {
    "home": (0.55, 0.9, 0.42),
    "front": (0, 1, 0),
    "back": (0, -1, 0),
    "right": (1, 0, 0),
    "left": (-1, 0, 0),
    "top": (0, 0, 1),
    "bottom": (0, 0, -1),
}
#: turning by a drag over the whole height of the picture [rad]
TURN = math.pi
#: time in which a jump is done to two thirds [s]
SMOOTHNESS = 0.09
STEEPEST = math.radians(89.5)


def motion_of(button: str, modifiers: set[str]) -> str | None:
    """What a drag with a mouse button and modifiers ("Alt", "Shift", "Ctrl") does, None for nothing."""
    for each, needed, motion in DRAGS:
        if each == button and needed == (modifiers & {"Alt", "Shift", "Ctrl"}):
            return motion
    return None


def scene_axes(up_axis: int) -> np.ndarray:
    """Right, front and up of a scene as rows [3, 3]; the front is where a person stands: +z in y-up, -y in z-up."""
    return np.array(
        {
            0: ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
            1: ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
            2: ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
        }[up_axis],
        float,
    )


@dataclass(frozen=True)
class View:
    """A camera as an orbit: what interpolates well."""

    target: np.ndarray
    distance: float
    yaw: float
    pitch: float


class CameraControl:
    """The camera of a window and how hands move it.

    Attributes:
        camera: where the picture is taken from now.
        flying: whether drags look around and keys move, instead of orbiting about the target.
        flight_speed: [m/s].
        up_axis: of the scene.
    """

    def __init__(self, up_axis: int = 1):
        """Looks at the origin from the front right, 5 m away."""
        self.flying = False
        self.flight_speed = 2.0
        self._scale = 1.0
        self._goal: View | None = None
        self._settle = 0.0
        self.set_up_axis(up_axis)

    def set_up_axis(self, up_axis: int) -> None:
        """Begin anew in a scene with another up axis."""
        self.up_axis = up_axis
        self._axes = scene_axes(up_axis)
        self.camera = Camera(np.zeros(3), np.zeros(3), self._axes[2], math.radians(40.0))
        self._put(View(np.zeros(3), 5.0, *self._angles(np.array(VIEWS["home"]) @ self._axes)))

    @property
    def is_moving(self) -> bool:
        """Whether a jump is under way."""
        return self._goal is not None

    def drag(self, motion: str, dx: float, dy: float, width: int, height: int) -> None:
        """Move by a drag of the mouse.

        Args:
            motion: "orbit", "pan" or "zoom".
            dx, dy: how far the mouse went [pixels], right and down.
            width, height: size of the picture [pixels].
        """
        self._goal = None
        turn = TURN / max(height, 1)
        if motion == "orbit" and self.flying:
            self._look(-dx * turn * 0.6, -dy * turn * 0.6)
        elif motion == "orbit":
            view = self._view()
            pitch = np.clip(view.pitch + dy * turn, -STEEPEST, STEEPEST)
            self._put(replace(view, yaw=view.yaw - dx * turn, pitch=float(pitch)))
        elif motion == "pan":
            axes = self.camera.axes()
            pixel = self.camera.pixel_size(self.camera.distance, max(height, 1))
            self._shift((-dx * axes[0] + dy * axes[1]) * pixel)
        elif motion == "zoom":
            self.zoom((dx - dy) * 4.0 / max(height, 1))

    def zoom(self, amount: float, toward: np.ndarray | None = None) -> None:
        """Come nearer by a factor e^amount; `toward` is a point that stays where it is in the picture."""
        if self.flying:
            self.flight_speed = float(np.clip(self.flight_speed * math.exp(amount), 1e-3, 1e4))
            return
        self._goal = None
        factor = math.exp(-float(np.clip(amount, -3.0, 3.0)))
        camera = self.camera
        distance = camera.distance * factor
        if not 1e-4 * self._scale < distance < 1e4 * self._scale:
            return
        fixed = camera.target if toward is None else np.asarray(toward, float)
        height = camera.orthographic_height
        self.camera = replace(
            camera,
            eye=fixed + (camera.eye - fixed) * factor,
            target=fixed + (camera.target - fixed) * factor,
            orthographic_height=height and height * factor,
            near=None,
            far=None,
        )

    def frame(self, bounds: Bounds, *, aspect: float, smooth: bool = True) -> None:
        """Let a box fill the picture, without turning."""
        if bounds.is_empty:
            return
        self._scale = bounds.radius
        self.flight_speed = max(self.flight_speed, 0.1) if self.flying else max(bounds.radius, 1e-3)
        self._go(self.camera.frame(bounds, aspect=aspect), smooth)

    def look_from(self, name: str, bounds: Bounds | None = None, *, aspect: float = 1.6, smooth: bool = True) -> None:
        """A named view, one of `VIEWS`; of a box, else of the present target."""
        direction = np.array(VIEWS[name], float) @ self._axes
        yaw, pitch = self._angles(direction)
        if name in ("top", "bottom"):
            yaw = self._angles(self._axes[1])[0]
        view = replace(self._view(), yaw=yaw, pitch=pitch)
        camera = self._camera(view)
        if bounds is not None and not bounds.is_empty:
            self._scale = bounds.radius
            camera = camera.frame(bounds, aspect=aspect)
        self._go(camera, smooth)

    def set_orthographic(self, on: bool) -> None:
        """Parallel projection, of the same height at the target."""
        height = 2.0 * self.camera.distance * math.tan(0.5 * self.camera.fov) if on else None
        self.camera = replace(self.camera, orthographic_height=height)

    def take(self, camera: Camera) -> None:
        """Look through another camera, such as one of the stage."""
        self._goal = None
        self.camera = replace(camera, up=self._axes[2] if self._upright(camera) else camera.up)

    def fly(self, held: set[str], seconds: float, *, fast: bool = False) -> bool:
        """Move by the keys that are held down; whether it moved."""
        direction = sum((np.array(FLIGHT[key], float) for key in held if key in FLIGHT), np.zeros(3))
        if not self.flying or not direction.any():
            return False
        axes = self.camera.axes() * np.array([[1.0], [1.0], [-1.0]])
        step = self.flight_speed * (4.0 if fast else 1.0) * seconds
        self._shift(direction / np.linalg.norm(direction) @ axes * step)
        return True

    def advance(self, seconds: float) -> bool:
        """Let a jump go on; whether anything moved."""
        if self._goal is None:
            return False
        self._settle += seconds
        share = 1.0 - math.exp(-seconds / SMOOTHNESS)
        now, goal = self._view(), self._goal
        if self._settle > 8.0 * SMOOTHNESS:
            share, self._goal = 1.0, None
        turn = (goal.yaw - now.yaw + math.pi) % (2.0 * math.pi) - math.pi
        height = self.camera.orthographic_height
        view = View(
            now.target + share * (goal.target - now.target),
            now.distance * (goal.distance / now.distance) ** share,
            now.yaw + share * turn,
            now.pitch + share * (goal.pitch - now.pitch),
        )
        self._put(view)
        if height:
            self.camera = replace(self.camera, orthographic_height=height * view.distance / now.distance)
        return True

    def finish(self) -> None:
        """Be at once where the jump leads."""
        self._settle = math.inf
        self.advance(0.0)

    def _go(self, camera: Camera, smooth: bool) -> None:
        self._goal, self._settle = self._view(camera), 0.0
        if not smooth:
            self.finish()

    def _upright(self, camera: Camera) -> bool:
        axes = camera.axes()
        return abs(float(axes[0] @ self._axes[2])) < 1e-3 and float(axes[1] @ self._axes[2]) > 0.0

    def _angles(self, direction: np.ndarray) -> tuple[float, float]:
        """Yaw from the front, counter-clockwise seen from above, and pitch, of a direction from the target."""
        right, front, up = self._axes @ (direction / np.linalg.norm(direction))
        pitch = math.asin(float(np.clip(up, -1.0, 1.0)))
        return math.atan2(right, front), float(np.clip(pitch, -STEEPEST, STEEPEST))

    def _view(self, camera: Camera | None = None) -> View:
        camera = camera or self.camera
        return View(camera.target, max(camera.distance, 1e-9), *self._angles(camera.eye - camera.target))

    def _camera(self, view: View) -> Camera:
        flat = math.cos(view.pitch)
        direction = np.array([math.sin(view.yaw) * flat, math.cos(view.yaw) * flat, math.sin(view.pitch)]) @ self._axes
        return replace(
            self.camera,
            eye=view.target + view.distance * direction,
            target=view.target,
            up=self._axes[2],
            near=None,
            far=None,
            fit_aspect=None,
        )

    def _put(self, view: View) -> None:
        self.camera = self._camera(view)

    def _shift(self, offset: np.ndarray) -> None:
        self._goal = None
        self.camera = replace(self.camera, eye=self.camera.eye + offset, target=self.camera.target + offset)

    def _look(self, yaw: float, pitch: float) -> None:
        """Turn the head: the eye stays."""
        eye, view = self.camera.eye, self._view()
        turned = replace(
            view, yaw=view.yaw + yaw, pitch=float(np.clip(view.pitch - pitch, -STEEPEST, STEEPEST)), target=np.zeros(3)
        )
        camera = self._camera(turned)
        self.camera = replace(camera, eye=eye, target=eye - (camera.eye - camera.target))
