"""The shipped pipeline: built, edited in every way of the table "what runs again", planned, and broken on purpose.

It does not know what the programs compute; they sign a journal, and that is counted.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.command import Finished, Site, events, snapshot
from tests.support.processes import kill_marked

BUILT = (
    "agents", "bronze", "checkpoints", "gold", "gold_layer_design", "ml",
    "observability", "plans", "semantic", "semantic_optimized", "silver",
)  # fmt: skip
CSV = "context/Wanderbricks_Schema.csv"
RUNNING = {
    "1-gold-design", "2-bronze", "3-silver", "4-gold", "4a-checkpoint", "5-planning", "6-semantic", "6c-checkpoint",
    "6b-genie-optimization", "7-observability", "7c-checkpoint", "8-ml", "9-agents",
}  # fmt: skip
AFTER_A_RULE = RUNNING - {"1-gold-design", "2-bronze", "6b-genie-optimization", "9-agents"}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Finished]]:
    """The pipeline, built once from nothing, and how that went."""
    site = Site(tmp_path_factory.mktemp("wanderbricks"))
    site.copy_of("wanderbricks", BUILT)
    yield site, site.build("-j2", "--json")
    kill_marked(site.mark)


@pytest.fixture
def pipeline(first: tuple[Site, Finished], site: Site) -> Site:
    """A copy of the built pipeline with its state: another folder, other inodes, and still fresh."""
    subprocess.run(["cp", "-a", f"{first[0].root}/.", str(site.root)], check=True)
    return site


def replaced(site: Site, path: str, old: str, new: str) -> None:
    text = site.read(path)
    assert text.count(old) == 1, f"{path} does not hold {old!r} just once"
    site.write(path, text.replace(old, new))


def rows(site: Site) -> list[list[str]]:
    return list(csv.reader(io.StringIO(site.read(CSV), newline="")))


def write_rows(site: Site, table: list[list[str]], quoting: int = csv.QUOTE_MINIMAL) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(table)  # type: ignore[arg-type]
    (site.root / CSV).write_text(text.getvalue(), newline="")


def test_the_first_build_runs_every_step_once(first: tuple[Site, Finished]) -> None:
    """The manual step is there already: only its gate is asked."""
    site, build = first

    ran = site.journal.read_text().splitlines()

    assert sorted(ran) == sorted(RUNNING)
    outcomes = {name: step["outcome"] for name, step in build.steps.items()}
    assert outcomes == dict.fromkeys(RUNNING, "succeeded") | {"0-schema": "kept"}
    assert build.seconds < 30


def test_the_second_build_has_nothing_to_do_and_says_so_at_once(pipeline: Site) -> None:
    pipeline.build("-j4")

    builds = [pipeline.build("-j4") for _ in range(7)]

    assert all("nothing to do" in build.out + build.err for build in builds)
    assert pipeline.ran() == []
    assert min(build.seconds for build in builds) < 1  # some 0.06 s where nothing else runs


def test_a_touch_of_every_file_runs_nothing(pipeline: Site) -> None:
    for path in pipeline.root.rglob("*"):
        if ".wavebuild" not in path.parts:
            os.utime(path)

    pipeline.build("-j4")

    assert pipeline.ran() == []


@pytest.mark.long
def test_a_build_from_nothing_elsewhere_gives_the_same_bytes(first: tuple[Site, Finished], site: Site) -> None:
    """Other folder, other hash seed, other schedule, one step at a time."""
    site.copy_of("wanderbricks", BUILT)

    site.build("-j1", "--barrier", PYTHONHASHSEED="77")

    def outputs(place: Site) -> dict[str, bytes]:
        return {path: facts[3] for path, facts in snapshot(place.root).items() if path.split("/")[0] in BUILT}

    assert outputs(site) == outputs(first[0])


@pytest.mark.long
@pytest.mark.parametrize("order", ["reordered", "requoted", "a final newline"])
def test_another_layout_of_the_same_schema_stops_after_its_readers(order: str, pipeline: Site) -> None:
    table = rows(pipeline)
    if order == "reordered":
        write_rows(pipeline, [table[0], *reversed(table[1:])])
    elif order == "requoted":
        write_rows(pipeline, table, quoting=csv.QUOTE_ALL)
    else:
        pipeline.write(CSV, pipeline.read(CSV) + "\n")

    pipeline.build("-j4")

    assert set(pipeline.ran()) == {"1-gold-design", "2-bronze"}


def test_a_comment_of_a_gold_column_stops_after_planning(pipeline: Site) -> None:
    table = rows(pipeline)
    comment = table[0].index("comment")
    chosen = next(row for row in table if row[2] == "amenities" and row[3] == "name")
    chosen[comment] = "The name of it, as guests read it."
    write_rows(pipeline, table)

    pipeline.build("-j4")

    assert set(pipeline.ran()) == {"1-gold-design", "2-bronze", "4-gold", "4a-checkpoint", "5-planning"}


def test_a_data_quality_rule_reruns_what_reads_the_data(pipeline: Site) -> None:
    replaced(pipeline, "config/dq_rules.yaml", "kind: range, min: 1, max: 5", "kind: range, min: 2, max: 5")

    pipeline.build("-j4")

    assert set(pipeline.ran()) == AFTER_A_RULE


def test_one_key_of_the_settings_concerns_one_step(pipeline: Site) -> None:
    replaced(pipeline, "config/pipeline.yaml", "target: 0.98", "target: 0.90")

    pipeline.build("-j4")

    assert pipeline.ran() == ["6b-genie-optimization"]


def test_a_key_that_nobody_reads_concerns_nobody(pipeline: Site) -> None:
    text = pipeline.read("config/pipeline.yaml")
    pipeline.write("config/pipeline.yaml", text + "\nunused: {key: 1}\n# a comment\n")

    pipeline.build("-j4")

    assert pipeline.ran() == []


@pytest.mark.long
def test_a_manifest_changed_by_hand_stops_and_once_accepted_reruns_its_reader_alone(pipeline: Site) -> None:
    path = "plans/manifests/ml-manifest.yaml"
    changed = pipeline.read(path) + "# checked by hand\n"
    pipeline.write(path, changed)

    stopped = pipeline.wavebuild("-j4", "--json")

    assert stopped.code == 1
    assert pipeline.ran() == []
    assert stopped.steps["5-planning"]["outcome"] == "failed"
    assert path in stopped.err
    assert "accept" in stopped.err
    accepted = pipeline.wavebuild("accept", path)
    assert accepted.code == 0, accepted.err
    pipeline.build("-j4")
    assert pipeline.ran() == ["8-ml"]
    assert pipeline.read(path) == changed


def accept_edit(site: Site, path: str, old: str, new: str) -> None:
    text = site.read(path)
    assert old in text
    site.write(path, text.replace(old, new, 1))
    accepted = site.wavebuild("accept", path)
    assert accepted.code == 0, accepted.err


def planted(site: Site, layer: str, statement: str) -> None:
    """Lets a program end with a fault: one more statement on the database that it made."""
    fault = (
        "\nif __name__ == '__main__':\n"
        "    import sqlite3\n"
        f"    database = sqlite3.connect('{layer}/{layer}.sqlite')\n"
        f"    {statement}\n"
        "    database.commit()\n"
    )
    path = f"pipeline/{layer}.py"
    site.write(path, site.read(path) + fault)


def failing(site: Site) -> tuple[list[str], Finished]:
    build = site.wavebuild("-j4", "-k", "--json")
    assert build.code == 1, build.err
    return [name for name, step in build.steps.items() if step["outcome"] == "failed"], build


@pytest.mark.long
def test_an_orphan_key_in_gold_is_found(pipeline: Site) -> None:
    planted(pipeline, "gold", "database.execute('UPDATE fact_reviews SET property_id = 987654321 WHERE rowid = 1')")

    failed, build = failing(pipeline)

    assert failed[0] in ("4-gold", "4a-checkpoint")
    assert "fact_reviews" in build.err


@pytest.mark.long
def test_a_dropped_silver_row_is_found(pipeline: Site) -> None:
    first = "(SELECT min(rowid) FROM reviews)"
    planted(pipeline, "silver", f"database.execute('DELETE FROM reviews WHERE rowid = {first}')")

    failed, build = failing(pipeline)

    assert failed == ["3-silver"]
    assert "quarantine does not add up" in build.err


@pytest.mark.long
def test_a_metric_over_a_column_that_is_not_there_is_found(pipeline: Site) -> None:
    accept_edit(
        pipeline, "plans/manifests/semantic-layer-manifest.yaml", "column: guests_count", "column: no_such_column"
    )

    failed, build = failing(pipeline)

    assert failed == ["6-semantic"]
    assert "no_such_column" in build.err


@pytest.mark.long
def test_a_manifest_that_counts_wrong_is_found(pipeline: Site) -> None:
    path = "plans/manifests/observability-manifest.yaml"
    line = next(line for line in pipeline.read(path).split("summary:")[1].splitlines() if ": " in line)
    name, count = line.split(": ")
    accept_edit(pipeline, path, line, f"{name}: {int(count) + 1}")

    failed, build = failing(pipeline)

    assert failed == ["7c-checkpoint"] or "5-planning" in failed
    assert name.strip() in build.err


@pytest.mark.long
def test_another_schema_builds_to_the_end(site: Site) -> None:
    site.copy_of("wanderbricks", BUILT)
    header = rows(site)[0]
    columns = {
        "shops": "shop_id:bigint name:string city:string",
        "customers": "customer_id:bigint name:string email:string created_at:timestamp",
        "products": "product_id:bigint title:string category:string price:double",
        "orders": "order_id:bigint customer_id:bigint shop_id:bigint ordered_at:timestamp amount:double status:string",
        "order_lines": "order_line_id:bigint order_id:bigint product_id:bigint quantity:int amount:double",
        "ratings": "rating_id:bigint product_id:bigint customer_id:bigint rating:int created_at:timestamp",
    }
    table = [header]
    for name, described in columns.items():
        for position, column in enumerate(described.split()):
            title, kind = column.split(":")
            known = {
                "table_catalog": "samples", "table_schema": "shop", "table_name": name, "column_name": title,
                "ordinal_position": str(position), "is_nullable": "NO" if position == 0 else "YES",
                "full_data_type": kind, "data_type": kind.upper(), "comment": f"The {title} of {name}.",
            }  # fmt: skip
            table.append([known.get(key, "") for key in header])
    write_rows(site, table)

    site.build("-j2")

    assert set(site.ran()) == RUNNING


HOUR = 3600


def hours(site: Site, *arguments: str) -> dict[str, tuple[float, float]]:
    plan = site.wavebuild("plan", "--json", *arguments)
    assert plan.code == 0, plan.err
    time = plan.json["time"]
    return {name: (time[name]["low"] / HOUR, time[name]["high"] / HOUR) for name in ("serial", "barrier", "flow")} | {
        "saved": (time["saved"]["low"], time["saved"]["high"])
    }


@pytest.fixture
def fresh_copy(site: Site) -> Site:
    site.copy_of("wanderbricks", BUILT)
    return site


def test_the_plan_prints_the_hours_of_the_design_first_pipeline(fresh_copy: Site) -> None:
    time = hours(fresh_copy)

    assert time["serial"] == (33, 59)
    assert time["flow"] == (20, 36)
    assert time["barrier"] == (23, 43)
    assert [round(share, 2) for share in time["saved"]] == [0.39, 0.39]


def test_the_plan_of_the_variant_in_which_9_waits_for_6b(fresh_copy: Site) -> None:
    plan = fresh_copy.wavebuild("plan", "--json", "-f", "Wavefile.after-6b")
    path = plan.json["critical_path"]

    assert hours(fresh_copy, "-f", "Wavefile.after-6b")["flow"] == (22, 39)
    assert path[-3:] == ["6c-checkpoint", "6b-genie-optimization", "9-agents"] or path[-2:] == [
        "6b-genie-optimization",
        "9-agents",
    ]
    assert not {"1-gold-design", "7-observability", "8-ml"} & set(path)


def test_the_plan_for_people_shows_waves_groups_gates_and_hours(fresh_copy: Site) -> None:
    plan = fresh_copy.wavebuild("plan")

    assert plan.code == 0
    for text in ("33", "59", "20", "36", "23", "43", "39 %", "6-semantic", "8-ml"):
        assert text in plan.out.replace("39%", "39 %")


def spans(site: Site, *arguments: str) -> dict[str, tuple[str, str]]:
    """When each step started and settled, in a build at a pace where hours are hundredths of seconds."""
    log = site.home / "events"
    site.build("-j4", "--set", "pace=0.1", "--events", str(log), *arguments)
    told = events(log)
    began = {event["step"]: event["at"] for event in told if event["event"] == "step_started"}
    ended = {event["step"]: event["at"] for event in told if event["event"] == "step_settled"}
    return {step: (began[step], ended[step]) for step in ("8-ml", "9-agents", "7-observability")}


@pytest.mark.long
def test_under_flow_step_9_starts_while_8_runs(fresh_copy: Site) -> None:
    span = spans(fresh_copy)

    assert span["8-ml"][0] < span["9-agents"][0] < span["8-ml"][1]


@pytest.mark.long
def test_under_barrier_step_9_waits_for_8(fresh_copy: Site) -> None:
    span = spans(fresh_copy, "--barrier")

    assert span["9-agents"][0] >= span["8-ml"][1]
