"""What the keys of a step become."""

from pathlib import Path

import pytest

from tests.declare.written import loaded, step
from wavebuild.declare.model import Call, Check, Digest, Kind, Manual, Range, Retries, Run, Settings, Text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("1w", 604_800), ("1h30m", 5400), ("1.5h", 5400)],
)
def test_a_duration_is_a_number_with_its_unit_or_a_sum(text: str, seconds: float, tmp_path: Path) -> None:
    found = step(tmp_path, f"run: x\ntimeout: {text}\nmax_age: {text}")

    assert (found.timeout, found.max_age) == (seconds, seconds)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("2h", 7200, 7200), ("2h-3h", 7200, 10_800), ("1h30m - 2h", 5400, 7200), ("0m", 0, 0), ("0s-1s", 0, 1)],
)
def test_an_estimate_is_a_duration_or_a_range(text: str, low: float, high: float, tmp_path: Path) -> None:
    assert step(tmp_path, f"run: x\nestimate: {text}").estimate == Range(low, high)


def test_what_a_step_does_not_say_has_its_usual_value(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x")

    assert (found.shell, found.cwd, found.on_edit, found.retries) == ("auto", "", "overwrite", Retries())
    assert (found.on_demand, found.always, found.timeout, found.resources) == (False, False, None, ())


def test_labels_flags_and_limits_are_taken_over(tmp_path: Path) -> None:
    keys = "run: x\ntitle: T\nphase: P\ntags: [a, b]\non_demand: true\nalways: true\non_edit: fail\nshell: [awk, -f]"

    found = step(tmp_path, keys)

    assert (found.title, found.phase, found.tags) == ("T", "P", ("a", "b"))
    assert (found.on_demand, found.always, found.on_edit, found.shell) == (True, True, "fail", ("awk", "-f"))


def test_one_text_serves_where_a_list_may_stand(tmp_path: Path) -> None:
    found = loaded(tmp_path, "steps: {a: {run: x, tags: t, needs: b, inputs: i, code: c.py}, b: {run: y}}").steps[0]

    assert (found.tags, [name for name, _ in found.needs]) == (("t",), ["b"])
    assert [artifact.path for artifact in (*found.inputs, *found.code)] == ["i", "c.py"]


def test_retries_are_a_number_or_a_mapping(tmp_path: Path) -> None:
    assert step(tmp_path, "run: x\nretries: 2").retries == Retries(2)
    assert step(tmp_path, "run: x\nretries: {times: 3, delay: 10s, on: [timeout, 75]}").retries == Retries(
        3, 10.0, ("timeout", 75)
    )


def test_resources_are_counted_or_listed(tmp_path: Path) -> None:
    top = "resources: {warehouse: 2}"

    assert step(tmp_path, "run: x\nresources: {warehouse: 2, cpus: 64}", top).resources == (
        ("cpus", 64),
        ("warehouse", 2),
    )
    assert step(tmp_path, "run: x\nresources: [gpu]", top).resources == (("gpu", 1),)


def test_a_list_of_commands_is_a_list_of_scripts(tmp_path: Path) -> None:
    assert step(tmp_path, "run: [x, y]").action == Run((Text(("x",)), Text(("y",))))


def test_a_call_takes_its_arguments_typed_by_the_core_schema(tmp_path: Path) -> None:
    found = step(
        tmp_path, "call: pkg.mod:main\nwith: {n: 3, f: 1.5, yes: yes, t: true, o: 0o17, q: '3', l: [1, {k: no}]}"
    )

    assert found.action == Call(
        "pkg.mod",
        "main",
        (
            ("f", 1.5),
            ("l", (1, {"k": Text(("no",))})),
            ("n", 3),
            ("o", 15),
            ("q", Text(("3",))),
            ("t", True),
            ("yes", Text(("yes",))),
        ),
    )


def test_a_manual_step_says_how(tmp_path: Path) -> None:
    assert step(tmp_path, "manual: Fetch it.\noutputs: x.csv").action == Manual("Fetch it.")


def test_checks_are_commands_calls_or_both(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x\nchecks: [test -f y, {call: 'm:f', with: {a: 1}}, {run: z, inputs: k}]")

    command, call, with_inputs = found.checks
    assert command == Check(Run((Text(("test -f y",)),)))
    assert call == Check(Call("m", "f", (("a", 1),)))
    assert [artifact.path for artifact in with_inputs.inputs] == ["k"]


def test_one_check_needs_no_list(tmp_path: Path) -> None:
    assert step(tmp_path, "run: x\nchecks: {call: 'm:f'}").checks == (Check(Call("m", "f")),)


def test_checks_without_an_action_make_a_check_step(tmp_path: Path) -> None:
    found = step(tmp_path, "inputs: x\nchecks: test -f x")

    assert found.action is None
    assert not found.is_group


def test_needs_alone_make_a_group(tmp_path: Path) -> None:
    found = loaded(tmp_path, "steps: {all: {title: T, needs: [a]}, a: {run: x}}").steps[0]

    assert found.is_group
    assert [name for name, _ in found.needs] == ["a"]


def test_the_forms_of_an_artifact(tmp_path: Path) -> None:
    inputs = "[a/b.csv, a/b/, 'p/*.yaml', step:b, env:HOME, 'c.yaml#a.b,c']"

    found = loaded(tmp_path, f"steps: {{a: {{run: x, inputs: {inputs}}}, b: {{run: y}}}}").steps[0].inputs

    assert [(artifact.kind, artifact.path, artifact.keys) for artifact in found] == [
        (Kind.FILE, "a/b.csv", ()),
        (Kind.DIRECTORY, "a/b", ()),
        (Kind.GLOB, "p/*.yaml", ()),
        (Kind.STEP, "b", ()),
        (Kind.ENV, "HOME", ()),
        (Kind.FILE, "c.yaml", ("a.b", "c")),
    ]
    assert str(found[3].place) == "Wavefile:1:57"


def test_the_options_of_an_artifact(tmp_path: Path) -> None:
    detailed = "{path: F.csv, rows: {c: no, n: 012}, columns: [d, e], delimiter: ;, optional: true}"

    found = step(tmp_path, f"run: x\ninputs: [{detailed}, {{path: d/, exclude: ['*.tmp'], digest: stat}}]").inputs

    assert (found[0].rows, found[0].columns, found[0].delimiter) == ((("c", "no"), ("n", "012")), ("d", "e"), ";")
    assert (found[0].optional, found[1].exclude, found[1].digest) == (True, ("*.tmp",), Digest.STAT)


def test_columns_without_rows_choose_from_all_rows(tmp_path: Path) -> None:
    assert step(tmp_path, "run: x\ninputs: {path: F.csv, columns: c}").inputs[0].rows == ()


def test_inputs_may_have_names_and_a_name_several_files(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x\ninputs: {schema: s.csv, parts: [p, q], rows: {path: F.csv, rows: {a: b}}}").inputs

    assert [(artifact.name, artifact.path) for artifact in found] == [
        ("schema", "s.csv"),
        ("parts", "p"),
        ("parts", "q"),
        ("rows", "F.csv"),
    ]


def test_a_sign_for_keys_counts_only_after_a_data_file(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x\ninputs: ['a#b.csv', 'c.toml#d', '~/x']").inputs

    assert [(artifact.path, artifact.keys) for artifact in found] == [("a#b.csv", ()), ("c.toml", ("d",)), ("~/x", ())]


def test_defaults_lie_under_every_step(tmp_path: Path) -> None:
    text = (
        "env: {A: top, B: top}\n"
        "defaults:\n"
        "  {env: {B: default, C: default}, inputs: [i], code: [c.py], tags: [d], timeout: 1m, resources: [gpu]}\n"
        "steps:\n"
        "  a: {run: x, env: {C: own}, inputs: [j], code: [e.py], tags: [own], resources: [db]}\n"
        "  b: {run: y}\n"
        "  g: {needs: [a]}\n"
    )

    a, b, group = loaded(tmp_path, text).steps

    assert a.env == (("A", "top"), ("B", "default"), ("C", "own"))
    assert [artifact.path for artifact in a.inputs] == ["i", "j"]
    assert [artifact.path for artifact in a.code] == ["c.py", "e.py"]
    assert (a.tags, a.timeout, a.resources) == (("own",), 60.0, (("db", 1), ("gpu", 1)))
    assert (b.tags, b.resources) == (("d",), (("gpu", 1),))
    assert group.inputs == ()


def test_an_action_of_the_step_replaces_the_action_of_the_defaults(tmp_path: Path) -> None:
    a, b = loaded(tmp_path, "defaults: {run: x}\nsteps: {a: {call: 'm:f'}, b: {title: T}}").steps

    assert a.action == Call("m", "f")
    assert b.action == Run((Text(("x",)),))


def test_the_top_of_the_file_is_taken_over(tmp_path: Path) -> None:
    text = (
        "wavefile: 1\nname: demo\nresources: {db: 2}\ntargets: [a, 'tag:t', ./x]\n"
        "settings: {jobs: 3, schedule: barrier, keep_going: true, shell: sh, ignore: '*.tmp', log_keep: 2}\n"
        "steps: {a: {run: x}, b: {run: y, shell: bash}}\n"
    )

    found = loaded(tmp_path, text)

    assert (found.name, found.resources) == ("demo", (("db", 2),))
    assert [target for target, _ in found.targets] == ["a", "tag:t", "./x"]
    assert found.settings == Settings(3, "barrier", True, ("*.tmp",), 2)
    assert [one.shell for one in found.steps] == ["sh", "bash"]
    assert (found.root, found.file, found.files) == (str(tmp_path), "Wavefile", (str(tmp_path / "Wavefile"),))
