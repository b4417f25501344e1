"""A small case for every key that has no page of its own: what it does, and whether its change is a reason to run."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

STEP = "steps: {s: {outputs: o, run: 'note s; echo x > o'}}\n"


def step(keys: str, more: str = "") -> str:
    return f"steps:\n  s: {{outputs: o, {keys}}}\n{more}"


RUN = "run: 'note s; echo x > o'"

# What it was, what it is now: no reason to run.
LABELS = {
    "wavefile": (STEP, f"wavefile: 1\n{STEP}"),
    "name": (STEP, f"name: books\n{STEP}"),
    "targets": (STEP, f"targets: [s]\n{STEP}"),
    "resources of the file": (STEP, f"resources: {{warehouse: 2}}\n{STEP}"),
    "vars that nobody uses": (STEP, f"vars: {{v: 1}}\n{STEP}"),
    "keys of one's own": (STEP, f"x-note: {{any: thing}}\n{STEP}"),
    "jobs": (STEP, f"settings: {{jobs: 2}}\n{STEP}"),
    "schedule": (f"settings: {{schedule: flow}}\n{STEP}", f"settings: {{schedule: barrier}}\n{STEP}"),
    "keep_going": (STEP, f"settings: {{keep_going: true}}\n{STEP}"),
    "executor": (STEP, f"settings: {{executor: processes}}\n{STEP}"),
    "log_keep": (STEP, f"settings: {{log_keep: 2}}\n{STEP}"),
    "quiet": (STEP, f"settings: {{quiet: 0.2s}}\n{STEP}"),
    "ignore": (STEP, f"settings: {{ignore: ['*.tmp']}}\n{STEP}"),
    "title": (STEP, step(f"title: A step, {RUN}")),
    "phase": (STEP, step(f"phase: first, {RUN}")),
    "tags": (STEP, step(f"tags: [nightly, a], {RUN}")),
    "estimate": (STEP, step(f"estimate: 2h-3h, {RUN}")),
    "timeout": (STEP, step(f"timeout: 1m, {RUN}")),
    "retries": (STEP, step(f"retries: {{times: 2, delay: 1s, on: [timeout, 75]}}, {RUN}")),
    "resources": (STEP, step(f"resources: [gpu], {RUN}")),
    "on_demand": (f"targets: s\n{STEP}", f"targets: s\n{step(f'on_demand: true, {RUN}')}"),
    "on_edit": (step(f"on_edit: overwrite, {RUN}"), step(f"on_edit: fail, {RUN}")),
    "needs": (step(RUN, "  n: {run: 'true'}\n"), step(f"needs: n, {RUN}", "  n: {run: 'true'}\n")),
    "the name of the step": (STEP, STEP.replace("{s: {", "{other: {")),
    "defaults that say the same": (step(f"shell: bash, {RUN}"), f"defaults: {{shell: bash}}\n{STEP}"),
    "its order in the file": (
        step(RUN, "  n: {outputs: p, run: 'echo > p'}\n"),
        "steps:\n  n: {outputs: p, run: 'echo > p'}\n  s: {outputs: o, run: 'note s; echo x > o'}\n",
    ),
    "layout and quotes": (STEP, '# why\nsteps:\n  "s":\n    outputs: ["o"]\n    run: note s; echo x > o\n'),
}


@pytest.mark.parametrize("key", LABELS)
def test_what_is_no_part_of_the_work_is_no_reason_to_run(key: str, shop: Workshop):
    """Neither when it comes nor when it goes."""
    before, after = LABELS[key]
    shop.wavefile(before)
    assert shop.settle().ran == ["s"]

    for text in (after, before):
        shop.wavefile(text)
        assert set(shop.plan().values()) == {"FRESH"}
        assert (shop.build().ran, shop.stale()) == ([], False)


ELSEWHERE = "run: 'note s; echo x > $WAVEBUILD_ROOT/o'"
# What it was, what it is now: the step runs, for this reason.
PARTS = {
    "run": (STEP, STEP.replace("echo x", "echo y")),
    "run as a list": (step("run: ['note s', 'echo x > o']"), step("run: ['note s', 'echo y > o']")),
    "env": (step(f"env: {{V: 1.10}}, {RUN}"), step(f"env: {{V: 1.1}}, {RUN}")),
    "env of the file": (f"env: {{V: '1'}}\n{STEP}", f"env: {{V: '2'}}\n{STEP}"),
    "vars": (
        "vars: {v: 1}\n" + step("run: 'note s; echo {{ v }} > o'"),
        "vars: {v: 2}\n" + step("run: 'note s; echo {{ v }} > o'"),
    ),
    "with": (
        step("with: {v: 1}, run: 'note s; echo {{ v }} > o'"),
        step("with: {v: 2}, run: 'note s; echo {{ v }} > o'"),
    ),
    "shell": (step(f"shell: bash, {RUN}"), step(f"shell: [bash, -c], {RUN}")),
    "shell of the file": (f"settings: {{shell: bash}}\n{STEP}", f"settings: {{shell: sh}}\n{STEP}"),
    "cwd": (step(ELSEWHERE), step(f"cwd: d, {ELSEWHERE}")),
    "outputs": (STEP, STEP.replace("outputs: o", "outputs: [o, {path: p, optional: true}]")),
    "defaults": (f"defaults: {{env: {{V: '1'}}}}\n{STEP}", f"defaults: {{env: {{V: '2'}}}}\n{STEP}"),
    "inputs": (STEP, step(f"inputs: d/x, {RUN}")),
    "names of inputs": (step(f"inputs: {{a: d/x}}, {RUN}"), step(f"inputs: {{b: d/x}}, {RUN}")),
    "always": (step(RUN), step(f"always: true, {RUN}")),
}  # fmt: skip


@pytest.mark.scenario(id="G10")
@pytest.mark.parametrize("key", PARTS)
def test_what_the_work_depends_on_is_a_reason_to_run(key: str, shop: Workshop):
    """Once; and what was before is known when it comes back."""
    before, after = PARTS[key]
    shop.put("d/x", "1")
    shop.wavefile(before)
    assert shop.settle().ran == ["s"]

    shop.wavefile(after)
    assert shop.plan()["s"] == "RUN"
    assert shop.stale() or key == "always"  # -q leaves out what always runs
    assert shop.build().ran == ["s"]
    assert shop.build().ran == (["s"] if key == "always" else [])


# The artifact, what is in the file, what says the same, what says another thing.
DIGESTS = {
    "json": ("inputs: {path: f, digest: json}", '{"a": 1, "b": 2}', '{ "b": 2,\n"a": 1 }', '{"a": 1, "b": 3}'),
    "yaml": ("inputs: {path: f, digest: yaml}", "a: 1\nb: 2\n", "b: 2 # two\na: 1\n", "a: 1\nb: 3\n"),
    "csv": ("inputs: {path: f, digest: csv}", "a,b\n1,2\n3,4\n", 'b,a\n"4",3\n2,1\n', "a,b\n1,2\n3,5\n"),
}


@pytest.mark.parametrize("digest", DIGESTS)
def test_a_digest_of_what_a_file_says_does_not_see_its_layout(digest: str, shop: Workshop):
    """`json`, `yaml` and `csv`."""
    reads, first, same, other = DIGESTS[digest]
    shop.wavefile(f"steps: {{a: {{{reads}, run: note a}}}}")
    shop.put("f", first)
    assert shop.settle().ran == ["a"]

    shop.put("f", same)
    assert (shop.plan()["a"], shop.build().ran) == ("FRESH", [])
    shop.put("f", other)
    assert (shop.plan()["a"], shop.build().ran) == ("RUN", ["a"])


def test_all_files_of_a_step_are_inputs_by_its_name(shop: Workshop):
    """`step:NAME`: whatever it makes."""
    shop.wavefile("""
steps:
  a: {inputs: s, outputs: [o, d/], run: 'note a; cat s > o; cat s > d/x'}
  b: {inputs: step:a, outputs: p, run: 'note b; cat {{ inputs }} > p'}
""")
    shop.put("s", "1")
    shop.settle()
    assert shop.read("p") == "11"
    shop.put("s", "2")
    assert (shop.build().ran, shop.read("p")) == (["a", "b"], "22")


def test_a_digest_of_a_database_sees_rows_and_not_pages(shop: Workshop):
    """`sqlite`."""
    shop.wavefile("steps: {a: {inputs: {path: f.db, digest: sqlite}, run: note a}}")
    path = str(shop.root / "f.db")

    def ask(*questions: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as handle:
            for question in questions:
                handle.execute(question)

    ask("create table t (a)", "insert into t values (1), (2)")
    assert shop.settle().ran == ["a"]
    ask("delete from t", "insert into t values (2), (1)", "vacuum")
    assert shop.build().ran == []
    ask("insert into t values (3)")
    assert shop.build().ran == ["a"]


def test_a_digest_of_size_and_time_sees_a_touch(shop: Workshop):
    """`stat`, for what is too large to be read."""
    shop.wavefile("steps: {a: {inputs: {path: f, digest: stat}, run: note a}}")
    path = shop.put("f", "1")
    assert shop.settle().ran == ["a"]
    os.utime(path, ns=(1, 10**18))

    assert shop.build().ran == ["a"]


def test_a_delimiter_parts_the_columns(shop: Workshop):
    """Only the chosen rows and columns count."""
    shop.wavefile("steps: {a: {inputs: {path: f.csv, rows: {k: a}, columns: [v], delimiter: ';'}, run: note a}}")
    shop.put("f.csv", "k;v;w\na;1;x\nb;2;x\n")
    assert shop.settle().ran == ["a"]
    shop.put("f.csv", "k;v;w\nb;3;y\na;1;y\n")
    assert (shop.plan()["a"], shop.build().ran) == ("FRESH", [])
    shop.put("f.csv", "k;v;w\na;2;x\n")

    assert (shop.plan()["a"], shop.build().ran) == ("RUN", ["a"])


def test_keys_are_read_from_yaml_json_and_toml(shop: Workshop):
    """In the short form and in the long one; another key is none of the step's business."""
    files = {"f.yaml": "k: {l: %s}\nm: %s\n", "f.json": '{"k": {"l": %s}, "m": %s}', "f.toml": "m = %s\n[k]\nl = %s\n"}
    shop.wavefile("""
steps:
  a: {inputs: ['f.yaml#k.l', {path: f.json, keys: [k.l]}, 'f.toml#k.l'], run: note a}
""")

    def put(key: int, other: int) -> None:
        for path, text in files.items():
            shop.put(path, text % ((other, key) if path == "f.toml" else (key, other)))

    put(1, 1)
    assert shop.settle().ran == ["a"]
    put(1, 2)
    assert shop.build().ran == []
    put(2, 2)
    assert shop.build().ran == ["a"]


def test_targets_titles_tags_and_phases_select(shop: Workshop):
    """On the command line, and `targets` when nothing is said."""
    shop.wavefile("""
targets: [one]
steps:
  one: {run: note one, title: The First}
  two: {run: note two, tags: [nightly]}
  three: {run: note three, phase: late}
  four: {run: note four, on_demand: true}
""")

    assert shop.build().ran == ["one"]
    assert shop.build("tag:nightly").ran == ["two"]
    assert shop.build("phase:late").ran == ["three"]
    assert shop.build("The First", force=True).ran == ["one"]
    assert shop.build("four").ran == ["four"]


def test_needs_order_and_gate(shop: Workshop):
    """A failure blocks; a rerun of what is needed is no reason to run."""
    text = "steps:\n  b: {needs: a, run: note b}\n  a: {inputs: s, run: 'note a; grep -q good s'}\n"
    shop.wavefile(text)
    shop.put("s", "bad")
    assert shop.build(jobs=4).outcomes == {"a": "failed", "b": "blocked"}
    shop.put("s", "good")
    assert shop.build(jobs=4).ran == ["a", "b"]
    shop.put("s", "good too")
    assert shop.build(jobs=4).ran == ["a"]


def test_retries_try_again_for_the_named_causes_alone(shop: Workshop):
    """Exit code 75, then success; another code is no cause."""
    shop.wavefile("""
steps:
  a: {run: 'note a; test -e ../again || { touch ../again; exit 75; }', retries: {times: 2, delay: 0s, on: [75]}}
  b: {run: 'note b; exit 3', retries: {times: 2, delay: 0s, on: [timeout]}}
  c: {run: 'note c; test -e ../once || { touch ../once; exit 3; }', retries: 1}
""")
    built = shop.build(keep_going=True)

    assert sorted(built.ran) == ["a", "a", "b", "c", "c"]
    assert built.outcomes == {"a": "succeeded", "b": "failed", "c": "succeeded"}


def test_a_timeout_ends_an_attempt(shop: Workshop):
    """And is the reason of the failure."""
    shop.wavefile("steps: {a: {run: 'note a; sleep 30', timeout: 0.2s}}")
    built = shop.build()

    assert (built.outcomes, built.steps["a"].failure) == ({"a": "failed"}, "timeout")


def test_resources_are_shared(shop: Workshop):
    """Two steps that take the only one do not run at once; more than there is, is refused."""
    one = "run: 'mkdir ../lock; sleep 0.05; rmdir ../lock', resources: [gpu]"
    shop.wavefile(f"resources: {{gpu: 1}}\nsteps:\n  a: {{{one}}}\n  b: {{{one}}}\n  c: {{{one}}}\n")
    assert shop.build(jobs=3).outcomes == dict.fromkeys("abc", "succeeded")

    shop.wavefile("resources: {gpu: 1}\nsteps: {a: {run: x, resources: {gpu: 2}}}")
    with pytest.raises(WavebuildError, match="gpu"):
        shop.build()


def test_a_call_gets_its_arguments_and_its_module_is_an_input(shop: Workshop):
    """Also that of a check."""
    shop.wavefile("""
steps:
  a:
    call: work:make
    with: {text: hello}
    outputs: o
    checks: [{call: 'work:judge', with: {least: 1}}, {run: 'note check', inputs: limit}]
""")
    shop.put("limit", "1")
    shop.put(
        "work.py",
        "def make(outputs, text):\n    open(outputs[0], 'w').write(text)\n\n"
        "def judge(least):\n    assert len(open('o').read()) >= least\n",
    )
    shop.settle()
    assert shop.read("o") == "hello"

    shop.put("limit", "2")
    assert (shop.plan()["a"], shop.build().ran) == ("RECHECK", ["check"])
    shop.wavefile(shop.read("Wavefile").replace("hello", "bye"))
    assert (shop.plan()["a"], shop.build().code, shop.read("o")) == ("RUN", 0, "bye")
    shop.put("work.py", shop.read("work.py").replace("write(text", "write(text + '!'"))
    assert (shop.plan()["a"], shop.build().code, shop.read("o")) == ("RUN", 0, "bye!")
    shop.wavefile(shop.read("Wavefile").replace("least: 1", "least: 100"))
    assert (shop.plan()["a"], shop.build().steps["a"].failure) == ("RECHECK", "check")


def test_code_is_read_with_all_that_it_imports_and_without_its_layout(shop: Workshop):
    """`code` names programs that a command runs."""
    shop.wavefile("steps: {a: {code: main.py, run: 'note a'}}")
    shop.put("main.py", "import part\n")
    shop.put("part.py", "V = 1\n")
    assert shop.settle().ran == ["a"]
    shop.put("part.py", "V  =  1  # one\n")
    assert shop.build().ran == []
    shop.put("part.py", "V = 2\n")
    assert (shop.plan()["a"], shop.build().ran) == ("RUN", ["a"])


def test_a_manual_step_waits_for_a_person(shop: Workshop):
    """Its readers are blocked until the file is there."""
    shop.wavefile("steps: {m: {manual: write it, outputs: o}, r: {inputs: o, run: note r}}")
    built = shop.build()
    assert (built.code, built.outcomes) == (1, {"m": "waiting", "r": "blocked"})
    assert shop.plan() == {"m": "WAITING", "r": "BLOCKED"}
    shop.put("o", "mine")

    assert (shop.build().ran, shop.build().ran) == (["r"], [])


def test_what_is_ignored_is_no_member(shop: Workshop):
    """By the settings for all steps, by `exclude` for one artifact."""
    shop.wavefile("""
settings: {ignore: ['*.tmp']}
steps:
  a: {inputs: d/, run: note a}
  b: {inputs: {path: d/, exclude: 'd/*.log'}, run: note b}
""")
    shop.put("d/x", "1")
    assert shop.settle().ran == ["a", "b"]
    shop.put("d/y.tmp", "1")
    assert shop.build().ran == []
    shop.put("d/y.log", "1")
    assert shop.build().ran == ["a"]


def test_a_variable_of_the_caller_is_an_input_when_it_is_listed(shop: Workshop):
    """Set, changed and unset are three things."""
    shop.wavefile("steps: {a: {inputs: 'env:WHERE', run: note a}}")
    for value in ("here", "there", ""):
        shop.setenv(WHERE=value)
        assert (shop.build().ran, shop.build().ran) == (["a"], [])
    shop.monkeypatch.delenv("WHERE")
    assert (shop.build().ran, shop.build().ran) == (["a"], [])


def test_what_may_be_missing_may_come_and_go(shop: Workshop):
    """Absence is a fact on record; an output that may be missing need not be made."""
    shop.wavefile("""
steps:
  a: {inputs: {path: i, optional: true}, outputs: [o, {path: p, optional: true}], run: 'note a; echo > o'}
""")
    assert shop.settle().ran == ["a"]
    shop.put("i", "1")
    assert (shop.plan()["a"], shop.build().ran, shop.build().ran) == ("RUN", ["a"], [])
    (shop.root / "i").unlink()
    assert shop.build().ran == [], "that is known"


def test_a_step_with_an_edited_output_stops_or_goes_on(shop: Workshop):
    """`on_edit: fail` and `overwrite`, which keeps what was there."""
    text = "steps: {a: {inputs: s, outputs: o, on_edit: fail, run: 'note a; cat s > o'}}"
    shop.wavefile(text)
    shop.put("s", "1")
    shop.settle()
    shop.put("o", "mine")
    assert shop.build().steps["a"].failure == "edited"
    shop.wavefile(text.replace("fail", "overwrite"))

    assert (shop.build().ran, shop.displaced("o")) == (["a"], ["mine"])


def test_the_schedules_differ_in_what_a_step_waits_for(shop: Workshop):
    """Under `barrier` for the whole wave before, under `flow` for its own inputs."""
    steps = """
steps:
  slow: {run: '%s; note slow'}
  quick: {outputs: o, run: 'echo > o'}
  reader: {inputs: o, run: note reader; touch read}
"""
    shop.wavefile("settings: {schedule: flow}" + steps % "until [ -e read ]; do sleep 0.02; done")
    assert shop.build(jobs=2).ran == ["reader", "slow"]
    shop.wavefile("settings: {schedule: barrier}" + steps % "sleep 0.2")
    assert shop.build(jobs=2, force=True).ran == ["slow", "reader"]


def test_after_a_failure_others_go_on_if_that_is_the_setting(shop: Workshop):
    """`keep_going`."""
    steps = "steps:\n  a: {run: 'false'}\n  b: {run: note b}\n"
    shop.wavefile(steps)
    assert shop.build().ran == []
    shop.wavefile("settings: {keep_going: true}\n" + steps)
    assert (shop.build().ran, shop.build().code) == (["b"], 1)


def test_only_the_last_logs_are_kept(shop: Workshop):
    """`log_keep`."""
    shop.wavefile("settings: {log_keep: 2}\nsteps: {a: {always: true, run: echo hello}}")
    for _ in range(4):
        assert shop.build().code == 0

    assert len(list(shop.root.glob(".wavebuild/logs/*/a.log"))) == 2


def test_a_step_runs_in_its_folder_and_shell(shop: Workshop):
    """`cwd`, and the words of `shell` before the script."""
    shop.wavefile("""
steps:
  a: {cwd: d, inputs: d/x, outputs: d/o, run: 'pwd > o; cat {{ inputs }} >> {{ outputs }}'}
  b: {outputs: p, shell: [sh, -c, 'echo "$0" > p'], run: the script}
  c: {outputs: q, shell: sh, run: 'echo $0 > q'}
  e: {outputs: r, shell: auto, run: 'echo ${BASH_VERSION:+bash} > r'}
""")
    shop.put("d/x", "1\n")
    shop.settle()

    assert shop.read("d/o") == f"{shop.root}/d\n1\n"
    assert shop.read("p") == "the script\n"
    assert (shop.read("q"), shop.read("r")) == ("sh\n", "bash\n")
