"""Permissions deny by default, an effect happens once, the audit chain cannot be rewritten."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from models.enums import Role
from models.tables import AuditRecord, TeamSetting
from services.access import ADMINS, Actor, Origin, Service, command, origin
from services.errors import Forbidden, NotFound
from storage.uow import Transaction
from tests.services.conftest import Agency

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CHAIN_HELD = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND locktype = 'advisory'
"""


class Counter(Service):
    @command(ADMINS)
    async def add(self, tx: Transaction, actor: Actor, key: str, *, fail: bool = False) -> str:
        tx.session.add(TeamSetting(key=key, value=1))
        tx.audit("counted", "counter", None)
        await tx.session.flush()
        if fail:
            raise RuntimeError("the power went out")
        return key


class Speaker(Service):
    @command(ADMINS)
    async def tell(self, tx: Transaction, actor: Actor, deal_id: int) -> None:
        tx.audit("told", "deal", deal_id, deal_id=deal_id)
        tx.event(deal_id, "deal_reopened")
        tx.notify(actor.user_id, "deal_closed", dedup_key="told", deal_id=deal_id, deal=deal_id)


def counter(agency: Agency) -> Counter:
    return Counter(agency.transactions, agency.clock)


async def settings(agency: Agency) -> list[str]:
    return await agency.rows(select(TeamSetting.key).order_by(TeamSetting.key))


def test_a_service_method_without_a_declared_policy_cannot_even_be_defined() -> None:
    with pytest.raises(TypeError, match="no declared policy"):

        class Careless(Service):
            async def leak(self, actor: Actor) -> None: ...


async def test_a_role_that_is_not_named_in_the_policy_changes_nothing(agency: Agency) -> None:
    with pytest.raises(Forbidden):
        await counter(agency).add(agency.anna, "a")
    nobody = Actor(user_id=agency.galina.user_id, roles=frozenset())
    with pytest.raises(Forbidden):
        await counter(agency).add(nobody, "a")
    assert await settings(agency) == []


async def test_what_failed_half_way_leaves_nothing(agency: Agency) -> None:
    with pytest.raises(RuntimeError):
        await counter(agency).add(agency.galina, "a", fail=True)
    assert await settings(agency) == []
    assert await agency.rows(select(AuditRecord.id)) == []


async def test_a_retried_update_returns_the_first_result_and_has_no_second_effect(agency: Agency) -> None:
    for attempt in range(3):
        with origin("7:1", retry=attempt > 0):
            assert await counter(agency).add(agency.galina, "a") == "a"
            assert await counter(agency).add(agency.galina, "b") == "b"
    assert await settings(agency) == ["a", "b"]
    assert len(await agency.rows(select(AuditRecord.id))) == 2


async def test_a_retried_update_that_gave_up_the_role_it_needed_returns_its_result_and_allows_nothing_else(
    agency: Agency,
) -> None:
    with origin("7:1", retry=False):
        assert await counter(agency).add(agency.galina, "a") == "a"
    demoted = Actor(user_id=agency.galina.user_id, roles=frozenset({Role.SELLER}))
    with origin("7:1", retry=True):
        assert await counter(agency).add(demoted, "a") == "a"
        with pytest.raises(Forbidden):
            await counter(agency).add(demoted, "b")
    assert await settings(agency) == ["a"]


async def test_audit_records_are_chained_and_cannot_be_edited_or_deleted(agency: Agency) -> None:
    for key in "abc":
        await counter(agency).add(agency.galina, key)
    records = await agency.rows(select(AuditRecord).order_by(AuditRecord.id))
    assert [record.actor_id for record in records] == [agency.galina.user_id] * 3
    assert records[0].previous_hash is None
    assert [record.previous_hash for record in records[1:]] == [record.hash for record in records[:-1]]
    for statement in ("UPDATE audit_records SET actor_id = 1", "DELETE FROM audit_records", "TRUNCATE audit_records"):
        with pytest.raises(DBAPIError, match="append-only"):
            await agency.sql(statement)


async def test_what_a_message_tells_of_a_deal_is_told_to_nobody_who_may_not_see_it(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    for actor in (agency.anna, agency.egor, agency.galina):
        heading = await agency.services.deals.heading(actor, deal_id)
        assert (heading.id, heading.seller.full_name) == (deal_id, "Анна Серова")
        assert (heading.client.seller_id, heading.line.code) == (agency.anna.user_id, "kasko")
    for stranger in (agency.boris, Actor(user_id=agency.anna.user_id, roles=frozenset({Role.EXECUTOR}))):
        with pytest.raises(NotFound):
            await agency.services.deals.heading(stranger, deal_id)


@pytest.mark.parametrize(
    "held",
    [
        "SELECT FROM deals WHERE id = :deal FOR UPDATE",
        "INSERT INTO effects (key, result) VALUES (:key, 'null')",
        (
            "INSERT INTO outbox (recipient_id, kind, params, dedup_key, edits_card, status, attempts)"
            " VALUES (:person, 'deal_closed', '{}', 'told', false, 'done', 0)"
        ),
    ],
    ids=["the deal", "the effect", "the message"],
)
async def test_who_waits_for_somebody_else_does_not_hold_the_chain_that_all_write(agency: Agency, held: str) -> None:
    deal_id, person = await agency.deal(agency.anna), agency.galina.user_id
    key = Origin("7:1").effect_key("Speaker.tell", deal_id)
    async with agency.database.writing() as other:
        statement = text(held)
        given = {"deal": deal_id, "key": key, "person": person}
        await other.execute(statement, {name: given[name] for name in statement.compile().params})
        with origin("7:1", retry=False):
            telling = asyncio.ensure_future(Speaker(agency.transactions, agency.clock).tell(agency.galina, deal_id))
        while not telling.done() and not await agency.number(WAITING):
            continue
        assert await agency.number(CHAIN_HELD) == 0
        assert not telling.done()
        await other.rollback()
    await telling
    assert await agency.rows(select(AuditRecord.action)) == ["told"]
    assert await agency.number("SELECT count(*) FROM journal_entries") == 1


async def test_a_person_who_lost_his_roles_sees_no_deal(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    number = (await agency.sql("SELECT number FROM deals WHERE id = :id", id=deal_id))[0][0]
    assert await agency.services.deals.find_number(agency.anna, number) == deal_id
    for actor in (agency.boris, agency.egor, Actor(user_id=agency.anna.user_id, roles=frozenset({Role.EXECUTOR}))):
        with pytest.raises(Exception, match="Nothing found"):
            await agency.services.deals.find_number(actor, number)
