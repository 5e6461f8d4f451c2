"""Collision: signed distances, particle contacts, broad phase and narrow phase of rigid shapes."""

from sim.collide.pipeline import collide

__all__ = ["collide"]
