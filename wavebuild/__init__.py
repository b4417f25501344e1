"""wavebuild: a Make-like declarative build tool. Steps state what they read and make; what is stale runs, in waves.

Folders are verbs, files are nouns, and by alphabet they follow the data; a module imports only
from what stands earlier in
``bytecode < structs < regular < errors < disk < declare < graph < judge < plan < run < store
< engine < watch < ui < orchestrator``:

- ``declare/``  TEXT → MODEL: Wavefile, Step, Artifact, frozen values with their place in the text
- ``graph/``    MODEL → GRAPH: steps joined by the artifacts they share; owners, overlaps, cycles
- ``judge/``    GRAPH + FACTS + TRACES → VERDICTS: stamp, digest, fingerprint, trace, reasons, freshness
- ``plan/``     VERDICTS → PLAN: targets → steps wanted → waves, critical path, estimates
- ``run/``      PLAN → OUTCOMES: scheduler, pool, worker, events
- ``store/``    OUTCOMES → NEXT TIME: traces, history, logs
- ``ui/``       EVENTS → PEOPLE: command line, words, view, screens, JSON
- ``disk.py``   the only file access of the parent process
- ``engine/``   one build end to end: load, link, judge, plan, run, record
- ``watch/``    CHANGES ON DISK → BUILDS
- ``orchestrator/`` PROGRAMS → BUILDS: the Python face, for pipelines and for agents
- ``errors.py`` every message a person can be shown
- ``bytecode.py`` our own modules, without a search
- ``structs.py`` msgspec, of which the values are made

It does not know any of them until it is asked: importing it imports nothing else.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.errors import WavebuildError
    from wavebuild.orchestrator.building import Build, Events, Pipeline, accept, build, events, forget, load
    from wavebuild.orchestrator.results import BuildFailed, Result, StepResult
    from wavebuild.orchestrator.steps import Step, step
    from wavebuild.run.events import (
        BuildSettled,
        BuildStarted,
        Noticed,
        StepRetried,
        StepReviewed,
        StepSettled,
        StepsFound,
        StepStarted,
        WaveStarted,
    )

__all__ = [
    "Build",
    "BuildFailed",
    "BuildSettled",
    "BuildStarted",
    "Events",
    "Noticed",
    "Pipeline",
    "Result",
    "Step",
    "StepResult",
    "StepRetried",
    "StepReviewed",
    "StepSettled",
    "StepStarted",
    "StepsFound",
    "WaveStarted",
    "WavebuildError",
    "__version__",
    "accept",
    "build",
    "events",
    "forget",
    "load",
    "step",
]

_HOMES = {
    "Build": "orchestrator.building",
    "BuildFailed": "orchestrator.results",
    "BuildSettled": "run.events",
    "BuildStarted": "run.events",
    "Events": "orchestrator.building",
    "Noticed": "run.events",
    "Pipeline": "orchestrator.building",
    "Result": "orchestrator.results",
    "Step": "orchestrator.steps",
    "StepResult": "orchestrator.results",
    "StepRetried": "run.events",
    "StepReviewed": "run.events",
    "StepSettled": "run.events",
    "StepStarted": "run.events",
    "StepsFound": "run.events",
    "WaveStarted": "run.events",
    "WavebuildError": "errors",
    "accept": "orchestrator.building",
    "build": "orchestrator.building",
    "events": "orchestrator.building",
    "forget": "orchestrator.building",
    "load": "orchestrator.building",
    "step": "orchestrator.steps",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
