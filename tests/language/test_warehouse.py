"""The example `warehouse`: models whose refs a step finds, and tables that only a probe can see."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY
from tests.support.workshop import Workshop

pytestmark = pytest.mark.long

EXAMPLE = REPOSITORY / "examples/warehouse"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as it is after its first build; every test takes a copy."""
    home = tmp_path_factory.mktemp("warehouse")
    with pytest.MonkeyPatch.context() as patch:
        shop = Workshop(home, patch)
        shutil.copytree(EXAMPLE, shop.root, dirs_exist_ok=True)
        outcomes = shop.build(jobs=4).outcomes
    assert set(outcomes.values()) == {"succeeded"}
    assert len([name for name in outcomes if name.startswith("model@")]) == 30
    return shop.root


@pytest.fixture
def warehouse(built: Path, shop: Workshop) -> Workshop:
    shutil.copytree(built, shop.root, dirs_exist_ok=True)
    return shop


def ran(shop: Workshop, *targets: str) -> set[str]:
    """The steps that a build runs, and that it ends well."""
    result = shop.build(*targets, jobs=4)
    assert result.code == 0, result.steps
    return {name for name, outcome in result.outcomes.items() if outcome == "succeeded"}


def execute(shop: Workshop, sql: str) -> None:
    with closing(sqlite3.connect(shop.root / "warehouse.db")) as handle, handle:
        handle.execute(sql)
    handle.close()


def test_refs_are_edges(warehouse: Workshop) -> None:
    """A model that reads another is made after it, by the list that a step found; the page is as it was designed."""
    assert warehouse.read("refs/net_flow.txt") == "probe:table@station_days\nprobe:table@stg_stations\n"
    assert "- trips: 154" in warehouse.read("page.md")
    assert ran(warehouse, "model@rebalancing") == set()


def test_a_table_that_was_changed_by_hand_is_made_again_and_it_alone(warehouse: Workshop) -> None:
    """Dropped or emptied: what reads it is cut off, for it is what it was."""
    execute(warehouse, "drop table station_days")
    execute(warehouse, "delete from rain_days")

    assert ran(warehouse, "model@rebalancing", "model@rides_in_rain") == {"model@station_days", "model@rain_days"}


def test_a_models_edit_goes_as_far_as_rows_change(warehouse: Workshop) -> None:
    """Through the tables that read it, and no further; another layout stops at once."""
    model = warehouse.root / "models/rain_days.sql"
    model.write_text(model.read_text().replace("rain >= 1", "rain >= 5"))
    assert ran(warehouse, "page") == {"refs", "model@rain_days", "model@rides_in_rain", "model@summary", "page"}
    model.write_text(model.read_text() + "-- another comment\n")

    assert ran(warehouse, "model@rides_in_rain") == {"refs", "model@rain_days"}


def test_a_new_model_needs_no_other_line(warehouse: Workshop) -> None:
    """Its instance and its edges are found."""
    warehouse.put("models/wet_members.sql", "select distinct member from ref('rides_in_rain')\n")

    assert ran(warehouse, "model@wet_members") == {"refs", "model@wet_members"}


@pytest.mark.parametrize(
    ("ref", "detail"),
    [("stg_trip", "probe:table@stg_trip ended with exit code 1"), ("trips_clean", "a cycle of 2 steps")],
)
def test_a_bad_ref_fails_its_model(warehouse: Workshop, ref: str, detail: str) -> None:
    """One to nothing, and one in a circle: no other model is the worse for it."""
    model = warehouse.root / "models/trips_timed.sql"
    model.write_text(f"select 1 from ref('{ref}')\n")

    result = warehouse.build("model@trips_clean", "model@stg_weather", keep_going=True)

    assert result.outcomes["model@trips_timed"] == "failed"
    assert detail in result.steps["model@trips_timed"].detail
    assert result.outcomes["model@trips_clean"] == "blocked"
    assert result.outcomes["model@stg_weather"] == "kept"
