"""`foreach`: one instance of a step for every value, from the Wavefile and from files that no step makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

SCHEMA = "table,domain,column\nbookings,sales,id\nbookings,sales,price\nhosts,people,id\n"
TABLES = """
steps:
  silver:
    foreach: {t: {path: schema.csv, column: table}}
    inputs: [{path: schema.csv, rows: {table: '{{ t }}'}}]
    outputs: out/{{ t }}.csv
    run: note {{ t }}; grep {{ t }} schema.csv > {{ outputs }}
  gold: {inputs: out/*.csv, outputs: gold.txt, run: 'note gold; cat {{ inputs }} > gold.txt'}
"""


class TestInstancesOfATable:
    @pytest.fixture
    def tables(self, shop: Workshop) -> Workshop:
        shop.wavefile(TABLES)
        shop.put("schema.csv", SCHEMA)
        assert sorted(shop.settle().ran) == ["bookings", "gold", "hosts"]
        return shop

    def test_editing_one_tables_rows_reruns_that_instance_alone(self, tables: Workshop):
        """And what reads it."""
        tables.put("schema.csv", SCHEMA.replace("price", "cost"))

        assert tables.plan() == {"silver@bookings": "RUN", "silver@hosts": "FRESH", "gold": "MAYBE"}
        assert tables.build().ran == ["bookings", "gold"]

    def test_adding_a_table_adds_one_instance(self, tables: Workshop):
        """The others stay fresh."""
        tables.put("schema.csv", SCHEMA + "reviews,people,id\n")

        assert tables.settle().ran == ["reviews", "gold"]
        assert "reviews" in tables.read("gold.txt")

    def test_removing_a_table_leaves_an_orphan_that_nothing_reads(self, tables: Workshop):
        """It is reported, and no glob matches it any more."""
        tables.put("schema.csv", SCHEMA.replace("hosts,people,id\n", ""))
        built = tables.build()

        assert built.ran == ["gold"]
        assert built.result.orphans == ("out/hosts.csv",)
        assert "hosts" not in tables.read("gold.txt")
        assert tables.build().ran == []

    def test_a_table_that_comes_back_is_fresh_again(self, tables: Workshop):
        """Its output and its trace are still there."""
        tables.put("schema.csv", SCHEMA.replace("hosts,people,id\n", ""))
        tables.build()
        tables.put("schema.csv", SCHEMA)

        assert tables.build().ran == ["gold"]

    def test_rows_in_another_order_change_nothing(self, tables: Workshop):
        """Neither which instances there are nor what they read."""
        head, *rows = SCHEMA.splitlines()
        tables.put("schema.csv", "\n".join([head, *rows[::-1]]) + "\n")

        assert tables.build().ran == []


def instances(shop: Workshop, foreach: str, more: str = "") -> list[str]:
    """The names of the instances of a step with this `foreach`."""
    shop.wavefile(
        f"vars: {{names: [x, y], sizes: {{s: 1, m: 2}}}}\nsteps:\n  a: {{foreach: {foreach}, run: 'true'{more}}}\n"
    )
    return [step.name for step in engine.load(shop.request()).wavefile.steps if step.base]


class TestSources:
    @pytest.mark.parametrize(
        ("foreach", "expected"),
        [
            ("{v: [b, a, 1.50, true]}", ["a@b", "a@a", "a@1.50", "a@true"]),
            ("{v: '{{ names }}'}", ["a@x", "a@y"]),
            ("{v: '{{ sizes }}'}", ["a@s", "a@m"]),
            ("{v: ['{{ names }}', z]}", ["a@x", "a@y", "a@z"]),
            ("{v: conf.yaml#grid.lr}", ["a@0.1", "a@0.2"]),
            ("{v: conf.yaml#grid}", ["a@lr", "a@seed"]),
            ("{v: {path: t.csv, column: k}}", ["a@p", "a@q"]),
            ("{v: {path: t.csv, column: k, rows: {d: '2'}}}", ["a@q"]),
            ("{v: [1, 2], w: [x, y]}", ["a@v=1@w=x", "a@v=1@w=y", "a@v=2@w=x", "a@v=2@w=y"]),
            ("[{v: [1]}, {v: [2], w: [x]}]", ["a@1", "a@v=2@w=x"]),
            ("{path: t.csv, columns: {key: k, day: d}}", ["a@key=p@day=1", "a@key=q@day=2"]),
            ("{glob: 'photos/{img}.{ext}'}", ["a@img=one@ext=jpg", "a@img=two.big@ext=png"]),
            ("{glob: 'deep/{dir**}/{name}.txt'}", ["a@dir=a%2Fb@name=x", "a@dir=c@name=y"]),
            ("{v: [a/b, c d, 'e=f', 'g@h', ü, '%']}", ["a@a%2Fb", "a@c%20d", "a@e%3Df", "a@g%40h", "a@ü", "a@%25"]),
            ("{v: [{name: n1, size: 3}, {id: 7}]}", ["a@n1", "a@7"]),
        ],
    )
    def test_a_source_gives_its_instances(self, shop: Workshop, foreach: str, expected: list[str]):
        """In the order in which the source has them, each value once."""
        shop.put("conf.yaml", "grid: {lr: [0.1, 0.2, 0.1], seed: [1]}\n")
        shop.put("t.csv", "k,d\np,1\nq,2\np,1\n")
        for path in ("photos/one.jpg", "photos/two.big.png", "photos/.hidden.png", "deep/a/b/x.txt", "deep/c/y.txt"):
            shop.put(path, "")

        assert instances(shop, foreach) == expected

    def test_exclude_removes_combinations(self, shop: Workshop):
        """A mapping takes away all that have its values; a list of values each of them."""
        grid = "{v: [1, 2, 3], w: [x, y]}"

        found = instances(shop, grid, ", exclude: [{v: 1, w: x}, {v: [2, 3], w: y}]")

        assert found == ["a@v=1@w=y", "a@v=2@w=x", "a@v=3@w=x"]

    def test_values_that_are_mappings_are_used_by_their_keys(self, shop: Workshop):
        """`{{ model.size }}`."""
        shop.wavefile("""
steps:
  a: {foreach: {m: [{name: big, size: 9}]}, outputs: '{{ m.name }}.txt', run: 'echo {{ m.size }} > {{ outputs }}'}
""")
        shop.settle()

        assert shop.read("big.txt") == "9\n"

    def test_a_value_reaches_the_command_in_quotes(self, shop: Workshop):
        """Whatever it holds."""
        shop.wavefile("steps: {a: {foreach: {v: ['$(id); x']}, outputs: 'o', run: 'echo {{ v }} > o'}}")
        shop.settle()

        assert shop.read("o") == "$(id); x\n"

    def test_files_that_come_and_go_make_and_unmake_instances(self, shop: Workshop):
        """A new photo gets its instance; that of a removed one is no more."""
        shop.wavefile("""
steps:
  thumb:
    foreach: {glob: 'photos/{img}.jpg'}
    inputs: photos/{{ img }}.jpg
    outputs: thumbs/{{ img }}.txt
    run: note {{ img }}; cp {{ inputs }} {{ outputs }}
""")
        shop.put("photos/a.jpg", "1")
        shop.put("photos/b.jpg", "2")
        assert sorted(shop.settle().ran) == ["a", "b"]
        shop.put("photos/c.jpg", "3")
        (shop.root / "photos/a.jpg").unlink()
        built = shop.build()

        assert (built.ran, built.result.orphans) == (["c"], ("thumbs/a.txt",))


class TestNamesOfInstances:
    GRID = """
steps:
  train:
    foreach: {lr: [0.1, 0.2], seed: [1, 2]}
    outputs: m/{{ lr }}-{{ seed }}
    run: note {{ lr }}-{{ seed }}; touch {{ outputs }}
  best: {inputs: 'step:train@lr=0.2', outputs: best, run: 'note best; echo {{ inputs }} > best'}
  after: {needs: [train@seed=2], outputs: after, run: 'note after; touch after'}
"""

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("train@lr=0.1", ["0.1-1", "0.1-2"]),
            ("train@seed=2", ["0.1-2", "0.2-2"]),
            ("train@lr=0.2@seed=1", ["0.2-1"]),
            ("train@seed=1@lr=0.2", ["0.2-1"]),
            ("train", ["0.1-1", "0.1-2", "0.2-1", "0.2-2"]),
            ("best", ["0.2-1", "0.2-2", "best"]),
            ("after", ["0.1-2", "0.2-2", "after"]),
            ("m/0.1-2", ["0.1-2"]),
        ],
    )
    def test_any_subset_of_the_values_selects(self, shop: Workshop, target: str, expected: list[str]):
        """In targets, `needs` and `step:` alike."""
        shop.wavefile(self.GRID)

        assert shop.build(target).ran == expected

    def test_step_reads_what_the_instances_made(self, shop: Workshop):
        """`step:train@lr=0.2`: two files."""
        shop.wavefile(self.GRID)
        shop.settle()

        assert shop.read("best") == "m/0.2-1 m/0.2-2\n"

    @pytest.mark.parametrize("target", ["train@lr=0.3", "train@0.1@0.2", "other@x", "best@x", "train@"])
    def test_an_instance_that_is_not_there_is_refused(self, shop: Workshop, target: str):
        """With those that are."""
        shop.wavefile(self.GRID)

        with pytest.raises(WavebuildError, match="is not a step") as refused:
            shop.build(target)
        assert refused.value.problems[0].remedy or target.startswith("other")

    def test_one_instance_may_read_another(self, shop: Workshop):
        """A chain of days."""
        shop.put("day/0", "0")
        shop.wavefile("""
steps:
  day:
    foreach: {d: [1, 2, 3]}
    inputs: day/{{ d - 1 }}
    outputs: day/{{ d }}
    run: note {{ d }}; cat {{ inputs }} > {{ outputs }}; echo {{ d }} >> {{ outputs }}
""")
        assert shop.settle(jobs=4).ran == ["1", "2", "3"]

    def test_an_instance_keeps_its_trace_when_the_step_is_renamed(self, shop: Workshop):
        """Traces belong to the outputs."""
        shop.wavefile(TABLES)
        shop.put("schema.csv", SCHEMA)
        shop.settle()
        shop.wavefile(TABLES.replace("  silver:", "  plata:"))

        assert shop.build().ran == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("foreach", "said"),
        [
            ("{v: []}", "has no values"),
            ("{}", "names no variable"),
            ("[]", "empty list"),
            ("x", "expected a mapping from variables"),
            ("{v: x}", "expected a list of values"),
            ("{v: {a: 1}}", "expected a list of values"),
            ("{v: '{{ nothing }}'}", "nothing is called 'nothing'"),
            ("{inputs: [1]}", "a name of the language"),
            ("{names: [1]}", "already one of the vars"),
            ("{a-b: [1]}", "not the name of a variable"),
            ("{v: conf.yaml#no}", "has no key 'no'"),
            ("{v: conf.yaml#n}", "neither a list nor a mapping"),
            ("{v: missing.yaml#no}", "missing.yaml, which is not there"),
            ("{v: {path: t.csv, column: z}}", "no column 'z'"),
            ("{v: {path: t.csv}}", "come from one column"),
            ("{v: {column: t}}", "which file"),
            ("{path: t.csv}", "which columns give which variables"),
            ("{path: t.csv, columns: {k: no}}", "no column 'no'"),
            ("{v: {path: t.csv, column: k, rows: {z: 1}}}", "no column 'z'"),
            ("{glob: 'photos/*.jpg'}", "names no variable"),
            ("{glob: '/x/../{y}'}", "has no values"),
            ("{v: [null]}", "an empty item"),
            ("{v: [a, b], w: {glob: '{x}'}}", "expected a list of values"),
        ],
    )
    def test_a_source_that_gives_nothing_is_refused_with_its_place(self, shop: Workshop, foreach: str, said: str):
        """Before anything runs."""
        shop.put("conf.yaml", "n: 1\n")
        shop.put("t.csv", "k\na\n")

        with pytest.raises(WavebuildError) as refused:
            instances(shop, foreach)
        found = refused.value.problems[0]
        assert said in found.message
        assert found.place is not None
        assert found.place.line == 3

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
    def test_a_source_that_is_no_file_is_refused_by_its_name(self, shop: Workshop, make: Callable[[Path], None]):
        """It is never waited for."""
        make(shop.root / "odd.json")

        with pytest.raises(WavebuildError) as refused:
            instances(shop, "{v: odd.json#}")
        (found,) = refused.value.problems
        assert (str(found.place), found.remedy) == ("odd.json", "it must be one regular file")

    def test_an_unknown_variable_in_exclude_is_refused(self, shop: Workshop):
        """With the one that was meant."""
        with pytest.raises(WavebuildError, match="did you mean 'seed'"):
            instances(shop, "{seed: [1]}", ", exclude: [{sede: 1}]")

    def test_no_values_at_all_are_allowed_where_that_is_said(self, shop: Workshop):
        """The step stands for nothing, and what needs it runs."""
        shop.wavefile("""
steps:
  a: {foreach: {v: []}, allow_empty: true, outputs: 'o/{{ v }}', run: 'touch {{ outputs }}'}
  b: {needs: a, inputs: {all: 'step:a', x: {path: 'o/*', optional: true}}, outputs: b, run: 'note b; touch b'}
""")
        shop.wavefile(shop.read("Wavefile").replace("all: 'step:a', ", ""))
        assert shop.settle().ran == ["b"]

    def test_two_instances_with_one_output_overlap(self, shop: Workshop):
        """As two steps would."""
        shop.wavefile("steps: {a: {foreach: {v: [1, 2]}, outputs: o, run: 'touch o'}}")

        with pytest.raises(WavebuildError, match="an output of two steps"):
            shop.build()

    def test_what_is_wrong_in_a_repeated_step_is_said_once(self, shop: Workshop):
        """Not for each of its instances."""
        shop.wavefile("steps: {a: {foreach: {v: [1, 2, 3]}, timeout: soon, run: 'echo {{ nothing }}'}}")

        with pytest.raises(WavebuildError) as refused:
            shop.build()
        assert len(refused.value.problems) == 2

    def test_foreach_belongs_to_a_step(self, shop: Workshop):
        """Not to the defaults."""
        shop.wavefile("defaults: {foreach: {v: [1]}}\nsteps: {a: {run: 'true'}}")

        with pytest.raises(WavebuildError, match="belongs to one step"):
            shop.build()
