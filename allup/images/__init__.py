"""Container images: built by Docker or buildah, or made here of packages; pushed, loaded, looked for.

What is to be run is made as data (``commands``, ``engines``) and run elsewhere (``execution``).
"""
