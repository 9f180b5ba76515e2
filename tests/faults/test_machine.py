"""An agency at work in random order with the power going: the laws of the books hold, and they can be broken."""

import pytest

from tests.conftest import Cluster
from tests.faults.laws import Books, broken
from tests.faults.machine import run
from tests.scheduler.acts import register
from tests.services.conftest import Agency, agency

__all__ = ["agency"]


def test_the_laws_hold_whatever_people_do_and_whenever_the_power_goes(
    postgres: Cluster, migrated_template: str
) -> None:
    """The same agencies each time; `python -m tests.faults.machine` takes hundreds of others."""
    tally = run(postgres, migrated_template, examples=6, steps=30)
    assert tally["examples"] == 6
    assert tally["done"] > 50


@pytest.mark.parametrize(
    ("crime", "law"),
    [
        ("UPDATE payments SET amount = amount + 1", "instalments add up"),
        ("UPDATE payments SET paid_amount = 1", "what has come is what was entered"),
        ("UPDATE incomes SET received_amount = 5, received_on = now()", "what has come is what was entered"),
        ("DELETE FROM incomes", "every instalment has its commission"),
        ("UPDATE reminders SET recipient_id = 2 WHERE kind = 'review'", "who is to be reminded"),
        ("DELETE FROM reminders WHERE kind = 'review'", "exactly one next touch"),
        ("UPDATE deals SET review_on = review_on + 900", "the next touch is not after"),
        ("DELETE FROM reminders WHERE kind = 'policy_end'", "nothing that waits is forgotten"),
        ("UPDATE policies SET outcome = 'lost'", "nothing is reminded of after its answer"),
        ("UPDATE policies SET outcome = 'renewed'", "its successor"),
        ("UPDATE deals SET stage = 'closed', outcome = 'lost'", "a closed deal waits for nothing"),
        ("UPDATE deals SET stage = 'choosing'", "the stage agrees"),
        ("UPDATE deals SET stage = 'calculating'", "the stage agrees"),
        ("UPDATE policies SET client_id = (SELECT max(id) FROM clients)", "one owner"),
    ],
)
async def test_a_law_that_is_broken_behind_the_services_is_named(agency: Agency, crime: str, law: str) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.client(agency.boris, "Петров Пётр", "+79120000000")
    await register(agency, agency.anna, deal_id, paid=False)
    assert broken(await Books.open(agency.database, agency.clock.now())) == []
    async with agency.database.engine.begin() as connection:
        await connection.exec_driver_sql(crime)
    assert any(law in breach for breach in broken(await Books.open(agency.database, agency.clock.now())))
