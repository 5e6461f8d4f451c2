"""Pictures of simulations: what is drawn (`scene`), from where (`camera`), how (`options`), and by whom (`renderer`).

Nothing here knows a window; a context comes from one (`context.attach_context`) or from EGL (`context.headless_context`).
"""
