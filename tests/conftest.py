"""Compiled modules are kept in one place for all processes that the tests start: most of their time was compiling.

It does not know what is tested.
"""

from __future__ import annotations

import os
import sys
import tempfile

COMPILED = os.path.join(tempfile.gettempdir(), f"wavebuild-tests-{os.getuid()}")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = COMPILED
sys.dont_write_bytecode = False
