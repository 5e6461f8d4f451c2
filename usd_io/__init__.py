"""Files: scenes in, time-sampled USD out."""

from usd_io.bindings import BodyBinding, ParticleBinding, SceneBindings
from usd_io.emit.scene import emit
from usd_io.errors import NothingToSimulateError, SceneError
from usd_io.mjcf import read_mjcf
from usd_io.read.scene import read_stage, read_usd
from usd_io.records import SceneRecord
from usd_io.sim_renderer import SimRenderer

__all__ = [
    "BodyBinding",
    "NothingToSimulateError",
    "ParticleBinding",
    "SceneBindings",
    "SceneError",
    "SceneRecord",
    "SimRenderer",
    "emit",
    "read_mjcf",
    "read_stage",
    "read_usd",
]
