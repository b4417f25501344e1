"""Several files, profiles, categories, variables from files, steps that do not exist: each with what it builds."""

from __future__ import annotations

import pytest

from tests.support.workshop import Workshop
from wavebuild.engine import check, load
from wavebuild.errors import Problem, WavebuildError


def refused(shop: Workshop, **facts: object) -> tuple[Problem, ...]:
    with pytest.raises(WavebuildError) as caught:
        shop.plan(**facts)
    return caught.value.problems


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, [problem.lines() for problem in problems]
    return problems[0]


# --- include


@pytest.fixture
def monorepo(shop: Workshop) -> Workshop:
    """Two services, each with a Wavefile of its own, and a step that joins them."""
    service = """
      vars: {{who: {name}}}
      steps:
        build:
          inputs: src.txt
          outputs: out/app.txt
          run: |
            note {name}
            {{{{ root }}}}/tool.sh "{{{{ who }}}} {{{{ step }}}}" src.txt > out/app.txt
        pack:
          needs: build
          inputs: step:build
          outputs: pack.txt
          run: note p-{name}; cat {{{{ inputs }}}} > pack.txt
    """
    for name in ("web", "api"):
        shop.put(f"{name}/Wavefile", service.format(name=name))
        shop.put(f"{name}/src.txt", f"src of {name}\n")
        shop.put(f"{name}/tool.sh", '#!/bin/sh\necho "$1 $WAVEBUILD_STEP $WAVEBUILD_ROOT"; cat "$2"\n').chmod(0o755)
    shop.wavefile(
        """
        vars: {who: nobody}
        include:
          - web/Wavefile
          - {path: api/Wavefile, as: api}
        steps:
          join:
            inputs: [web/pack.txt, "step:api.pack"]
            outputs: all.txt
            run: note join; cat {{ inputs }} > all.txt
        """
    )
    return shop


def test_an_included_file_runs_in_its_own_folder_under_its_own_names(monorepo: Workshop) -> None:
    """Paths, commands, variables, names of steps and the root are those of the included file."""
    built = monorepo.settle()

    assert sorted(built.steps) == ["api.build", "api.pack", "build", "join", "pack"]
    assert monorepo.read("web/out/app.txt") == f"web build build {monorepo.root}/web\nsrc of web\n"
    assert monorepo.read("api/out/app.txt") == f"api build api.build {monorepo.root}/api\nsrc of api\n"
    assert monorepo.read("all.txt").count("src of") == 2


def test_an_edit_in_one_included_folder_runs_its_steps_and_their_readers_alone(monorepo: Workshop) -> None:
    """Edges go from file to file by their paths."""
    monorepo.settle()
    monorepo.put("api/src.txt", "new\n")

    planned = monorepo.plan()
    built = monorepo.build()

    assert (planned["api.build"], planned["build"]) == ("RUN", "FRESH")
    assert built.ran == ["api", "p-api", "join"]


def test_a_file_means_the_same_alone_and_included(monorepo: Workshop) -> None:
    """The commands of a service see the same names whether it is built by itself or with the others."""
    monorepo.settle()
    included = monorepo.read("web/out/app.txt")
    monorepo.put("web/src.txt", "src of web\n")

    for made in ("web/out/app.txt", "web/pack.txt"):
        (monorepo.root / made).unlink()
    alone = monorepo.build(file=str(monorepo.root / "web/Wavefile"))

    assert alone.code == 0
    assert monorepo.read("web/out/app.txt") == included


def test_an_edit_of_an_included_wavefile_is_seen(monorepo: Workshop) -> None:
    """Every file that is read counts for the evidence of a fresh tree."""
    monorepo.settle()
    text = monorepo.read("web/Wavefile")
    monorepo.put("web/Wavefile", text.replace("who: web", "who: net"))

    assert monorepo.build().ran[:1] == ["web"]


def test_mistakes_of_all_files_come_at_once_each_with_its_file(shop: Workshop) -> None:
    """A problem in an included file names that file and its line."""
    shop.wavefile("include: [a/Wavefile, b/Wavefile]\nsteps: {x: {run: make, timeout: 5}}\n")
    shop.put("a/Wavefile", "steps:\n  y: {rnu: make}\n")
    shop.put("b/Wavefile", "steps: [\n")

    problems = refused(shop)

    assert [str(problem.place)[:12] for problem in problems] == ["Wavefile:2:3", "a/Wavefile:2", "b/Wavefile:1"]
    assert all(problem.excerpt or problem.code == "syntax" for problem in problems)


STEP_X = "steps: {x: {run: make}}"
TAKES = "steps: {x: {run: make, %s}}"
NESTED = "a root with a Wavefile of its own"


@pytest.mark.scenario(id="W15")
@pytest.mark.parametrize(
    ("top", "inner", "code", "place", "words"),
    [
        ("include: [a/Wavefile]", "include: [../Wavefile]", "include-loop", "a/Wavefile:1:11", "→ a/Wavefile →"),
        ("include: [Wavefile]", None, "include-loop", "Wavefile:1:11", "Wavefile → Wavefile"),
        ("include: [a/Wavefile, ./a/Wavefile]", STEP_X, "included-twice", "Wavefile:1:23", "at Wavefile:1:11"),
        (f"include: [a/Wavefile]\n{STEP_X}", STEP_X, "duplicate-step", "Wavefile:2:9", "at a/Wavefile:1:9"),
        ("include: [a]", STEP_X, "not-a-file", "Wavefile:1:11", "directory"),
        ("include: [nowhere]", None, "no-wavefile", "Wavefile:1:11", "No such file"),
        ("include: [../x/Wavefile]", None, "bad-path", "Wavefile:1:11", "no file in the root"),
        ("include: [{as: x}]", None, "missing-key", "Wavefile:1:11", "needs the path"),
        ("include: [{path: a/Wavefile, at: x}]", None, "unknown-key", "Wavefile:1:30", "'at'"),
        ("include: ['{{ x }}']", None, "template-place", "Wavefile:1:11", "not filled in here"),
        ("include: [a/Wavefile]", "", "empty", "a/Wavefile", "is empty"),
        ("include: {path: a/Wavefile, as: 'a b'}", STEP_X, "bad-text", "Wavefile:1:33", "'a b'"),
        (
            "include: [{path: a/Wavefile, as: p}]\n" + TAKES % "needs: y",
            "steps: {y: {run: make}}",
            "unknown-step",
            "Wavefile:2:31",
            "'y'",
        ),
        (
            "include: [a/Wavefile]\n" + TAKES % "outputs: a/x.txt",
            "steps: {y: {run: make}}",
            "nested-root",
            "Wavefile:2:33",
            NESTED,
        ),
        (TAKES % "outputs: a/b/", STEP_X, "nested-root", "Wavefile:1:33", NESTED),
        ("include: [a/Wavefile]", TAKES % "outputs: ../../x", "bad-path", "a/Wavefile:1:33", "outside the root"),
        ("include: [a/Wavefile]", TAKES % "inputs: .", "bad-path", "a/Wavefile:1:32", "the whole root"),
    ],
)
def test_an_include_that_cannot_be_is_refused(
    shop: Workshop, top: str, inner: str | None, code: str, place: str, words: str
) -> None:
    """Loops, files that are not there, names that are taken: with the place in the file where it is written."""
    shop.wavefile(top + "\n")
    if inner is not None:
        shop.put("a/Wavefile", inner)

    problem = only(refused(shop))

    assert (problem.code, str(problem.place)) == (code, place)
    assert words in problem.message


def test_files_that_include_each_other_in_a_long_row_are_refused(shop: Workshop) -> None:
    """However long it is, in bounded time."""
    shop.wavefile("include: [w1]\n")
    for at in range(1, 900):
        shop.put(f"w{at}", f"include: [w{at + 1}]\n")

    problem = only(refused(shop))

    assert (problem.code, str(problem.place)) == ("too-deep", "w99:1:11")


def test_names_are_looked_for_in_the_own_file_first_then_around_it(shop: Workshop) -> None:
    """A prefix never changes what a name of the file means; what it lacks is found around it."""
    shop.wavefile(
        """
        include: [{path: mid/Wavefile, as: mid}]
        steps:
          one: {run: note top-one}
          base: {run: note base}
        """
    )
    shop.put(
        "mid/Wavefile",
        """
        include: [{path: low/Wavefile, as: low}]
        steps:
          one: {run: note mid-one}
          two: {needs: [one, low.one], run: note mid-two}
        """,
    )
    shop.put("mid/low/Wavefile", "steps: {one: {needs: [base, two-0], run: note low-one}, two-0: {run: note low-0}}\n")

    built = shop.build("mid.two")

    assert sorted(built.ran) == ["base", "low-0", "low-one", "mid-one", "mid-two"]
    assert sorted(built.steps) == ["base", "mid.low.one", "mid.low.two-0", "mid.one", "mid.two"]


def test_an_included_file_sees_the_names_of_the_file_around_it_that_it_lacks(shop: Workshop) -> None:
    """vars, env, defaults and categories: its own first; a text means what it says where it is written."""
    shop.wavefile(
        """
        vars: {a: top, b: top}
        env: {A: "{{ a }}", B: "{{ b }}"}
        defaults: {inputs: common.txt, with: {greeting: "hello from {{ b }}"}}
        categories: {loud: {env: {LOUD: "1"}}}
        include: [in/Wavefile]
        """
    )
    shop.put("common.txt", "common\n")
    shop.put(
        "in/Wavefile",
        """
        vars: {b: inner}
        env: {B: "{{ b }}"}
        steps:
          x:
            category: loud
            outputs: x.txt
            run: echo "{{ a }} {{ b }} $A $B $LOUD {{ greeting | raw }} {{ inputs }}" > x.txt
        """,
    )

    shop.settle()

    assert shop.read("in/x.txt") == "top inner top inner 1 hello from top ../common.txt\n"


def test_settings_profiles_and_targets_of_an_included_file_are_said_to_be_ignored(shop: Workshop) -> None:
    """They count only when the file is built alone."""
    shop.wavefile("include: [a/Wavefile]\n")
    shop.put("a/Wavefile", "settings: {jobs: 1}\ntargets: [x]\nsteps: {x: {run: make}}\n")

    notes = load(shop.request()).wavefile.notes

    assert [(str(note.place), note.severity) for note in notes] == [
        ("a/Wavefile:1:1", "warning"),
        ("a/Wavefile:2:1", "warning"),
    ]
    assert check(shop.request()) == notes


def test_capacities_are_one_space_and_the_including_file_wins(shop: Workshop) -> None:
    """A resource is the same thing for every file."""
    shop.wavefile("include: [a/Wavefile]\nresources: {gpu: 3}\nsteps: {x: {run: make, resources: {db: 2}}}\n")
    shop.put("a/Wavefile", "resources: {gpu: 1, db: 2}\nsteps: {y: {run: make, resources: {gpu: 3}}}\n")

    assert shop.plan() == {"x": "RUN", "y": "RUN"}


# --- profiles


PROFILES = """
vars: {level: {speed: slow, size: small}, name: plain}
env: {MODE: usual}
profiles:
  fast:
    vars: {level: {speed: fast}}
    env: {MODE: quick}
    targets: [app]
  default: {}
steps:
  app:
    outputs: build/{{ profile }}/app
    run: note {{ profile }}; echo "{{ level.speed }} {{ level.size }} $MODE" > build/{{ profile }}/app
  other: {outputs: other.txt, run: note other; touch other.txt}
"""


def test_two_profiles_lie_side_by_side_and_both_stay_fresh(shop: Workshop) -> None:
    """Traces belong to rendered outputs; a profile lays its values over those of the file."""
    shop.wavefile(PROFILES)

    assert sorted(shop.settle().ran) == ["default", "other"]
    assert shop.settle(profile="fast").ran == ["fast"]
    again = [shop.build(), shop.build(profile="fast")]

    assert [build.ran for build in again] == [[], []]
    assert [build.result.orphans for build in again] == [(), ()]
    assert shop.read("build/default/app") == "slow small usual\n"
    assert shop.read("build/fast/app") == "fast small quick\n"


def test_set_wins_over_the_profile(shop: Workshop) -> None:
    """A value of the command line is the last word."""
    shop.wavefile(PROFILES)

    shop.build(profile="fast", overrides=(("level.speed", "warp"),))

    assert shop.read("build/fast/app") == "warp small quick\n"


def test_an_unknown_profile_names_the_nearest(shop: Workshop) -> None:
    """Exit 2, with did you mean."""
    shop.wavefile(PROFILES)

    problem = only(refused(shop, profile="fsat"))

    assert (problem.code, problem.remedy) == ("unknown-profile", "did you mean 'fast'?")


def test_mistakes_in_a_profile_that_is_not_chosen_are_said(shop: Workshop) -> None:
    """All errors come at once, whatever profile is built."""
    shop.wavefile(
        """
        profiles:
          a: {settings: {jobs: 0}, vars: [x.yaml, []], env: {A: [1]}, thresholds: {x: 2}, nmae: y}
        steps: {x: {run: make}}
        """
    )

    codes = sorted(problem.code for problem in refused(shop))

    assert codes == ["out-of-range", "out-of-range", "unknown-key", "wrong-type", "wrong-type"]


# --- categories


def test_a_step_takes_from_its_category_what_it_has_not_itself(shop: Workshop) -> None:
    """step > category > defaults; mappings merge by key, inputs add up, all else is replaced."""
    shop.put("d.txt", "d\n")
    shop.put("c.txt", "c\n")
    shop.wavefile(
        """
        defaults: {inputs: d.txt, env: {A: d, B: d, C: d}, category: calm, shell: sh}
        categories:
          calm:
          loud: {inputs: c.txt, env: {B: c, C: c}, threshold: 0.9, shell: bash}
        thresholds: {default: 0.5}
        steps:
          x: {category: loud, env: {C: s}, outputs: x.txt, run: 'echo "{{ inputs }} $A$B$C" > x.txt'}
          y: {outputs: y.txt, run: 'echo "{{ inputs }} $A$B$C" > y.txt'}
        """
    )

    shop.settle()

    assert shop.read("x.txt") == "c.txt d.txt dcs\n"
    assert shop.read("y.txt") == "d.txt ddd\n"
    steps = load(shop.request()).wavefile.steps
    assert [(step.category, step.threshold, step.shell) for step in steps] == [
        ("loud", 0.9, "bash"),
        ("calm", 0.5, "sh"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("categories: {loud: {}}\nsteps: {x: {run: make, category: luod}}", "unknown-category"),
        ("defaults: {category: luod}\nsteps: {x: {run: make}}", "unknown-category"),
        ("categories: {loud: {threshold: 1.5}}\nsteps: {x: {run: make}}", "out-of-range"),
        ("categories: {loud: {threshold: 0.5}}\nthresholds: {loud: 0.5}\nsteps: {x: {run: make}}", "name-clash"),
        ("categories: {default: {}}\nsteps: {x: {run: make}}", "name-clash"),
        ("categories: {loud: {run: a, call: b:c}}\nsteps: {x: {run: make}}", "two-actions"),
        ("categories: [loud]\nsteps: {x: {run: make}}", "wrong-type"),
    ],
)
def test_a_wrong_category_is_refused(shop: Workshop, text: str, code: str) -> None:
    """A name that nobody declared, a threshold out of range, a threshold given twice."""
    shop.wavefile(text + "\n")

    assert only(refused(shop)).code == code


# --- variables


def test_variables_come_from_files_and_mappings_the_later_over_the_earlier(shop: Workshop) -> None:
    """Mappings merge by key at every depth; numbers stay as they are written; an edit of the file is seen."""
    shop.put("params.yaml", "train: {lr: 0.10, steps: 5}\nname: x\nodd-name: 1\n")
    shop.put("more.json", '{"train": {"steps": 7}}')
    shop.put("last.toml", "[train]\nseed = 3\n")
    shop.wavefile(
        """
        vars: [params.yaml, more.json, last.toml, {name: "y-{{ train.lr }}"}]
        steps:
          t:
            outputs: t.txt
            run: note t; echo {{ train.lr }} {{ train.steps }} {{ train.seed }} {{ name }} > t.txt
        """
    )

    shop.settle()
    assert shop.read("t.txt") == "0.10 7 3 y-0.10\n"

    shop.put("params.yaml", "train: {lr: 0.2, steps: 5}\n")
    assert shop.build().ran == ["t"]
    shop.put("params.yaml", "train: {lr: 0.2, steps: 5}\nunused: 1\n")
    assert shop.build().ran == []


def test_a_value_of_a_file_is_quoted_in_commands(shop: Workshop) -> None:
    """Only the Wavefile's own words are code."""
    shop.put("p.yaml", "v: '$(touch evil)'\n")
    shop.wavefile("vars: [p.yaml]\nsteps: {t: {outputs: t.txt, run: 'echo {{ v }} > t.txt'}}\n")

    shop.settle()

    assert shop.read("t.txt") == "$(touch evil)\n"
    assert not (shop.root / "evil").exists()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("[nowhere.yaml]", "no-file"),
        ("[p.csv]", "bad-path"),
        ("[bad.yaml]", "syntax"),
        ("[list.yaml]", "wrong-type"),
        ("[[p.yaml]]", "wrong-type"),
        ("p.yaml", "wrong-type"),
        ("[clash.yaml]", "name-clash"),
        ("['{{ x }}.yaml']", "template-place"),
        ("[{a: '{{ b }}'}, {b: '{{ a }}'}]", "variable-loop"),
    ],
)
def test_variables_that_cannot_be_read_are_refused(shop: Workshop, written: str, code: str) -> None:
    """A missing file, one of another kind, a name of the language."""
    shop.put("bad.yaml", "a: [\n")
    shop.put("list.yaml", "[1]\n")
    shop.put("clash.yaml", "path: x\n")
    shop.put("p.yaml", "a: 1\n")
    shop.wavefile(f"vars: {written}\nsteps: {{t: {{run: make}}}}\n")

    assert only(refused(shop)).code == code


def test_set_reaches_every_file_that_has_the_name(shop: Workshop) -> None:
    """And a name that no file has is refused."""
    shop.wavefile("include: [a/Wavefile]\nsteps: {}\n")
    shop.put("a/Wavefile", "vars: {mode: {x: 1}}\nsteps: {t: {outputs: t.txt, run: 'echo {{ mode.x }} > t.txt'}}\n")

    shop.build(overrides=(("mode.x", "7"),))

    assert shop.read("a/t.txt") == "7\n"
    assert only(refused(shop, overrides=(("mdoe", "1"),))).remedy == "did you mean 'mode'?"
    assert "mode.y" in only(refused(shop, overrides=(("mode.y", "1"),))).message


# --- when


WHEN = """
vars: {site: north}
steps:
  always: {outputs: a.txt, run: note always; touch a.txt}
  sometimes:
    when: "{{ site == 'south' or env.get('CI') == '1' }}"
    outputs: s.txt
    run: note sometimes; touch s.txt
"""


def test_a_step_whose_when_is_false_does_not_exist(shop: Workshop) -> None:
    """It is in no plan and owns nothing; a variable or the caller's environment brings it back."""
    shop.wavefile(WHEN)

    assert shop.settle().ran == ["always"]
    assert shop.plan() == {"always": "FRESH"}
    assert shop.build(overrides=(("site", "south"),)).ran == ["sometimes"]
    shop.setenv(CI="1")
    assert sorted(shop.plan()) == ["always", "sometimes"]
    assert shop.build().ran == []


@pytest.mark.parametrize(
    "key", ["needs: sometimes", "inputs: step:sometimes", "checks: {run: x, inputs: step:sometimes}"]
)
def test_what_needs_a_step_that_does_not_exist_is_told_of_its_when(shop: Workshop, key: str) -> None:
    """The error names both places."""
    shop.wavefile(WHEN + f"  reader: {{run: make, {key}}}\n")

    problem = only(refused(shop))

    assert problem.code == "absent-step"
    assert "`when` at Wavefile:6:5" in problem.message


def test_mistakes_of_a_step_that_does_not_exist_are_said_all_the_same(shop: Workshop) -> None:
    """It will exist somewhere else."""
    shop.wavefile("steps:\n  a: {when: false, rnu: x}\n  b: {when: maybe, run: x}\n  c: {run: x}\n")

    assert [problem.code for problem in refused(shop)] == ["unknown-key", "wrong-type"]


def test_when_may_stand_in_a_category(shop: Workshop) -> None:
    """All of the steps of a kind are there, or none."""
    shop.wavefile(
        """
        categories: {ci: {when: "{{ profile == 'ci' }}"}}
        profiles: {ci: {}}
        steps: {a: {category: ci, run: note a}, b: {run: note b}}
        """
    )

    assert shop.build().ran == ["b"]
    assert shop.build(profile="ci", force=True).ran == ["a", "b"]


# --- secrets


SECRET = "hunter2-and-more"


@pytest.fixture
def secretive(shop: Workshop) -> Workshop:
    shop.setenv(TOKEN=SECRET, PLAIN="plain")
    shop.wavefile(
        """
        secrets: [TOKEN]
        steps:
          use:
            outputs: use.txt
            run: |
              note use
              printf 'begin %s' "${TOKEN%more}"; sleep 0.02; echo "more end"
              echo "$TOKEN $PLAIN" >&2
              echo ${#TOKEN} > use.txt
              test ! -e stop
        """
    )
    return shop


def all_that_is_kept(shop: Workshop) -> bytes:
    return b"".join(path.read_bytes() for path in shop.root.rglob(".wavebuild/**/*") if path.is_file())


@pytest.mark.scenario(id="X10")
def test_a_secret_reaches_the_step_and_no_record_of_it(secretive: Workshop) -> None:
    """The log shows *** also where the value was printed in two pieces; another value makes nothing stale."""
    built = secretive.build()

    assert secretive.read("use.txt") == f"{len(SECRET)}\n"
    log = built.steps["use"].log
    assert log is not None
    assert secretive.read(log) == "begin *** end\n*** plain\n"
    assert SECRET.encode() not in all_that_is_kept(secretive)
    secretive.setenv(TOKEN="other")
    assert secretive.build().ran == []


def test_a_failure_shows_no_secret_either(secretive: Workshop) -> None:
    """The digest of a failure is made of the log."""
    secretive.put("stop", "")

    built = secretive.build()

    assert built.code == 1
    assert SECRET not in repr(built.result) + repr(built.events)
    assert SECRET.encode() not in all_that_is_kept(secretive)


def test_a_call_prints_no_secret(shop: Workshop) -> None:
    """Neither while it is imported nor when it is called."""
    shop.setenv(TOKEN=SECRET)
    printing = 'print("{}", os.environ["TOKEN"])'
    shop.put("tool.py", f"import os\n{printing.format('import')}\ndef go():\n    {printing.format('call')}\n")
    shop.wavefile("steps: {use: {call: 'tool:go', secrets: TOKEN}}\n")

    log = shop.build().steps["use"].log

    assert log is not None
    assert shop.read(log) == "import ***\ncall ***\n"


def test_a_secret_is_no_value_of_the_memory(secretive: Workshop) -> None:
    """Values are kept and shown: the step that writes one fails."""
    secretive.setenv(TOKEN='a "quoted" one')
    secretive.put("tool.py", "import os\ndef go(): return {'deep': ['x' + os.environ['TOKEN'] + 'y']}\n")
    secretive.wavefile("steps: {x: {outputs: mem:k, call: 'tool:go', secrets: TOKEN}}\n")

    settled = secretive.build().steps["x"]

    assert (settled.failure, "holds a secret" in settled.detail) == ("memory", True)
    assert b"quoted" not in all_that_is_kept(secretive)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("secrets: [T]\nsteps: {x: {run: make, env: {T: a}}}", "secret-told"),
        ("secrets: [T]\nenv: {T: a}\nsteps: {x: {run: make}}", "secret-told"),
        ("steps: {x: {run: make, secrets: [T], inputs: env:T}}", "secret-told"),
        ("secrets: [T]\nvars: {t: \"{{ env.T | default('') }}\"}\nsteps: {x: {run: make}}", "secret-in-template"),
        ("secrets: ['a=b']\nsteps: {x: {run: make}}", "bad-text"),
    ],
)
def test_a_secret_that_would_be_recorded_is_refused(shop: Workshop, text: str, code: str) -> None:
    """In env, as an input, in a template: there its value would be in fingerprints and traces."""
    shop.wavefile(text + "\n")

    assert only(refused(shop)).code == code


# --- a root inside a root


def test_started_below_the_file_that_includes_it_builds_and_says_so(monorepo: Workshop) -> None:
    """One build owns each file: the upper root is built, whatever folder the call comes from."""
    below = str(monorepo.root / "api")

    built = monorepo.build(directory=below)

    assert sorted(built.steps) == ["api.build", "api.pack", "build", "join", "pack"]
    assert "api/Wavefile is included in" in built.notices
    assert monorepo.plan(directory=below)["join"] == "FRESH"
    assert not (monorepo.root / "api/.wavebuild").exists()
    assert monorepo.build(directory=below).ran == []


def test_a_wavefile_further_up_that_does_not_include_it_is_left_alone(shop: Workshop) -> None:
    """Each root is built by itself; when the upper one begins to include it, that is seen at once."""
    shop.wavefile("steps: {top: {run: note top}}\n")
    shop.put("low/Wavefile", "steps: {low: {run: note low}}\n")
    below = str(shop.root / "low")

    assert shop.settle(directory=below).ran == ["low"]
    assert shop.build(directory=below).ran == []
    shop.wavefile("include: [low/Wavefile]\nsteps: {top: {run: note top}}\n")
    built = shop.build(directory=below)

    assert sorted(built.steps) == ["low", "top"]


def test_it_may_be_included_over_a_file_between_them(shop: Workshop) -> None:
    """Also where the file between has another name."""
    shop.wavefile("include: [mid/parts.wave]\nsteps: {top: {run: note top}}\n")
    shop.put("mid/parts.wave", "steps: {mid: {run: note mid}}\n")
    shop.put("mid/low/Wavefile", "steps: {low: {run: note low}}\n")
    below = str(shop.root / "mid/low")

    assert sorted(shop.settle(directory=below).steps) == ["low"]
    shop.put("mid/parts.wave", "include: [low/Wavefile]\nsteps: {mid: {run: note mid}}\n")

    assert sorted(shop.build(directory=below).steps) == ["low", "mid", "top"]


def test_a_target_that_does_not_exist_here_is_told_of_its_when(shop: Workshop) -> None:
    """Named on the command line or in `targets`."""
    shop.wavefile(WHEN)

    with pytest.raises(WavebuildError) as caught:
        shop.plan("sometimes")

    assert "its `when` at Wavefile:6:5 is false" in str(caught.value)


def test_the_callers_variables_win_over_the_profile_and_that_over_the_file(shop: Workshop) -> None:
    """A setting is looked for from the nearest to the farthest."""
    shop.wavefile(
        "settings: {log_keep: 2, orphans: remove}\nprofiles: {p: {settings: {log_keep: 3}}}\nsteps: {x: {run: make}}\n"
    )

    def log_keep(**facts: object) -> int:
        return load(shop.request(**facts)).wavefile.settings.log_keep

    assert (log_keep(), log_keep(profile="p")) == (2, 3)
    shop.setenv(WAVEBUILD_LOG_KEEP="4")
    assert log_keep(profile="p") == 4
    shop.setenv(WAVEBUILD_LOG_KEEP="none")
    assert str(only(refused(shop)).place) == "WAVEBUILD_LOG_KEEP"
