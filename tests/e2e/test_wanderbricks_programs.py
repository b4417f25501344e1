"""The programs of examples/wanderbricks, run one by one without wavebuild.

What the example promises must hold of the programs themselves: the same bytes everywhere, gates that catch planted
faults, outputs that change only when they should. So a surprise in a build can be told from a surprise in a program.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[2] / "examples" / "wanderbricks"
SOURCES = ("Wavefile", "Wavefile.after-6b", "config", "context", "pipeline")
CSV = "context/Wanderbricks_Schema.csv"


class Project:
    """A copy of the example, and a plain reading of its Wavefile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: dict[str, dict[str, Any]] = yaml.safe_load((self.folder / "Wavefile").read_text())["steps"]
        self.seen: dict[str, str] = {}  # step → the digest of its inputs when it last ran

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def program(self, command: str) -> list[str]:
        """`{{ python }} -m pipeline.gold` as arguments."""
        return command.split()[4:]

    def settle(self, name: str, **environment: str) -> None:
        """Run a step and its checks."""
        step = self.steps[name]
        for command in [step.get("run"), *(check["run"] for check in step.get("checks", []))]:
            if command:
                result = self.run(*self.program(command), **environment)
                assert result.returncode == 0, f"{name}: {command}\n{result.stderr}"

    def build(self, **environment: str) -> list[str]:
        """Run every step whose inputs differ from those of its last run; return their names."""
        ran = []
        for name, step in self.steps.items():
            digest = self.digest(step)
            if "run" in step and self.seen.get(name) != digest:
                self.settle(name, **environment)
                self.seen[name] = digest
                ran.append(name.split("-")[0])
        return ran

    def digest(self, step: dict[str, Any]) -> str:
        content = hashlib.sha256()
        for artifact in as_list(step.get("inputs")):
            content.update(repr(self.content(artifact)).encode())
        return content.hexdigest()

    def content(self, artifact: Any) -> list[Any]:
        if isinstance(artifact, dict) or "#" in artifact:
            path, keys = (artifact["path"], artifact["keys"]) if isinstance(artifact, dict) else artifact.split("#")
            values = yaml.safe_load((self.folder / path).read_text())
            return [look_up(values, key) for key in as_list(keys)]
        return [(str(path), (self.folder / path).read_bytes()) for path in self.members(artifact)]

    def members(self, artifact: Any) -> list[str]:
        path = artifact["path"] if isinstance(artifact, dict) else artifact.split("#")[0]
        return [member for member in files_below(self.folder) if covers(path, member)]

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text, f"{path} does not hold {old!r}"
        (self.folder / path).write_text(text.replace(old, new))

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    @contextmanager
    def database(self, layer: str) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / layer / f"{layer}.sqlite")) as database, database:
            yield database

    def made(self) -> dict[str, bytes]:
        """Every file that a step made, with its bytes."""
        paths = [path for path in files_below(self.folder) if path.split("/")[0] not in SOURCES]
        return {path: (self.folder / path).read_bytes() for path in paths}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def look_up(values: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        values = values[key]
    return values


def covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern) if pattern.endswith("/") else fnmatch.fnmatchcase(path, pattern)


def files_below(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path)


def copy_of_sources(folder: Path) -> Project:
    folder.mkdir(parents=True)
    for name in SOURCES:
        source = EXAMPLE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return Project(folder)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_of_sources(tmp_path_factory.mktemp("wanderbricks") / "built")
    project.build(PYTHONHASHSEED="1")
    return project


@pytest.fixture
def built(built_once: Project, tmp_path: Path) -> Project:
    """A private copy of a finished build."""
    shutil.copytree(built_once.folder, tmp_path / "project")
    project = Project(tmp_path / "project")
    project.seen = dict(built_once.seen)
    return project


# What is shipped


def test_the_schema_is_a_dump_of_the_information_schema() -> None:
    """33 columns, 16 tables, comments that run over lines."""
    with (EXAMPLE / CSV).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)

    assert len(reader.fieldnames or []) == 33
    assert len({row["table_name"] for row in rows}) == 16
    assert 105 <= len(rows) <= 115
    assert sum("\n" in row["comment"] for row in rows) >= 5
    assert all(row["comment"] for row in rows)


def test_the_variant_differs_in_what_step_9_reads_alone() -> None:
    first, second = (yaml.safe_load((EXAMPLE / name).read_text()) for name in ("Wavefile", "Wavefile.after-6b"))

    different = [name for name in first["steps"] if first["steps"][name] != second["steps"][name]]

    assert list(first["steps"]) == list(second["steps"])
    assert different == ["9-agents"]
    assert "semantic_optimized/genie_spaces.json" in second["steps"]["9-agents"]["inputs"]


@pytest.mark.parametrize(
    ("wavefile", "serial", "flow", "barrier"),
    [("Wavefile", (33, 59), (20, 36), (23, 43)), ("Wavefile.after-6b", (33, 59), (22, 39), (25, 46))],
)
def test_the_estimates_give_the_hours_that_the_guide_prints(
    wavefile: str, serial: tuple[int, int], flow: tuple[int, int], barrier: tuple[int, int]
) -> None:
    """Serial is the sum, flow the longest path, barrier the sum of the longest of each wave."""
    steps = yaml.safe_load((EXAMPLE / wavefile).read_text())["steps"]
    upstream = {
        name: {
            other
            for other in steps
            for made in as_list(steps[other].get("outputs"))
            for read in as_list(step.get("inputs"))
            if isinstance(read, str) and (covers(made, read) or covers(read, made))
        }
        for name, step in steps.items()
    }
    wave: dict[str, int] = {}
    totals = []
    for name in steps:
        wave[name] = 1 + max((wave[other] for other in upstream[name]), default=0)
    for end in (0, 1):
        hours = {name: hours_of(step.get("estimate", "0h"))[end] for name, step in steps.items()}
        finish: dict[str, int] = {}
        for name in sorted(steps, key=lambda name: wave[name]):
            finish[name] = hours[name] + max((finish[other] for other in upstream[name]), default=0)
        by_wave = [max(hours[name] for name in steps if wave[name] == number) for number in set(wave.values())]
        totals.append((sum(hours.values()), max(finish.values()), sum(by_wave)))

    assert list(zip(*totals, strict=True)) == [serial, flow, barrier]
    assert [round(1 - flow / serial, 2) for serial, flow, _ in totals][-1] == (0.39 if wavefile == "Wavefile" else 0.34)


def hours_of(estimate: str) -> tuple[int, int]:
    ends = [int(end.rstrip("hm")) for end in estimate.split("-")]
    return ends[0], ends[-1]


# One build


def test_the_bytes_are_the_same_in_another_folder_and_under_another_hash_seed(
    built_once: Project, tmp_path: Path
) -> None:
    other = copy_of_sources(tmp_path / "a folder with spaces" / "other")

    other.build(PYTHONHASHSEED="4242", TZ="Pacific/Auckland", LC_ALL="C")

    first, second = built_once.made(), other.made()
    assert sorted(first) == sorted(second)
    assert [path for path in first if first[path] != second[path]] == []


def test_a_step_writes_what_it_declares_and_needs_only_what_it_declares(built_once: Project, tmp_path: Path) -> None:
    """Each step, alone with its declared inputs and the programs, makes its declared outputs with the same bytes."""
    for name, step in built_once.steps.items():
        if "run" not in step:
            continue
        folder = tmp_path / name
        shutil.copytree(
            built_once.folder / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__")
        )
        for artifact in as_list(step["inputs"]):
            for path in built_once.members(artifact):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(built_once.folder / path, folder / path)
        before = set(files_below(folder))

        result = subprocess.run(
            [sys.executable, "-m", *built_once.program(step["run"])],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

        assert result.returncode == 0, f"{name}: {result.stderr}"
        written = sorted(set(files_below(folder)) - before)
        declared = [path for artifact in as_list(step["outputs"]) for path in built_once.members(artifact)]
        assert written == sorted(declared), name
        for path in written:
            assert (folder / path).read_bytes() == (built_once.folder / path).read_bytes(), f"{name}: {path}"


def test_text_outputs_have_unix_line_ends(built_once: Project) -> None:
    for path, content in built_once.made().items():
        if not path.endswith(".sqlite"):
            assert b"\r" not in content, path
            assert content.endswith(b"\n"), path


def test_bronze_has_seventy_thousand_rows_and_a_twentieth_of_them_spoiled(built_once: Project) -> None:
    counts = built_once.json("bronze/row_counts.json")
    corrupted = sum(table["corrupted"] for table in counts["tables"].values())

    assert len(counts["tables"]) == 16
    assert 69_000 <= counts["total"] <= 71_000
    assert 0.045 <= corrupted / counts["total"] <= 0.055


def test_every_bronze_row_is_in_silver_in_quarantine_or_a_duplicate(built_once: Project) -> None:
    with built_once.database("bronze") as bronze, built_once.database("silver") as silver:
        tables = [name for (name,) in bronze.execute("SELECT DISTINCT table_name FROM _columns")]
        quarantined = dict(silver.execute("SELECT table_name, COUNT(*) FROM _quarantine GROUP BY 1").fetchall())
        duplicates = dict(silver.execute("SELECT table_name, COUNT(*) FROM _duplicates GROUP BY 1").fetchall())
        for table in tables:
            raw, clean = (db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for db in (bronze, silver))
            assert raw == clean + quarantined.get(table, 0) + duplicates.get(table, 0), table
    assert sum(quarantined.values()) > 2000
    assert sum(duplicates.values()) > 200


def test_gold_has_keys_and_no_row_breaks_them(built_once: Project) -> None:
    with built_once.database("gold") as gold:
        assert gold.execute("PRAGMA foreign_key_check").fetchall() == []
        assert len(gold.execute("PRAGMA foreign_key_list(fact_bookings)").fetchall()) == 3
        assert gold.execute("SELECT COUNT(*) FROM fact_payments WHERE property_id IS NULL").fetchone() == (0,)


def test_the_model_beats_chance_and_does_not_when_the_labels_are_shuffled(built: Project) -> None:
    learned = built.json("ml/metrics.json")["models"][0]["auc"]
    assert built.run("pipeline.ml", "--shuffle-labels").returncode == 0
    shuffled = built.json("ml/metrics.json")["models"][0]["auc"]

    assert learned > 0.6
    assert 0.45 <= shuffled <= 0.55
    assert built.run("pipeline.gates", "auc").returncode == 1


def test_tuning_helps_on_questions_it_never_saw(built: Project) -> None:
    """The report tells both parts; the tuned spaces route the agents' questions at least as well."""
    report = built.json("semantic_optimized/report.json")
    before = built.json("agents/evaluation.json")["accuracy"]
    assert built.run("pipeline.agents", "--spaces", "semantic_optimized/genie_spaces.json").returncode == 0
    after = built.json("agents/evaluation.json")["accuracy"]

    assert report["after"]["training"] > report["before"]["training"]
    assert report["after"]["held_out"] >= report["before"]["held_out"]
    assert len(report["iterations"]) <= 5
    assert after >= before


def test_a_program_signs_the_journal_and_sleeps_its_pace(built: Project, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    built.run("pipeline.check_observability", WAVEBUILD_JOURNAL=str(journal))
    started = time.monotonic()
    built.run("pipeline.agents", WAVEBUILD_JOURNAL=str(journal), WANDERBRICKS_PACE="0.05")

    assert time.monotonic() - started >= 0.8
    assert journal.read_text() == "7c-checkpoint\n9-agents\n"


def test_the_pace_follows_the_estimates_of_the_wavefile(built_once: Project) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import json; from pipeline.start import HOURS; print(json.dumps(HOURS))"],
        cwd=built_once.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    estimates = {name: hours_of(step["estimate"])[1] for name, step in built_once.steps.items() if "estimate" in step}

    assert json.loads(shown.stdout) == {name: hours for name, hours in estimates.items() if hours}


# What reruns


def test_nothing_reruns_without_a_change(built: Project) -> None:
    assert built.build() == []


def test_the_order_and_quoting_of_the_schema_are_cut_off_after_steps_1_and_2(built: Project) -> None:
    path = built.folder / CSV
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([header, *reversed(rows), []])

    assert built.build() == ["1", "2"]


def test_a_comment_of_a_column_is_cut_off_after_planning(built: Project) -> None:
    built.replace(CSV, "How many people stay.", "How many people stay overnight.")

    assert built.build() == ["1", "2", "4", "4a", "5"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min: 0, max: 1000000", "min: 0, max: 400"),
        ("leaves_after_arriving, severity: critical", "leaves_after_arriving, severity: warning"),
        ("ticket_is_solved_within_a_day, severity: warning", "ticket_is_solved_within_a_day, severity: critical"),
    ],
)
def test_a_data_quality_rule_leaves_tuning_and_agents_alone(built: Project, old: str, new: str) -> None:
    """The definitions stay, so 6b and 9 are cut off."""
    built.replace("config/dq_rules.yaml", old, new)
    silver = (built.folder / "silver/silver.sqlite").read_bytes()

    ran = built.build()

    if (built.folder / "silver/silver.sqlite").read_bytes() == silver:
        assert ran == ["3"]  # no row breaks the rule
    else:
        assert ran == ["3", "4", "4a", "5", "6", "6c", "7", "7c", "8"]


def test_the_target_of_tuning_concerns_tuning_alone(built: Project) -> None:
    built.replace("config/pipeline.yaml", "target: 0.98", "target: 0.9")

    assert built.build() == ["6b"]
    assert built.json("semantic_optimized/report.json")["target"] == 0.9


def test_a_manifest_changed_by_hand_concerns_its_reader_alone(built: Project) -> None:
    built.replace("plans/manifests/ml-manifest.yaml", "epochs: 6", "epochs: 7")

    assert built.build() == ["8"]


# Planted faults


def test_an_orphan_key_in_gold_stops_the_checkpoint(built: Project) -> None:
    with built.database("gold") as gold:
        gold.execute(
            "UPDATE fact_reviews SET user_id = 987654 WHERE review_id = (SELECT MIN(review_id) FROM fact_reviews)"
        )

    checkpoint, gate = built.run("pipeline.check_gold"), built.run("pipeline.gates", "foreign-keys")

    assert checkpoint.returncode == 1
    assert "references of fact_reviews: orphan key 987654 in user_id" in checkpoint.stderr
    assert gate.returncode == 1
    assert "gold.fact_reviews" in gate.stderr


def test_a_dropped_silver_row_does_not_add_up(built: Project) -> None:
    built.replace("pipeline/silver.py", 'VALUES ({marks})", kept)', 'VALUES ({marks})", kept[1:])')

    assert built.run("pipeline.silver").returncode == 0
    gate = built.run("pipeline.gates", "quarantine")

    assert gate.returncode == 1
    assert "quarantine does not add up: amenities" in gate.stderr


def test_a_wrong_column_of_a_measure_stops_the_semantic_layer(built: Project) -> None:
    built.replace(
        "plans/manifests/semantic-layer-manifest.yaml",
        "aggregate: sum\n    column: fee_amount",
        "aggregate: sum\n    column: fees",
    )

    result = built.run("pipeline.semantic")

    assert result.returncode == 1
    assert "metric view payments_metrics, measure sum_fee_amount: no such column: f.fees" in result.stderr


def test_a_manifest_that_counts_one_monitor_too_many_stops_the_checkpoint(built: Project) -> None:
    count = yaml.safe_load((built.folder / "plans/manifests/observability-manifest.yaml").read_text())["summary"][
        "monitors"
    ]
    built.replace("plans/manifests/observability-manifest.yaml", f"monitors: {count}\n", f"monitors: {count + 1}\n")

    checkpoint, gate = built.run("pipeline.check_observability"), built.run("pipeline.gates", "manifests")

    assert checkpoint.returncode == 1
    assert f"monitors: the manifest promises {count + 1}, there are {count}" in checkpoint.stderr
    assert gate.returncode == 1


def test_a_removed_function_stops_the_semantic_checkpoint(built: Project) -> None:
    (built.folder / "semantic/tvfs/bookings_by_month.sql").unlink()

    result = built.run("pipeline.check_semantic")

    assert result.returncode == 1
    assert "function bookings_by_month is promised by a space, but is not there" in result.stderr


def test_a_lost_line_of_lineage_stops_the_design(built: Project) -> None:
    path = built.folder / "gold_layer_design/COLUMN_LINEAGE.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if ",rating," not in line))

    gate = built.run("pipeline.gates", "lineage")

    assert gate.returncode == 1
    assert "rating: no lineage" in gate.stderr


def test_a_schema_without_types_is_refused(built: Project) -> None:
    built.replace(CSV, ",data_type,", ",kind,")

    gate = built.run("pipeline.gates", "schema")

    assert gate.returncode == 1
    assert "the header lacks data_type" in gate.stderr


# Other schemas

HOSPITAL = {
    "wards": "id BIGINT, name VARCHAR, floor INT",
    "doctors": "id BIGINT, name VARCHAR, speciality VARCHAR, ward_id BIGINT",
    "patients": "id BIGINT, last_name VARCHAR, birth_date DATE, blood_group VARCHAR",
    "visits": "id BIGINT, patient_id BIGINT, attending_doctor_id BIGINT, admitted_at DATETIME, cost FLOAT, end VARCHAR",
    "lab_results": "id BIGINT, visit_id BIGINT, test_type VARCHAR, score DOUBLE, is_abnormal BIT, measured_at DATETIME",
    "staff_notes": "note STRING, doctor_id BIGINT, written_at TIMESTAMP",
}
CIRCULAR = {
    "teams": "team_id INT, team_name TEXT, captain_player_id INT, league_id INT",
    "players": "player_id INT, full_name TEXT, team_id INT, position_played TEXT, salary DECIMAL(10,2)",
    "leagues": "league_id INT, league_name TEXT, parent_league_id INT",
    "matches": "match_id INT, home_team_id INT, away_team_id INT, played_on DATE, home_goals INT, select TEXT",
    "order": "order_no INT, player_id INT, group TEXT, quantity INT, placed_on DATE",
}
SINGLE = {"readings": "reading_id INT, sensor TEXT, temperature DOUBLE, humidity DOUBLE"}


@pytest.mark.long
@pytest.mark.parametrize("tables", [HOSPITAL, CIRCULAR, SINGLE], ids=["hospital", "circular", "single"])
def test_another_schema_builds_to_the_end(tmp_path: Path, tables: dict[str, str]) -> None:
    """Other tables, names and types: every step runs, every gate holds."""
    project = copy_of_sources(tmp_path / "project")
    write_schema(project.folder / CSV, tables)
    project.replace("config/pipeline.yaml", "rows: 70000", "rows: 20000")

    ran = project.build()

    assert ran == ["1", "2", "3", "4", "4a", "5", "6", "6c", "7", "7c", "8", "6b", "9"]
    assert sorted(project.json("bronze/row_counts.json")["tables"]) == sorted(tables)
    assert project.json("ml/metrics.json")["models"][0]["auc"] > 0.6


def test_references_are_found_by_the_names_of_columns(tmp_path: Path) -> None:
    project = copy_of_sources(tmp_path / "project")
    write_schema(project.folder / CSV, HOSPITAL)

    assert project.run("pipeline.gold_design").returncode == 0
    with (project.folder / "gold_layer_design/SOURCE_TABLE_MAPPING.csv").open(newline="") as file:
        mapping = {row["source_table"]: (row["role"], row["refers_to"]) for row in csv.DictReader(file)}

    assert mapping["visits"] == ("fact", "doctors patients")
    assert mapping["lab_results"] == ("fact", "visits")
    assert mapping["doctors"] == ("dimension", "wards")
    assert mapping["patients"] == ("dimension", "")


def write_schema(path: Path, tables: dict[str, str]) -> None:
    """A schema CSV with no more than the columns that are needed."""
    header = ["table_name", "column_name", "ordinal_position", "data_type", "is_nullable", "comment"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for table, columns in tables.items():
            for position, column in enumerate(columns.split(", "), 1):
                name, data_type, *rest = column.split(" ")
                nullable = "NO" if rest or position == 1 or name.endswith("_id") else "YES"
                writer.writerow([table, name, position, data_type, nullable, f"The {name} of {table}."])
