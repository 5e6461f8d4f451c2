"""URDF, the robot format of ROS, into scene records."""

from usd_io.urdf.read import read_urdf

__all__ = ["read_urdf"]
