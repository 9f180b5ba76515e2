"""No screen walks a big table: every query of every service is asked of thousands of deals, and its plans are read.

What a plan does at a million deals is measured by `python -m bench.database`; that it does not walk is held here.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from bench.data import Sizes, fill
from bench.plans import Short, Walk, walks, watched
from bench.questions import known, people, questions
from models.enums import Role, TaskKind
from services.access import SYSTEM, Actor
from services.deals import DealDraft
from services.registry import Services
from storage import clients, repository, schema, search, words
from storage.engine import Database
from storage.inbox import Inbox, RawUpdate
from storage.outbox import Outbox
from storage.uow import Transactions
from tests.conftest import Cluster, ManualClock, in_a_thread
from tests.services.conftest import FilesInMemory

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIZES = Sizes(deals=15_000, sellers=75, first_seller=200, policies=1, payments=2)

WALK_ON_PURPOSE = {
    "audit.verify": "the admin asks for every record to be hashed again",
}
"""Readings that are of everything by their nature."""

TURNED_OVER = {
    "clients.page": 1,
    "deals.desk": 1,
    "deals.page": 1,
    "money.due": 1,
    "money.of": 1,
    "money.overdue_count": 1,
    "policies.ending": 1,
    "policies.expired_count": 1,
    "tasks.mine": 1,
    "deals.card": 1,
    "money.card": 1,
    "clients.card": 2,
    "money.totals": 2,
    "policies.card": 2,
}
"""Lists and cards that people look at all day, with the most statements that each may take, all the short way."""


@dataclasses.dataclass
class Crowd:
    """An agency that has grown, and whom and what to ask in it."""

    database: Database
    services: Services
    clock: ManualClock
    found: dict[str, Any]
    people: dict[str, Actor]


@pytest.fixture(scope="module")
def crowded(postgres: Cluster, migrated_template: str) -> Iterator[str]:
    with postgres.database(migrated_template) as url:
        in_a_thread(lambda: asyncio.run(fill(url, SIZES, now=NOW)))
        yield url


@pytest.fixture
async def crowd(crowded: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    # As many times smaller as the agency is: with a thousand of fifteen thousand rows to find, a walk would be right.
    monkeypatch.setattr(repository, "MANY", 20)
    for module in (words, clients, search):
        monkeypatch.setattr(module, "FARTHEST", 10)
    monkeypatch.setattr(words, "LATEST", 170)
    connection = await asyncpg.connect(schema.dsn(crowded))
    found = await known(connection)
    await connection.close()
    database = Database(crowded)
    clock = ManualClock(NOW)
    services = Services.build(Transactions(database), clock, FilesInMemory())
    yield Crowd(database, services, clock, found, people(found))
    await database.close()


def queries() -> set[str]:
    return {
        f"{field.name}.{name}"
        for field in dataclasses.fields(Services)
        for name, member in vars(field.type).items()
        if getattr(member, "only_reads", False) and not name.startswith("_")
    }


def told(found: list[Walk]) -> str:
    return "\n\n".join(f"{walk.table}: {walk.statement}" for walk in found)


async def test_every_query_of_every_service_is_asked(crowd: Crowd) -> None:
    asked = {question.method for question in questions(crowd.found, NOW)}
    assert asked | set(WALK_ON_PURPOSE) == queries()


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_no_screen_of_theirs_walks_a_big_table(crowd: Crowd, role: str) -> None:
    actor, wrong = crowd.people[role], {}
    for question in questions(crowd.found, NOW, far=2):
        if question.is_for(actor):
            with watched(crowd.database) as sent:
                await question.ask(crowd.services, actor)
            if found := await walks(crowd.database, sent):
                wrong[question.name] = told(found)
    assert not wrong, "\n\n".join(f"== {name}\n{why}" for name, why in wrong.items())


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_what_people_look_at_all_day_takes_few_statements_made_once(crowd: Crowd, role: str) -> None:
    actor, wrong = crowd.people[role], {}
    for question in questions(crowd.found, NOW, far=2):
        if question.method in TURNED_OVER and question.is_for(actor):
            with watched(crowd.database) as sent:
                await question.ask(crowd.services, actor)
            if len(sent) > TURNED_OVER[question.method] or not all(isinstance(text, Short) for text, _values in sent):
                wrong[question.name] = [text for text, _values in sent]
    assert not wrong


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_in_a_crowd_a_deal_is_found_by_what_is_typed_of_it(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.undo()  # ranked are as many as in life
    lookups = [question for question in questions(crowd.found, NOW) if question.method == "search.find"]
    typed = {question.label: question.arguments["text"] for question in lookups}
    hard = {"a number", "a phone", "a plate", "a VIN", "a policy", "a surname", "a surname with a typo"}
    for label in (*hard, "three letters", "a full name with a typo", "a part of a phone", "the end of a VIN"):
        seen: list[int] = []
        while not seen or len(seen) % 50 == 0:
            hits, total = await crowd.services.search.find(crowd.people[role], typed[label], len(seen), 50)
            seen += [hit.deal.id for hit in hits]
            if not hits or label in hard:
                break
        assert crowd.found["deal"] in seen, f"{label}: {typed[label]} among {len(seen)} of {total}"


async def test_nothing_that_people_often_do_walks_a_big_table(crowd: Crowd) -> None:
    seller, executor, admin = (crowd.people[role.value] for role in (Role.SELLER, Role.EXECUTOR, Role.ADMIN))
    do, found = crowd.services, crowd.found
    deal_id = found["deal"]
    commands: list[tuple[str, Awaitable[Any]]] = [
        ("a note", do.journal.add(seller, deal_id, "Созвонились")),
        ("a touch", do.deals.postpone(seller, deal_id, "2026-03-09")),
        ("a payment", do.money.client_paid(seller, found["payment"], on=NOW.date())),
        (
            "a task",
            do.tasks.give(
                seller, deal_id, TaskKind.OTHER, executor.user_id, datetime(2026, 3, 4, 12, tzinfo=UTC), "Фото"
            ),
        ),
        ("a task taken", do.tasks.accept(executor, found["task"])),
        ("a new deal", do.deals.open(seller, found["client"], DealDraft(line_id=found["line"], title="Kia Rio"))),
        ("a thought", do.reminders.thinking(seller, found["policy"], 3)),
        ("another zone", do.settings.set_zone(seller, "Asia/Yekaterinburg")),
        ("a deal handed over", do.people.hand_over_deal(admin, deal_id, seller.user_id + 1)),
        ("another admin", do.people.set_roles(admin, executor.user_id, [Role.EXECUTOR, Role.ADMIN])),
    ]
    crowd.clock.advance(timedelta(days=1))
    commands += [
        ("what is due", do.reminders.fire_due(SYSTEM, 20)),
        ("the digests", do.reminders.ensure_digests(SYSTEM)),
    ]
    wrong = {}
    for name, command in commands:
        with watched(crowd.database) as sent:
            await command
        if walked := await walks(crowd.database, sent):
            wrong[name] = told(walked)
    assert not wrong, "\n\n".join(f"== {name}\n{why}" for name, why in wrong.items())


async def test_no_replica_walks_what_has_been_done_to_find_what_is_to_do(crowd: Crowd) -> None:
    inbox, outbox = Inbox(crowd.database), Outbox(crowd.database)
    with watched(crowd.database) as sent:
        await inbox.add(1, [RawUpdate(10**9, 1_000_001, {"update_id": 10**9})], NOW)
        for update in await inbox.take(1, 10):
            await inbox.done(update)
        for message in await outbox.take(10):
            await outbox.sent(message.id, message_id=None)
        await inbox.depth()
        await outbox.depth()
        await inbox.forget_done(older_than_days=4000)
    assert told(await walks(crowd.database, sent)) == ""
