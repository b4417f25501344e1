"""What crosses the border between the build and its workers: a Job out, an Ended back.

It does not know steps, graphs or files' meaning: texts, numbers and tuples only.
"""

from msgspec import Struct


class Shell(Struct, frozen=True, tag=True, array_like=True):
    """An argument list to be run; ``stdout``: the file that takes its standard output instead of the log."""

    argv: tuple[str, ...]
    stdout: str = ""


class PythonCall(Struct, frozen=True, tag=True, array_like=True):
    """A function to be called in a child of the worker; ``arguments`` is a JSON object."""

    module: str
    function: str
    arguments: str
    inputs: tuple[str, ...]  # relative to the job's folder; given if the signature has them
    outputs: tuple[str, ...]
    folders: tuple[str, ...]  # where modules are looked for first, absolute
    root: str  # modules below it are watched for changes
    writes: tuple[str, ...] = ()  # keys of the shared memory that it returns
    answer: str = ""  # the file that takes what it returns, as JSON
    judges: bool = False  # it is a check: who returns False has found something wrong


class Warmth(Struct, frozen=True):
    """What a worker has imported, where, and with which variables: of use for jobs that want the very same."""

    module: str
    folders: tuple[str, ...]
    root: str
    cwd: str
    env: tuple[tuple[str, str], ...]
    passes: tuple[str, ...] | None = None


class Confines(Struct, frozen=True):
    """What a command may not pass; it is put round itself by the child that becomes the command.

    ``memory``: bytes of address space of each of its processes. ``walls``: the kernel refuses, where it can,
    to write anywhere but below ``writable``, and to read files below ``hidden`` but for those below ``readable``
    or ``writable`` (absolute).
    """

    memory: int | None = None
    walls: bool = False
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class Excerpt(Struct, frozen=True):
    """Some rows of a table: ``parts`` of wanted values by column, and the columns to be taken (None: all)."""

    source: str
    target: str
    delimiter: str
    parts: tuple[tuple[tuple[tuple[str, str], ...], tuple[str, ...] | None], ...]


class Furniture(Struct, frozen=True):
    """What is put into a private folder before the commands of a job run in it. All paths are absolute.

    ``copies``: from, to; one may be the source of the next. ``links``: path, text. ``lists``: the folder for the
    files that variables name.
    """

    folders: tuple[str, ...]
    copies: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    excerpts: tuple[Excerpt, ...]
    lists: str

    @property
    def paths(self) -> frozenset[str]:
        """Every file and link that stands there before anything runs."""
        copied, linked = (to for _, to in self.copies), (path for path, _ in self.links)
        return frozenset((*copied, *linked, *(excerpt.target for excerpt in self.excerpts)))


class Tracing(Struct, frozen=True):
    """What a job touches is to be told: what it reads and seeks in the ``roots``, what it writes anywhere.

    ``tracer``: the words before a command that has it traced; () where only Python can tell of its calls.
    """

    tracer: tuple[str, ...]
    roots: tuple[str, ...]


class Touches(Struct, frozen=True):
    """What a job touched, as absolute paths, in the order in which it first did.

    What it made itself it did not read, and what it made and removed again is not there.
    ``complete``: whether all it did was seen, and not only what Python tells of its calls.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()  # folders
    sought: tuple[str, ...] = ()  # opened, and not there
    refused: tuple[str, ...] = ()  # opened, and not allowed
    complete: bool = True


class Job(Struct, frozen=True, tag=True, array_like=True):
    """Commands to run one after another, up to the first failure. Paths are absolute, times in seconds."""

    id: int
    commands: tuple[Shell | PythonCall, ...]
    cwd: str
    env: tuple[tuple[str, str], ...]  # over the caller's environment
    log: str  # where its output goes, if there is any
    timeout: float | None
    lists: tuple[tuple[str, bytes], ...] = ()  # variable → what the file that it names holds
    cold: bool = False  # its calls import for themselves
    secrets: tuple[str, ...] = ()  # texts that its log must not show
    confines: Confines | None = None
    most_output: int | None = None  # bytes that its log may take; one that says more is ended
    console: str = ""  # the terminal that it gets, and then no log
    passes: tuple[str, ...] | None = None  # patterns of the caller's variables that it gets; None: all
    furniture: Furniture | None = None  # of its private folder
    tracing: Tracing | None = None

    @property
    def has_calls(self) -> bool:
        return any(isinstance(command, PythonCall) for command in self.commands)

    @property
    def is_tapped(self) -> bool:
        """Whether what it says goes through our hands on its way to the log."""
        return (bool(self.secrets) or self.most_output is not None) and not self.console

    @property
    def warmth(self) -> Warmth | None:
        """What a worker must have imported before it forks the calls of this job; None if it must be clean.

        The variables that tell of one attempt are left out: no other attempt would have the same.
        """
        if not self.has_calls:
            return None
        found = {
            (command.module, command.folders, command.root) if isinstance(command, PythonCall) else None
            for command in self.commands
        }
        # While a module is imported nobody masks and counts what is said: those who need that import for themselves.
        # So do those who own the terminal: all that they say goes there.
        # What is behind walls imports what it declares.
        walled = self.furniture is not None or (self.confines is not None and self.confines.walls)
        warm = not (self.cold or self.is_tapped or self.console or self.tracing or walled)
        same = found.pop() if len(found) == 1 and warm else None
        if same is None:
            return None
        env = tuple(pair for pair in self.env if not tells_of_the_attempt(pair[0]))
        return Warmth(*same, self.cwd, env, self.passes)


NOT_BEGUN = "not begun"
"""What is said of a job that was laid ready for a worker, and comes back as it was."""


class Ended(Struct, frozen=True, tag=True, array_like=True):
    """How a job ended.

    ``failure``: "" for success, else exit, signal, timeout, output limit, start, no process,
    interrupted, worker died or not begun.
    """

    id: int
    failure: str = ""
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    command: int = 0  # which of the commands
    detail: str = ""
    leftovers: int = 0  # processes it left behind, ended by the worker
    touches: Touches | None = None  # of a job that was traced
    then: int | None = None  # the job that the worker begins now: it was laid ready for it


class Laid(Struct, frozen=True, array_like=True):
    """A job laid ready for a worker, which may begin it ``until`` then, by the clock of the system."""

    until: float
    job: Job


class Furnished(Struct, frozen=True, tag=True, array_like=True):
    """The private folder of a job is ready: from now on its time runs."""

    id: int


class StaleWorker(Struct, frozen=True, tag=True, array_like=True):
    """The worker holds a module that has changed: it ends, and the job must go to a new one.

    ``cold``: the module cannot be kept in memory for several calls; each must import it for itself.
    """

    id: int
    cold: bool = False


class Interrupt(Struct, frozen=True, tag=True, array_like=True):
    """To a worker: end what runs; ``at_once`` without asking first."""

    at_once: bool = False


def tells_of_the_attempt(name: str) -> bool:
    """Whether a variable is about one attempt at one step, and not about the step's environment."""
    return name.startswith("WAVEBUILD_") and name not in ("WAVEBUILD_ROOT", "WAVEBUILD_TOP")
