"""Files: scenes in, time-sampled USD out."""

from usd_io.bindings import BodyBinding, ParticleBinding, SceneBindings
from usd_io.emit.scene import emit
from usd_io.errors import NothingToSimulateError, SceneError
from usd_io.mjcf import read_mjcf
from usd_io.read.scene import read_stage, read_usd
from usd_io.reading import is_usd, read_scene
from usd_io.records import SceneRecord
from usd_io.robots import add_robot
from usd_io.sim_renderer import SimRenderer
from usd_io.urdf import read_urdf

__all__ = [
    "BodyBinding",
    "NothingToSimulateError",
    "ParticleBinding",
    "SceneBindings",
    "SceneError",
    "SceneRecord",
    "SimRenderer",
    "add_robot",
    "emit",
    "is_usd",
    "read_mjcf",
    "read_scene",
    "read_stage",
    "read_urdf",
    "read_usd",
]
