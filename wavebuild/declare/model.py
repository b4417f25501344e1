"""What a Wavefile says, as frozen values with their place in the text.

It does not know how the text was read, nor what lies on disk.
"""

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from wavebuild.errors import Place, Problem

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Kind(enum.Enum):
    """The forms of an artifact."""

    FILE = "file"
    DIRECTORY = "directory"
    GLOB = "glob"
    STEP = "step"  # input only: every file member that the named step owns
    ENV = "env"  # input only: a variable of the caller
    PROBE = "probe"  # an external thing: what a declared command says of it
    MEM = "mem"  # a value of the shared memory
    LIST = "list"  # input only: a file each of whose lines is one more input


class Digest(enum.Enum):
    """What of a file's content counts when it is compared."""

    BYTES = "bytes"
    STAT = "stat"
    SQLITE = "sqlite"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    RUN = "run"  # what a command prints of it


class Calendar(enum.Enum):
    """An age that is counted in days of the calendar, by `settings.timezone`."""

    DAILY = "daily"  # before today
    WEEKLY = "weekly"  # before Monday


Age = float | Calendar  # seconds, or by the calendar


# What is made for every step is a tree that never changes: the garbage collector need not know of it.
class Hole(Struct, frozen=True, gc=False, array_like=True):
    """An expression that can be filled only when the step is about to run.

    ``source`` is the expression as written; ``values`` the other names it uses, as canonical
    JSON, so that the fingerprint notices when one of them changes. ``quoted``: shell-quote.
    """

    source: str
    values: tuple[tuple[str, str], ...] = ()
    quoted: bool = True


class Text(Struct, frozen=True, gc=False, array_like=True):
    """A text whose templates are filled in, but for holes (inputs, outputs, python)."""

    parts: tuple[str | Hole, ...]

    @property
    def symbolic(self) -> str:
        """The text with its holes left as written: what a fingerprint counts."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return "".join(
            part if isinstance(part, str) else "\0{" + part.source + repr(part.values) + "}" for part in self.parts
        )


class Artifact(Struct, frozen=True, gc=False, array_like=True):
    """Something a step reads or makes.

    ``path``: FILE and DIRECTORY: the path relative to the root, normalised, ``/`` between the
    parts and none at the end (``../x`` or ``/x`` outside the root, inputs only); GLOB: the
    pattern, normalised alike; STEP: the step's name, or an instance's; ENV: the variable's name;
    PROBE: the probe's name, and what stands behind the ``@`` in ``argument``; MEM: the key; LIST: the
    path of the file with the lines.
    """

    kind: Kind
    path: str
    place: Place
    name: str | None = None  # of `inputs: {name: artifact}`
    keys: tuple[str, ...] = ()  # `conf.yaml#a.b`
    rows: tuple[tuple[str, str], ...] | None = None  # column → wanted text; () = all rows
    columns: tuple[str, ...] | None = None
    delimiter: str = ","
    optional: bool = False
    exclude: tuple[str, ...] = ()  # globs, relative to the root like the path
    digest: Digest = Digest.BYTES
    command: Text | None = None  # of Digest.RUN; its hole is ``path``
    folder: str = ""  # where that runs, relative to the root
    in_place: bool = False  # output: edited rather than remade
    argument: str = ""  # of a probe

    @property
    def text(self) -> str:
        """The artifact as a person writes it."""
        if self.kind is Kind.FILE and not self.keys:
            return self.path  # as most are, and this is asked often
        match self.kind:
            case Kind.DIRECTORY:
                return self.path + "/"
            case Kind.STEP | Kind.ENV | Kind.MEM | Kind.LIST:
                return f"{self.kind.value}:{self.path}"
            case Kind.PROBE:
                return f"probe:{self.path}" + (f"@{self.argument}" if self.argument else "")
            case Kind.FILE | Kind.GLOB:
                return self.path + ("#" + ",".join(self.keys) if self.keys else "")

    @property
    def covers_files(self) -> bool:
        """Whether members of it are files of the disk found by its own path."""
        return self.kind is Kind.FILE or self.kind in (Kind.FILE, Kind.DIRECTORY, Kind.GLOB)


class Run(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """A shell script, or several, one shell each, up to the first failure."""

    scripts: tuple[Text, ...]


if TYPE_CHECKING:
    Argument = None | bool | int | float | Text | tuple["Argument", ...] | dict[str, "Argument"]
else:
    Argument = Any  # msgspec cannot tell these forms apart when it reads them: see `graph.columns`


class Call(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """A Python function, ``module:function``, and its keyword arguments.

    ``arguments``: JSON whose texts may hold holes: every leaf text is a ``Text``.
    """

    module: str
    function: str
    arguments: tuple[tuple[str, Argument], ...] = ()


class Manual(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """A person places the outputs; ``text`` says how."""

    text: str


Action = Run | Call | Manual


class Check(Struct, frozen=True, gc=False, array_like=True):
    """A command or a call that must succeed on the new outputs; ``inputs`` are its own."""

    action: Run | Call
    inputs: tuple[Artifact, ...] = ()


class Prompt(Struct, frozen=True, gc=False, array_like=True):
    """What an agent is told. ``path``: the file it stands in, relative to the root; "" if in the Wavefile itself.

    ``apart``: that file is an input only as the prompt, and is not among the files that `inputs` stands for.
    ``digest``: the SHA-256 of the file that the text is of, in hex.
    """

    text: Text
    path: str = ""
    apart: bool = False
    digest: str = ""


class Review(Struct, frozen=True, gc=False, array_like=True):
    """Who judges the new outputs after the checks, and what score, 0..1, is enough.

    ``retries``: how often what was rejected is made anew; ``timeout`` in seconds, None: the step's. ``inputs``: what
    the advisor reads besides the outputs.
    """

    advisor: str
    action: Run | Call
    threshold: float
    retries: int = 0
    timeout: float | None = None
    key: str = ""  # of the shared memory: what the advisor said is a value of it
    inputs: tuple[Artifact, ...] = ()


class Retries(Struct, frozen=True, gc=False, array_like=True):
    """N retries are N+1 tries; the delay, in seconds, doubles; ``on``: "timeout" or exit codes, () = any failure."""

    times: int = 0
    delay: float = 0.0
    on: tuple[str | int, ...] = ()


class Range(Struct, frozen=True, gc=False, array_like=True):
    """A duration in seconds, from low to high."""

    low: float
    high: float


class Limits(Struct, frozen=True, gc=False, array_like=True):
    """What one process of a step may take: bytes of address space, bytes of output that reach its log."""

    memory: int | None = None
    output: int | None = None


ShellName = Literal["auto", "bash", "sh"]
OnEdit = Literal["overwrite", "fail", "adopt"]
Freshness = Literal["hash", "mtime"]
Schedule = Literal["flow", "barrier"]


class Step(Struct, frozen=True, gc=False, array_like=True):
    """One step, defaults merged in, templates filled."""

    name: str
    place: Place
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    needs: tuple[tuple[str, Place], ...] = ()
    action: Action | None = None
    checks: tuple[Check, ...] = ()
    code: tuple[Artifact, ...] = ()  # FILE artifacts, Python: their import closure inside the root is read
    updates: tuple[Artifact, ...] = ()  # FILEs, perhaps with keys: it edits them, and so may others
    title: str | None = None
    phase: str | None = None
    tags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()  # sorted by name; the file's env merged in
    cwd: str = ""  # relative to the root, "" = the root
    shell: ShellName | tuple[str, ...] = "auto"  # a tuple is the exact argv before the script
    timeout: float | None = None  # seconds, per attempt
    retries: Retries = Retries()
    resources: tuple[tuple[str, int], ...] = ()
    limits: Limits = Limits()
    console: bool = False  # it owns the terminal while it runs
    sandbox: bool = False  # it runs in a private folder with its declared inputs only
    on_demand: bool = False
    always: bool = False
    max_age: Age | None = None
    min_age: Age | None = None
    on_edit: OnEdit = "overwrite"
    estimate: Range | None = None
    category: str | None = None
    threshold: float | None = None  # 0..1, the effective one: step's, category's, `default`'s
    depfile: str | None = None  # relative to the root
    secrets: tuple[str, ...] = ()  # names of the caller's variables, the file's own among them
    scratch: bool = False
    frozen: bool = False
    freshness: Freshness = "hash"
    folder: str = ""  # of the Wavefile it stands in, relative to the root; "" = the root
    prefix: str = ""  # what the include of that file puts before its name, with the dot
    base: str = ""  # of an instance: the name of the step as declared; else ""
    instance: tuple[tuple[str, str], ...] = ()  # of an instance: variable → value as shown, in the order declared
    awaits: tuple[Artifact, ...] = ()  # FILEs and GLOBs that say which instances, or which listed inputs, there are
    unread: tuple[Artifact, ...] = ()  # those among them whose content is not known yet
    expands: bool = False  # its instances are not known yet: each variable of `foreach` stands for * in patterns
    agent: str = ""  # the name of the agent whose action this is
    prompt: Prompt | None = None  # what that agent is told
    review: Review | None = None

    @property
    def file_outputs(self) -> tuple[Artifact, ...]:
        """What it makes on the disk: no probes, no keys of the memory."""
        if all(artifact.covers_files for artifact in self.outputs):
            return self.outputs
        return tuple(artifact for artifact in self.outputs if artifact.covers_files)

    @property
    def judges(self) -> tuple[Run | Call, ...]:
        """What judges the outputs: its checks, then its advisor."""
        if not self.checks and self.review is None:
            return ()
        checks = tuple(check.action for check in self.checks)
        return checks if self.review is None else (*checks, self.review.action)

    @property
    def gate_inputs(self) -> tuple[Artifact, ...]:
        """What judges reads besides the outputs: the inputs of its checks, then those of its advisor."""
        if not self.checks and self.review is None:
            return ()
        found = tuple(artifact for check in self.checks for artifact in check.inputs)
        return found if self.review is None else found + self.review.inputs

    @property
    def has_calls(self) -> bool:
        """Whether it, or what judges it, is a Python function: the code of that is an input."""
        if isinstance(self.action, Call):
            return True
        return bool(self.checks or self.review) and any(isinstance(action, Call) for action in self.judges)

    @property
    def is_group(self) -> bool:
        """Only labels and needs: it stands for its members."""
        return self.action is None and not self.checks


class Settings(Struct, frozen=True):
    """How this project builds unless flag or environment say otherwise."""

    jobs: int | None = None  # None: the cores this process may use
    schedule: Schedule = "flow"
    keep_going: bool = False
    ignore: tuple[str, ...] = ()  # globs of files that are never members
    log_keep: int = 5  # logs kept per step
    lock: str | None = None  # path of the lock file, relative to the root
    orphans: Literal["report", "remove"] = "report"
    clean_env: tuple[str, ...] | None = None  # patterns of the caller's variables that steps get; None: all
    outside: tuple[str, ...] = ()  # absolute folders out of the root that outputs may lie in: the user agrees
    timezone: str | None = None  # None: the system's
    state: str | None = None  # absolute folder of the state's database; None: in .wavebuild
    jobserver: Literal["pipe", "fifo", "off"] = "pipe"  # how makes below share the jobs
    quiet: float = 0.075  # seconds without a change after which a watch builds


class Probe(Struct, frozen=True):
    """How an external thing is asked; times in seconds. The hole of ``command`` is ``arg``."""

    name: str
    place: Place
    command: Text
    timeout: float | None = None
    ttl: float | None = None  # an answer is not asked for again before
    on_error: Literal["fail", "changed", "unchanged"] = "fail"
    compare: Literal["value", "exists"] = "value"
    folder: str = ""  # where it runs, relative to the root
    takes_argument: bool = False  # its command asks for what stands behind the ``@``
    env: tuple[tuple[str, str], ...] = ()  # of the Wavefile it stands in, sorted by name
    shell: ShellName | tuple[str, ...] = "auto"


class Initial(Struct, frozen=True):
    """An initial value of the shared memory, as canonical JSON. ``given``: by this invocation alone;
    ``known``: the Wavefile has a value of its own for it."""

    key: str
    value: str
    place: Place
    given: bool = False
    known: bool = False


class Wavefile(Struct, frozen=True):
    """A whole Wavefile: what was declared, checked in itself but not yet joined."""

    root: str  # absolute path of its folder
    file: str  # its name as shown to people, relative to the root
    steps: Sequence[Step]  # in file order
    name: str | None = None
    settings: Settings = Settings()
    resources: tuple[tuple[str, int], ...] = ()
    targets: tuple[tuple[str, Place], ...] = ()
    files: tuple[str, ...] = field(default=())  # absolute paths of every file read to load it
    env_read: tuple[tuple[str, str | None], ...] = ()  # caller's variables its templates read, with their values
    profile: str = "default"
    absent: tuple[tuple[str, Place], ...] = ()  # steps that do not exist, as their `when` is false, and where it stands
    notes: tuple[Problem, ...] = ()  # what is worth a warning, and stops nothing
    probes: tuple[Probe, ...] = ()
    mem: tuple[Initial, ...] = ()  # initial shared memory, by key
