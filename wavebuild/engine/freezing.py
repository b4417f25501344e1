"""Steps that a person freezes, and lets run again, without the Wavefile. The project is held meanwhile.

It does not know what being frozen means to a build.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from wavebuild.engine.project import Project, holding, layout_of_project, select_steps
from wavebuild.engine.request import Request
from wavebuild.errors import Problem, WavebuildError, did_you_mean
from wavebuild.store import freezes


def freeze(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """From now on these steps never run; a line for each."""
    with holding(request) as (project, _):
        names = [name for subject in subjects for name in _meant(request, project, subject)]
        path = layout_of_project(request, project).frozen
        already = freezes.frozen_names(path)
        freezes.freeze(path, names)
        return tuple(f"{name}: {'was frozen already' if name in already else 'frozen'}" for name in names)


def unfreeze(request: Request, subjects: Sequence[str]) -> tuple[str, ...]:
    """These steps run again when they must; a line for each. A step that is no more can be unfrozen, too."""
    with holding(request) as (project, _):
        path = layout_of_project(request, project).frozen
        frozen = freezes.frozen_names(path)
        names: list[str] = []
        problems: list[Problem] = []
        for subject in subjects:
            found = [subject] if subject in frozen else _meant(request, project, subject)
            names += found
            problems += [_not_frozen(project, name, frozen) for name in found if name not in frozen]
        if problems:
            raise WavebuildError(tuple(problems))
        freezes.unfreeze(path, names)
        return tuple(f"{name}: runs again when it must" for name in names)


def _meant(request: Request, project: Project, subject: str) -> list[str]:
    """The names of the steps that a word asks for; a repeated step by its own name, for all its instances."""
    steps = project.wavefile.steps
    known = project.graph.number.get(subject)
    if (known is not None and not steps[known].is_group) or any(step.base == subject for step in steps):
        return [subject]
    found = select_steps(replace(request, targets=(subject,), only=True), project)
    return [steps[number].name for number in sorted(found.named)]


def _not_frozen(project: Project, name: str, frozen: Sequence[str]) -> Problem:
    number = project.graph.number.get(name)
    step = project.wavefile.steps[number] if number is not None else None
    if step is not None and step.base in frozen:
        return Problem("not-frozen", f"{name} is frozen with all of {step.base}", remedy=f"unfreeze {step.base}")
    if step is not None and step.frozen:
        return Problem("not-frozen", f"{name} is frozen in the Wavefile", step.place, "take `frozen: true` out there")
    return Problem("not-frozen", f"{name} is not frozen", remedy=did_you_mean(name, frozen))
