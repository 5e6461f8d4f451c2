"""Checks and matrices of derivatives, under the module name that other programs import."""

from engine.autodiff.gradcheck import gradcheck, jacobian, jacobian_fd

__all__ = ["gradcheck", "jacobian", "jacobian_fd"]
