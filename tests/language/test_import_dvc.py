"""An imported dvc.yaml builds what DVC builds: the same files, and after an edit the same stages run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.folders import tree
from tests.support.workshop import Workshop
from wavebuild.declare import importers
from wavebuild.declare.importers import Foreign, writing

PIPELINE = """
vars:
  - extra: {suffix: txt}
stages:
  prepare:
    desc: Split the raw data
    cmd:
      - note prepare
      - mkdir -p data/parts
      - head -n $(grep split params.yaml | tr -dc 0-9) data/raw.csv > data/parts/train.csv
      - tail -n 1 data/raw.csv > data/parts/test.csv
    deps: [data/raw.csv]
    params: [prepare.split]
    outs:
      - data/parts: {cache: false}
  train:
    foreach: ${models}
    do:
      wdir: work
      cmd: |
        note train ${key}
        (cat ../data/parts/train.csv; echo ${item.depth} ${train.lr}) > model-${key}.${extra.suffix}
      deps: [../data/parts/train.csv]
      outs: ["model-${key}.${extra.suffix}"]
  score:
    matrix:
      model: [cnn, gbm]
      seed: [1, 2]
    cmd: note score ${key}; (cat work/model-${item.model}.txt; echo seed ${item.seed}) > scores/${key}.json
    deps: ["work/model-${item.model}.txt", data/parts/test.csv]
    metrics:
      - "scores/${item.model}-${item.seed}.json": {cache: false}
  each:
    foreach: [a, b]
    do:
      cmd: note each ${item}; echo ${item} ${dict} > each-${item}.txt
      outs: ["each-${item}.txt"]
  report:
    cmd: note report; cat scores/*.json > report.txt
    deps:
      - scores/cnn-1.json
      - scores/cnn-2.json
      - scores/gbm-1.json
      - scores/gbm-2.json
    outs: [report.txt]
"""

PARAMS = """
prepare:
  split: 2
train: {lr: 1e-2}
dict: {n: 3, name: a b}
models:
  cnn: {depth: 3}
  gbm: {depth: 5}
unused: 1
"""

BY_HAND = """
mkdir -p data/parts work scores
head -n 2 data/raw.csv > data/parts/train.csv
tail -n 1 data/raw.csv > data/parts/test.csv
(cat data/parts/train.csv; echo 3 0.01) > work/model-cnn.txt
(cat data/parts/train.csv; echo 5 0.01) > work/model-gbm.txt
for model in cnn gbm; do for seed in 1 2; do
(cat work/model-$model.txt; echo seed $seed) > scores/$model-$seed.json
done; done
cat scores/*.json > report.txt
for x in a b; do echo $x --n 3 --name 'a b' > each-$x.txt; done
"""

TRAIN = ["train cnn", "train gbm"]
SCORE = ["score cnn-1", "score cnn-2", "score gbm-1", "score gbm-2"]


def imported(shop: Workshop, text: str) -> list[str]:
    """Writes the Wavefile of a dvc.yaml; what was not carried."""
    shop.put("dvc.yaml", text)
    found = importers.imported(Foreign(str(shop.root / "dvc.yaml"), "dvc.yaml", str(shop.root)))
    shop.wavefile(writing.written(found.document))
    return [problem.message for problem in found.left]


def made(folder: Path) -> Mapping[str, object]:
    """The content of every file that the pipeline makes."""
    names = ("data/parts/", "work/", "scores/", "report", "each")
    return {
        path: (folder / path).read_text()
        for path in tree(folder)
        if path.startswith(names) and (folder / path).is_file()
    }


@pytest.fixture
def pipeline(shop: Workshop) -> Workshop:
    shop.put("params.yaml", PARAMS)
    shop.put("data/raw.csv", "1\n2\n3\n4\n")
    (shop.root / "work").mkdir()
    imported(shop, PIPELINE)
    return shop


def test_it_makes_what_the_commands_make_by_hand(pipeline: Workshop, tmp_path: Path) -> None:
    """Stages, `foreach`, `matrix`, values, options and working folders, byte for byte."""
    other = tmp_path / "by-hand"
    other.mkdir()
    (other / "data").mkdir()
    (other / "data/raw.csv").write_text("1\n2\n3\n4\n")

    first = pipeline.settle()
    subprocess.run(["bash", "-ec", BY_HAND], cwd=other, check=True)

    assert sorted(first.ran) == sorted(["prepare", *TRAIN, *SCORE, "each a", "each b", "report"])
    assert made(pipeline.root) == made(other)


@pytest.mark.parametrize(
    ("old", "new", "ran"),
    [
        ("unused: 1", "unused: 2", []),
        ("split: 2", "split: 2 # as before", []),
        ("split: 2", "split: 3", ["prepare", *TRAIN, *SCORE, "report"]),
        ("lr: 1e-2", "lr: 0.02", [*TRAIN, *SCORE, "report"]),
        ("lr: 1e-2", "lr: 0.01", []),
        ("gbm: {depth: 5}", "gbm: {depth: 6}", ["train gbm", "score gbm-1", "score gbm-2", "report"]),
        ("n: 3", "n: 4", ["each a", "each b"]),
    ],
)
def test_an_edit_of_a_value_runs_the_stages_that_use_it(
    pipeline: Workshop, old: str, new: str, ran: Sequence[str]
) -> None:
    """What `params` names, and what stands in a command: these stages and what reads their outputs, no others."""
    pipeline.settle()
    text = pipeline.read("params.yaml")
    assert old in text

    pipeline.put("params.yaml", text.replace(old, new))
    planned = {name for name, word in pipeline.plan().items() if word == "RUN"}
    built = pipeline.build()

    assert (built.code, sorted(built.ran)) == (0, sorted(ran))
    assert bool(planned) == bool(ran)


def test_a_value_that_is_added_adds_its_stages(pipeline: Workshop) -> None:
    """A model more in params.yaml is a stage more."""
    pipeline.settle()

    pipeline.put("params.yaml", pipeline.read("params.yaml").replace("unused: 1", "  svm: {depth: 1}"))
    built = pipeline.build()

    assert (built.code, built.ran) == (0, ["train svm"])


def test_a_failed_line_does_not_stop_its_command_but_its_stage(shop: Workshop) -> None:
    """Within a line nothing stops, as under DVC; after a line that failed no other runs."""
    left = imported(
        shop,
        """
stages:
  on: {cmd: 'false; cat none | sort > a.txt', outs: [a.txt]}
  off:
    cmd: |
      echo 1 > b.txt
      note first; false
      note second
    outs: [b.txt]
""",
    )

    built = shop.build(keep_going=True)

    assert built.outcomes == {"on": "succeeded", "off": "failed"}
    assert built.ran == ["first"]
    assert not (shop.root / "b.txt").exists()
    assert left == ["taken for files, for neither dvc.lock nor the disk tells: a.txt, b.txt"]


def test_what_persists_is_edited_in_place(shop: Workshop) -> None:
    """`persist: true`: the former output is there when the stage runs again."""
    imported(
        shop,
        """
stages:
  log:
    cmd: cat in.txt >> log.txt
    deps: [in.txt]
    outs: [log.txt: {persist: true}]
""",
    )
    shop.put("in.txt", "1\n")
    shop.settle()

    shop.put("in.txt", "2\n")
    shop.settle()

    assert shop.read("log.txt") == "1\n2\n"


def test_a_changed_stage_runs_always_and_a_frozen_one_never(shop: Workshop) -> None:
    """`always_changed` and `frozen`."""
    imported(
        shop,
        """
stages:
  often: {cmd: note often; cat in.txt > a.txt, deps: [in.txt], outs: [a.txt], always_changed: true}
  never: {cmd: note never; cat in.txt > b.txt, deps: [in.txt], outs: [b.txt], frozen: true}
  alone: {cmd: note alone}
""",
    )
    shop.write(in__txt="1", b__txt="as it was")

    first, second = shop.build(), shop.build()

    assert sorted(first.ran) == sorted(second.ran) == ["alone", "often"]
    assert shop.read("b.txt") == "as it was"


def test_a_directory_that_is_read_and_one_that_is_made(shop: Workshop) -> None:
    """A file more in a directory runs its readers; a directory out has only what the stage made last."""
    imported_with = """
stages:
  copy:
    cmd: note copy; for f in src/*; do cp "$f" dst/; done
    deps: [src]
    outs: [dst/]
"""
    shop.put("src/a", "1")
    left = imported(shop, imported_with)
    shop.settle()

    shop.put("src/b c", "2")
    (shop.root / "src/a").unlink()
    built = shop.settle()

    assert left == []
    assert built.ran == ["copy"]
    assert [path.name for path in (shop.root / "dst").iterdir()] == ["b c"]


def test_whole_files_of_parameters_are_compared_by_their_values(shop: Workshop) -> None:
    """`params: [conf.yaml:]` is every value of the file: a comment is none."""
    shop.put("conf.yaml", "a: 1\n")
    imported(shop, "stages: {a: {cmd: note a; cat conf.yaml > a.txt, params: [conf.yaml: ], outs: [a.txt]}}")
    shop.settle()

    shop.put("conf.yaml", "# why\na:  1\n")
    commented = shop.build()
    shop.put("conf.yaml", "a: 2\n")
    changed = shop.build()

    assert (commented.ran, changed.ran) == ([], ["a"])


def test_odd_names_build(shop: Workshop) -> None:
    """Signs of globs, templates, YAML and shells in the names of files are only names."""
    imported(
        shop,
        """
stages:
  odd:
    cmd: 'note odd; cp "{{in}} *[1].txt" "#out: ?.txt"'
    deps: ["{{in}} *[1].txt"]
    outs: ["#out: ?.txt"]
""",
    )
    shop.put("{{in}} *[1].txt", "odd")
    shop.put("{{in}} x1.txt", "another")

    shop.settle()
    shop.put("{{in}} x1.txt", "edited")
    other = shop.build()
    shop.put("{{in}} *[1].txt", "changed")
    own = shop.build()

    assert (other.ran, own.ran) == ([], ["odd"])
    assert shop.read("#out: ?.txt") == "changed"
