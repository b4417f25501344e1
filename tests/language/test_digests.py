"""`digest:` says what of a file counts: by a command, by its stamp, and the owner's way for all readers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

READER = """
steps:
  a:
    inputs: {path: in.txt, digest: {run: "echo asked >> asked; head -n 1 {{ path }}"}}
    outputs: a
    run: note a; cp in.txt a
"""

MADE = """
steps:
  make: {inputs: src, outputs: {path: out.txt, digest: {run: "head -n 1 {{ path }}"}}, run: "note make; cp src out.txt"}
  read: {inputs: out.txt, outputs: copy, run: "note read; cp out.txt copy"}
"""


def asked(shop: Workshop) -> int:
    path = shop.root / "asked"
    return len(path.read_text().splitlines()) if path.exists() else 0


def older(path: Path) -> None:
    """Long enough ago that its stamp can be trusted."""
    os.utime(path, ns=(path.stat().st_mtime_ns - 10**9, path.stat().st_mtime_ns - 10**9 + 12345))


class TestByACommand:
    """What the command prints of a file counts."""

    def test_of_an_input_only_what_the_command_prints_counts(self, shop: Workshop) -> None:
        """And it is asked only when the stamp moved."""
        shop.wavefile(READER)
        shop.put("in.txt", "one\nrest\n")
        assert shop.build().ran == ["a"]
        assert asked(shop) == 1
        assert shop.build().ran == []
        assert asked(shop) == 1
        shop.put("in.txt", "one\nother\n")
        assert shop.build().ran == []
        assert asked(shop) == 2
        shop.put("in.txt", "two\nother\n")
        assert shop.build().ran == ["a"]

    def test_a_question_says_maybe_only_after_the_stamp_moved(self, shop: Workshop) -> None:
        """With `--ask` it knows."""
        shop.wavefile(READER)
        shop.put("in.txt", "one\nrest\n")
        shop.build()
        assert shop.plan() == {"a": "FRESH"}
        shop.put("in.txt", "one\nother\n")

        assert shop.plan() == {"a": "MAYBE"}
        assert shop.reasons("a") == ["Unasked"]
        assert shop.stale()
        assert asked(shop) == 1
        assert shop.plan(ask=True) == {"a": "FRESH"}
        shop.put("in.txt", "two\n")
        assert shop.plan(ask=True) == {"a": "RUN"}
        assert asked(shop) == 3

    def test_an_output_is_digested_after_its_success(self, shop: Workshop) -> None:
        """And known to be so in the next build, without a question."""
        shop.wavefile(MADE)
        shop.put("src", "one\nrest\n")

        assert shop.build().ran == ["make", "read"]
        assert shop.plan() == {"make": "FRESH", "read": "FRESH"}
        assert shop.build().ran == []

    def test_the_owners_digest_holds_for_all_readers(self, shop: Workshop) -> None:
        """A change that the command does not see goes no further."""
        shop.wavefile(MADE)
        shop.put("src", "one\nrest\n")
        shop.build()
        shop.put("src", "one\nother\n")
        assert shop.build().ran == ["make"]
        shop.put("src", "two\n")
        assert shop.build().ran == ["make", "read"]

    @pytest.mark.parametrize("digest", ["json", "csv", "sqlite"])
    def test_so_does_every_other_digest(self, shop: Workshop, digest: str) -> None:
        """Readers need not say how; `step:` and directories read the owner's way, too."""
        content = {
            "json": ('echo \'{"a":1,"b":2}\' > d/out', 'echo \'{"b": 2, "a": 1}\' > d/out'),
            "csv": ("printf 'a,b\\n1,2\\n3,4\\n' > d/out", "printf 'a,b\\n3,4\\n\"1\",2\\n' > d/out"),
            "sqlite": tuple(
                f"{{{{ python }}}} -c \"import sqlite3; c = sqlite3.connect('d/out'); c.execute('create table t (a)');"
                f" c.executemany('insert into t values (?)', {rows}); c.commit()\""
                for rows in ("[(1,), (2,)]", "[(2,), (1,)]")
            ),
        }[digest]
        text = (
            "steps:\n"
            "  make: {outputs: {path: d/out, digest: %s}, run: %r}\n"
            "  r1: {inputs: d/out, outputs: r1, run: note r1; touch r1}\n"
            "  r2: {inputs: 'step:make', outputs: r2, run: note r2; touch r2}\n"
            "  r3: {inputs: d/, outputs: r3, run: note r3; touch r3}\n"
        )
        shop.wavefile(text.replace("%s", digest).replace("%r", "'" + content[0].replace("'", "''") + "'"))
        assert shop.build().ran == ["r1", "r2", "r3"]
        before = (shop.root / "d/out").read_bytes()
        shop.wavefile(text.replace("%s", digest).replace("%r", "'" + content[1].replace("'", "''") + "'"))

        built = shop.build()

        assert built.outcomes["make"] == "succeeded"
        assert built.ran == []
        assert digest == "sqlite" or (shop.root / "d/out").read_bytes() != before

    def test_a_build_with_nothing_to_do_ends_at_the_first_look(self, shop: Workshop) -> None:
        """The stamps vouch for what the command said; one that moves is seen."""
        shop.wavefile(MADE)
        older(shop.put("src", "one\nrest\n"))
        shop.build()
        shop.build()
        assert list(shop.root.glob(".wavebuild/state/*.settled"))
        shop.put("out.txt", "two\n")

        assert shop.stale()
        assert shop.build().ran == ["make"]

    def test_it_means_the_same_in_a_file_that_is_included(self, shop: Workshop) -> None:
        """It runs in the folder of its own Wavefile, and the path is as seen from there."""
        inner = (
            "steps: {a: {inputs: {path: f, digest: {run: 'echo $PWD {{ path }} >> said; cat {{ path }}'}}, run: ls}}\n"
        )
        shop.put("sub/Wavefile", inner)
        shop.put("sub/f", "1")
        shop.wavefile("include: sub/Wavefile\nsteps: {b: {run: ls}}\n")

        assert shop.build("a").code == 0
        assert shop.read("sub/said") == f"{shop.root}/sub f\n"

    def test_every_member_of_a_directory_is_asked_for(self, shop: Workshop) -> None:
        """Names of any kind are quoted; empty folders have nothing to ask."""
        shop.wavefile(
            "steps: {a: {inputs: {path: d/, digest: {run: 'echo asked >> asked; wc -c < {{ path }}'}}, outputs: a,"
            " run: note a; touch a}}\n"
        )
        shop.put("d/it's $HOME", "12")
        shop.put("d/b/c", "345")
        (shop.root / "d/empty").mkdir()
        assert shop.build().ran == ["a"]
        assert asked(shop) == 2
        shop.put("d/b/c", "678")
        assert shop.build().ran == []
        assert asked(shop) == 3
        shop.put("d/new", "")
        assert shop.build().ran == ["a"]

    def test_a_command_that_fails_on_an_input_fails_its_reader(self, shop: Workshop) -> None:
        """With the file and the exit code; what it printed to its errors is in the log."""
        shop.wavefile(READER.replace("head -n 1", "grep good"))
        shop.put("in.txt", "bad\n")

        built = shop.build()

        assert built.outcomes == {"a": "failed"}
        assert built.steps["a"].detail == (
            "in.txt (run echo asked >> asked; grep good {{ path }}) ended with exit code 1"
        )
        assert built.ran == []
        shop.put("in.txt", "good\n")
        assert shop.build().ran == ["a"]

    def test_a_command_that_fails_on_an_output_fails_its_owner(self, shop: Workshop) -> None:
        """And the former output stands again."""
        shop.wavefile(MADE.replace("head -n 1", "grep good"))
        shop.put("src", "good\n")
        shop.build()
        shop.put("src", "bad\n")

        assert shop.build().outcomes == {"make": "failed", "read": "blocked"}
        assert shop.read("out.txt") == "good\n"

    def test_an_output_that_was_edited_is_made_again(self, shop: Workshop) -> None:
        """Also where the command fails on what stands there; the edited bytes are kept."""
        shop.wavefile(MADE.replace("head -n 1", "grep good"))
        shop.put("src", "good\n")
        shop.build()
        shop.put("out.txt", "spoilt\n")

        assert shop.build().ran == ["make"]
        assert shop.read("out.txt") == "good\n"
        assert shop.displaced("out.txt") == ["spoilt\n"]

    def test_an_output_that_was_only_touched_is_nobodys_edit(self, shop: Workshop) -> None:
        """It is asked, and is what it was; a rerun for another reason sets nothing aside for a person."""
        shop.wavefile(MADE.replace('run: "note make', 'on_edit: fail, run: "note make'))
        shop.put("src", "one\n")
        shop.build()
        shop.put("out.txt", "one\n")
        assert shop.build().ran == []
        shop.put("out.txt", "one\n")
        shop.put("src", "two\n")

        assert shop.build().ran == ["make", "read"]
        assert shop.displaced("out.txt") == []

    def test_another_command_that_prints_the_same_is_no_reason(self, shop: Workshop) -> None:
        """It is asked anew; what it says is compared."""
        shop.wavefile(MADE)
        shop.put("src", "one\n")
        shop.build()
        shop.wavefile(MADE.replace("head -n 1", "sed -n 1p"))

        assert shop.build().ran == []

    def test_what_is_wrong_with_it_is_said_before_anything_runs(self, shop: Workshop) -> None:
        """Place and remedy."""
        for digest, message in {
            "{run: ''}": "the command is empty",
            "{runs: x}": "did you mean 'run'?",
            "{}": "needs 'run'",
            "bites": "did you mean 'bytes'?",
            "{run: 'echo {{ arg }}'}": "'arg' is known in the command of a probe only",
        }.items():
            shop.wavefile("steps: {a: {inputs: {path: f, digest: DIGEST}, run: ls}}\n".replace("DIGEST", digest))
            with pytest.raises(WavebuildError) as error:
                shop.build()
            (problem,) = error.value.problems
            assert message in f"{problem.message} {problem.remedy}"
            assert str(problem.place).startswith("Wavefile:1:")


class TestByStamp:
    """`stat`: size and modification time, for what is too large to read."""

    def test_bytes_do_not_count_but_the_time_does(self, shop: Workshop) -> None:
        """A touch is a change, and so is a size."""
        shop.wavefile("steps: {a: {inputs: {path: big, digest: stat}, outputs: a, run: note a; touch a}}\n")
        big = shop.put("big", "one")
        older(big)
        times = big.stat()
        assert shop.build().ran == ["a"]
        shop.put("big", "two")
        os.utime(big, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert shop.build().ran == []
        os.utime(big)
        assert shop.build().ran == ["a"]

    def test_an_output_by_stamp_is_what_it_was_when_nobody_touched_it(self, shop: Workshop) -> None:
        """And its readers read it the same way."""
        shop.wavefile(
            "steps:\n"
            "  a: {inputs: src, outputs: {path: big, digest: stat}, run: note a; cp src big}\n"
            "  b: {inputs: big, outputs: b, run: note b; touch b}\n"
        )
        shop.put("src", "one")
        assert shop.build().ran == ["a", "b"]
        assert shop.build().ran == []
        shop.put("src", "two")
        assert shop.build().ran == ["a", "b"]
