"""The command line: reads argv and environment, calls one deed or question of the engine, shows what comes back.

It does not know how anything is built; each command is its flags and a few lines.
"""

import errno
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from wavebuild import __version__
from wavebuild.errors import WavebuildError
from wavebuild.later import Later
from wavebuild.ui import arguments
from wavebuild.ui.asking import How, Show, WantedLog, Where
from wavebuild.ui.caller import Caller, let_go
from wavebuild.ui.ending import called, ended

if TYPE_CHECKING:
    from wavebuild.ui import builds, deeds, logged, questions
else:  # a command needs one of them
    builds, questions = Later("wavebuild.ui.builds"), Later("wavebuild.ui.questions")
    deeds, logged = Later("wavebuild.ui.deeds"), Later("wavebuild.ui.logged")

BARE = "wavebuild.bare"  # in the parser's meta: the command's name if it may have meant a step

Directories = Annotated[list[str] | None, typer.Option("-C", metavar="DIR", help="As if started in DIR.")]
File = Annotated[str | None, typer.Option("-f", "--file", "--pipeline", metavar="FILE", help="The Wavefile to use.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a value of vars.")]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Build with this profile.")]
Outside = Annotated[bool, typer.Option("--allow-outside", help="Let outputs lie in the folders of settings.outside.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
Color = Annotated[Literal["auto", "always", "never"], typer.Option("--color", help="When to use colours.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document on stdout.")]
Changed = Annotated[list[str] | None, typer.Option("-W", metavar="PATH", help="As if PATH had changed.")]
Unchanged = Annotated[list[str] | None, typer.Option("-o", metavar="PATH", help="As if PATH had not changed.")]
Steps = Annotated[list[str], typer.Argument(metavar="STEP...", show_default=False)]
Memory = Annotated[
    list[str] | None, typer.Option("--mem", metavar="KEY=VALUE", help="An initial value of the shared memory.")
]
Targets = Annotated[list[str] | None, typer.Argument(metavar="[TARGETS]...", show_default=False)]
Ask = Annotated[bool, typer.Option("--ask", help="Run probes where the answer depends on them.")]
Subjects = Annotated[list[str], typer.Argument(metavar="PATH|STEP...", show_default=False)]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Only say what would be done.")]
Instances = Annotated[bool, typer.Option("--instances", help="Each instance of a repeated step by itself.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class Front(TyperGroup):
    """The commands, with ``build`` as the one that need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        arranged = arguments.arranged(args)
        ctx.meta[BARE] = arranged.bare
        return super().parse_args(ctx, list(arranged.line))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The flags of a build first: they are what is typed most."""
        self.commands["build"].format_options(ctx, formatter)
        own = [param for param in self.get_params(ctx) if param.name != "help"]
        with formatter.section("Instead of a build"):
            formatter.write_dl([record for param in own if (record := param.get_help_record(ctx))])
        self.format_commands(ctx, formatter)


app = typer.Typer(
    cls=Front,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def front(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    show_completion: Annotated[
        str | None,
        typer.Option("--show-completion", metavar="SHELL", help="What completes command lines in bash, zsh or fish."),
    ] = None,
) -> None:
    """Bring files up to date: wavebuild [TARGETS] [FLAGS], or one of the commands."""
    if show_completion is not None:
        questions.show_completion(ctx.obj, show_completion)
    if version:
        caller: Caller = ctx.obj
        caller.answer([f"wavebuild {__version__}"])


@app.command()
def build(
    ctx: typer.Context,
    targets: Targets = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", "--max-workers", metavar="[N]", help="Steps at once; 0: all cores.")
    ] = None,
    parallel: Annotated[bool, typer.Option("--parallel", help="As many steps at once as there are cores.")] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="One step after another, as -j1.")] = False,
    keep_going: Annotated[
        bool, typer.Option("-k", "--keep-going", help="After a failure run all that does not depend on it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Print the plan; change nothing.")] = False,
    question: Annotated[bool, typer.Option("-q", "--question", help="Exit 0 if all is fresh, else 1.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="With -q: steps that always run count too.")] = False,
    force: Annotated[bool, typer.Option("-B", "--force", help="Run even what is fresh.")] = False,
    touch: Annotated[
        bool, typer.Option("-t", "--touch", help="Accept present outputs as results; run nothing.")
    ] = False,
    only: Annotated[bool, typer.Option("--only", help="The targets alone, without what they need.")] = False,
    changed: Changed = None,
    unchanged: Unchanged = None,
    schedule: Annotated[
        Literal["flow", "barrier"] | None, typer.Option("--schedule", help="How waves follow each other.")
    ] = None,
    barrier: Annotated[bool, typer.Option("--barrier", help="Start a wave when the one before has ended.")] = False,
    wait: Annotated[str, typer.Option("--wait", metavar="DURATION", help="Wait for another build to end.")] = "0",
    explain: Annotated[bool, typer.Option("--explain", help="Say why each step runs before it runs.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Commands and all output.")] = False,
    output: Annotated[
        Literal["group", "stream", "prefix"] | None,
        typer.Option("--output", help="Steps' output: whole at their end, as it comes, or with their names."),
    ] = None,
    load: Annotated[
        str | None,
        typer.Option("-l", "--load", "--load-average", metavar="N", help="Start nothing while the load is over N."),
    ] = None,
    confirm_over: Annotated[
        str | None,
        typer.Option("--confirm-over", metavar="DURATION", help="Ask first if it is estimated to take longer."),
    ] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Follow what steps touch; say what is not declared.")] = False,
    paranoid: Annotated[bool, typer.Option("--paranoid", help="Read every file again; trust no stamp.")] = False,
    no_watcher: Annotated[bool, typer.Option("--no-watcher", help="Look at every file; ask no watcher.")] = False,
    quiet: Annotated[bool, typer.Option("-s", "--quiet", help="Only failures.")] = False,
    events: Annotated[
        str | None, typer.Option("--events", metavar="FILE", help="Every event as a line of JSON; - is stdout.")
    ] = None,
    timeline: Annotated[
        str | None, typer.Option("--timeline", metavar="FILE", help="What ran when, for Perfetto or Chrome.")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="An HTML page about this build; - is stdout.")
    ] = None,
    as_json: AsJson = False,
    ask: Ask = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    yes: Yes = False,
    color: Color = "auto",
) -> int:
    """Bring the targets up to date; without targets, what the Wavefile names, else everything."""
    return builds.build(
        ctx.obj,
        targets or [],
        Where(directories or (), file, overrides or (), profile, ask, memory or (), outside=outside),
        How(
            jobs,
            parallel,
            sequential,
            schedule,
            barrier,
            keep_going,
            force,
            only,
            wait,
            changed or (),
            unchanged or (),
            load,
            paranoid,
            audit,
            not no_watcher,
        ),
        Show(
            dry_run=dry_run,
            question=question,
            touch=touch,
            strict=strict,
            yes=yes,
            verbose=verbose,
            quiet=quiet,
            explain=explain,
            output=output,
            confirm_over=confirm_over,
            json=as_json,
            events=events,
            timeline=timeline,
            report=report,
            color=color,
        ),
    )


@app.command()
def plan(
    ctx: typer.Context,
    targets: Targets = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", "--max-workers", metavar="[N]")] = None,
    force: Annotated[bool, typer.Option("-B", "--force", help="As if all had to run.")] = False,
    only: Annotated[bool, typer.Option("--only", help="The targets alone.")] = False,
    changed: Changed = None,
    unchanged: Unchanged = None,
    as_json: AsJson = False,
    ask: Ask = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """What will run: waves, reasons, times, critical path."""
    where = Where(directories or (), file, overrides or (), profile, ask, memory or (), outside=outside)
    how = How(jobs=jobs, force=force, only=only, changed=changed or (), unchanged=unchanged or ())
    return questions.plan(
        ctx.obj, targets or [], where, how, Show(verbose=verbose, json=as_json, color=color), _bare(ctx)
    )


@app.command()
def status(
    ctx: typer.Context,
    targets: Targets = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 if anything is stale.")] = False,
    changed: Changed = None,
    unchanged: Unchanged = None,
    as_json: AsJson = False,
    ask: Ask = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """What ran: a line a step, its verdict and its last run."""
    where = Where(directories or (), file, overrides or (), profile, ask, memory or (), outside=outside)
    show = Show(verbose=verbose, json=as_json, color=color)
    how = How(changed=changed or (), unchanged=unchanged or ())
    return questions.status(ctx.obj, targets or [], where, how, show, exit_code, _bare(ctx))


@app.command()
def explain(
    ctx: typer.Context,
    subject: Annotated[list[str], typer.Argument(metavar="STEP|PATH", show_default=False)],
    changed: Changed = None,
    unchanged: Unchanged = None,
    as_json: AsJson = False,
    ask: Ask = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Why a step is what it is: the chain of causes to the root."""
    where = Where(directories or (), file, overrides or (), profile, ask, memory or (), outside=outside)
    how = How(changed=changed or (), unchanged=unchanged or ())
    return questions.explain(ctx.obj, subject, where, how, Show(verbose=verbose, json=as_json, color=color))


@app.command()
def graph(
    ctx: typer.Context,
    form: Annotated[
        Literal["text", "mermaid", "dot", "json", "svg"], typer.Option("--format", help="How to draw.")
    ] = "text",
    upstream: Annotated[
        list[str] | None, typer.Option("--upstream", metavar="STEP", help="Only what STEP needs.")
    ] = None,
    downstream: Annotated[
        list[str] | None, typer.Option("--downstream", metavar="STEP", help="Only what depends on STEP.")
    ] = None,
    instances: Instances = False,
    as_json: Annotated[bool, typer.Option("--json", help="As --format json.")] = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """How the pipeline hangs together."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    part = (upstream or [], downstream or [])
    return questions.graph(
        ctx.obj, where, "json" if as_json else form, part, instances, Show(verbose=verbose, color=color), _bare(ctx)
    )


@app.command(name="list")
def list_steps(
    ctx: typer.Context,
    instances: Instances = False,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """What there is: each step, what it reads, produces and depends on."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return questions.list_steps(ctx.obj, where, instances, Show(verbose=verbose, json=as_json, color=color), _bare(ctx))


@app.command()
def init(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """A starting Wavefile that builds as it stands; never overwrites."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    show = Show(verbose=verbose, json=as_json, color=color)
    return deeds.init(ctx.obj, words or [], where, show, _bare(ctx))


@app.command()
def show(
    ctx: typer.Context,
    step: Annotated[list[str], typer.Argument(metavar="STEP", show_default=False)],
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """One step fully expanded: every key and its origin, inputs, outputs, commands."""
    where = Where(directories or (), file, overrides or (), profile, memory=memory or (), outside=outside)
    return questions.show(ctx.obj, step, where, Show(verbose=verbose, json=as_json, color=color))


@app.command()
def history(
    ctx: typer.Context,
    step: Annotated[list[str] | None, typer.Argument(metavar="[STEP]", show_default=False)] = None,
    last: Annotated[int, typer.Option("-n", "--last", metavar="N", help="Only the last N.")] = 20,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Past runs, or how one step ended in them."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    show = Show(verbose=verbose, json=as_json, color=color)
    return questions.history(ctx.obj, step or [], where, last, show, _bare(ctx))


@app.command()
def report(
    ctx: typer.Context,
    run_id: Annotated[list[str] | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
    output: Annotated[
        str, typer.Option("-o", metavar="FILE", help="The file to write; - is stdout.")
    ] = "wavebuild-report.html",
    yes: Annotated[bool, typer.Option("--yes", help="Write over a file that is no report.")] = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """An HTML page about the last run, or about an earlier one."""
    where = Where(directories or (), file, overrides or (), profile, memory=memory or (), outside=outside)
    show = Show(verbose=verbose, yes=yes, color=color)
    return questions.report(ctx.obj, run_id or [], where, output, show, _bare(ctx))


@app.command()
def log(
    ctx: typer.Context,
    step: Annotated[list[str], typer.Argument(metavar="STEP", show_default=False)],
    attempt: Annotated[int | None, typer.Option("--attempt", metavar="N", help="Of this try.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Of this run.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on while it grows.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Only say where it is.")] = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """The latest log of a step."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    wanted = WantedLog(attempt, run_id, follow, path)
    return logged.log(ctx.obj, step, where, wanted, Show(verbose=verbose, color=color))


@app.command()
def doctor(
    ctx: typer.Context,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """What is well here and what is to be mended: environment, file systems, limits, the state. Writes nothing."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return questions.doctor(ctx.obj, where, Show(verbose=verbose, json=as_json, color=color), _bare(ctx))


@app.command(name="mem")
def mem(
    ctx: typer.Context,
    key: Annotated[list[str] | None, typer.Argument(metavar="[KEY]", show_default=False)] = None,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """The shared memory: every key with its value and the step that writes it."""
    where = Where(directories or (), file, overrides or (), profile, memory=memory or (), outside=outside)
    return questions.mem(ctx.obj, key or [], where, Show(verbose=verbose, json=as_json, color=color), _bare(ctx))


@app.command()
def accept(
    ctx: typer.Context,
    subjects: Subjects,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Take files as they are now for the results of their steps."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return deeds.accept(ctx.obj, subjects, where, Show(verbose=verbose, color=color))


@app.command()
def freeze(
    ctx: typer.Context,
    steps: Steps,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Never run these steps: what stands is their result."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return deeds.freeze(ctx.obj, steps, where, Show(verbose=verbose, color=color))


@app.command()
def unfreeze(
    ctx: typer.Context,
    steps: Steps,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Run these steps again when they must."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return deeds.unfreeze(ctx.obj, steps, where, Show(verbose=verbose, color=color))


@app.command()
def forget(
    ctx: typer.Context,
    steps: Steps,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Drop what is remembered of these steps; no file is touched, and they run next."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return deeds.forget(ctx.obj, steps, where, Show(verbose=verbose, color=color))


@app.command()
def clean(
    ctx: typer.Context,
    steps: Annotated[list[str] | None, typer.Argument(metavar="[STEPS]...", show_default=False)] = None,
    orphans: Annotated[bool, typer.Option("--orphans", help="What steps made that are no more.")] = False,
    state: Annotated[bool, typer.Option("--state", help="What is remembered; no output.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Remove outputs; never what a person placed."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    show = Show(dry_run=dry_run, yes=yes, verbose=verbose, json=as_json, color=color, orphans=orphans, state=state)
    return deeds.clean(ctx.obj, steps or [], where, show, _bare(ctx))


@app.command()
def check(
    ctx: typer.Context,
    race: Annotated[
        bool, typer.Option("--race", help="Build copies in different orders; find what works by luck alone.")
    ] = False,
    twice: Annotated[
        str | None, typer.Option("--twice", metavar="STEP", help="Run STEP twice in a copy; compare what it makes.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", "--max-workers", metavar="[N]")] = None,
    wait: Annotated[str, typer.Option("--wait", metavar="DURATION", help="Wait for another build to end.")] = "0",
    yes: Yes = False,
    as_json: AsJson = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Load the Wavefile and look for mistakes, without running anything; or try steps in a copy of the project."""
    where = Where(directories or (), file, overrides or (), profile, memory=memory or (), outside=outside)
    show = Show(verbose=verbose, yes=yes, json=as_json, color=color)
    if race or twice is not None:
        return questions.trial(ctx.obj, where, How(jobs=jobs, wait=wait), show, twice, race, _bare(ctx))
    return questions.check(ctx.obj, where, show, _bare(ctx))


@app.command()
def schema(
    ctx: typer.Context,
    events: Annotated[bool, typer.Option("--events", help="Of the lines of --events instead.")] = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """The JSON Schema of the Wavefile, for editors."""
    where = Where(directories or (), file, overrides or (), profile, outside=outside)
    return questions.schema(ctx.obj, where, events, _bare(ctx))


@app.command(name="import")
def import_file(
    ctx: typer.Context,
    file: Annotated[list[str], typer.Argument(metavar="FILE", show_default=False)],
    output: Annotated[
        str | None, typer.Option("-o", metavar="FILE", help="The Wavefile to write; - prints it.")
    ] = None,
    directories: Directories = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """A Wavefile from dvc.yaml or build.ninja; never overwrites."""
    return deeds.import_file(ctx.obj, file, output, Where(directories or ()), Show(verbose=verbose, color=color))


@app.command()
def watch(
    ctx: typer.Context,
    targets: Targets = None,
    on_change: Annotated[
        Literal["queue", "restart"],
        typer.Option("--on-change", help="While it builds: build once more after it, or end what has become stale."),
    ] = "queue",
    hook: Annotated[
        str | None, typer.Option("--exec", metavar="CMD", help="A command of the shell, run after each build.")
    ] = None,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="In the background: build nothing, tell other builds what has changed.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the watcher of the project.")] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look at the files from time to time; for file systems that tell nothing.")
    ] = False,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", "--max-workers", metavar="[N]")] = None,
    parallel: Annotated[bool, typer.Option("--parallel", help="As many steps at once as there are cores.")] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="One step after another, as -j1.")] = False,
    keep_going: Annotated[
        bool, typer.Option("-k", "--keep-going", help="After a failure run all that does not depend on it.")
    ] = False,
    only: Annotated[bool, typer.Option("--only", help="The targets alone, without what they need.")] = False,
    schedule: Annotated[
        Literal["flow", "barrier"] | None, typer.Option("--schedule", help="How waves follow each other.")
    ] = None,
    barrier: Annotated[bool, typer.Option("--barrier", help="Start a wave when the one before has ended.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each step runs before it runs.")] = False,
    output: Annotated[
        Literal["group", "stream", "prefix"] | None,
        typer.Option("--output", help="Steps' output: whole at their end, as it comes, or with their names."),
    ] = None,
    load: Annotated[str | None, typer.Option("-l", "--load", "--load-average", metavar="N")] = None,
    quiet: Annotated[bool, typer.Option("-s", "--quiet", help="Only failures.")] = False,
    events: Annotated[
        str | None, typer.Option("--events", metavar="FILE", help="Every event as a line of JSON; - is stdout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
    directories: Directories = None,
    file: File = None,
    overrides: Overrides = None,
    profile: Profile = None,
    outside: Outside = False,
    memory: Memory = None,
    verbose: Verbose = False,
    color: Color = "auto",
) -> int:
    """Build, and build again on every change that matters."""
    from wavebuild.ui import watching

    where = Where(directories or (), file, overrides or (), profile, memory=memory or (), outside=outside)
    how = How(jobs, parallel, sequential, schedule, barrier, keep_going, only=only, load=load)
    show = Show(verbose=verbose, quiet=quiet, explain=explain, output=output, json=as_json, events=events, color=color)
    watched = watching.Watched(on_change, hook, poll, daemon, stop)
    return watching.watch(ctx.obj, targets or [], where, how, show, watched, _bare(ctx))


def _bare(ctx: typer.Context) -> str | None:
    bare: str | None = ctx.meta.get(BARE)
    return bare


def run(caller: Caller) -> int:
    """One command line from end to end; the exit code."""
    return ended(caller, _parsed)


def _parsed(caller: Caller) -> int:
    try:
        code = app(list(caller.argv), prog_name="wavebuild", standalone_mode=False, obj=caller)
        return code if isinstance(code, int) else 0
    except (WavebuildError, KeyboardInterrupt):
        raise
    except typer.Abort:
        return 130
    except OSError as error:
        if not _asks_for_help(caller.argv):
            raise
        return _unheard(caller, error)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _misread(caller, error)


def _misread(caller: Caller, error: Any) -> int:
    """A command line the parser refused; its exceptions have no public name, but this method."""
    from wavebuild.ui.escapes import escaped

    caller.say([f"wavebuild: {escaped(error.format_message())}", "try: wavebuild --help"])
    return 2


def _asks_for_help(argv: Sequence[str]) -> bool:
    """The one answer that the parser writes by itself, to the process's own stdout."""
    return any(word in ("--help", "-h") for word in argv)


def _unheard(caller: Caller, error: OSError) -> int:
    let_go(sys.stdout)
    if error.errno == errno.EPIPE:  # as after `| head`
        return 0
    caller.say([f"wavebuild: the answer cannot be written: {error.strerror}"])
    return 2


def main() -> int:
    """Any command line."""
    return called(sys.argv[1:], run)
