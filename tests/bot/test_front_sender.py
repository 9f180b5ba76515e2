"""What the front door promises about messages: in order, within Telegram's limits, until they arrive or cannot."""

import asyncio
import time
from typing import Any

from aiogram.methods import SendMessage
from sqlalchemy import select

from bot.sender import Limiter
from models.enums import ReviewReason, Role
from models.tables import Client, Deal, LineOfBusiness
from sandbox.people import VirtualUser
from services.access import SYSTEM
from services.documents import Incoming
from services.registry import Services
from storage.outbox import Outbox
from tests.bot.conftest import Agency, OpenAgency, faster
from tests.bot.front_desk import Desk, NotebookService


async def tell(agency: Agency, person: VirtualUser, line: str, **options: Any) -> None:
    """Put a message into the outbox as a service would."""
    services: Services = agency.app.services
    notebook = NotebookService(services.people._transactions, services.people.clock)
    await notebook.tell(SYSTEM, await agency.user_id(person), line, options)


STATUS = "SELECT status, count(*) FROM outbox GROUP BY status ORDER BY status"


async def test_messages_arrive_in_the_order_in_which_they_were_written(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna, boris = await agency.person("Анна", Role.SELLER), await agency.person("Борис", Role.SELLER)
    for number in range(8):
        await tell(agency, anna, f"a{number}")
        await tell(agency, boris, f"b{number}")
    await agency.quiet()
    assert [m.text for m in anna.received] == [f"a{number}" for number in range(8)]
    assert [m.text for m in boris.received] == [f"b{number}" for number in range(8)]


async def test_a_message_whose_reason_is_gone_is_not_sent(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await tell(agency, anna, "nothing")
    await agency.quiet()
    assert anna.received == []
    assert await agency.rows(STATUS) == [("done", 1)]


async def test_a_card_is_edited_where_it_stands_with_its_buttons(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await tell(agency, anna, "task given", card_key="task:1", button="Accept")
    await tell(agency, anna, "something else")
    await tell(agency, anna, "task accepted", card_key="task:1", edits_card=True, button="Done")
    await agency.quiet()
    assert [m.text for m in anna.received] == ["task accepted", "something else"]
    assert anna.received[0].labels == ["Done"]


async def test_edits_that_wait_together_are_made_once(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await tell(agency, anna, "0", card_key="album")
    await agency.quiet()
    # In one transaction, so that the sender sees all of them at once.
    await agency.execute(
        "INSERT INTO outbox (recipient_id, kind, params, card_key, edits_card, status, attempts)"
        " SELECT u.id, 'test_line', jsonb_build_object('line', n::text), 'album', true, 'pending', 0"
        " FROM users u, generate_series(1, 3) n"
    )
    await agency.quiet()
    assert anna.screen == "3"
    assert len([call for call in agency.world.calls if call.method == "editMessageText"]) == 1


async def test_a_card_that_was_deleted_is_sent_anew_and_the_same_card_again_is_no_error(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await tell(agency, anna, "one", card_key="c")
    await tell(agency, anna, "one", card_key="c", edits_card=True)
    await agency.quiet()
    assert [m.text for m in anna.received] == ["one"]
    await agency.world.delete(anna.id, anna.last.id)
    await tell(agency, anna, "two", card_key="c", edits_card=True)
    await agency.quiet()
    assert [m.text for m in anna.received] == ["two"]
    assert await agency.rows(STATUS) == [("done", 3)]
    agency.world._refused.clear()  # the edit of a deleted message had to be refused


async def test_the_sender_waits_as_long_as_telegram_asks(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    agency.world.faults.set(too_many_rate=1.0, retry_after=1, methods=["sendMessage"])
    with agency.world.subscribe() as events:
        await tell(agency, anna, "patience")
        agency.app.sender.wake()
        async for event in events:
            if event.kind == "call" and event.data["verdict"] == 429:
                break
    refused_at = time.monotonic()
    agency.world.faults.clear()
    await agency.quiet()
    assert time.monotonic() - refused_at > 0.9
    assert [m.text for m in anna.received] == ["patience"]
    assert await agency.rows("SELECT status, error FROM outbox") == [("done", None)]


async def test_a_lease_that_runs_out_under_a_message_on_its_way_does_not_send_it_again(
    open_agency: OpenAgency, desk: Desk
) -> None:
    """A machine too busy to renew leases: the bot would take its own message and send it beside itself."""
    agency = await open_agency(screens=desk.routers)
    anna, boris = await agency.person("Анна", Role.SELLER), await agency.person("Борис", Role.SELLER)
    agency.world.faults.set(latency=0.5, methods=["sendMessage"])
    await tell(agency, anna, "once")
    while not await agency.value("SELECT count(*) FROM outbox WHERE leased_until IS NOT NULL"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await agency.execute("UPDATE outbox SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL")
    await tell(agency, boris, "look again")
    await agency.quiet()
    assert [m.text for m in anna.received] == ["once"]
    assert [m.text for m in boris.received] == ["look again"]


async def test_somebody_who_has_blocked_the_bot_is_marked_and_the_message_kept_as_dead(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    agency.world.delivery.allow(["message"])  # nobody tells the bot: it has to find out
    await anna.block()
    await tell(agency, anna, "hello?")
    await tell(agency, anna, "are you there?")
    await agency.quiet()
    assert await agency.rows("SELECT reachable FROM users") == [(False,)]
    assert await agency.rows(STATUS) == [("dead", 2)]
    assert len([call for call in agency.world.calls if call.method == "sendMessage"]) == 1


async def test_while_telegram_is_away_messages_wait_and_then_come(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(telegram_attempts=10_000))
    anna = await agency.person("Анна", Role.SELLER)
    agency.world.faults.set(error_rate=1.0, methods=["sendMessage"])
    with agency.world.subscribe() as events:
        await tell(agency, anna, "first")
        await tell(agency, anna, "second")
        agency.app.sender.wake()
        async for event in events:
            if event.kind == "call" and event.data["verdict"] == 500:
                break
    agency.world.faults.clear()
    await agency.quiet()
    assert [m.text for m in anna.received] == ["first", "second"]


async def test_a_message_that_cannot_be_made_is_put_aside_and_the_next_one_goes(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await agency.execute(
        "INSERT INTO outbox (recipient_id, kind, params, edits_card, status, attempts)"
        " SELECT id, 'unheard_of', '{}', false, 'pending', 0 FROM users"
    )
    await tell(agency, anna, "after it")
    await agency.quiet()
    assert [m.text for m in anna.received] == ["after it"]
    assert await agency.rows(STATUS) == [("dead", 1), ("done", 1)]


async def test_no_more_messages_are_in_doubt_than_may_be_sent_at_once(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(messages_at_once=3))
    people = [await agency.person(f"Анна {number}", Role.SELLER) for number in range(10)]
    unmarked: list[int] = []

    async def counted(make_request: Any, bot: Any, method: Any) -> Any:
        if isinstance(method, SendMessage):
            rows = await agency.rows(
                "SELECT count(*) FROM outbox WHERE status = 'pending' AND leased_until IS NOT NULL"
            )
            unmarked.append(rows[0][0])
            under_way.add(method.chat_id)
            most.append(len(under_way))
        try:
            return await make_request(bot, method)
        finally:
            if isinstance(method, SendMessage):
                under_way.discard(method.chat_id)

    under_way: set[int | str] = set()
    most: list[int] = []
    agency.app.bot.session.middleware(counted)
    for person in people:
        await tell(agency, person, "one")
        await tell(agency, person, "two")
    await agency.quiet()
    assert [[m.text for m in person.received] for person in people] == [["one", "two"]] * 10
    assert max(most) <= 3
    assert max(unmarked) <= 6, "it may claim as many again, and no more"


async def test_marks_made_together_are_all_kept_and_so_is_that_of_somebody_who_was_cut_off(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    await agency.person("Анна", Role.SELLER)
    await agency.execute(
        "INSERT INTO outbox (recipient_id, kind, params, edits_card, status, attempts, not_before)"
        " SELECT u.id, 'test_line', '{}', false, 'pending', 0, now() + interval '1 day'"
        " FROM users u, generate_series(1, 4)"
    )
    ids = [row[0] for row in await agency.rows("SELECT id FROM outbox ORDER BY id")]
    outbox = Outbox(agency.app.database)
    marks = [asyncio.create_task(outbox.sent(row, message_id=row * 10)) for row in ids[:3]]
    await asyncio.sleep(0)
    marks[2].cancel()
    await asyncio.gather(*marks[:2], outbox.sent(ids[3], message_id=None))
    await outbox.settled()
    found = await agency.rows("SELECT status, message_id FROM outbox ORDER BY id")
    assert found == [("done", row * 10) for row in ids[:3]] + [("done", None)]


async def a_paper(agency: Agency, owner: VirtualUser) -> int:
    """A deal with one paper in it; returns the paper's id."""
    user_id = await agency.user_id(owner)
    async with agency.app.database.writing() as session:
        client = Client(name="Иванов Иван", seller_id=user_id)
        session.add(client)
        await session.flush()
        line_id = await session.scalar(select(LineOfBusiness.id).limit(1))
        assert line_id is not None
        deal = Deal(
            client_id=client.id,
            line_id=line_id,
            title="Skoda Rapid",
            seller_id=user_id,
            review_on=agency.clock.now().date(),
            review_reason=ReviewReason.NEW_DEAL,
        )
        session.add(deal)
        await session.commit()
    admin = await agency.app.services.people.identify(owner.id)
    assert admin is not None
    filed = await agency.app.services.documents.file(
        admin, deal.id, Incoming("policy.pdf", b"%PDF-1.4 x", "application/pdf")
    )
    return filed.document_id


async def test_papers_follow_their_card_and_are_uploaded_once(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    owner = await agency.person("Ольга", Role.ADMIN)
    paper = await a_paper(agency, owner)
    await tell(agency, owner, "first", documents=[paper])
    await tell(agency, owner, "second", documents=[paper, 10**9])
    await agency.quiet()
    assert [m.text or m.content for m in owner.received] == ["first", "document", "second", "document"]
    uploads = [call for call in agency.world.calls if call.method == "sendDocument"]
    assert [str(call.params["document"]).startswith("attach://") for call in uploads] == [True, False]


async def test_a_paper_that_fails_is_tried_again_without_its_card(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(telegram_attempts=10_000))
    owner = await agency.person("Ольга", Role.ADMIN)
    paper = await a_paper(agency, owner)
    agency.world.faults.set(error_rate=1.0, methods=["sendDocument"])
    with agency.world.subscribe() as events:
        await tell(agency, owner, "card", documents=[paper])
        agency.app.sender.wake()
        async for event in events:
            if event.kind == "call" and event.data["verdict"] == 500:
                break
    agency.world.faults.clear()
    await agency.quiet()
    assert [m.text or m.content for m in owner.received] == ["card", "document"]


async def test_the_limiter_keeps_telegrams_two_limits() -> None:
    limiter = Limiter(per_second=100, per_chat=0.1)
    began = time.monotonic()
    await asyncio.gather(*(limiter.wait(chat) for chat in range(20)))
    assert time.monotonic() - began > 0.18
    began = time.monotonic()
    await asyncio.gather(*(limiter.wait(7) for _ in range(3)))
    assert time.monotonic() - began > 0.19


async def test_refused_for_two_chats_the_limiter_holds_everybody() -> None:
    limiter = Limiter(per_second=1000, per_chat=0)
    limiter.refused(1, 0.1)
    began = time.monotonic()
    await limiter.wait(3)
    assert time.monotonic() - began < 0.09
    limiter.refused(2, 0.1)
    began = time.monotonic()
    await limiter.wait(3)
    assert time.monotonic() - began > 0.09
