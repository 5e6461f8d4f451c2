"""Render scenes from USD stages and from models: `scene.py` is the table of contents."""

from app.render.stage.scene import from_model, from_stage, open_render_scene
