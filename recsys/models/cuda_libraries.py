"""Loads the CUDA libraries that implicit's GPU extension needs: import this before implicit.

The extension is built without a path to them, and needs rmm, which the extra "gpu" brings. Where
that is not installed nothing is loaded, and implicit computes on the processor.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("rmm"):
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        for library in ("cublas", "curand"):
            load_nvidia_dynamic_lib(library)
    except DynamicLibNotFoundError:
        pass  # implicit says so in a warning
