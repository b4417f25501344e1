"""What all tests share: where compiled modules are kept, and an environment that says nothing of where they run.

Compiled modules are kept in one place for all processes that the tests start: most of their time was compiling.

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

for name in [name for name in os.environ if name.startswith(("WAVEBUILD_", "GITHUB_"))]:
    del os.environ[name]
for name in ("CI", "NO_COLOR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)
