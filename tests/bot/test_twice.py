"""What is done twice has one effect: trembling thumbs, updates that come again."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.bot import by_buttons
from tests.bot.conftest import OpenAgency
from tests.bot.steps import Office
from tests.conftest import Cluster, ManualClock

_once: dict[str, int] = {}


@pytest.fixture
def second_database_url(postgres: Cluster, migrated_template: str) -> Iterator[str]:
    """Another empty database, for the same story told without trouble."""
    with postgres.database(migrated_template) as url:
        yield url


@pytest.fixture
async def once(open_agency: OpenAgency, second_database_url: str, clock: ManualClock) -> dict[str, int]:
    """How many rows each table has after the story in which nothing happens twice."""
    if not _once:
        beginning: datetime = clock.now()
        _once.update(await told(await Office(await open_agency(database=second_database_url)).open()))
        clock.set(beginning)
    return _once


async def told(office: Office) -> dict[str, int]:
    """Walk the line of work from the new deal to the renewal; returns how many rows each table has in the end."""
    await by_buttons.the_first_days_work(office)
    await by_buttons.the_next_years_work(office)
    await office.nothing_went_wrong()
    counts = await office.counts()
    await office.agency.close()
    return counts


async def test_a_double_tap_on_every_button_that_changes_something_has_one_effect(
    open_agency: OpenAgency, once: dict[str, int]
) -> None:
    office = await Office(await open_agency(), trembling=True).open()
    assert await told(office) == once


@pytest.mark.parametrize("intake", ["polling", "webhook"])
async def test_updates_that_are_delivered_three_times_have_one_effect(
    open_agency: OpenAgency, once: dict[str, int], intake: str
) -> None:
    office = await Office(await open_agency(intake="webhook" if intake == "webhook" else "polling")).open()
    office.agency.world.faults.set(duplicate_rate=1.0, duplicates=2)
    assert await told(office) == once
