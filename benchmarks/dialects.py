"""The same work in the languages of wavebuild and of its peers.

It does not know how the tools are called, and runs none.

Each is written as a person would write it who wants that tool to be quick. Tools written in Python get the steps as one
list and a loop over it; they call the functions of ``python`` in process, the others start an interpreter each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.works import FUNCTIONS, Step, Work, write_sources

Files = dict[str, str]


# Declarative files


def wavebuild(work: Work) -> Files:
    lines = ["wavefile: 1", "settings:", "  shell: sh", "steps:"]
    if work.name == "foreach":
        return {"Wavefile": "\n".join([*lines, *_repeated(work)]) + "\n"}
    for number, step in enumerate(work.steps):
        inputs = f"{step.folder}/" if step.folder else f"[{', '.join(step.inputs)}]"
        action = f"call: steps:{step.call}" if step.call else f"run: {step.command}"
        lines += [f"  s{number}:", f"    inputs: {inputs}", f"    outputs: {step.output}", f"    {action}"]
    return {"Wavefile": "\n".join(lines) + "\n"}


def _repeated(work: Work) -> list[str]:
    goal = work.steps[-1]
    return [
        "  copy:",
        '    foreach: {glob: "i/{k}"}',
        '    inputs: "i/{{ k }}"',
        '    outputs: "o/{{ k }}"',
        '    run: "cp i/{{ k }} o/{{ k }}"',
        "  gather:",
        "    inputs: step:copy",
        f"    outputs: {goal.output}",
        f"    run: {goal.command}",
    ]


def make(work: Work) -> Files:
    lines = [f"goal: {work.goal}"]
    for step in work.steps:
        lines += [f"{step.output}: {' '.join(step.inputs)}", f"\t{step.command}"]
    return {"Makefile": "\n".join(lines) + "\n"}


def ninja(work: Work) -> Files:
    lines = ["rule sh", "  command = $cmd"]
    for step in work.steps:
        lines += [f"build {step.output}: sh {' '.join(step.inputs)}", f"  cmd = {step.command}"]
    return {"build.ninja": "\n".join([*lines, f"default {work.goal}"]) + "\n"}


def go_task(work: Work) -> Files:
    makers = {step.output: number for number, step in enumerate(work.steps)}
    lines = ['version: "3"', "silent: true", "run: once", "tasks:", f"  default: {{deps: [s{len(work.steps) - 1}]}}"]
    for number, step in enumerate(work.steps):
        deps = [f"s{makers[path]}" for path in step.inputs if path in makers]
        sources = [f"{step.folder}/*"] if step.folder else step.inputs
        lines += [f"  s{number}:"]
        lines += [f"    deps: [{', '.join(deps)}]"] if deps else []
        lines += [f"    sources: [{', '.join(sources)}]", f"    generates: [{step.output}]", "    cmds:"]
        lines += [f"      - {step.command}"]
    return {"Taskfile.yml": "\n".join(lines) + "\n"}


def dvc(work: Work) -> Files:
    lines = ["stages:"]
    for number, step in enumerate(work.steps):
        lines += [f"  s{number}:", f"    cmd: {step.command}", "    deps:"]
        lines += [f"      - {path}" for path in ([step.folder] if step.folder else step.inputs)]
        lines += ["    outs:", f"      - {step.output}: {{cache: false}}"]
    settings = "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"
    return {"dvc.yaml": "\n".join(lines) + "\n", ".dvc/config": settings, ".dvcignore": ""}


def tup(work: Work) -> Files:
    lines = [f": {' '.join(step.inputs)} |> {step.command} |> {step.output}" for step in work.steps]
    return {"Tupfile": "\n".join(lines) + "\n"}


def redo(work: Work) -> Files:
    """A script for each output, and one that asks for the goal: ``redo`` always makes what it is asked for."""
    files: Files = {}
    for step in (work.steps[work.edited], *work.steps):
        up = "../" if "/" in step.output else ""
        # Names in full would be too long for one command: they come by lines.
        names = "\n".join(up + path for path in step.inputs)
        command = step.template.replace("$out", '"$out"')
        lines = ["xargs redo-ifchange <<END", names, "END", 'out="$PWD/$3"', f"cd ./{up}", command]
        files[f"{step.output}.do"] = "\n".join(lines) + "\n"
    return {**files, "go.do": f"redo-ifchange {work.goal}\n"}


# Programs


def _steps(work: Work) -> str:
    rows = [f"    ({step.output!r}, {list(step.inputs)!r}, {_action(step)!r})," for step in work.steps]
    return "\n".join(["STEPS = [", *rows, "]", ""])


def _action(step: Step) -> str:
    return step.call or step.command


def _calls(work: Work) -> bool:
    return work.name == "python"


def doit(work: Work) -> Files:
    action = "(getattr(steps, action), [inputs, [output]])" if _calls(work) else "action"
    text = f"""\
{"import steps" if _calls(work) else ""}
DOIT_CONFIG = {{"verbosity": 0, "reporter": "zero"}}
{_steps(work)}

def task_work():
    for number, (output, inputs, action) in enumerate(STEPS):
        yield {{"name": str(number), "actions": [{action}], "file_dep": inputs, "targets": [output]}}
"""
    return {"dodo.py": text}


def scons(work: Work) -> Files:
    call = """\
import sys
sys.path.insert(0, ".")
import steps

def action_of(name):
    function = getattr(steps, name)
    return lambda target, source, env: function([str(one) for one in source], [str(one) for one in target])
"""
    text = f"""\
import os
{call if _calls(work) else ""}
DefaultEnvironment(tools=[])
env = Environment(tools=[], ENV=os.environ)
Decider("content-timestamp")
{_steps(work)}
for output, inputs, action in STEPS:
    env.Command(output, inputs, {"action_of(action)" if _calls(work) else "action"})
Default({work.goal!r})
"""
    return {"SConstruct": text}


def snakemake(work: Work) -> Files:
    # What a rule does sees the names of the loop as they are when it runs; its parameters it keeps.
    call = "run: getattr(steps, params.action)(list(input), list(output))"
    doing = call if _calls(work) else 'shell: "{params.action}"'
    text = f"""\
{"import sys; sys.path.insert(0, workflow.basedir); import steps" if _calls(work) else ""}
shell.executable("/bin/sh")
{_steps(work)}
rule goal:
    input: {work.goal!r}

for number, (made, read, action) in enumerate(STEPS):
    rule:
        name: f"s{{number}}"
        input: read
        output: made
        params: action=action
        {doing}
"""
    return {"Snakefile": text}


def pytask(work: Work) -> Files:
    doing = (
        "getattr(steps, action)(inputs, [output])"
        if _calls(work)
        else 'subprocess.run(["sh", "-c", action], check=True)'
    )
    text = f"""\
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from pytask import Product, task

{"sys.path.insert(0, str(Path(__file__).parent)); import steps" if _calls(work) else ""}
{_steps(work)}
for number, (made, read, doing) in enumerate(STEPS):

    @task(id=str(number))
    def task_step(
        inputs: list[Path] = [Path(name) for name in read],
        output: Annotated[Path, Product] = Path(made),
        action: str = doing,
    ) -> None:
        {doing}
"""
    return {"task_work.py": text, "pyproject.toml": "[tool.pytask.ini_options]\n"}


DIALECTS: dict[str, Callable[[Work], Files]] = {
    "wavebuild": wavebuild,
    "make": make,
    "ninja": ninja,
    "tup": tup,
    "redo": redo,
    "doit": doit,
    "go-task": go_task,
    "scons": scons,
    "snakemake": snakemake,
    "dvc": dvc,
    "pytask": pytask,
}


def files(work: Work, tool: str) -> Files:
    """The files that a tool needs besides the sources; the first is the one that holds the edited step."""
    functions = {"steps.py": FUNCTIONS} if work.name == "python" else {}
    return {**DIALECTS[tool](work), **functions}


def write_files(found: Files, folder: Path) -> None:
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write(work: Work, tool: str, folder: Path) -> None:
    """A folder with all that a tool needs to do the work."""
    write_sources(work, folder)
    write_files(files(work, tool), folder)
