"""What all tests share: where compiled modules are kept, and an environment that says nothing of where they run.

Compiled modules are kept in one place for all processes that the tests start: most of their time was compiling.

It does not know what is tested.
"""

from __future__ import annotations

import os
import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.support.schedule import scheduler
from wavebuild.run import forking

COMPILED = os.path.join(tempfile.gettempdir(), f"wavebuild-tests-{os.getuid()}")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = COMPILED
sys.dont_write_bytecode = False

for name in [name for name in os.environ if name.startswith(("WAVEBUILD_", "GITHUB_"))]:
    del os.environ[name]
for name in ("CI", "NO_COLOR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)

# A process that has run thousands of tests is large; what they try is what a build of a person's size does.
forking.MOST_MEMORY = 1 << 40

# On a machine that is busy with something else, inputs are made and tried slowly: that says nothing of what is tested.
# In CI the same examples are tried each time, so that what fails there fails everywhere.
same_each_time = bool(os.environ.get("NO_SKIPS"))
settings.register_profile(
    "wavebuild", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=same_each_time
)
settings.load_profile("wavebuild")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduler(config, log)
