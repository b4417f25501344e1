"""Completion in bash, zsh and fish: what is offered, and what real shells make of it.

It does not know how a shell finds its completions: it types, presses the key and reads the line.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import shells
from tests.support.command import Site, snapshot
from tests.support.shells import shell
from tests.ui.samples import called
from wavebuild.ui.completing import Line, answer, taken_apart
from wavebuild.ui.shells import SCRIPTS, read_by_bash, written_for_bash

BREAKS = " \t\n\"'@><=;|&(:"
WAVEFILE = """
vars: {season: summer, rows: 1}
profiles: {default: {}, prod: {vars: {season: winter}}, preview: {}}
steps:
  silver:
    foreach: {t: [bookings, users]}
    outputs: "out/{{ t }}.txt"
    run: touch {{ outputs }}
    tags: [nightly, "two words"]
    phase: prep
  train:
    foreach: {lr: [0.1, 0.25]}
    outputs: "models/m-{{ lr }}"
    run: touch {{ outputs }}
  odd:
    foreach: {w: ["a b", "it's", "p:q"]}
    outputs: "odd/{{ w }}.txt"
    run: touch "$WAVEBUILD_ROOT/x"
  gold: {title: The gold, inputs: "out/*.txt", outputs: "out dir/gold's $x.txt", run: touch x}
  straße: {outputs: mem:street, run: "true"}
  big: {outputs: big/, run: touch big/x}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write("Wavefile", WAVEFILE)
    return made


def offered(site: Site, *words: str, folder: str = "", **environ: str) -> list[str]:
    """The candidates, as fish is told them, without what is said about each."""
    told = site.environ | {"PWD": str(site.root / folder)} | environ
    lines = answer("fish", words, told, str(site.root / folder))
    return [line.split("\t")[0] for line in lines]


def asked(site: Site, *words: str, folder: str = "", **environ: str) -> str:
    done = subprocess.run(
        site.argv(*words),
        cwd=site.root / folder,
        env=site.environ | {"_WAVEBUILD_COMPLETE": "fish"} | environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sil", ["silver", "silver@bookings", "silver@users"]),
        ("silver@b", ["silver@bookings"]),
        ("train@", ["train@0.1", "train@0.25"]),
        ("+gol", ["+gold"]),
        ("step:gol", ["step:gold"]),
        ("ta", ["tag:"]),
        ("tag:", ["tag:nightly", "tag:two words"]),
        ("phase:p", ["phase:prep"]),
        ("out/", ["out/bookings.txt", "out/users.txt"]),
        ("out~d", ["out dir/"]),
        ("stra", ["straße"]),
        ("che", ["check"]),
        ("plan che", []),
        ("build gol", ["gold"]),
        ("explain gol", ["gold"]),
        ("log gol", ["gold"]),
        ("show gol", ["gold"]),
        ("freeze gol", ["gold"]),
        ("-v -j4 gol", ["gold"]),
        ("-j gol", ["gold"]),
        ("gold +sil", ["+silver", "+silver@bookings", "+silver@users"]),
        ("graph --upstream gol", ["gold"]),
        ("graph gol", []),
        ("--profile p", ["prod", "preview"]),
        ("--profile=pro", ["--profile=prod"]),
        ("--set s", ["season="]),
        ("mem st", ["street"]),
        ("--schedule ", ["flow", "barrier"]),
        ("--schedule=b", ["--schedule=barrier"]),
        ("graph --format=sv", ["--format=svg"]),
        ("plan --on", ["--only"]),
        ("-f W", ["Wavefile"]),
        ("-fW", ["-fWavefile"]),
        ("-C su", ["sub/"]),
        ("-C sub -f ", ["in.txt"]),
        ("check --twice gol", ["gold"]),
        ("-- --o", []),
        ("-W out/b", ["out/bookings.txt"]),
        ("--nonsense=", []),
    ],
)
def test_what_a_word_may_become(line: str, expected: list[str], site: Site):
    """By the command, the flag before it, and what is typed of it."""
    site.write("sub/in.txt", "")

    assert offered(site, *(word.replace("~", " ") for word in line.split(" "))) == expected


def test_an_empty_word_may_become_any_step_and_any_command(site: Site):
    """The steps first, each with its title."""
    said = asked(site, "").splitlines()

    assert said[:3] == ["silver", "silver@bookings", "silver@users"]
    assert "gold\tThe gold" in said
    assert "plan\tcommand" in said
    assert said.index("gold\tThe gold") < said.index("plan\tcommand")


def test_paths_are_as_seen_from_where_the_person_is(site: Site):
    """As targets are."""
    site.write("sub/x", "")

    assert offered(site, "../out/b", folder="sub") == ["../out/bookings.txt"]
    assert offered(site, "./out/b") == ["./out/bookings.txt"]


def test_nothing_is_run_or_written_and_a_broken_wavefile_is_met_with_silence(site: Site):
    """What was known when it was last built is offered then."""
    site.write("Wavefile", "steps: {alpha: {outputs: a, run: touch a}, beta: {outputs: b, run: exit 1}}")
    before = snapshot(site.root, folder_times=True)
    assert offered(site, "al") == ["alpha"]
    assert snapshot(site.root, folder_times=True) == before

    site.wavebuild("-k")
    site.write("Wavefile", "steps: {alpha: {outputs: [a, run")
    before = snapshot(site.root, folder_times=True)
    assert offered(site, "al") == ["alpha"]
    assert offered(site, "--profile", "") == []
    (site.root / "Wavefile").unlink()
    assert offered(site, "al") == []
    site.write("Wavefile", "steps: {alpha: {outputs: [a, run")
    assert set(before) == set(snapshot(site.root))


def test_a_step_that_was_added_since_is_known(site: Site):
    """A small Wavefile is read anew, a large one when it is next built."""
    site.build("big")
    site.write("Wavefile", WAVEFILE + "  fresh: {outputs: f, run: touch f}\n")

    assert offered(site, "fres") == ["fresh"]


def test_of_very_many_instances_only_the_step_is_offered_until_its_sign_is_typed(site: Site):
    """Else the screen would be full of them."""
    listed = ", ".join(str(at) for at in range(200))
    site.write("Wavefile", f"steps: {{s: {{foreach: {{n: [{listed}]}}, outputs: 'o{{{{ n }}}}', run: touch x}}}}")

    assert [name for name in offered(site, "s") if "@" in name] == []
    assert len(offered(site, "s@")) == 200


def test_a_variable_that_no_shell_of_ours_sets_answers_nothing_and_builds_nothing(site: Site):
    """Whatever it holds."""
    assert asked(site, "gold", _WAVEBUILD_COMPLETE="complete_tcsh") == ""
    assert not (site.root / ".wavebuild").exists()


def test_the_scripts_are_printed_and_other_shells_refused():
    """Exit 2 with what there is."""
    for name, script in SCRIPTS.items():
        assert called("--show-completion", name).out == script
    refused = called("--show-completion", "tcsh")
    assert (refused.code, refused.out) == (2, "")
    assert "bash, zsh, fish" in refused.err


def test_a_line_is_taken_apart_as_the_command_line_is():
    """Flags with values take theirs; a command is the first word, and only what may stand anywhere comes before it."""
    assert taken_apart(["-C", "x", "plan", "-W"], "y") == Line("plan", (("-C", "x"),), (), "-W")
    assert taken_apart(["-j4", "plan"], "") == Line("", (("-j", "4"),), ("plan",))
    assert taken_apart(["-kC"], "") == Line("", (), (), "-C")
    assert taken_apart(["history", "-n"], "") == Line("history", (), (), "-n")
    assert taken_apart(["-n"], "") == Line("", (), ())
    assert taken_apart(["--", "-C"], "") == Line("", (), ("-C",), ended=True)
    assert taken_apart([], "--set=a=") == Line("", (), (), "--set", "--set=")


@given(st.lists(st.text("ab \"'\\$:=@ü", min_size=1), min_size=1, max_size=3))
def test_words_as_a_shell_would_quote_them_are_read_as_they_were(words: list[str]):
    """Quotes, backslashes, breaks."""
    typed = read_by_bash(" ".join(map(shlex.quote, words)), BREAKS)

    assert [*typed.before, typed.current] == words


@given(st.text("ab '\"$:=@\\ü*~#!", min_size=1), st.integers(0, 20), st.sampled_from(["", "'", '"']))
def test_what_bash_puts_in_reads_back_as_the_candidate(text: str, cut: int, quote: str):
    """With what is left standing of the word, wherever the word is cut."""
    begun = text[:cut]
    if quote == "'":
        begun = begun.replace("'", "'\\''")
    elif quote == '"':
        begun = "".join(f"\\{char}" if char in '\\"$`' else char for char in begun)
    else:
        begun = "".join(char if char.isalnum() or char in "@:=" else f"\\{char}" for char in begun)
    line = f"wavebuild {quote}{begun}"

    typed = read_by_bash(line, BREAKS)
    after = line[: typed.start] + written_for_bash(text, typed, False) + typed.quote

    assert (typed.before, typed.current) == (("wavebuild",), text[:cut])
    assert read_by_bash(after, BREAKS).current == text


CASES = [
    ("wavebuild gol", ["wavebuild", "gold"]),
    ("wavebuild out\\ d", ["wavebuild", "out dir/"]),
    ("wavebuild silver@b", ["wavebuild", "silver@bookings"]),
    ("wavebuild tag:nig", ["wavebuild", "tag:nightly"]),
    ('wavebuild "out dir/', ["wavebuild", "out dir/gold's $x.txt"]),
    ("wavebuild --profile=pro", ["wavebuild", "--profile=prod"]),
    ("wavebuild odd/p:", ["wavebuild", "odd/p:q.txt"]),
    ("wavebuild train@0.2", ["wavebuild", "train@0.25"]),
    ("wavebuild step:bi", ["wavebuild", "step:big"]),
    ("wavebuild +gol", ["wavebuild", "+gold"]),
    ("wavebuild stra", ["wavebuild", "straße"]),
    ("wavebuild out\\ dir/", ["wavebuild", "out dir/gold's $x.txt"]),
    ("wavebuild 'out dir/", ["wavebuild", "out dir/gold's $x.txt"]),
    ("wavebuild tag:tw", ["wavebuild", "tag:two words"]),
    ("wavebuild odd/p", ["wavebuild", "odd/p:q.txt"]),
    ("wavebuild odd/it", ["wavebuild", "odd/it's.txt"]),
    ("wavebuild odd@p", ["wavebuild", "odd@p%3Aq"]),
    ("wavebuild --profile pro", ["wavebuild", "--profile", "prod"]),
    ("wavebuild --schedule=ba", ["wavebuild", "--schedule=barrier"]),
    ("wavebuild --sched", ["wavebuild", "--schedule"]),
    ("wavebuild explain gol", ["wavebuild", "explain", "gold"]),
    ("wavebuild expl", ["wavebuild", "explain"]),
    ("wavebuild -f Wav", ["wavebuild", "-f", "Wavefile"]),
]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=pytest.mark.skipif(not shells.is_there(each), reason=f"there is no {each} here"))
        for each in SCRIPTS
    ],
)
@pytest.mark.parametrize(
    "cases",
    [pytest.param(CASES[:3], id="some"), pytest.param(CASES, id="all", marks=pytest.mark.long)],
)
def test_a_shell_completes_words_so_that_they_mean_what_was_offered(
    name: str, cases: list[tuple[str, list[str]]], site: Site, tmp_path: Path
):
    """Typed into the real shell; the line that comes of it is read by that shell, too."""
    with shell(name, site.root, tmp_path / "home") as at:
        lines = [at.completed(typed) for typed, _ in cases]

    read = zip(lines, read_by(name, lines), cases, strict=True)
    assert [(line, words) for line, words, (_, meant) in read if words != meant] == []
    assert lines[0] == "wavebuild gold "  # a word that is whole has its space
    assert lines[1].endswith("/")  # and one that is not has none
    assert not (site.root / ".wavebuild").exists()


def read_by(name: str, lines: Iterable[str]) -> list[list[str]]:
    """The words of each line, as the shell itself takes them."""
    script = "".join(f"printf '%s\\n' {line}; echo; " for line in lines)
    done = subprocess.run([name, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return [block.split("\n") for block in done.stdout.removesuffix("\n\n").split("\n\n")]
