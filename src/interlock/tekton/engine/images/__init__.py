"""Root file systems for the images of steps.

`choice` decides what stands for an image: `profile` and `tools` make a root of this machine's programs, `rootfs` and
`layers` one of the image itself.
"""

from interlock.tekton.engine.images.choice import Images, Root

__all__ = ["Images", "Root"]
