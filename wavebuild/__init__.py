"""wavebuild: a Make-like declarative build tool. Steps state what they read and make; what is stale runs, in waves.

Folders are verbs, files are nouns, and by alphabet they follow the data; a module imports only
from what stands earlier in
``structs < regular < errors < disk < declare < graph < judge < plan < run < store < engine < ui``:

- ``declare/``  TEXT → MODEL: Wavefile, Step, Artifact, frozen values with their place in the text
- ``graph/``    MODEL → GRAPH: steps joined by the artifacts they share; owners, overlaps, cycles
- ``judge/``    GRAPH + FACTS + TRACES → VERDICTS: stamp, digest, fingerprint, trace, reasons, freshness
- ``plan/``     VERDICTS → PLAN: targets → steps wanted → waves, critical path, estimates
- ``run/``      PLAN → OUTCOMES: scheduler, pool, worker, events
- ``store/``    OUTCOMES → NEXT TIME: traces, history, logs
- ``ui/``       EVENTS → PEOPLE: command line, words, view, screens, JSON
- ``disk.py``   the only file access of the parent process
- ``engine/``   one build end to end: load, link, judge, plan, run, record
- ``errors.py`` every message a person can be shown
- ``structs.py`` msgspec, of which the values are made

It does not know any of them until it is asked: importing it imports nothing else.
"""

__version__ = "0.1.0"
