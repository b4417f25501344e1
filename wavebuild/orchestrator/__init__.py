"""The Python face: builds of Wavefiles and of Python objects, and orchestrators of agents.

It does not know how anything is built, and prints nothing. What is not used is not imported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.orchestrator.memory import SharedMemory
    from wavebuild.orchestrator.orchestrators import Orchestrator, OrchestratorParallel
    from wavebuild.orchestrator.results import BuildFailed, Result, StepResult
    from wavebuild.orchestrator.stages import PipelineStep, YAMLPipelineLoaderStrict

__all__ = [
    "BuildFailed",
    "Orchestrator",
    "OrchestratorParallel",
    "PipelineStep",
    "Result",
    "SharedMemory",
    "StepResult",
    "YAMLPipelineLoaderStrict",
]

_HOMES = {
    "BuildFailed": "results",
    "Orchestrator": "orchestrators",
    "OrchestratorParallel": "orchestrators",
    "PipelineStep": "stages",
    "Result": "results",
    "SharedMemory": "memory",
    "StepResult": "results",
    "YAMLPipelineLoaderStrict": "stages",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
