"""Who comes in, what he may, and who takes over what he leaves."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import ReminderKind, Role, TaskKind, TaskStatus
from models.tables import AuditRecord, Client, Deal, Invite, JournalEntry, OutboxMessage, Reminder, Task, User
from services.access import SYSTEM, origin
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.reading import Unreadable


async def roles(agency: Any, user_id: int) -> list[str]:
    return (await agency.rows(select(User.roles).where(User.id == user_id)))[0]  # type: ignore[no-any-return]


async def sent(agency: Any, user_id: int) -> list[str]:
    query = select(OutboxMessage.kind).where(OutboxMessage.recipient_id == user_id).order_by(OutboxMessage.id)
    return await agency.rows(query)  # type: ignore[no-any-return]


async def digests(agency: Any, user_id: int) -> int:
    found = select(Reminder.id).where(Reminder.kind == ReminderKind.DIGEST, Reminder.recipient_id == user_id)
    return len(await agency.rows(found))


# --- coming in ----------------------------------------------------------------------------------------------------


async def test_an_invite_lets_one_person_in_once(agency: Any) -> None:
    people = agency.services.people
    made = await people.invite(agency.galina, ["seller"])
    came = await people.admit(500, "Новый Сергей", "sergey", made.code)
    assert came is not None
    assert came.roles == {Role.SELLER}
    assert await people.admit(501, "Чужой", None, made.code) is None
    assert await sent(agency, agency.galina.user_id) == ["person_joined"]
    assert await digests(agency, came.user_id) == 1
    joined = [r for r in await agency.rows(select(AuditRecord)) if r.action == "person.joined"]
    assert joined[0].actor_id == came.user_id


async def test_of_many_who_follow_one_link_at_once_one_comes_in(agency: Any) -> None:
    made = await agency.services.people.invite(agency.galina, ["executor"])
    came = await asyncio.gather(
        *(agency.services.people.admit(600 + n, f"Гость {n}", None, made.code) for n in range(6))
    )
    assert len([actor for actor in came if actor is not None]) == 1
    assert len(await agency.rows(select(User).where(User.telegram_id >= 600))) == 1


async def test_only_the_hash_of_the_code_is_kept(agency: Any) -> None:
    with origin("1:1", retry=False):
        made = await agency.services.people.invite(agency.galina, ["admin", "seller"])
    assert len(made.code) >= 22
    for table in ("invites", "effects", "audit_records", "outbox"):
        assert not [row for row in await agency.sql(f"SELECT t::text FROM {table} t") if made.code in row[0]]  # noqa: S608
    pending = await agency.services.people.invites(agency.galina)
    assert [(p.author, p.invite.roles) for p in pending] == [("Галина Маркова", ["seller", "admin"])]


async def test_an_invite_ends_after_72_hours_or_when_it_is_withdrawn(agency: Any) -> None:
    people = agency.services.people
    late, withdrawn = [await people.invite(agency.galina, ["seller"]) for _ in range(2)]
    await people.revoke(agency.galina, withdrawn.id)
    assert await people.admit(501, "Кто-то", None, withdrawn.code) is None
    with pytest.raises(AlreadyDone):
        await people.revoke(agency.galina, withdrawn.id)
    agency.clock.advance(timedelta(hours=72))
    assert await people.admit(501, "Кто-то", None, late.code) is None
    assert await people.invites(agency.galina) == []


async def test_an_invite_adds_a_role_and_is_not_spent_in_vain(agency: Any) -> None:
    people = agency.services.people
    made = await people.invite(agency.galina, ["executor"])
    await people.admit(301, "Галина Маркова", None, made.code)  # her own link
    await people.admit(201, "Егор Лисин", None, made.code)  # an executor already
    assert await roles(agency, agency.galina.user_id) == ["admin"]
    await people.admit(101, "Анна Серова", None, made.code)
    assert await roles(agency, agency.anna.user_id) == ["seller", "executor"]


async def test_the_invites_of_somebody_who_is_no_admin_any_more_open_nothing(agency: Any) -> None:
    people = agency.services.people
    zoya = await agency.person(302, "Зоя Рубцова", Role.ADMIN)
    made = await people.invite(zoya, ["admin"])
    await people.block(agency.galina, zoya.user_id)
    assert await people.admit(302, "Зоя Рубцова", None, made.code) is None
    assert await people.admit(999, "Друг Зои", None, made.code) is None


async def test_invites_are_the_admins_alone(agency: Any) -> None:
    for actor in (agency.anna, agency.egor):
        with pytest.raises(Forbidden):
            await agency.services.people.invite(actor, ["admin"])
        with pytest.raises(Forbidden):
            await agency.services.people.keep_invite(actor, ["admin"], "00" * 32)
        with pytest.raises(Forbidden):
            await agency.services.people.invites(actor)
    assert await agency.rows(select(Invite)) == []


# --- rights -------------------------------------------------------------------------------------------------------


async def test_roles_are_given_and_taken(agency: Any) -> None:
    people = agency.services.people
    await people.set_roles(agency.galina, agency.anna.user_id, ["executor", "seller"])
    assert await roles(agency, agency.anna.user_id) == ["seller", "executor"]
    with pytest.raises(AlreadyDone):
        await people.set_roles(agency.galina, agency.anna.user_id, ["seller", "executor"])
    with pytest.raises(Invalid):
        await people.set_roles(agency.galina, agency.anna.user_id, [])
    with pytest.raises(Invalid):
        await people.set_roles(agency.galina, agency.anna.user_id, ["owner"])
    with pytest.raises(NotFound):
        await people.set_roles(agency.galina, 10_000, ["seller"])
    assert await sent(agency, agency.anna.user_id) == ["roles_changed"]


async def test_the_last_admin_stays(agency: Any) -> None:
    people = agency.services.people
    zoya = await agency.person(302, "Зоя Рубцова", Role.ADMIN)
    with pytest.raises(Invalid):
        await people.block(agency.galina, agency.galina.user_id)
    results = await asyncio.gather(
        people.set_roles(agency.galina, zoya.user_id, ["seller"]),
        people.set_roles(zoya, agency.galina.user_id, ["seller"]),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "NoneType"]
    admins = [user for user in await agency.rows(select(User)) if "admin" in user.roles]
    assert len(admins) == 1
    assert (await people.card(agency.galina, admins[0].id)).last_admin


async def test_a_blocked_person_is_a_stranger_until_he_is_let_in_again(agency: Any) -> None:
    people = agency.services.people
    await people.block(agency.galina, agency.boris.user_id)
    assert await people.identify(102) is None
    assert await digests(agency, agency.boris.user_id) == 0
    with pytest.raises(AlreadyDone):
        await people.block(agency.galina, agency.boris.user_id)
    rows, total = await people.page(agency.galina)
    assert (rows[-1].id, total) == (agency.boris.user_id, 5)
    await people.unblock(agency.galina, agency.boris.user_id)
    back = await people.identify(102)
    assert back is not None
    assert back.roles == {Role.SELLER}
    assert await digests(agency, agency.boris.user_id) == 1


async def test_whoever_can_take_work_over_is_on_one_page_of_them(agency: Any) -> None:
    for n in range(12):
        await agency.person(700 + n, f"Продавец {n:02}", Role.SELLER)
        await agency.person(750 + n, f"Исполнитель {n:02}", Role.EXECUTOR)
    await agency.deal(agency.boris)
    seen, pages = [], 0
    while True:
        found, total = await agency.services.people.successors(
            agency.galina, ["seller", "executor"], besides=agency.anna.user_id, page=pages, size=5
        )
        seen += [(one.role, one.user.full_name, one.has) for one in found]
        pages += 1
        if len(seen) >= total:
            break
    sellers = [("Борис Котов", 1), *((f"Продавец {n:02}", 0) for n in range(12))]
    executors = [("Егор Лисин", 0), *((f"Исполнитель {n:02}", 0) for n in range(12)), ("Фаина Орлова", 0)]
    assert (pages, total) == (6, 27)
    assert sorted(seen) == sorted(
        (role, *one) for role, people in ((Role.SELLER, sellers), (Role.EXECUTOR, executors)) for one in people
    )
    beyond, total = await agency.services.people.successors(agency.galina, ["seller"], page=99, size=5)
    assert (beyond, total) == ([], 14)


async def test_people_come_by_name_whatever_the_letters(agency: Any) -> None:
    people = agency.services.people
    for n, name in enumerate(("ёлкин Юрий", "Ершова Яна", "Ёлкина Ада", "Жуков Лев")):
        await agency.person(700 + n, name, Role.EXECUTOR)
    blocked = await agency.person(710, "Абрамов Ян", Role.EXECUTOR)
    await people.block(agency.galina, blocked.user_id)
    named = ["ёлкин Юрий", "Ёлкина Ада", "Ершова Яна", "Жуков Лев"]
    assert [user.full_name for user in (await agency.services.deals.executors(agency.anna, 0, 8))[0]][1:-1] == named
    assert [one.user.full_name for one in (await people.successors(agency.galina, ["executor"]))[0]][1:-1] == named
    pages = [(await people.page(agency.galina, page, size=4))[0] for page in range(4)]
    everybody = [user.full_name for page in pages for user in page]
    assert [name for name in everybody if name in {*named, "Абрамов Ян"}] == [*named, "Абрамов Ян"]
    assert len(everybody) == 10


async def test_a_person_is_seen_by_writing(agency: Any) -> None:
    people = agency.services.people
    await people.unreachable(SYSTEM, agency.anna.user_id)
    await people.unreachable(SYSTEM, agency.anna.user_id)
    assert await sent(agency, agency.galina.user_id) == ["person_unreachable"]
    await people.seen(agency.anna)
    card = await people.card(agency.galina, agency.anna.user_id)
    assert (card.user.reachable, card.user.last_seen_at) == (True, agency.clock.now())
    await people.blocked_bot(agency.anna)
    assert not (await people.card(agency.galina, agency.anna.user_id)).user.reachable
    assert await sent(agency, agency.galina.user_id) == ["person_unreachable"] * 2


async def test_nobody_is_called_by_what_is_no_name(agency: Any) -> None:
    for typed in ("123", "😀", " \n "):
        with pytest.raises(Unreadable):
            await agency.services.people.rename(agency.galina, agency.boris.user_id, typed)


async def test_people_are_the_admins_alone(agency: Any) -> None:
    people, boris = agency.services.people, agency.boris.user_id
    for actor in (agency.anna, agency.egor):
        for attempt in (
            people.page(actor),
            people.card(actor, boris),
            people.set_roles(actor, actor.user_id, ["admin"]),
            people.block(actor, boris),
            people.unblock(actor, boris),
            people.rename(actor, boris, "Кто-то"),
            people.hand_over(actor, boris, actor.user_id, "seller"),
        ):
            with pytest.raises(Forbidden):
                await attempt
    assert await roles(agency, agency.anna.user_id) == ["seller"]


# --- handing over -------------------------------------------------------------------------------------------------


async def policy(agency: Any, deal_id: int, **terms: Any) -> int:
    return int(
        await agency.services.policies.register(
            agency.anna,
            deal_id,
            **{
                "number": "A1",
                "insurer_id": await agency.insurer(),
                "premium": Decimal(60000),
                "starts_on": date(2026, 3, 2),
                "ends_on": date(2027, 3, 1),
                "plan": "halves",
            }
            | terms,
        )
    )


async def planned(agency: Any, user_id: int) -> set[tuple[str, int, int]]:
    rows = await agency.rows(select(Reminder).where(Reminder.recipient_id == user_id))
    return {(row.kind, row.object_id, row.step) for row in rows if row.kind is not ReminderKind.DIGEST}


async def test_a_sellers_work_goes_to_another_seller_as_it_stands(agency: Any) -> None:
    people, anna, boris = agency.services.people, agency.anna.user_id, agency.boris.user_id
    first = await agency.deal(agency.anna)
    second = await agency.deal(agency.anna, title="Дача", line="home")
    foreign = await agency.deal(agency.boris, title="Чужая")
    await policy(agency, first)
    due = agency.clock.now() + timedelta(days=1)
    await agency.services.tasks.give(agency.anna, second, TaskKind.CALCULATE, agency.egor.user_id, due)
    await agency.services.deals.close(agency.anna, await agency.deal(agency.anna, title="Старая"), "lost", "price")
    before = {deal.id: (deal.review_on, deal.review_reason) for deal in await agency.rows(select(Deal))}
    reminders = await planned(agency, anna)
    assert reminders
    card = await people.card(agency.galina, anna)
    assert (card.load.deals, card.load.clients) == (2, 3)

    counts = await people.hand_over(agency.galina, anna, boris, "seller")

    assert counts == {"deals": 2, "clients": 3}
    deals = {deal.id: deal for deal in await agency.rows(select(Deal))}
    assert [deals[id_].seller_id for id_ in (first, second, foreign)] == [boris] * 3
    assert {id_: (deal.review_on, deal.review_reason) for id_, deal in deals.items()} == before
    assert {client.seller_id for client in await agency.rows(select(Client))} == {boris}
    assert await planned(agency, anna) == set()
    assert reminders <= await planned(agency, boris)
    assert [task.author_id for task in await agency.rows(select(Task))] == [boris]
    assert (await sent(agency, boris)).count("deals_handed_over") == 1
    events = [e.deal_id for e in await agency.rows(select(JournalEntry)) if e.event == "deal_handed_over"]
    assert sorted(events) == [first, second]
    records = [r.action for r in await agency.rows(select(AuditRecord))]
    assert (records.count("deal.seller"), records.count("person.handed_over")) == (2, 1)
    with pytest.raises(AlreadyDone):
        await people.hand_over(agency.galina, anna, boris, "seller")


async def test_an_executors_tasks_go_to_another_executor(agency: Any) -> None:
    people, egor, faina = agency.services.people, agency.egor.user_id, agency.faina.user_id
    deal_id = await agency.deal(agency.anna)
    idle = await agency.deal(agency.anna, executor_id=egor, title="Дача")
    due = agency.clock.now() + timedelta(days=1)
    task_id = await agency.services.tasks.give(agency.anna, deal_id, TaskKind.CALCULATE, egor, due)
    await agency.services.tasks.accept(agency.egor, task_id)
    counts = await people.hand_over(agency.galina, egor, faina, "executor")
    assert counts == {"tasks": 1, "deals": 2}
    task = (await agency.rows(select(Task)))[0]
    assert (task.assignee_id, task.status) == (faina, TaskStatus.QUEUED)
    assert {deal.executor_id for deal in await agency.rows(select(Deal))} == {faina}
    assert await planned(agency, egor) == set()
    assert (ReminderKind.TASK_OVERDUE, task_id, 0) in await planned(agency, faina)
    with pytest.raises(NotFound):
        await agency.services.deals.card(agency.egor, idle)
    assert (await agency.services.tasks.card(agency.faina, task_id)).works


async def test_work_goes_only_to_somebody_who_can_do_it(agency: Any) -> None:
    people, anna = agency.services.people, agency.anna.user_id
    await agency.deal(agency.anna)
    for taker in (anna, agency.egor.user_id):
        with pytest.raises(Invalid):
            await people.hand_over(agency.galina, anna, taker, "seller")
    await people.block(agency.galina, agency.boris.user_id)
    with pytest.raises(Invalid):
        await people.hand_over(agency.galina, anna, agency.boris.user_id, "seller")
    assert await people.successors(agency.galina, ["seller"], besides=anna) == ([], 0)


async def test_an_admin_who_hands_over_what_he_sold_still_hears_of_late_payments(agency: Any) -> None:
    people, anna = agency.services.people, agency.anna.user_id
    await people.set_roles(agency.galina, anna, ["seller", "admin"])
    deal_id = await agency.deal(agency.anna)
    await policy(agency, deal_id)
    await people.hand_over(agency.galina, anna, agency.boris.user_id, "seller")
    assert {step for kind, _id, step in await planned(agency, anna)} == {7, 14}
    await people.set_roles(agency.galina, anna, ["seller"])
    assert await planned(agency, anna) == set()


async def test_a_seller_hands_over_one_deal_of_his_own(agency: Any) -> None:
    people, boris = agency.services.people, agency.boris.user_id
    client_id = await agency.client(agency.anna)
    deal_id = await agency.deal(agency.anna, client_id=client_id)
    other = await agency.deal(agency.anna, client_id=client_id, title="Дача")
    with pytest.raises(NotFound):
        await people.hand_over_deal(agency.boris, deal_id, boris)
    with pytest.raises(Forbidden):
        await people.hand_over_deal(agency.egor, deal_id, boris)
    with pytest.raises(Invalid):
        await people.hand_over_deal(agency.anna, deal_id, agency.egor.user_id)
    await people.hand_over_deal(agency.anna, deal_id, boris)
    assert await agency.rows(select(Client.seller_id)) == [agency.anna.user_id]
    assert await sent(agency, boris) == ["deals_handed_over"]
    await people.hand_over_deal(agency.galina, other, boris)
    assert await agency.rows(select(Client.seller_id)) == [boris]
    assert await sent(agency, agency.anna.user_id) == ["deals_handed_over"]
    with pytest.raises(AlreadyDone):
        await people.hand_over_deal(agency.galina, other, boris)


async def test_that_somebody_can_be_written_to_again_is_on_record(agency: Any) -> None:
    await agency.services.people.blocked_bot(agency.anna)
    await agency.services.people.seen(agency.anna)
    [(actor, reachable)] = await agency.sql(
        "SELECT actor_id, reachable FROM audit_records, users u WHERE action = 'person.reachable' AND u.id = object_id"
    )
    assert (actor, reachable) == (agency.anna.user_id, True)
