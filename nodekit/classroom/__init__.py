"""The machinery of a lesson: figures, sliders, checks of exercises, and the check of the installation.

    from nodekit.classroom import plotting, sliders

Nothing here is needed to solve an equation, and `import nodekit` does not import it.
"""
