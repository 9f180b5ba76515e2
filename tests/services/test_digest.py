"""A person's day: what is counted, in what order it is walked, and whose it is."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from models.enums import Role, TaskKind
from services.access import Actor
from services.digest import Day
from storage import repository
from tests.scheduler.acts import instalment, moscow, register
from tests.services.conftest import Agency

FAR = "2027-09-01"


async def day(agency: Agency, actor: Actor) -> dict[str, int]:
    """The counts that are not zero."""
    found = await agency.services.digest.day(actor)
    return _there(found)


def _there(found: Day) -> dict[str, int]:
    counts: dict[str, int] = {name: getattr(found.counts, name) for name in type(found.counts).__slots__}
    if found.agency is not None:
        counts |= {name: getattr(found.agency, name) for name in type(found.agency).__slots__}
    return {name: n for name, n in counts.items() if n}


async def walk(agency: Agency, actor: Actor) -> list[tuple[str, int, int, int]]:
    """All the cards of a day, one after the other."""
    seen: dict[str, list[int]] = {"deal": [], "task": []}
    cards = []
    while item := await agency.services.digest.next_item(actor, seen["deal"], seen["task"]):
        cards.append((item.kind, item.id, item.n, item.total))
        seen[item.kind].append(item.id)
    return cards


async def untouched(agency: Agency, seller: Actor, **fields: Any) -> int:
    """A deal that is not to be looked at soon."""
    deal = await agency.deal(seller, **fields)
    await agency.services.deals.postpone(seller, deal, FAR)
    return deal


async def give(agency: Agency, deal: int, due: str, who: Actor | None = None) -> int:
    executor = (who or agency.egor).user_id
    return await agency.services.tasks.give(agency.anna, deal, TaskKind.OTHER, executor, due, "Позвонить")


async def test_a_day_with_nothing_in_it_is_empty(agency: Agency) -> None:
    await untouched(agency, agency.anna)
    for actor in (agency.anna, agency.boris, agency.egor, agency.galina):
        found = await agency.services.digest.day(actor)
        assert (found.is_empty, found.can_be_walked) == (True, False)
        assert await walk(agency, actor) == []


async def test_a_sellers_day_counts_what_burns_and_what_is_today(agency: Agency) -> None:
    moscow(agency, 2027, 3, 2, 12)
    late = await agency.deal(agency.anna, review_by_hand=None)
    today = await agency.deal(agency.anna)
    expired = await agency.deal(agency.anna)
    await register(agency, agency.anna, expired)  # it ended yesterday
    await agency.services.deals.postpone(agency.anna, expired, FAR)
    owing, _payment = await instalment(agency, agency.anna, date(2027, 2, 25))
    await agency.services.deals.postpone(agency.anna, owing, FAR)
    due, _payment = await instalment(agency, agency.anna, date(2027, 3, 2))
    await agency.services.deals.postpone(agency.anna, due, FAR)
    await _set_review(agency, late, date(2027, 2, 26))
    for deal in (expired, owing, due):
        await _set_review(agency, deal, date(2027, 9, 1))
    assert await day(agency, agency.anna) == {
        "overdue_touches": 1,
        "expired_policies": 1,
        "overdue_payments": 1,
        "today_touches": 1,
        "today_payments": 1,
    }
    # Burning first, the oldest first; then today's; each deal once.
    assert await walk(agency, agency.anna) == [
        ("deal", owing, 1, 4), ("deal", late, 2, 4), ("deal", expired, 3, 4), ("deal", today, 4, 4),
    ]  # fmt: skip
    assert await day(agency, agency.boris) == {}


async def _set_review(agency: Agency, deal: int, on: date) -> None:
    async with agency.database.writing() as session:
        await session.execute(text("UPDATE deals SET review_on = :on WHERE id = :d"), {"on": on, "d": deal})
        await session.commit()


async def test_a_promised_instalment_burns_only_after_the_promised_day(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 3, 4))
    moscow(agency, 2026, 3, 5, 12)
    assert (await day(agency, agency.anna))["overdue_payments"] == 1
    await agency.services.money.promise(agency.anna, payment, date(2026, 3, 12))
    assert await day(agency, agency.anna) == {}
    moscow(agency, 2026, 3, 13, 12)
    assert (await day(agency, agency.anna))["overdue_payments"] == 1


async def test_short_policies_and_closed_deals_do_not_burn(agency: Agency) -> None:
    deal = await agency.deal(agency.anna, line="travel")
    await register(agency, agency.anna, deal, starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 11))
    moscow(agency, 2026, 3, 20, 12)
    assert await day(agency, agency.anna) == {"overdue_touches": 1}
    await agency.services.deals.close(agency.anna, deal, "ended", "finished")
    assert await day(agency, agency.anna) == {}


async def test_who_waits_is_counted_for_the_seller_and_the_queue_for_the_executor(agency: Agency) -> None:
    deals = [await untouched(agency, agency.anna) for _ in range(4)]
    queued = await give(agency, deals[0], "2026-03-06T18:00")
    asked = await give(agency, deals[1], "2026-03-06T18:00")
    soon = await give(agency, deals[2], "2026-03-03T18:00")
    late = await give(agency, deals[3], "2026-03-02T18:00")
    for task in (soon, late):
        await agency.services.tasks.accept(agency.egor, task)
    await agency.services.tasks.ask(agency.egor, asked, "Какой год?")
    moscow(agency, 2026, 3, 3, 9)
    assert await day(agency, agency.anna) == {"overdue_tasks": 1, "questions": 1, "not_accepted": 1}
    assert await day(agency, agency.egor) == {"overdue_tasks": 1, "today_tasks": 1, "queue": 1}
    assert await day(agency, agency.faina) == {}
    assert [id_ for kind, id_, *_n in await walk(agency, agency.egor) if kind == "task"] == [late, soon, queued]
    assert [id_ for _kind, id_, *_n in await walk(agency, agency.anna)] == [late, queued, asked]
    # When it is answered and done, nobody waits.
    await agency.services.tasks.answer(agency.anna, asked, "2020")
    for task in (late, queued):
        await agency.services.tasks.finish(agency.egor, task)
    assert await day(agency, agency.anna) == {}


async def test_an_executors_day_has_no_deals_of_others(agency: Agency) -> None:
    """He sees the deals that he executes; looking after them is their seller's."""
    await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    assert await day(agency, agency.egor) == {}


async def test_a_mere_admin_sees_the_whole_agencys_day_and_what_only_he_can_mend(agency: Agency) -> None:
    deal = await agency.deal(agency.boris)
    await register(agency, agency.boris, await untouched(agency, agency.boris))  # no rate is known for it
    async with agency.database.writing() as session:
        await session.execute(text("UPDATE users SET reachable = false WHERE id = :u"), {"u": agency.faina.user_id})
        await session.execute(
            text(
                "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts)"
                " VALUES (1, 1, 1, '{}', 'dead', 9)"
            )
        )
        await session.commit()
    assert await day(agency, agency.galina) == {
        "today_touches": 1,
        "rates_missing": 1,
        "dead_updates": 1,
        "unreachable": 1,
    }
    assert await walk(agency, agency.galina) == [("deal", deal, 1, 1)]


async def test_what_a_day_has_more_of_than_is_counted_says_so_and_is_walked_to_its_end(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    deals = [await agency.deal(agency.boris) for _ in range(3)]
    for _ in range(2):
        await register(agency, agency.boris, await untouched(agency, agency.boris))  # no rate is known for them
    monkeypatch.setattr(repository, "MANY", 1)
    for actor in (agency.boris, agency.galina):
        shown = await agency.services.digest.day(actor)
        assert str(shown.counts.today_touches) == "1+"
        assert shown.agency is None or str(shown.agency.rates_missing) == "1+"
        assert [(id_, n, str(total)) for _kind, id_, n, total in await walk(agency, actor)] == [
            (deals[0], 1, "1+"), (deals[1], 2, "2+"), (deals[2], 3, "3"),
        ]  # fmt: skip


async def test_a_deal_that_burns_for_several_reasons_is_one_card(agency: Agency) -> None:
    moscow(agency, 2027, 3, 2, 12)
    deal = await untouched(agency, agency.anna)
    await register(agency, agency.anna, deal)  # it ended yesterday
    await _set_review(agency, deal, date(2027, 2, 26))
    assert set(await day(agency, agency.anna)) == {"overdue_touches", "expired_policies"}
    for actor in (agency.anna, agency.galina):
        assert await walk(agency, actor) == [("deal", deal, 1, 1)]


async def test_nothing_of_a_closed_deal_waits_for_the_admin_who_sees_everything_nor_of_one_reopened(
    agency: Agency,
) -> None:
    moscow(agency, 2027, 3, 2, 12)
    deal = await untouched(agency, agency.anna)
    await register(agency, agency.anna, deal)  # it ended yesterday
    await agency.services.deals.postpone(agency.anna, deal, FAR)
    ending = agency.services.policies.ending
    assert (await day(agency, agency.galina))["expired_policies"] == 1
    assert (await ending(agency.galina))[1] == 1
    await agency.services.deals.close(agency.anna, deal, "ended", "sold_object")
    assert await day(agency, agency.galina) == {"rates_missing": 1}
    assert (await ending(agency.galina))[1] == 0
    await agency.services.deals.reopen(agency.anna, deal)
    assert "expired_policies" not in await day(agency, agency.galina)
    assert (await ending(agency.galina))[1] == 0


async def test_an_admin_who_sells_walks_his_own_deals(agency: Agency) -> None:
    both = await agency.person(900, "Дарья", Role.SELLER, Role.ADMIN)
    mine = await agency.deal(both)
    await agency.deal(agency.boris)
    assert await walk(agency, both) == [("deal", mine, 1, 1)]


async def test_today_is_the_persons_own_today(agency: Agency) -> None:
    far = await agency.person(901, "Владислав", Role.SELLER)
    async with agency.database.writing() as session:
        await session.execute(text("UPDATE users SET time_zone = 'Asia/Vladivostok' WHERE id = :u"), {"u": far.user_id})
        await session.commit()
    found = await agency.services.people.identify(901)
    assert found is not None
    deal = await agency.deal(far)
    await _set_review(agency, deal, date(2026, 3, 3))
    moscow(agency, 2026, 3, 2, 20)
    assert await day(agency, found) == {"today_touches": 1}
