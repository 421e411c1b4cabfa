"""The words of the design's section 4, as frozen values without I/O. One concept a module."""
