"""``mem``: values that steps share; one writer a key, a private copy for each reader, saved with the trace."""

from __future__ import annotations

import json

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

SCORING = """
steps:
  score:
    inputs: s
    outputs: mem:score
    run: |
      note score
      printf '{"score": %s}' "$(cat s)" > $WAVEBUILD_MEM_OUT
  report:
    inputs: mem:score
    outputs: o
    run: note report; echo {{ mem.score }} > o
"""


@pytest.fixture
def scoring(shop: Workshop) -> Workshop:
    shop.wavefile(SCORING)
    shop.put("s", "1")
    return shop


def remembered(shop: Workshop, **facts: object) -> dict[str, object]:
    found = engine.memory(shop.request(**facts))
    return {one.key: None if one.value is None else json.loads(one.value) for one in found}


class TestValues:
    def test_what_one_step_writes_another_reads(self, scoring: Workshop):
        """The key is the edge; a second build is idle."""
        planned = scoring.plan()
        built = scoring.settle()

        assert planned == {"score": "RUN", "report": "RUN"}
        assert (built.ran, scoring.read("o")) == (["score", "report"], "1\n")
        assert scoring.plan() == {"score": "FRESH", "report": "FRESH"}
        assert not scoring.stale()
        assert remembered(scoring) == {"score": 1}

    def test_another_value_reruns_the_readers_and_the_plan_knows(self, scoring: Workshop):
        """As with a file."""
        scoring.settle()
        scoring.put("s", "2")

        assert scoring.plan() == {"score": "RUN", "report": "MAYBE"}
        assert scoring.build().ran == ["score", "report"]
        assert scoring.read("o") == "2\n"

    def test_the_same_value_cuts_off_whatever_its_layout(self, scoring: Workshop):
        """Compared by canonical JSON."""
        scoring.put("s", '{"a": [1, 2], "b": "é"}')
        scoring.settle()
        scoring.put("s", '{"b":"\\u00e9",   "a":[1,2]}')

        assert scoring.build().ran == ["score"]

    def test_a_failure_writes_nothing(self, scoring: Workshop):
        """What was there before stays, for the readers and for the next build."""
        scoring.settle()
        scoring.wavefile(SCORING.replace("OUT\n", "OUT; test ! -e ../fail\n"))
        scoring.put("s", "2")
        (scoring.home / "fail").write_text("")
        failed = scoring.build().outcomes
        kept = remembered(scoring)
        scoring.wavefile(SCORING)
        scoring.put("s", "1")

        assert failed == {"score": "failed", "report": "blocked"}
        assert (kept, scoring.build().ran) == ({"score": 1}, [])

    def test_a_check_that_fails_writes_nothing(self, shop: Workshop):
        """Checks may read what the action wrote, and decide."""
        shop.wavefile("""
steps:
  a:
    inputs: s
    outputs: mem:x
    run: printf '{"x":%s}' $(cat s) > $WAVEBUILD_MEM_OUT
    checks: grep -q '"x":1' $WAVEBUILD_MEM
""")
        shop.put("s", "1")
        assert shop.build().code == 0
        shop.put("s", "2")
        failed = shop.build().steps["a"]

        assert (failed.failure, remembered(shop)) == ("check", {"x": 1})

    def test_values_of_every_kind_come_back_as_they_were(self, shop: Workshop):
        """JSON is JSON, with odd keys and signs of any script."""
        value = {"a": [1, -2.5, None, True, "ü\n'\"$x"], "": {"🙂": 10**30}}
        shop.put("v.json", json.dumps({"an.odd-key": value, "n": None}))
        shop.wavefile("""
steps:
  a: {inputs: v.json, outputs: [mem:an.odd-key, mem:n], run: cat v.json > $WAVEBUILD_MEM_OUT}
  b: {inputs: [mem:an.odd-key, mem:n], outputs: o, run: cat $WAVEBUILD_MEM > o}
""")
        shop.settle()

        assert json.loads(shop.read("o")) == {"an.odd-key": value, "n": None}

    def test_ten_megabytes_work(self, shop: Workshop):
        """As a value and as a cutoff."""
        shop.put(
            "big.py",
            "import json, os\njson.dump({'big': 'x' * 10_000_000}, open(os.environ['WAVEBUILD_MEM_OUT'], 'w'))\n",
        )
        shop.wavefile("""
steps:
  a: {inputs: s, code: big.py, outputs: mem:big, run: "note a; {{ python }} big.py"}
  b: {inputs: mem:big, outputs: o, run: note b; wc -c < $WAVEBUILD_MEM > o}
""")
        shop.put("s", "1")
        shop.settle()
        shop.put("s", "2")

        assert shop.build().ran == ["a"]
        assert int(shop.read("o")) > 10_000_000

    def test_a_reader_gets_the_keys_it_declares_and_no_others(self, shop: Workshop):
        """A private copy: to write to it changes nobody's value."""
        shop.wavefile("""
mem: {a: 1, b: 2}
steps:
  x: {inputs: mem:a, outputs: o, run: "cat $WAVEBUILD_MEM > o; echo '{}' > $WAVEBUILD_MEM"}
  y: {inputs: [mem:a, mem:b], outputs: p, run: cat $WAVEBUILD_MEM > p}
  z: {outputs: q, run: "echo ${WAVEBUILD_MEM-none} ${WAVEBUILD_MEM_OUT-none} > q"}
""")
        shop.build()

        assert json.loads(shop.read("o")) == {"a": 1}
        assert json.loads(shop.read("p")) == {"a": 1, "b": 2}
        assert shop.read("q") == "none none\n"

    def test_in_commands_a_value_is_quoted_for_the_shell(self, shop: Workshop):
        """Whatever stands in it: a list item by item, a mapping as JSON."""
        shop.wavefile("""
mem: {text: "$(touch pwned) 'x'", list: [a b, c], map: {k: 1}}
steps:
  a:
    inputs: [mem:text, mem:list, mem:map]
    outputs: o
    run: printf '%s|' {{ mem.text }} {{ mem["list"] }} {{ mem.map }} {{ mem.map.k }} > o
""")
        shop.build()

        assert shop.read("o") == "$(touch pwned) 'x'|a b|c|{\"k\": 1}|1|"
        assert not (shop.root / "pwned").exists()

    def test_a_value_is_no_file(self, shop: Workshop):
        """Neither in the inputs of a command nor in the lists of paths."""
        shop.wavefile("""
mem: {a: 1}
steps:
  x:
    inputs: [mem:a, f]
    outputs: [mem:b, o]
    run: |
      echo {{ inputs }} {{ outputs }} $(cat $WAVEBUILD_INPUTS $WAVEBUILD_OUTPUTS) > o
      echo '{"b": 1}' > $WAVEBUILD_MEM_OUT
""")
        shop.put("f", "")
        shop.settle()

        assert shop.read("o") == "f o f o\n"

    def test_a_renamed_writer_keeps_its_value(self, scoring: Workshop):
        """It takes over its traces, and what they say was written."""
        scoring.settle()
        scoring.wavefile(SCORING.replace("score:\n    inputs: s", "judge:\n    inputs: s"))

        assert scoring.build().ran == []

    def test_a_chain_of_keys_goes_through_in_one_build(self, shop: Workshop):
        """Each waits for the one before."""
        lines = ["mem: {k0: 0}", "steps:"]
        for number in range(1, 6):
            lines.append(f"  s{number}: {{inputs: mem:k{number - 1}, outputs: mem:k{number}, call: 'work:more'}}")
        shop.wavefile("\n".join(lines))
        shop.put("work.py", "def more(mem):\n    (value,) = mem.values()\n    return value + 1\n")
        shop.settle()

        assert remembered(shop)["k5"] == 5


class TestCalls:
    def test_a_call_is_given_its_copy_and_returns_what_it_writes(self, shop: Workshop):
        """A mapping of its keys, or, of one key, the value itself."""
        shop.put(
            "work.py",
            "def two(mem):\n    mem['a'].append(2)\n    return {'b': mem['a'], 'c': None}\n"
            "def one(mem):\n    return {'other': mem['a']}\n"
            "def named():\n    return {'e': 5}\n"
            "def none(outputs, mem):\n    open(outputs[0], 'w').write(repr(mem))\n",
        )
        shop.wavefile("""
mem: {a: [1]}
steps:
  two: {inputs: mem:a, outputs: [mem:b, mem:c], call: "work:two"}
  one: {inputs: mem:a, outputs: mem:d, call: "work:one"}
  named: {outputs: mem:e, call: "work:named"}
  none: {outputs: o, call: "work:none"}
""")
        shop.settle()

        assert remembered(shop) == {"a": [1], "b": [1, 2], "c": None, "d": {"other": [1]}, "e": 5}
        assert shop.read("o") == "{}"

    def test_values_may_be_arguments_and_keep_their_type(self, shop: Workshop):
        """`with: {x: "{{ mem.x }}"}`"""
        shop.put("work.py", "def make(outputs, x, y):\n    open(outputs[0], 'w').write(repr((x, y)))\n")
        shop.wavefile("""
mem: {x: [1, {k: v}]}
steps: {a: {inputs: mem:x, outputs: o, call: "work:make", with: {x: "{{ mem.x }}", y: "is {{ mem.x[0] }}"}}}
""")
        shop.build()

        assert shop.read("o") == "([1, {'k': 'v'}], 'is 1')"

    @pytest.mark.parametrize(
        ("returned", "said"),
        [
            ("None", "the function returned nothing, but the step writes mem:a, mem:b"),
            ("3", "the function returned a int"),
            ("{'a': 1, 'b': float('nan')}", "what the function returned for mem:b is not JSON"),
            ("{'a': 1, 'b': b'x'}", "what the function returned for mem:b is not JSON"),
            ("{'a': {1: 2}, 'b': 1}", "the key 1 is no text"),
        ],
    )
    def test_what_is_no_value_fails_the_call_and_names_the_key(self, shop: Workshop, returned: str, said: str):
        """In its log."""
        shop.put("work.py", f"def make():\n    return {returned}\n")
        shop.wavefile("steps: {a: {outputs: [mem:a, mem:b], call: 'work:make'}}")
        failed = shop.build().steps["a"]

        assert failed.outcome.value == "failed"
        assert said in "\n".join(failed.tail)


class TestRefusedWrites:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "did not write mem:a"),
            ("echo '{}' > OUT", "did not write mem:a"),
            ("""echo '{"a": 1}' > OUT""", "did not write mem:b"),
            ("""echo '{"a": 1, "b": 2, "c": 3}' > OUT""", "wrote mem:c, which is not among its outputs"),
            ("""echo '{"a": NaN, "b": 1}' > OUT""", "NaN is no number of JSON"),
            ("echo '[1]' > OUT", "no JSON object"),
            ("echo 'a: 1' > OUT", "is not JSON"),
            ("""echo '{"a": "\\ud800", "b": 1}' > OUT""", "mem:a is not JSON that UTF-8 can hold"),
            ("mkdir OUT", "too large, or no file"),
            ("""python3 -c "print('['*200000)" > OUT""", "it is too deep"),
        ],
    )
    def test_what_is_not_just_the_declared_keys_fails_the_step(self, shop: Workshop, text: str, said: str):
        """A declared key not written, an undeclared one written, what is not JSON."""
        command = text.replace("OUT", "$WAVEBUILD_MEM_OUT")
        shop.wavefile("steps:\n  a:\n    outputs: [mem:a, mem:b]\n    run: |\n      true\n      " + command + "\n")
        failed = shop.build().steps["a"]

        assert (failed.outcome.value, failed.failure) == ("failed", "memory")
        assert said in failed.detail
        assert remembered(shop) == {"a": None, "b": None}

    def test_what_an_earlier_try_wrote_is_not_taken(self, shop: Workshop):
        """Each try writes for itself."""
        shop.wavefile("""
steps:
  a:
    outputs: mem:a
    retries: 1
    run: |
      test $WAVEBUILD_ATTEMPT = 2 || { echo '{"a": 1}' > $WAVEBUILD_MEM_OUT; false; }
""")

        assert shop.build().steps["a"].failure == "memory"


class TestInitialValues:
    def test_they_are_typed_and_their_change_reruns_their_readers_alone(self, shop: Workshop):
        """By YAML's core types, compared as values."""
        text = (
            "mem: {a: 1.50, b: yes}\nsteps:\n  x: {inputs: mem:a, outputs: o, run: 'note x; cat $WAVEBUILD_MEM > o'}\n"
        )
        text += "  y: {inputs: mem:b, outputs: p, run: 'note y; cat $WAVEBUILD_MEM > p'}\n"
        shop.wavefile(text)
        shop.settle()
        values = json.loads(shop.read("o")) | json.loads(shop.read("p"))
        shop.wavefile(text.replace("1.50", "1.5"))
        same = shop.build().ran
        shop.wavefile(text.replace("1.50", "2"))

        assert values == {"a": 1.5, "b": "yes"}
        assert (same, shop.build().ran) == ([], ["x"])

    def test_those_of_the_command_line_win_and_are_not_remembered(self, shop: Workshop):
        """JSON, else text; the next build without them is stale again."""
        shop.wavefile("mem: {a: 1}\nsteps: {x: {inputs: mem:a, outputs: o, run: 'note x; echo {{ mem.a }} > o'}}")
        shop.settle()
        given = shop.build(memory=(("a", "[2]"),)).ran
        first = shop.read("o")
        again = shop.build(memory=(("a", "[2]"),)).ran
        shop.build(memory=(("a", "some text"),))
        second = shop.read("o")

        assert (given, first, again, second) == (["x"], "2\n", [], "some text\n")
        assert shop.plan() == {"x": "RUN"}
        assert shop.build().ran == ["x"]

    def test_those_of_included_files_are_merged_and_the_includers_win(self, shop: Workshop):
        """The memory is one space."""
        steps = "steps: {x: {inputs: [mem:a, mem:b], run: cat $WAVEBUILD_MEM}}"
        shop.put("sub/Wavefile", "mem: {a: inner, b: inner}\n" + steps)
        shop.wavefile("include: sub/Wavefile\nmem: {a: outer}")
        shop.settle()

        assert remembered(shop) == {"a": "outer", "b": "inner"}

    def test_a_key_without_origin_is_refused_before_anything_runs(self, shop: Workshop):
        """With its place and a way to give it a value; --mem is one."""
        shop.wavefile("steps:\n  first: {run: note first}\n  x: {inputs: mem:idea, needs: first, run: note x}\n")
        with pytest.raises(WavebuildError) as refused:
            shop.build()

        (problem,) = refused.value.problems
        assert problem.place is not None
        assert (problem.place.line, shop.ran()) == (3, [])
        assert "--mem idea=VALUE" in problem.remedy
        assert shop.build(memory=(("idea", "x"),)).ran == ["first", "x"]

    def test_what_a_step_that_is_no_more_has_written_is_no_origin(self, scoring: Workshop):
        """Nobody would renew it."""
        scoring.settle()
        scoring.wavefile("steps: {x: {inputs: mem:score, run: note x}}")
        with pytest.raises(WavebuildError, match="mem:score"):
            scoring.build()

    @pytest.mark.parametrize(
        ("text", "given", "said"),
        [
            ("mem: {score: 1}" + SCORING, (), "mem:score is written by step 'score'"),
            (SCORING, (("score", "1"),), "mem:score is written by step 'score'"),
            ("mem: {idea: 1}\nsteps: {x: {inputs: mem:idea, run: x}}", (("ideas", "1"),), "no step reads mem:ideas"),
            ("mem: {a: .nan}\nsteps: {x: {run: x}}", (), "the value of mem:a is not JSON"),
            ("mem: {'a b': 1}\nsteps: {x: {run: x}}", (), "no white space"),
            ("mem: [a]\nsteps: {x: {run: x}}", (), "expected a mapping"),
            ("steps: {x: {inputs: 'mem:', run: x}}", (), "names no key of the memory"),
            ("steps: {x: {outputs: 'mem:*', run: x}}", (), "names no key of the memory"),
            ("steps: {x: {outputs: mem:a, run: x}, y: {outputs: mem:a, run: x}}", (), "is an output of two steps"),
            ("steps: {x: {inputs: mem:a, outputs: mem:a, run: x}}", (), "makes itself"),
            ("steps: {x: {inputs: mem:a, outputs: mem:b, run: x}, y: {needs: x, outputs: mem:a, run: x}}", (), "cycle"),
            ("steps: {x: {manual: Tell., outputs: mem:a}}", (), "a person places files"),
            ("mem: {a: 1}\nsteps: {x: {inputs: mem:a, run: 'echo {{ mem.b }}'}}", (), "mem:b is not among"),
            ("mem: {a: 1}\nsteps: {x: {inputs: {path: mem:a, optional: true}, run: x}}", (), "belongs to files"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, shop: Workshop, text: str, given: tuple[tuple[str, str], ...], said: str):
        """Before anything runs, with the place."""
        shop.wavefile(text)
        with pytest.raises(WavebuildError) as refused:
            engine.load(shop.request(memory=given))

        assert said in str(refused.value)
        assert all(problem.place for problem in refused.value.problems)


class TestByHand:
    def test_clean_removes_the_value_and_the_next_build_makes_it_again(self, scoring: Workshop):
        """As it removes files."""
        scoring.settle()
        cleaned = engine.clean(scoring.request("score"), dry=False)

        assert cleaned.removed == ("mem:score",)
        assert remembered(scoring) == {"score": None}
        assert scoring.build().ran == ["score"]

    def test_a_touch_needs_the_value_to_be_there(self, scoring: Workshop):
        """There is nothing to accept before the first run."""
        with pytest.raises(WavebuildError, match="mem:score"):
            engine.touch(scoring.request("score"))
        scoring.settle()
        scoring.put("s", "2")
        engine.touch(scoring.request("score"))

        assert (scoring.build().ran, remembered(scoring)) == ([], {"score": 1})

    def test_one_key_can_be_asked_for(self, scoring: Workshop):
        """An unknown one names the nearest."""
        scoring.settle()

        assert [one.writer for one in engine.memory(scoring.request(), "score")] == ["score"]
        with pytest.raises(WavebuildError, match="did you mean 'score'"):
            engine.memory(scoring.request(), "scor")

    def test_under_force_it_is_written_again(self, scoring: Workshop):
        """And the same value is the same value."""
        scoring.settle()

        assert scoring.build(force=True).ran == ["score", "report"]
        assert scoring.build().ran == []
