"""dvc.yaml as a Wavefile: what DVC would run is what the steps say, and what they cannot say is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.folders import written
from wavebuild.declare import load
from wavebuild.declare.importers import Foreign, Imported, dvc, writing
from wavebuild.declare.model import Run, Step
from wavebuild.errors import Problem, WavebuildError


class Repository:
    """A folder with a dvc.yaml, and what its import says."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, text: str) -> None:
        written(self.root, {path: text})

    def imported(self, text: str) -> Imported:
        self.put("dvc.yaml", text)
        return dvc.imported(self.foreign("dvc.yaml"))

    def foreign(self, path: str, root: str = "") -> Foreign:
        return Foreign(str(self.root / path), path, str((self.root / root if root else self.root / path).parent))

    def steps(self, text: str) -> dict[str, Step]:
        """The steps of the Wavefile, read back."""
        self.put("Wavefile", writing.written(self.imported(text).document))
        return {step.name: step for step in load(str(self.root / "Wavefile")).steps}

    def commands(self, text: str) -> dict[str, list[str]]:
        steps = self.steps(text)
        return {name: scripts(step) for name, step in steps.items() if not step.is_group}

    def left(self, text: str) -> list[str]:
        """What was not carried, each as LINE: MESSAGE."""
        return [f"{problem.place.line}: {problem.message}" for problem in self.imported(text).left if problem.place]

    def refused(self, text: str) -> str:
        with pytest.raises(WavebuildError) as error:
            self.imported(text)
        return str(error.value)


def scripts(step: Step) -> list[str]:
    assert isinstance(step.action, Run)
    return ["".join(map(str, script.parts)) for script in step.action.scripts]


def artifacts(step: Step) -> tuple[list[str], list[str]]:
    return [one.text for one in step.inputs], [one.text for one in step.outputs]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


# Stages


def test_deps_params_outs_metrics_and_plots_are_inputs_and_outputs(repo: Repository) -> None:
    """Everything that DVC looks at is looked at."""
    step = repo.steps("""
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh, data.csv]
    params: [lr, a.b, other.json: [x.y], whole.toml: , odd.cfg: [k]]
    outs: [model.bin, {extra.bin: {cache: false}}]
    metrics: [{m.json: {cache: false}}]
    plots: [{p.csv: {cache: false}}]
""")["train"]

    inputs = ["train.sh", "data.csv", "params.yaml#lr,a.b", "other.json#x.y", "whole.toml", "odd.cfg"]
    assert artifacts(step) == (inputs, ["model.bin", "extra.bin", "m.json", "p.csv"])


def test_each_line_of_a_command_has_a_shell_of_its_own(repo: Repository) -> None:
    """DVC runs the lines of a text one by one, and the items of a list as they are."""
    commands = repo.commands("""
stages:
  lines:
    cmd: |
      echo one

      echo two
    outs: [a.txt]
  items:
    cmd: ["echo one", "cat <<END\\nx\\nEND\\n"]
    outs: [b.txt]
""")

    assert commands == {"lines": ["echo one", "echo two"], "items": ["echo one", "cat <<END\nx\nEND\n"]}


def test_the_shell_does_not_stop_in_the_middle_of_a_line(repo: Repository) -> None:
    """`false; echo on` goes on, as under DVC; where it makes no difference, nothing is said about the shell."""
    plain = repo.imported("stages: {a: {cmd: sh a.sh, outs: [a.txt]}}")
    odd = repo.imported("stages: {a: {cmd: 'false; sh a.sh', outs: [a.txt]}}")

    assert "settings" not in plain.document
    assert repo.steps("stages: {a: {cmd: 'false; sh a.sh', outs: [a.txt]}}")["a"].shell == ("bash", "-c")
    assert "nothing stops in the middle of a line" in writing.written(odd.document)


def test_paths_begin_in_the_working_folder_of_their_stage(repo: Repository) -> None:
    """`wdir` holds for deps, outs and params, and commands run there."""
    step = repo.steps("""
stages:
  a:
    wdir: sub/deep
    cmd: sh a.sh
    deps: [a.sh, ../up.txt]
    params: [lr, ../../params.yaml: [seed]]
    outs: [out.txt]
""")["a"]

    inputs = ["sub/deep/a.sh", "sub/up.txt", "sub/deep/params.yaml#lr", "params.yaml#seed"]
    assert step.cwd == "sub/deep"
    assert artifacts(step) == (inputs, ["sub/deep/out.txt"])


def test_options_of_a_stage_keep_their_meaning(repo: Repository) -> None:
    """`always_changed`, `frozen`, `persist` and `desc`; and a stage of a command alone runs at every build."""
    steps = repo.steps("""
stages:
  a: {cmd: date, outs: [{a.txt: {persist: true}}], always_changed: true, desc: " What it\\n is "}
  b: {cmd: date}
  c: {cmd: date, params: [lr], frozen: true}
""")

    assert (steps["a"].always, steps["b"].always, steps["c"].always) == (True, True, False)
    assert (steps["b"].frozen, steps["c"].frozen) == (False, True)
    assert steps["a"].outputs[0].in_place
    assert steps["a"].title == "What it is"


# Files and directories


def test_the_lock_file_tells_which_paths_are_directories(repo: Repository) -> None:
    """dvc.lock knows more than the disk, and no suffix misleads it."""
    repo.put("wide.d/x", "")
    repo.put(
        "dvc.lock",
        """
schema: '2.0'
stages:
  a:
    cmd: sh a.sh
    deps: [{path: wide.d, md5: 1.dir, nfiles: 2}, {path: flat, md5: '2'}]
    outs: [{path: out.d, hash: md5, md5: 3.dir}]
""",
    )

    text = "stages: {a: {cmd: sh a.sh, deps: [wide.d, flat], outs: [out.d]}}"

    assert artifacts(repo.steps(text)["a"]) == (["wide.d/", "flat"], ["out.d/"])
    assert repo.left(text) == []


def test_the_disk_and_the_other_paths_tell_next(repo: Repository) -> None:
    """A folder that is there, a .dvc file, a slash, and a path that lies within are no guesses."""
    repo.put("there.d/x", "")
    repo.put("flat", "")
    repo.put("tracked.dvc", "outs: [{md5: 1.dir, path: tracked}]")
    text = """
stages:
  a: {cmd: sh a.sh, deps: [there.d, flat, tracked], outs: [made.d, slashed/]}
  b: {cmd: sh b.sh, deps: [made.d/part.csv], outs: [b/]}
"""

    steps = repo.steps(text)

    assert artifacts(steps["a"]) == (["there.d/", "flat", "tracked/"], ["made.d/", "slashed/"])
    assert repo.left(text) == ["4: taken for files, for neither dvc.lock nor the disk tells: made.d/part.csv"]


def test_what_nothing_tells_is_guessed_and_said(repo: Repository) -> None:
    """A name with a suffix is a file, one without a directory, unless a command says otherwise."""
    text = """
stages:
  a:
    cmd: sh a.sh > LOG && mkdir -p x.d/in
    outs: [features, model.bin, LOG, v1.5, x.d]
"""

    assert artifacts(repo.steps(text)["a"])[1] == ["features/", "model.bin", "LOG", "v1.5/", "x.d/"]
    assert repo.left(text) == [
        "5: taken for directories, for neither dvc.lock nor the disk tells: features, v1.5, x.d",
        "5: taken for files, for neither dvc.lock nor the disk tells: model.bin, LOG",
    ]


@pytest.mark.parametrize(
    ("path", "artifact"),
    [
        ("a*[1]?.txt", "a[*][[]1][?].txt"),
        ("step:x.txt", "step:x.txt"),
        ("env:x.txt", "env:x.txt"),
        ("with space.txt", "with space.txt"),
        ("ünï.txt", "ünï.txt"),
        ("c.yaml#k.txt", "c.yaml[#]k.txt"),
        ("{{x}}.txt", "{{x}}.txt"),
        ("'quoted\".txt", "'quoted\".txt"),
    ],
)
def test_odd_names_mean_themselves(repo: Repository, path: str, artifact: str) -> None:
    """A path of DVC is never a glob, a form of an artifact, or a template."""
    quoted = "'" + path.replace("'", "''") + "'"

    step = repo.steps(f"stages: {{a: {{cmd: sh a.sh, outs: [{quoted}]}}}}")["a"]

    assert artifacts(step)[1] == [artifact]


# Values


def test_values_come_from_params_and_vars(repo: Repository) -> None:
    """params.yaml is always there; files, single keys of files and mappings are laid over it; numbers look as DVC
    shows them."""
    repo.put("params.yaml", "train: {lr: 1e-3, n: 007, big: 1_000, name: it's}\nflag: true\nnone: null\n")
    repo.put("conf.json", '{"model": {"w": 1.0}, "unused": 1}')
    repo.put("conf.toml", "[deep]\nlist = [1, {x = 'two'}]\n")

    commands = repo.commands("""
vars: [conf.json:model, conf.toml, {own: x y, train: {more: 1}}]
stages:
  a: {cmd: 'echo ${train.lr} ${train.n} ${train.big} ${ train.name } ${train.more}', outs: [a.txt]}
  b: {cmd: 'echo ${flag} ${none} ${model.w} ${deep.list[1].x} ${deep.list.0} ${own}', outs: [b.txt]}
  c: {cmd: 'echo \\${HOME} {{x}} $$ ${flag}', outs: [c.txt]}
""")

    assert commands["a"] == ["echo 0.001 7 1000 it's 1"]
    assert commands["b"] == ["echo true None 1.0 two 1 x y"]
    assert commands["c"] == ["echo ${HOME} {{x}} $$ true"]


def test_a_mapping_in_a_command_becomes_options(repo: Repository) -> None:
    """Keys in their order, deep ones with dots; flags, lists and odd texts as DVC writes them."""
    repo.put("params.yaml", "t: {n: 3, fast: true, slow: false, deep: {name: a b}, xs: [1, 'x y'], last: {z: 1}}")

    commands = repo.commands("stages: {a: {cmd: 'run ${t} --end', outs: [a.txt]}}")

    assert commands["a"] == ["run --n 3 --fast --deep.name 'a b' --xs 1 'x y' --last.z 1 --end"]


def test_settings_of_dvc_say_how_a_mapping_becomes_options(repo: Repository) -> None:
    """`parsing.bool` and `parsing.list` of .dvc/config are heeded."""
    repo.put(".dvc/config", "[core]\n    bool = x\n[parsing]\n    bool = boolean_optional\n    list = append\n")
    repo.put("params.yaml", "t: {slow: false, fast: true, xs: [1, 'x y']}")

    commands = repo.commands("stages: {a: {cmd: 'run ${t}', outs: [a.txt]}}")

    assert commands["a"] == ["run --no-slow --fast --xs 1 --xs 'x y'"]


def all_commands(repo: Repository, text: str) -> list[list[str]]:
    return sorted(repo.commands(text).values())


def test_foreach_over_lists_and_mappings(repo: Repository) -> None:
    """A value once however often it is listed; a mapping gives keys and items; a list of mappings its items."""
    repo.put("params.yaml", "models: {us: {t: 10}, gb: {t: 15}}\n")

    text = """
stages:
  l: {foreach: [a, b, a], do: {cmd: 'echo ${item}', outs: ['l-${item}.txt']}}
  m: {foreach: '${models}', do: {cmd: 'echo ${key} ${item.t}', outs: ['m-${key}.txt']}}
  d: {foreach: [{x: 1}, {x: 2}], do: {cmd: 'echo ${item.x}', outs: ['d-${item.x}.txt']}}
  k: {foreach: {p: 1, q: 2}, do: {cmd: 'echo ${key}=${item}', outs: ['k-${key}.txt']}}
"""

    assert all_commands(repo, text) == [
        *(["echo 1"], ["echo 2"], ["echo a"], ["echo b"]),
        *(["echo gb 15"], ["echo p=1"], ["echo q=2"], ["echo us 10"]),
    ]


def test_matrix_is_the_product_of_its_lists(repo: Repository) -> None:
    """Each combination once, by names that no Wavefile could use for variables too."""
    repo.put("params.yaml", "lrs: [0.1, 1e-2]\n")

    text = """
stages:
  m:
    matrix: {model: [cnn, xgb], path: '${lrs}'}
    cmd: echo ${item.model} ${item.path} ${key}
    outs: ['m-${key}.txt']
"""

    assert all_commands(repo, text) == [
        ["echo cnn 0.01 cnn-0.01"],
        ["echo cnn 0.1 cnn-0.1"],
        ["echo xgb 0.01 xgb-0.01"],
        ["echo xgb 0.1 xgb-0.1"],
    ]


def test_a_stage_has_vars_of_its_own(repo: Repository) -> None:
    """Files of a stage are sought in its working folder."""
    repo.put("sub/local.yaml", "only: {q: 1}")

    text = "stages: {a: {vars: [local.yaml, {mine: 3}], wdir: sub, cmd: 'echo ${only.q} ${mine}', outs: [a.txt]}}"

    assert repo.commands(text) == {"a": ["echo 1 3"]}


def test_names_of_stages_become_names_of_steps(repo: Repository) -> None:
    """What names of steps cannot hold is replaced, never into a name that is taken, and said."""
    text = "stages: {a b: {cmd: x, outs: [a.x]}, a-b: {cmd: y, outs: [b.x]}, -c: {cmd: z, outs: [c.x]}}"

    assert set(repo.steps(text)) == {"a-b", "a-b-2", "c"}
    assert [line for line in repo.left(text) if "called" in line] == [
        "1: the stage 'a b' is called 'a-b-2', as names of steps go",
        "1: the stage '-c' is called 'c', as names of steps go",
    ]


# What is followed


def document(repo: Repository, text: str) -> dict[str, Any]:
    return dict(repo.imported(text).document)


def test_values_are_followed_by_templates(repo: Repository) -> None:
    """The files of vars are vars of the Wavefile; their values stand as they are, those of its own without a word."""
    repo.put("params.yaml", "lr: 1e-3\nname: a b\nunused: 1\n")
    text = """
vars: [{own: {x: 1}}, other.json]
stages:
  a: {cmd: 'run ${lr} ${name} ${own.x} ${deep.y}', outs: [a.txt]}
  b: {cmd: 'run', outs: [b.txt]}
"""
    repo.put("other.json", '{"deep": {"y": 2}}')

    found = document(repo, text)

    assert found["vars"] == ["params.yaml", {"own": {"x": 1}}, "other.json"]
    assert found["steps"]["a"]["run"] == "run {{ lr | float | raw }} {{ name | raw }} {{ own.x }} {{ deep.y | raw }}"
    assert repo.left(text) == ["4: taken for files, for neither dvc.lock nor the disk tells: a.txt, b.txt"]


def test_vars_that_nothing_uses_are_left_out(repo: Repository) -> None:
    """A params.yaml that only `params` reads is no vars."""
    repo.put("params.yaml", "lr: 1\n")

    found = document(repo, "stages: {a: {cmd: run, params: [lr], outs: [a.txt]}}")

    assert "vars" not in found


def test_foreach_over_a_mapping_is_followed(repo: Repository) -> None:
    """Keys make the instances, and `item` is what stands below each."""
    repo.put("params.yaml", "models: {us: {t: 0.10}, gb: {t: 0.5}}\n")

    found = document(
        repo,
        """
stages:
  m: {foreach: '${models}', do: {cmd: 'run ${key} ${item.t}', outs: ['m-${key}.txt']}}
  k: {foreach: {p: 1, q: 2}, do: {cmd: 'run ${key}=${item}', outs: ['k-${key}.txt']}}
""",
    )

    assert found["vars"] == ["params.yaml", {"k_items": {"p": 1, "q": 2}}]
    assert found["steps"]["m"] == {
        "foreach": {"key": "{{ models }}"},
        "with": {"item": "{{ models[key] }}"},
        "outputs": "m-{{ key }}.txt",
        "run": "run {{ key | raw }} {{ item.t | float | raw }}",
    }
    assert found["steps"]["k"]["with"] == {"item": "{{ k_items[key] }}"}


def test_matrix_is_a_product_of_variables(repo: Repository) -> None:
    """Each list is a variable, by a name that the language leaves free."""
    repo.put("params.yaml", "lrs: [0.1, 1e-2]\n")

    found = document(
        repo,
        """
stages:
  m:
    matrix: {model: [cnn, xgb], path: '${lrs}'}
    cmd: run ${item.model} ${item.path} ${key}
    outs: ['m-${key}.txt']
""",
    )["steps"]["m"]

    assert found["foreach"] == {"model": ["cnn", "xgb"], "item_path": "{{ lrs }}"}
    assert found["outputs"] == "m-{{ (model ~ '-' ~ (item_path | float)) }}.txt"


@pytest.mark.parametrize(
    ("params", "command", "why"),
    [
        ("env: prod", "${env}", "'env' is a name of the language"),
        ("a: null", "${a}", "templates show them otherwise"),
        ("odd key: 1", "${odd key}", ""),
    ],
)
def test_what_no_template_can_follow_is_written_in_and_told(
    repo: Repository, params: str, command: str, why: str
) -> None:
    """The values of now, the reason, and no template that would give anything else."""
    repo.put("params.yaml", params)
    text = f"stages:\n  a: {{cmd: 'run {command}', outs: [a/]}}"

    found = document(repo, text)

    assert "vars" not in found
    assert "{{" not in found["steps"]["a"]["run"]
    reason = f" ({why})" if why else ""
    assert repo.left(text) == [f"2: the values of ${{…}} in 'a' are written in as they are now{reason}"]


def test_a_stage_that_cannot_be_followed_leaves_the_others_alone(repo: Repository) -> None:
    """Only its values are written in; stages of a `foreach` are then written one by one, with a group for all."""
    repo.put("params.yaml", "lr: 1\nnames: [a, null]\n")
    text = """
stages:
  a: {cmd: 'run ${lr}', outs: [a/]}
  n: {foreach: '${names}', do: {cmd: 'run ${item}', outs: ['n-${item}/']}}
"""

    steps = document(repo, text)["steps"]

    assert steps["a"]["run"] == "run {{ lr | raw }}"
    assert steps["n"] == {"needs": ["n-a", "n-None"]}
    assert steps["n-None"] == {"outputs": "n-None/", "run": "run None"}
    assert len(repo.left(text)) == 1


def test_keys_that_come_to_a_mapping_later_are_told(repo: Repository) -> None:
    """Options follow the values of the keys of now, and no others."""
    repo.put("params.yaml", "t: {n: 3, fast: true, name: a b}")
    text = "stages: {a: {cmd: 'run ${t}', outs: [a/]}}"

    run = document(repo, text)["steps"]["a"]["run"]

    assert run == "run --n {{ t.n | raw }}{{ (' --fast' if t.fast else '') | raw }} --name {{ t.name | q }}"
    assert repo.left(text) == ["1: keys that come to 't' later are not seen: its keys of now are options"]


# What is told


def test_what_cannot_be_carried_is_told_with_its_line(repo: Repository) -> None:
    """Each key that means nothing here has its line; none stops the import."""
    text = """
stages:
  a:
    cmd: echo $DVC_STAGE
    meta: {x: 1}
    deps: [s3://bucket/x]
    outs:
      - a.txt: {remote: r, desc: d, push: false}
      - azure://b
    plots: [p.csv: {x: time}]
    live: {}
plots: [p.csv]
artifacts: {m: {path: a.txt}}
datasets: []
metrics: [m.json]
odd: 1
"""

    lines = [line.split(":")[0] for line in repo.left(text) if "taken for files" not in line]

    assert sorted(map(int, lines)) == [3, 5, 6, 8, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16]


def test_a_missing_key_and_a_file_without_keys_are_told(repo: Repository) -> None:
    """What DVC would refuse, and what is coarser here, is said at the import."""
    repo.put("params.yaml", "lr: 1\n")
    repo.put("params.py", "seed = 1\n")

    left = repo.left("""
stages:
  a:
    cmd: sh a.sh
    params: [lr, nope.x, params.py: [seed]]
    outs: [a/]
""")

    assert left == [
        "5: params.yaml has no key 'nope.x' now: 'a' cannot run until it has",
        "5: single keys of params.py cannot be read: any change of the file makes the step stale",
    ]


def test_patterns_of_dvcignore_are_carried_where_they_mean_the_same(repo: Repository) -> None:
    """Names are ignored in any folder; what is more than a name is told."""
    repo.put(".dvcignore", "# comment\n*.tmp\n\n/top\n!not\n")
    text = "stages: {a: {cmd: sh a.sh, outs: [a/]}}"

    document: dict[str, Any] = dict(repo.imported(text).document)

    assert document["settings"] == {"ignore": ["*.tmp"]}
    assert repo.left(text) == ["4: the pattern '/top' is not carried", "5: the pattern '!not' is not carried"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, "the file is empty"),
        ("- a", 1, "a dvc.yaml is a mapping with 'stages'"),
        ("plots: [a]", 1, "there are no stages to import"),
        ("stages: {a: {deps: [x]}}", 1, "the stage 'a' has no 'cmd'"),
        ("stages:\n  a: {cmd: ' '}", 2, "'cmd' is empty"),
        ("stages:\n  a:\n    cmd: echo ${nope}", 3, "nothing is called 'nope' in ${nope}"),
        ("vars: [{o: {x: 1}}]\nstages:\n  a: {cmd: 'echo ${o.y}'}", 3, "there is no 'y' in ${o.y}"),
        ("vars: [{o: [1]}]\nstages:\n  a: {cmd: 'echo ${o[1]}'}", 3, "there is no '1' in ${o[1]}"),
        ("vars: [{o: [1]}]\nstages:\n  a: {cmd: 'echo ${o}'}", 3, "${o} is a list, and this must be a text"),
        ("stages:\n  a: {cmd: 'echo ${a..b}'}", 2, "${a..b} is not readable: a name, then .key or [index]"),
        ("vars: [no.yaml]\nstages: {a: {cmd: x}}", 1, "cannot read no.yaml: No such file or directory"),
        ("vars: [{a: 1}, {a: 2}]\nstages: {a: {cmd: x}}", 1, "'a' is given twice among the vars"),
        ("vars: [v.py]\nstages: {a: {cmd: x}}", 1, "vars from a Python file, v.py, cannot be carried"),
        ("stages:\n  a: {foreach: [1]}", 2, "'foreach' goes with 'do', a mapping"),
        ("stages:\n  a: {foreach: 3, do: {cmd: x}}", 2, "'foreach' takes a list or a mapping"),
        ("stages:\n  a: {matrix: {x: 3}, cmd: x}", 2, "'x' of 'matrix' takes a list"),
        ("stages:\n  a: {cmd: x, deps: y}", 2, "'deps' is a list"),
        ("stages:\n  a: {cmd: x, wdir: ../y}", 2, "the stage works in '../y', outside of the Wavefile's folder"),
        ("stages:\n  a: {cmd: x, frozen: maybe}", 2, "expected true or false, found 'maybe'"),
        ("stages:\n  a: {cmd: x, outs: [[y]]}", 2, "an output is a path, or a path with options"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(repo: Repository, text: str, line: int, message: str) -> None:
    """No dvc.yaml ends in a traceback, and none is imported by halves."""
    refusal = repo.refused(text)

    assert message in refusal
    assert f"dvc.yaml:{line}:" in refusal or not line


def test_the_wavefile_may_stand_in_a_folder_above(repo: Repository) -> None:
    """Then every path has the folder of dvc.yaml before it, and commands still run where DVC runs them."""
    repo.put("sub/deep/params.yaml", "lr: 1\nout: made.txt\n")
    repo.put(
        "sub/deep/dvc.yaml",
        """
stages:
  a: {cmd: sh a.sh, deps: [a.sh], params: [lr], outs: ['${out}']}
  b: {wdir: .., cmd: sh b.sh, deps: [deep/made.txt], outs: [b.txt]}
""",
    )

    found = dvc.imported(repo.foreign("sub/deep/dvc.yaml", "sub/Wavefile"))
    repo.put("sub/Wavefile", writing.written(found.document))
    steps = {step.name: step for step in load(str(repo.root / "sub/Wavefile")).steps}

    assert (steps["a"].cwd, steps["b"].cwd) == ("deep", "")
    assert artifacts(steps["a"]) == (["deep/a.sh", "deep/params.yaml#lr"], ["deep/made.txt"])
    assert artifacts(steps["b"]) == (["deep/made.txt"], ["b.txt"])
    assert {problem.place.file for problem in found.left if problem.place} == {"sub/deep/dvc.yaml"}


VALUES = st.sampled_from(
    ("null", "[]", "{}", "3", "true", "'${lr}'", "'${list}'", "'${map}'", "'${'", "'${nope}'", "[[a]]", "[{a: b}]")
)
STRANGER = st.sampled_from(
    ("{a: {b: c}}", "''", "[null]", "{x: null}", "'{{ x }}'", "[x.yaml]", "text", "[one, two/]", "'${map.k}'")
)
KEYS = st.sampled_from(
    ("cmd", "deps", "outs", "params", "metrics", "plots", "vars", "wdir", "frozen", "desc", "foreach", "do", "matrix")
)


@given(st.dictionaries(KEYS, VALUES | STRANGER, max_size=6), VALUES | STRANGER, VALUES | STRANGER)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_value_at_any_key_is_imported_or_refused(
    repo: Repository, stage: dict[str, str], common: str, command: str
) -> None:
    """Every dvc.yaml gives a document that can be written, or problems with a place: never a traceback."""
    repo.put("params.yaml", "lr: 1e-3\nlist: [a, 2]\nmap: {k: v}\n")
    keys = "".join(f"    {key}: {value}\n" for key, value in stage.items())

    problems: tuple[Problem, ...] = ()
    document: dict[str, Any] = {"steps": {}}
    try:
        document = dict(
            repo.imported(f"vars: {common}\nstages:\n  s:\n{keys or '    cmd: x'}\n  t: {{cmd: {command}}}\n").document
        )
    except WavebuildError as error:
        problems = error.problems

    assert all(problem.place is not None for problem in problems)
    assert "steps:" in writing.written(document)
