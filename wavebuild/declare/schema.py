"""Every key of the language: its form and its meaning, those to come by name alone.

It does not know how the values become steps.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from wavebuild.declare import shapes
from wavebuild.declare.artifacts import ARTIFACT, MEMORY_KEY, Artifacts
from wavebuild.declare.fields import Key, Section
from wavebuild.declare.forms import (
    AgeForm,
    Choice,
    Command,
    Commands,
    Counted,
    Duration,
    DurationRange,
    Flag,
    Fraction,
    Free,
    Given,
    Label,
    Many,
    Names,
    Prose,
    Shell,
    Size,
    Spoken,
    TimeZone,
    Unread,
    Whole,
)
from wavebuild.declare.model import Freshness, OnEdit, Schedule
from wavebuild.declare.shapes import Shape

STEP_NAME = Label(
    "the name of a step",
    re.compile(r"[^\W]([\w.-]{0,99})"),
    "names are letters, digits, '-', '_' and '.', begin with a letter or digit, and have at most 100 signs",
    marks=True,
)
VARIABLE_NAME = Label(
    "the name of a variable", re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "names in templates are letters, digits and _"
)
ENV_NAME = Label(
    "the name of an environment variable",
    re.compile(r"(?!WAVEBUILD_)[^=\s]+"),
    "it has no '=' and no white space, and WAVEBUILD_… are set by wavebuild itself",
)
ENV_PATTERN = Label(
    "a pattern of variables",
    re.compile(r"[^=\s,]+"),
    "write names, with * for any signs: PATH, LC_*",
)
RESOURCE_NAME = Label("the name of a resource", re.compile(r"[\w.-]+"), "names are letters, digits, '-', '_' and '.'")
PROBE_NAME = Label("the name of a probe", re.compile(r"[\w.-]+"), "names are letters, digits, '-', '_' and '.'")
AGENT_NAME = Label("a name", re.compile(r"[\w.-]+"), "names are letters, digits, '-', '_' and '.'")
TARGET = Label("a target")
PROFILE_NAME = Label("the name of a profile", re.compile(r"[\w.-]+"), "names are letters, digits, '-', '_' and '.'")
CATEGORY_NAME = Label("the name of a category")
_ON_EDIT: dict[str, OnEdit] = {"overwrite": "overwrite", "fail": "fail", "adopt": "adopt"}
_ON_ERROR: dict[str, Literal["fail", "changed", "unchanged"]] = {
    "fail": "fail",
    "changed": "changed",
    "unchanged": "unchanged",
}
_COMPARE: dict[str, Literal["value", "exists"]] = {"value": "value", "exists": "exists"}
_FRESHNESS: dict[str, Freshness] = {"hash": "hash", "mtime": "mtime"}
_ORPHANS: dict[str, Literal["report", "remove"]] = {"report": "report", "remove": "remove"}
_JOBSERVER: dict[str, Literal["pipe", "fifo", "off"]] = {"pipe": "pipe", "fifo": "fifo", "off": "off"}
_SCHEDULE: dict[str, Schedule] = {"flow": "flow", "barrier": "barrier"}

# --- the whole file

VERSION = Key("wavefile", Prose(), "the version of the language: 1")
NAME = Key("name", Label("a name"), "what the pipeline is called")
INCLUDE = Key(
    "include",
    Unread(lambda _: shapes.listed(shapes.either(shapes.text(templates=False), shapes.ref("include")))),
    "other Wavefiles whose steps belong to this one: paths, or {path, as: PREFIX}",
)
VARS = Key(
    "vars",
    Unread(lambda _: _variables()),
    "values for templates, or a list of such and of files; --set NAME=VALUE overrides one",
)
ENV = Key("env", Names(Prose(may_be_empty=True), ENV_NAME), "environment variables set for every step", templates=True)
SECRETS = Key("secrets", Many(ENV_NAME), "variables of the caller that are passed on and never recorded or shown")
SETTINGS = Key(
    "settings", Unread(lambda _: shapes.ref("settings")), "how this project builds unless a flag says otherwise"
)
CAPACITIES = Key("resources", Names(Whole(1), RESOURCE_NAME), "how much there is of what steps share; 1 if not listed")
CATEGORIES = Key(
    "categories",
    Unread(lambda _: shapes.mapping(shapes.ref("category"), CATEGORY_NAME.schema(False))),
    "by name: keys for every step of the category, and its threshold",
)
THRESHOLDS = Key("thresholds", Names(Fraction(), CATEGORY_NAME), "by category, and `default`: the score that is enough")
DEFAULTS = Key("defaults", Unread(lambda _: shapes.ref("step")), "keys for every step that does not give them itself")
MEMORY_VALUES = Names(Free(), Label("a key of the memory", MEMORY_KEY, "it has no white space, '*' or '?'"))
AGENTS = Key(
    "agents",
    Unread(lambda _: shapes.mapping(shapes.ref("agent"), AGENT_NAME.schema(False))),
    "by name: the commands or functions that steps give their prompts to",
)
ADVISORS = Key(
    "advisors",
    Unread(lambda _: shapes.mapping(shapes.ref("advisor"), AGENT_NAME.schema(False))),
    "by name: the commands or functions that judge what steps have made",
)
MEM = Key("mem", MEMORY_VALUES, "initial values of the shared memory; --mem KEY=VALUE overrides one")
PROBES = Key(
    "probes",
    Unread(lambda _: shapes.mapping(shapes.ref("probe"), PROBE_NAME.schema(False))),
    "by name: how an external thing is asked, read as probe:NAME or probe:NAME@ARGUMENT",
)
PROFILES = Key(
    "profiles",
    Unread(lambda _: shapes.mapping(shapes.ref("profile"), PROFILE_NAME.schema(False))),
    "by name: what is different under --profile NAME",
)
TARGETS = Key("targets", Many(TARGET), "what is built when nothing is named")
STEPS = Key("steps", Unread(lambda _: shapes.mapping(shapes.ref("step"), STEP_NAME.schema(False))), "the steps by name")
WAVEFILE = Section(
    "a Wavefile",
    (
        VERSION,
        NAME,
        INCLUDE,
        VARS,
        ENV,
        SECRETS,
        SETTINGS,
        CAPACITIES,
        CATEGORIES,
        THRESHOLDS,
        DEFAULTS,
        PROBES,
        AGENTS,
        ADVISORS,
        MEM,
        TARGETS,
        PROFILES,
        STEPS,
    ),
    synonyms=(("version", "wavefile"), ("stages", "steps"), ("jobs", "steps"), ("tasks", "steps"), ("rules", "steps")),
    free="x-",
    home="steps",
    needed=("steps", "include"),
)

INCLUDED_PATH = Key("path", Label("the path of a Wavefile"), "the Wavefile, relative to the folder of this one")
PREFIX = Key("as", STEP_NAME, "what stands before the names of its steps: PREFIX.step")
INCLUDED = Section("an include", (INCLUDED_PATH, PREFIX), needed=("path",))

# A profile lays these over those of the file.
PROFILE = Section("a profile", (VARS, ENV, SETTINGS, CAPACITIES, THRESHOLDS, TARGETS))

# --- settings

JOBS = Key("jobs", Whole(1), "steps at once; the cores this process may use if not given")
SCHEDULE = Key("schedule", Choice(_SCHEDULE), "flow starts a step when its inputs are there, barrier wave by wave")
KEEP_GOING = Key("keep_going", Flag(), "after a failure go on with what does not depend on it")
DEFAULT_SHELL = Key("shell", Shell(), "the shell of every step that does not say its own")
IGNORE = Key("ignore", Many(Prose()), "globs of files that are never members of an artifact")
LOG_KEEP = Key("log_keep", Whole(1), "logs kept of each step: 5 if not given")
QUIET = Key("quiet", Duration(may_be_zero=True), "how long nothing must have changed before a watch builds: 0.075s")
TIMEZONE = Key("timezone", TimeZone(), "where days and weeks begin, for max_age and min_age; the system's if not given")
ORPHANS = Key("orphans", Choice(_ORPHANS), "what becomes of outputs of steps that are no more: named, or moved away")
EXECUTOR = Key("executor", Choice({"processes": "processes"}), "where steps run: processes of this machine")
LOCK = Key("lock", Label("a path"), "a file to commit, of fingerprints and digests: a clone knows by it what is fresh")
OUTSIDE = Key("outside", Many(Label("a folder")), "folders out of the root that outputs may lie in, if the user agrees")
CLEAN_ENV = Key("clean_env", Many(ENV_PATTERN), "steps get only those of the caller's variables: patterns of names")
STATE = Key("state", Label("a folder"), "where the database of the state lies, if not in .wavebuild")
JOBSERVER = Key(
    "jobserver", Choice(_JOBSERVER), "how make and others below share the jobs; fifo: GNU make 4.4, ninja 1.13"
)
SETTINGS_KEYS = Section(
    "settings",
    (
        JOBS,
        SCHEDULE,
        KEEP_GOING,
        DEFAULT_SHELL,
        IGNORE,
        LOG_KEEP,
        EXECUTOR,
        TIMEZONE,
        ORPHANS,
        LOCK,
        OUTSIDE,
        STATE,
        CLEAN_ENV,
        JOBSERVER,
        QUIET,
    ),
    later=("cache",),
)

CONFIGURATION = Section("the user's configuration", (OUTSIDE,))

# --- a step

TITLE = Key("title", Label("a title"), "what people read")
PHASE = Key("phase", Label("a phase"), "groups the plan")
CATEGORY = Key("category", CATEGORY_NAME, "one of categories: what the step takes from it")
WHEN = Key("when", Flag(), "false: the step does not exist; a template over vars, profile and env")
STEP_SECRETS = Key("secrets", Many(ENV_NAME), "variables of the caller that the step gets, never recorded or shown")
TAGS = Key("tags", Many(Label("a tag")), "select steps: tag:NAME")
INPUTS = Key("inputs", Artifacts("input"), "what the step reads")
OUTPUTS = Key("outputs", Artifacts("output"), "what the step makes, and it alone")
UPDATES = Key("updates", Artifacts("update"), "files that the step edits and others may edit too, or keys of them")
NEEDS = Key("needs", Many(Label("the name of a step")), "steps that must have succeeded first: order, no data")
RUN = Key("run", Commands(), "a shell script, or several, one shell each")
CALL = Key("call", Label("a call"), "a Python function, module:function")
CALL_ARGUMENTS = Names(Given(), VARIABLE_NAME)
TEMPLATE_VALUES = Names(Free(), VARIABLE_NAME)
ARGUMENTS = Key("with", CALL_ARGUMENTS, "the keyword arguments of the call")
WITH = Key("with", TEMPLATE_VALUES, "values for the templates of this step, or the keyword arguments of its call")
AGENT = Key("agent", Label("the name of an agent"), "one of agents: it is given the prompt, and makes the outputs")
PROMPT = Key(
    "prompt",
    Unread(lambda _: shapes.either(shapes.text(r"\S", True), shapes.ref("prompt"))),
    "what the agent is told: the path of a file, which is an input, or {text: …}",
)
REVIEW = Key(
    "review", Unread(lambda _: shapes.ref("review")), "an advisor judges the outputs: {advisor, threshold, retries}"
)
MANUAL = Key("manual", Prose(), "a person places the outputs; the text says how")
CHECKS = Key(
    "checks",
    Unread(lambda _: _listed_checks()),
    "commands or calls that must succeed on the new outputs",
)
CODE = Key("code", Artifacts("code"), "Python files: they and what they import in the root are inputs")
STEP_ENV = Key("env", Names(Prose(may_be_empty=True), ENV_NAME), "environment variables of this step")
CWD = Key("cwd", Label("a path"), "the folder that commands run in, relative to the root")
SHELL = Key("shell", Shell(), "auto, bash, sh, or the exact words before the script")
TIMEOUT = Key("timeout", Duration(), "how long one attempt may take")
RETRIES = Key(
    "retries",
    Unread(lambda templates: shapes.either(Whole(0).schema(templates), shapes.ref("retries"))),
    "how often to try again: N, or {times, delay, on}",
)
RESOURCES = Key("resources", Counted(RESOURCE_NAME), "what the step takes of the shared resources while it runs")
LIMITS = Key("limits", Unread(lambda _: shapes.ref("limits")), "what it may take: {memory: 2G, output: 100M}")
CONSOLE = Key("console", Flag(), "it owns the terminal while it runs: it asks, and is answered")
ON_DEMAND = Key("on_demand", Flag(), "built only when named or needed")
ALWAYS = Key("always", Flag(), "never fresh")
MAX_AGE = Key("max_age", AgeForm(), "stale once the last success began longer ago, or before today or Monday")
MIN_AGE = Key("min_age", AgeForm(), "held back, though stale, until the last success began so long ago")
FRESHNESS = Key("freshness", Choice(_FRESHNESS), "how files it reads are compared: by content, or by when they changed")
FROZEN = Key("frozen", Flag(), "never run: what stands is its result")
ON_EDIT = Key("on_edit", Choice(_ON_EDIT), "what to do with an output that was edited by hand")
DEPFILE = Key("depfile", Label("a path"), "a list of what it has read, as compilers write it; its entries are inputs")
SCRATCH = Key("scratch", Flag(), "a folder, $WAVEBUILD_SCRATCH, that outlives failures: to resume long work")
SANDBOX = Key("sandbox", Flag(), "it runs in a private folder that holds its declared inputs; only outputs come back")
FOREACH = Key(
    "foreach", Unread(lambda _: _repeated()), "one instance of the step for every value: {VARIABLE: [VALUES]}"
)
WITHOUT = Key(
    "exclude", Unread(lambda _: shapes.listed(shapes.mapping({}))), "combinations of `foreach` that are left out"
)
ALLOW_EMPTY = Key("allow_empty", Flag(), "`foreach` may have no values at all")
ESTIMATE = Key("estimate", DurationRange(), "how long it takes, until that is measured")
STEP = Section(
    "a step",
    (
        TITLE,
        PHASE,
        CATEGORY,
        TAGS,
        WHEN,
        INPUTS,
        OUTPUTS,
        UPDATES,
        NEEDS,
        RUN,
        CALL,
        WITH,
        AGENT,
        PROMPT,
        MANUAL,
        CHECKS,
        REVIEW,
        CODE,
        STEP_ENV,
        STEP_SECRETS,
        CWD,
        SHELL,
        TIMEOUT,
        RETRIES,
        RESOURCES,
        LIMITS,
        CONSOLE,
        ON_DEMAND,
        ALWAYS,
        MAX_AGE,
        MIN_AGE,
        FROZEN,
        FRESHNESS,
        ON_EDIT,
        ESTIMATE,
        DEPFILE,
        SCRATCH,
        SANDBOX,
        FOREACH,
        WITHOUT,
        ALLOW_EMPTY,
    ),
    later=("cache",),
    synonyms=(
        *(("threshold", "review"), ("advisor", "review")),
        *(("cmd", "run"), ("command", "run"), ("commands", "run"), ("script", "run"), ("shell_command", "run")),
        *(("deps", "inputs"), ("sources", "inputs"), ("reads", "inputs"), ("outs", "outputs"), ("produces", "outputs")),
        *(("depends_on", "needs"), ("dependencies", "needs"), ("after", "needs"), ("description", "title")),
    ),
    templates=True,
)
ACTIONS: tuple[Key[Any], ...] = (RUN, CALL, AGENT, MANUAL)
GROUP_KEYS = (TITLE, PHASE, CATEGORY, TAGS, WHEN, NEEDS, ON_DEMAND)
THRESHOLD = Key("threshold", Fraction(), "the score that is enough for steps of this category")
OF_CATEGORY = Section(
    "a category",
    (*(key for key in STEP.keys if key not in (CATEGORY, FOREACH, WITHOUT, ALLOW_EMPTY)), THRESHOLD),
    later=STEP.later,
    synonyms=STEP.synonyms,
    templates=True,
)


def _variables() -> Shape:
    one = shapes.mapping({}, VARIABLE_NAME.schema(False))
    return shapes.either(one, shapes.array(shapes.either(one, shapes.text(templates=False))))


def _listed_checks() -> Shape:
    one = shapes.either(Command().schema(True), shapes.ref("check"))
    return shapes.either(one, shapes.array(shapes.given(one)))


# --- parts of a step

TIMES = Key("times", Whole(0), "N retries are N+1 tries")
DELAY = Key("delay", Duration(may_be_zero=True), "the pause before the first retry; it doubles")
ON = Key(
    "on",
    Many(Label("a cause", re.compile(r"timeout|[1-9][0-9]{0,2}"), "write timeout, or an exit code from 1 to 255")),
    "only after a timeout, or these exit codes",
)
RETRY = Section("retries", (TIMES, DELAY, ON), needed=("times",), templates=True)

MOST_MEMORY = Key("memory", Size(), "address space of each of its processes")
MOST_OUTPUT = Key("output", Size(), "what it may say: one that says more is ended")
LIMIT = Section("limits", (MOST_MEMORY, MOST_OUTPUT), templates=True)

SOURCE_PATH = Key("path", Label("a path"), "the CSV file that the values stand in")
SOURCE_COLUMN = Key("column", Label("a column"), "its distinct values are those of the variable")
SOURCE_COLUMNS = Key("columns", Names(Label("a column"), VARIABLE_NAME), "variable → column: their distinct values")
SOURCE_ROWS = Key("rows", Names(Prose(may_be_empty=True)), "only rows with these values: column → text")
SOURCE_DELIMITER = Key("delimiter", Prose(may_be_empty=True), "the sign between the columns, ',' if not given")
SOURCE_GLOB = Key("glob", Label("a pattern"), "files whose names say the values: {img}.{ext}; {dir**} across folders")
SOURCE_EXCLUDE = Key("exclude", Many(Label("a glob")), "globs of files that do not count")
COLUMN_SOURCE = Section(
    "a source of values", (SOURCE_PATH, SOURCE_COLUMN, SOURCE_ROWS, SOURCE_DELIMITER), templates=True
)
PAIRS_SOURCE = Section(
    "foreach over a table", (SOURCE_PATH, SOURCE_COLUMNS, SOURCE_ROWS, SOURCE_DELIMITER), templates=True
)
GLOB_SOURCE = Section("foreach over files", (SOURCE_GLOB, SOURCE_EXCLUDE), needed=("glob",), templates=True)


def _repeated() -> Shape:
    text: Shape = {"type": "string", "pattern": r"\{\{|#"}
    values = shapes.either(shapes.array({}), text, shapes.ref("values"))
    names: Shape = {"allOf": [VARIABLE_NAME.schema(False), {"not": shapes.words("path", "glob")}]}
    variables = shapes.mapping(values, names)
    return shapes.listed(shapes.either(shapes.ref("pairs"), shapes.ref("files"), variables, shapes.ref("template")))


CHECK_INPUTS = Key("inputs", Artifacts("input"), "what the check reads besides the outputs")
CHECK = Section("a check", (RUN, CALL, ARGUMENTS, CHECK_INPUTS), templates=True)

# --- a probe

PROBE_RUN = Key("run", Command(), "a shell script: what it prints is the value; {{ arg }} is what stands behind the @")
TTL = Key("ttl", Duration(), "how long an answer holds: it is not asked for again before")
ON_ERROR = Key("on_error", Choice(_ON_ERROR), "what a command that fails means: fail, changed or unchanged")
COMPARE = Key("compare", Choice(_COMPARE), "value: what it prints counts; exists: only whether it succeeds")
PROBE = Section("a probe", (PROBE_RUN, TIMEOUT, TTL, ON_ERROR, COMPARE), needed=("run",), templates=True)

# --- agents and advisors

AGENT_BODY = Section("an agent", (RUN, CALL, ARGUMENTS), needed=("run", "call"), templates=True)
ADVISOR_RUN = Key("run", Command(), "a shell script that prints its review as JSON: {score, approved, …}")
ADVISOR_INPUTS = Key("inputs", Artifacts("input"), "what the advisor reads besides the outputs: its program, a guide")
ADVISOR_BODY = Section(
    "an advisor", (ADVISOR_RUN, CALL, ARGUMENTS, ADVISOR_INPUTS, TIMEOUT), needed=("run", "call"), templates=True
)
PROMPT_TEXT = Key("text", Spoken(), "the prompt itself")
PROMPT_BODY = Section("a prompt", (PROMPT_TEXT,), needed=("text",), templates=True)
ADVISOR = Key("advisor", Label("the name of an advisor"), "one of advisors")
ENOUGH = Key("threshold", Fraction(), "the score that is enough; else that of the category, or `default`, or 0.85")
REDRAFTS = Key("retries", Whole(0), "how often what was rejected is made anew, with the review at hand")
REVIEW_BODY = Section("a review", (ADVISOR, ENOUGH, REDRAFTS), templates=True)

# --- the whole, for editors

PARTS: dict[str, Section] = {
    "include": INCLUDED,
    "profile": PROFILE,
    "settings": SETTINGS_KEYS,
    "category": OF_CATEGORY,
    "step": STEP,
    "artifact": ARTIFACT,
    "retries": RETRY,
    "limits": LIMIT,
    "check": CHECK,
    "probe": PROBE,
    "agent": AGENT_BODY,
    "advisor": ADVISOR_BODY,
    "prompt": PROMPT_BODY,
    "review": REVIEW_BODY,
    "values": COLUMN_SOURCE,
    "pairs": PAIRS_SOURCE,
    "files": GLOB_SOURCE,
}


def json_schema() -> Shape:
    """The language in JSON Schema 2020-12, made of the very keys and forms by which a Wavefile is read."""
    parts: Shape = {"template": shapes.TEMPLATE, **{name: section.schema() for name, section in PARTS.items()}}
    head: Shape = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Wavefile"}
    return head | WAVEFILE.schema() | {"$defs": parts}
