"""The shipped examples, each built in a copy, edited, and built again: what runs is what their pages say.

It does not know what their programs compute, but for the few facts that it looks up in the results.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_examples import built_in
from tests.support.command import REPOSITORY
from tests.support.workshop import Built, Workshop


class Shelf:
    """Each example built once from nothing, and a copy of it with its state for every test that asks."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.first: dict[str, set[str]] = {}  # example → the steps that its first build ran

    def copy(self, example: str, shop: Workshop) -> Workshop:
        folder = self.home / example
        if example not in self.first:
            ignored = shutil.ignore_patterns(".wavebuild", "__pycache__", "dist", *built_in(example))
            shutil.copytree(REPOSITORY / "examples" / example, folder, ignore=ignored)
            done = shop.build(jobs=2, directory=str(folder))
            assert done.code == 0, done.steps
            self.first[example] = succeeded(done)
        shutil.copytree(folder, shop.root, dirs_exist_ok=True, symlinks=True)
        assert built(shop) == set()  # another folder, other inodes, and still fresh
        return shop


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def built(shop: Workshop, *targets: str) -> set[str]:
    """The steps that ran in a build that ended well."""
    done = shop.build(*targets, jobs=2)
    assert done.code == 0, done.steps
    return succeeded(done)


def succeeded(done: Built) -> set[str]:
    return {name for name, outcome in done.outcomes.items() if outcome == "succeeded"}


def replaced(shop: Workshop, path: str, old: str, new: str) -> None:
    text = shop.read(path)
    assert old in text, f"{path} does not hold {old!r}"
    shop.put(path, text.replace(old, new, 1))


def test_the_examples_build_from_nothing(shelf: Shelf, shop: Workshop) -> None:
    """A copy of each is built by one bare build, every step of it."""
    steps = {}
    for example in ("medallion", "grid", "site", "monorepo"):
        shelf.copy(example, Workshop(shop.home, shop.monkeypatch))
        shutil.rmtree(shop.root)
        steps[example] = len(shelf.first[example])

    assert steps == {"medallion": 7, "grid": 7, "site": 7, "monorepo": 6}


# medallion: a step for each table of a schema


@pytest.fixture
def medallion(shelf: Shelf, shop: Workshop) -> Workshop:
    return shelf.copy("medallion", shop)


def test_a_row_of_one_table_concerns_that_table_alone(medallion: Workshop) -> None:
    """The other instances read other rows of the same file."""
    replaced(medallion, "schema.csv", "bookings,year,year,no", "bookings,month,number,no")

    assert built(medallion) == {"bronze@bookings", "silver@bookings", "catalog"}
    assert "month" in medallion.read("silver/bookings.csv")


def test_order_and_quoting_of_the_schema_do_not_count(medallion: Workshop) -> None:
    """A table is the multiset of its rows; the order within the file is nobody's input."""
    header, *rows = medallion.read("schema.csv").splitlines()
    quoted = [
        ",".join(f'"{cell}"' for cell in row.split(",")) for row in sorted(rows, key=lambda row: row.split(",")[0])
    ]

    medallion.put("schema.csv", "\n".join([header, *quoted]))

    assert built(medallion) == set()


def test_a_table_more_is_two_steps_more(medallion: Workshop) -> None:
    """The expansion follows the file, and the catalog reads the new table."""
    medallion.put("schema.csv", medallion.read("schema.csv") + "guests,guest_id,key,yes\nguests,name,text,yes\n")

    assert built(medallion) == {"bronze@guests", "silver@guests", "catalog"}
    assert "| guests | 2 |" in medallion.read("catalog.md")


def test_a_table_less_leaves_orphans_that_nothing_reads(medallion: Workshop) -> None:
    """What was made of it is reported; the catalog is made without it."""
    rows = medallion.read("schema.csv").splitlines(keepends=True)
    medallion.put("schema.csv", "".join(row for row in rows if not row.startswith("bookings,")))

    done = medallion.build(jobs=2)

    assert (done.code, succeeded(done)) == (0, {"catalog"})
    assert "bookings" not in medallion.read("catalog.md")
    assert (medallion.root / "silver/bookings.csv").exists()
    assert done.result.orphans == ("bronze/bookings.csv", "silver/bookings.csv", "silver/refused/bookings.csv")


def test_a_program_that_others_import_concerns_them_all(medallion: Workshop) -> None:
    """`code` follows imports: a comment is no change, another function is; the same rows end it."""
    medallion.put("programs/schema.py", medallion.read("programs/schema.py") + "\n# a comment\n")
    assert built(medallion) == set()

    medallion.put("programs/schema.py", medallion.read("programs/schema.py") + "\nUNUSED = 1\n")
    tables = ("hosts", "properties", "bookings")
    assert built(medallion) == {f"{layer}@{table}" for layer in ("bronze", "silver") for table in tables}


# grid: models over a grid of parameters


@pytest.fixture
def grid(shelf: Shelf, shop: Workshop) -> Workshop:
    return shelf.copy("grid", shop)


def board(shop: Workshop) -> list[tuple[str, str]]:
    with (shop.root / "leaderboard.csv").open(newline="") as file:
        return sorted((row["lr"], row["seed"]) for row in csv.DictReader(file))


def test_the_grid_is_the_product_without_what_is_excluded(grid: Workshop) -> None:
    """Six combinations but one, and the best of them found."""
    assert board(grid) == [("0.01", "1"), ("0.01", "2"), ("0.1", "1"), ("0.1", "2"), ("1.0", "1")]
    assert json.loads(grid.read("best.json"))["accuracy"] > 0.8


def test_a_value_more_trains_its_models_alone(grid: Workshop) -> None:
    """The other models are kept, and the table has all."""
    replaced(grid, "params.yaml", "lr: [0.01, 0.1, 1.0]", "lr: [0.01, 0.1, 0.3, 1.0]  # one more")

    assert built(grid) == {"train@lr=0.3@seed=1", "train@lr=0.3@seed=2", "leaderboard"}
    assert ("0.3", "2") in board(grid)


def test_a_value_less_leaves_the_table(grid: Workshop) -> None:
    """The models of a seed that is gone are orphans: the glob of the table does not find them."""
    replaced(grid, "params.yaml", "seed: [1, 2]", "seed: [1]")

    done = grid.build(jobs=2)

    assert succeeded(done) == {"leaderboard"}
    assert len(done.result.orphans) == 4
    assert board(grid) == [("0.01", "1"), ("0.1", "1"), ("1.0", "1")]


def test_each_step_follows_its_own_parameters(grid: Workshop) -> None:
    """Epochs concern the training, noise the data, a comment nobody."""
    replaced(grid, "params.yaml", "epochs: 30", "epochs: 30  # enough")
    assert built(grid) == set()

    replaced(grid, "params.yaml", "epochs: 30", "epochs: 3")
    trained = built(grid)
    assert len(trained - {"leaderboard"}) == 5
    assert "data" not in trained

    replaced(grid, "params.yaml", "noise: 0.25", "noise: 0.5")
    assert "data" in built(grid)


def test_a_part_of_the_grid_can_be_named(grid: Workshop) -> None:
    """Any subset of the values selects: here the models of one learning rate, whatever their seed."""
    replaced(grid, "params.yaml", "epochs: 30", "epochs: 4")

    assert built(grid, "train@lr=0.1") == {"train@lr=0.1@seed=1", "train@lr=0.1@seed=2"}


# site: thumbnails, pages, an index, a deployment on demand


@pytest.fixture
def website(shelf: Shelf, shop: Workshop) -> Workshop:
    return shelf.copy("site", shop)


def test_a_new_photo_and_a_new_text_are_found(website: Workshop) -> None:
    """Each is a step more, in any folder below `pages`."""
    shutil.copy(website.root / "photos/moon.pgm", website.root / "photos/sun.pgm")
    website.put("pages/trips/by sea.txt", "By sea\n\nIt was calm.\n")

    assert built(website) == {"thumbnail@sun", "page@trips%2Fby%20sea", "index", "links"}
    assert '<a href="trips/by sea.html">By sea</a>' in website.read("public/index.html")


def test_a_photo_less_leaves_the_index(website: Workshop) -> None:
    """Its thumbnail is an orphan: neither the index nor the check sees it."""
    (website.root / "photos/moon.pgm").unlink()

    assert built(website) == {"index", "links"}
    assert "moon" not in website.read("public/index.html")


def test_the_site_is_deployed_only_when_that_is_asked_for(website: Workshop) -> None:
    """A bare build leaves it alone; named, it builds what it needs first."""
    assert not (website.root / "deployed").exists()

    replaced(website, "pages/welcome.txt", "Welcome", "Hello & welcome")
    assert built(website, "deploy") == {"page@welcome", "index", "links", "deploy"}
    assert "Hello &amp; welcome" in website.read("deployed/index.html")

    replaced(website, "pages/welcome.txt", "Hello", "Again hello")
    assert "deploy" not in built(website)
    assert "Again" not in website.read("deployed/index.html")


# monorepo: three Wavefiles included


@pytest.fixture
def monorepo(shelf: Shelf, shop: Workshop) -> Workshop:
    return shelf.copy("monorepo", shop)


def test_files_join_the_projects(monorepo: Workshop) -> None:
    """A change runs through all three; one that changes nothing ends where that shows."""
    monorepo.put("library/words.txt", "stars\nmoon\nworld\n")
    assert built(monorepo) == {"library.words"}

    monorepo.put("library/words.txt", "aurora\nmoon\nstars\nworld\n")
    assert len(built(monorepo)) == 6
    assert "<p>Hello, aurora</p>" in monorepo.read("web/dist/index.html")


def test_a_project_can_be_built_from_its_own_folder(monorepo: Workshop) -> None:
    """Started in a folder whose Wavefile is included further up, the upper root builds."""
    replaced(monorepo, "Wavefile", 'release: "1.0"', 'release: "1.1"')

    done = monorepo.build(jobs=2, directory=str(monorepo.root / "web"))

    assert succeeded(done) == {"release"}
    assert monorepo.read("release/manifest.txt").startswith("release 1.1\n")


def test_each_project_has_its_own_files_and_variables(monorepo: Workshop) -> None:
    """A style concerns the page and the release, a variable of one file no other file."""
    monorepo.put("web/style.css", "p { color: green }\n")
    assert built(monorepo) == {"web.page", "release"}

    replaced(monorepo, "library/Wavefile", "greeting: Hello", "greeting: Welcome")
    assert built(monorepo) == {"library.greeting", "service.api", "service.check", "web.page", "release"}


# port: a Makefile of some sixty lines, and the Wavefile that does the same


MADE = re.compile(r"build/(release|debug)/(.*\.(o|h|tsv|txt)|words)|installed/bin/words")


def products(root: Path) -> dict[str, bytes]:
    """What make and wavebuild both make, with its content."""
    files = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if MADE.fullmatch(name)}


class Twins:
    """The same project twice, one built by make, the other by wavebuild."""

    def __init__(self, home: Path, shop: Workshop) -> None:
        self.made = home / "by-make"
        self.shop = shop
        ignored = shutil.ignore_patterns(".wavebuild", *built_in("port"))
        for root in (self.made, shop.root):
            shutil.copytree(REPOSITORY / "examples" / "port", root, dirs_exist_ok=True, ignore=ignored)

    def make(self, *words: str) -> dict[str, bytes]:
        """What make leaves."""
        subprocess.run(["make", "-s", *words], cwd=self.made, check=True, capture_output=True, timeout=60)
        return products(self.made)

    def build(self, *targets: str, **facts: Any) -> set[str]:
        done = self.shop.build(*targets, jobs=2, **facts)
        assert done.code == 0, done.steps
        return succeeded(done)

    def edit(self, path: str, old: str, new: str) -> None:
        for root in (self.made, self.shop.root):
            text = (root / path).read_text()
            assert old in text
            (root / path).write_text(text.replace(old, new))


@pytest.fixture
def twins(shop: Workshop, tmp_path: Path) -> Twins:
    return Twins(tmp_path, shop)


def test_the_port_makes_what_the_makefile_makes(twins: Twins) -> None:
    """Byte for byte: objects, program, tables, and the other mode beside it."""
    twins.build()
    assert products(twins.shop.root) == twins.make()

    twins.build(profile="debug")
    assert products(twins.shop.root) == twins.make("MODE=debug")
    assert twins.build() == set()

    twins.build("install", "check")
    assert products(twins.shop.root) == twins.make("install", "check")


def test_the_port_makes_the_same_again(twins: Twins) -> None:
    """After an edit of a header, and of a text; an edit that changes no table ends there."""
    twins.build()
    twins.make()

    twins.edit("src/words.h", "#define LONGEST 63", "#define LONGEST 4")
    assert twins.build() == {"compile@main", "compile@words", "link", "table@hill", "table@river", "summary"}
    assert products(twins.shop.root) == twins.make()

    twins.edit("texts/hill.txt", "a house", "A House,")
    assert twins.build() == {"table@hill"}
    assert products(twins.shop.root) == twins.make()


def test_the_check_of_the_port_fails_where_the_makefile_fails(twins: Twins) -> None:
    """A table that is not as expected fails its own check, and no other."""
    twins.edit("expected/hill.tsv", "house", "hut")

    done = twins.shop.build("check", jobs=2, keep_going=True)

    assert {name: done.outcomes[name] for name in ("check@hill", "check@river")} == {
        "check@hill": "failed",
        "check@river": "succeeded",
    }
    with pytest.raises(subprocess.CalledProcessError):
        twins.make("check")


class TestCProgram:
    """Needs a C compiler called `cc`: without one these fail."""

    def test_a_header_that_nobody_declares_recompiles_those_that_include_it(self, shelf: Shelf, shop: Workshop):
        """A comment in it gives the same object, and the program is not linked again."""
        shelf.copy("c-program", shop)
        pi = shop.root / "include/pi.h"
        pi.write_text("/* as of old */ " + pi.read_text())

        assert built(shop) == {"compile@circle"}
        assert built(shop) == set()

    def test_a_header_that_all_include_recompiles_all(self, shelf: Shelf, shop: Workshop):
        """And one that is gone makes them stale, too."""
        shelf.copy("c-program", shop)
        shapes = shop.root / "include/shapes.h"
        shapes.write_text(shapes.read_text().replace("double side", "double s"))

        assert built(shop) >= {"compile@circle", "compile@main", "compile@square"}

    def test_a_generated_header_recompiles_its_one_reader(self, shelf: Shelf, shop: Workshop):
        """Order alone ties them; the depfile says which object it is."""
        shelf.copy("c-program", shop)
        shop.wavefile(shop.read("Wavefile").replace("1.4.2", "1.5.0"))

        assert built(shop) == {"version", "compile@main", "link", "test"}
        assert "shapes 1.5.0 (default)" in shop.read("build/default/test.txt")

    def test_a_new_source_is_one_more_object(self, shelf: Shelf, shop: Workshop):
        """The list of sources is the folder."""
        shelf.copy("c-program", shop)
        shop.put("src/triangle.c", "int triangle;\n")

        assert built(shop) == {"compile@triangle", "link", "test"}

    def test_two_profiles_lie_side_by_side_and_stay_fresh(self, shelf: Shelf, shop: Workshop):
        """Neither undoes what the other made."""
        shelf.copy("c-program", shop)
        release = shop.build(jobs=2, profile="release")

        assert len(succeeded(release)) == 6
        assert built(shop) == set()
        assert succeeded(shop.build(jobs=2, profile="release")) == set()
        assert "(release)" in shop.read("build/release/test.txt")

    def test_a_header_that_does_not_compile_fails_and_its_undoing_is_fresh(self, shelf: Shelf, shop: Workshop):
        """The former object is back."""
        shelf.copy("c-program", shop)
        pi = shop.root / "include/pi.h"
        sound = pi.read_text()
        pi.write_text("nonsense\n")
        failed = shop.build(jobs=2, keep_going=True).outcomes
        pi.write_text(sound)

        assert failed["compile@circle"] == "failed"
        assert built(shop) == set()
