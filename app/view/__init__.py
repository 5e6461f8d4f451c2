"""The desktop application: `simview` (see docs/viewer.md). Import from the modules directly.

`application` is everything but pixels: what is open, shown, selected and going on; it knows no window and no widget.
`window` puts it on a screen: pyglet for the window, Dear ImGui for the `panels`, `app.render` for the picture.
"""
