"""Many people in one moment: they share statements, and nobody pays for what somebody else has sent."""

import asyncio
from typing import Any

import aiohttp
from asyncpg import PostgresError

from bot.pace import Pace
from models.enums import Role
from storage.dialog_state import PostgresDialogState
from storage.inbox import RawUpdate
from tests.bot.conftest import Agency, Cable, OpenAgency, faster
from tests.bot.front_desk import Desk
from tests.bot.test_front_intake import LINES, post, said

PEOPLE = 30


async def crowd(agency: Agency) -> list[int]:
    return [(await agency.person(f"Человек {number}", Role.SELLER)).id for number in range(PEOPLE)]


async def at_the_first_page(open_agency: OpenAgency, desk: Desk, pace: Pace) -> tuple[Agency, list[int]]:
    """A crowd in an agency of this pace, the order of their numbers not that of their coming."""
    agency = await open_agency(screens=desk.routers, pace=pace)
    people = await crowd(agency)
    await asyncio.gather(*(brought(agency, said(person, "/start", person), person) for person in people))
    await agency.quiet()
    return agency, people[::-1]


async def all_say_their_number(agency: Agency, people: list[int]) -> None:
    await asyncio.gather(*(brought(agency, said(person, f"{n}", 9000 + n), person) for n, person in enumerate(people)))


class Held:
    """Holds whoever begins until `goes_on`; `begun` says who, and `reached` that it was as many as were waited for."""

    def __init__(self, desk: Desk, wait_for: int) -> None:
        self.begun: list[str] = []
        self.reached, self.goes_on = asyncio.Event(), asyncio.Event()
        self._wait_for = wait_for
        desk.hook = self._hold

    async def _hold(self, moment: str, text: str) -> None:
        if moment == "before":
            self.begun.append(text)
            if len(self.begun) == self._wait_for:
                self.reached.set()
            await self.goes_on.wait()


def brought(agency: Agency, update: dict[str, Any], person_id: int) -> Any:
    return agency.app.worker.bring([RawUpdate(update["update_id"], person_id, update)], agency.clock.now())


async def test_what_a_crowd_sends_at_once_is_written_by_one_statement_and_served_once_each(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    people = await crowd(agency)
    # Another replica has something of each of them under way, so that nothing is begun before it is looked at.
    await agency.execute(
        "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, leased_until)"
        " SELECT :b, telegram_id - 1000, telegram_id, '{}', 'pending', 1, now() + interval '1 hour' FROM users",
        b=agency.app.bot.id,
    )
    await asyncio.gather(*(brought(agency, said(person, "/start", person), person) for person in people))
    assert await agency.value("SELECT count(DISTINCT xmin::text) FROM inbox WHERE update_id > 1000") == 1
    await agency.execute("UPDATE inbox SET status = 'done', leased_until = NULL WHERE update_id <= 1000")
    await agency.quiet()
    await asyncio.gather(*(brought(agency, said(person, f"{person}", 9000 + person), person) for person in people))
    await agency.quiet()
    assert sorted(await agency.rows(LINES)) == sorted((f"1 {person}",) for person in people)


async def test_of_an_update_that_comes_twice_in_one_moment_one_is_kept(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    people = await crowd(agency)
    async with aiohttp.ClientSession() as http:
        for place, text in enumerate(("/start", "once"), 1):
            posts = [post(agency, http, said(person, text, place * 9000 + person)) for person in people * 2]
            assert set(await asyncio.gather(*posts)) == {200}
            await agency.quiet()
    assert await agency.rows(LINES) == [("1 once",)] * PEOPLE


async def test_who_sends_several_things_in_one_moment_is_served_in_their_order(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    people = await crowd(agency)
    texts = ["/start", "first", "second"]
    await asyncio.gather(
        *(
            brought(agency, said(person, text, 10 * person + n), person)
            for person in people
            for n, text in enumerate(texts)
        )
    )
    await agency.quiet()
    for person in people:
        user = await agency.value("SELECT id FROM users WHERE telegram_id = :p", p=person)
        assert desk.heard[user] == ["1 first", "2 second"]


async def test_of_a_crowd_for_which_there_are_not_enough_places_who_came_first_is_served_first(
    open_agency: OpenAgency, desk: Desk
) -> None:
    # Who hangs gives his place at work up soon: as many begin as there are places at all.
    agency, people = await at_the_first_page(open_agency, desk, faster(people_at_once=3, working_at_once=1))
    held = Held(desk, 3)
    await all_say_their_number(agency, people)
    await held.reached.wait()
    assert sorted(held.begun) == ["1 0", "1 1", "1 2"]
    held.goes_on.set()
    await agency.quiet()
    assert len(await agency.rows(LINES)) == PEOPLE


async def test_a_crowd_is_served_a_few_at_a_time_in_the_order_of_coming(open_agency: OpenAgency, desk: Desk) -> None:
    agency, people = await at_the_first_page(open_agency, desk, faster(working_at_once=2, working=1000))
    held = Held(desk, 2)
    await all_say_their_number(agency, people)
    await held.reached.wait()
    await asyncio.sleep(0.1)
    assert held.begun == ["1 0", "1 1"]
    held.goes_on.set()
    await agency.quiet()
    assert held.begun == [f"1 {n}" for n in range(PEOPLE)]


async def test_a_bot_that_stops_gives_back_what_waits_for_a_place_at_work(open_agency: OpenAgency, desk: Desk) -> None:
    pace = faster(working_at_once=1, working=1000, drain=0)
    agency, people = await at_the_first_page(open_agency, desk, pace)
    held = Held(desk, 1)
    await all_say_their_number(agency, people)
    await held.reached.wait()
    await agency.close()
    left = "SELECT status, leased_until FROM inbox WHERE status <> 'done'"
    assert await agency.rows(left) == [("pending", None)] * PEOPLE
    held.goes_on.set()
    await agency.open()
    await agency.quiet()
    assert sorted(await agency.rows(LINES)) == sorted((f"1 {n}",) for n in range(PEOPLE))


async def test_nobody_waits_for_what_somebody_else_waits_for_at_telegram(open_agency: OpenAgency, desk: Desk) -> None:
    agency, people = await at_the_first_page(open_agency, desk, faster(working_at_once=1, working=1000))
    agency.world.faults.set(latency=3.0)
    held = Held(desk, PEOPLE)
    held.goes_on.set()
    await all_say_their_number(agency, people)
    await held.reached.wait()
    assert await agency.value("SELECT count(*) FROM inbox WHERE status = 'pending'") == PEOPLE  # nobody is done
    agency.world.faults.clear()
    await agency.quiet()
    assert len(await agency.rows(LINES)) == PEOPLE


async def test_what_the_database_refuses_of_one_person_is_no_matter_of_those_who_came_with_him(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    people = await crowd(agency)
    updates = [said(person, "/start", person) for person in people]
    beyond = people[PEOPLE // 2]
    updates[PEOPLE // 2]["update_id"] = 1 << 70
    results = await asyncio.gather(
        *(brought(agency, update, person) for update, person in zip(updates, people, strict=True)),
        return_exceptions=True,
    )
    failed = [person for person, result in zip(people, results, strict=True) if isinstance(result, PostgresError)]
    assert failed == [beyond]
    await agency.quiet()
    assert await agency.value("SELECT count(*) FROM inbox WHERE status = 'done'") == PEOPLE - 1


async def test_a_crowd_that_comes_while_the_database_is_away_is_sent_away_and_served_when_it_comes_again(
    open_agency: OpenAgency, desk: Desk, cable: Cable
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook", database=cable.url)
    people = await crowd(agency)
    await cable.cut()
    async with aiohttp.ClientSession() as http:
        posts = [post(agency, http, said(person, "/start", person)) for person in people]
        assert set(await asyncio.gather(*posts)) == {503}
        await cable.mend()
        for text, place in (("/start", 0), ("now", 9000)):
            posts = [post(agency, http, said(person, text, place + person)) for person in people]
            assert set(await asyncio.gather(*posts)) == {200}
            await agency.quiet()
    assert await agency.rows(LINES) == [("1 now",)] * PEOPLE


async def test_who_gives_up_waiting_takes_nobody_along(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    people = await crowd(agency)
    tasks = [asyncio.create_task(brought(agency, said(person, "/start", person), person)) for person in people]
    await asyncio.sleep(0)  # the first is on its way to the database, all others wait for it
    tasks[0].cancel()
    tasks[5].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results].count(asyncio.CancelledError) == 2
    await agency.quiet()
    kept = {person for (person,) in await agency.rows("SELECT person_id FROM inbox WHERE status = 'done'")}
    assert kept >= set(people) - {people[0], people[5]}


async def test_screens_of_a_crowd_are_kept_by_one_statement_and_none_over_a_newer_one(agency: Agency) -> None:
    elsewhere, late = agency.app.bot.id + 1, {3, 4}
    await agency.execute(
        "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, leased_until)"
        " SELECT :b, n, n, '{}', 'pending', 2, now() + interval '1 hour' FROM generate_series(1, 30) n",
        b=elsewhere,
    )
    await agency.execute(
        "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts)"
        " SELECT :b, 100 + n, n, '{}', 'pending', 0 FROM generate_series(1, 10) n",
        b=elsewhere,
    )
    store = PostgresDialogState(agency.app.database)

    async def keep(number: int) -> bool | None:
        lease = (number, 1 if number in late else 2)
        return await store.save(elsewhere, number, {"": {"state": str(number)}}, f"by {number}", lease)

    more = await asyncio.gather(*map(keep, range(1, 31)))
    assert more == [None if number in late else number <= 10 for number in range(1, 31)]
    kept = "SELECT chat_id, records->''->>'state', written_by FROM dialog_state WHERE bot_id = :b ORDER BY chat_id"
    assert await agency.rows(kept, b=elsewhere) == [
        (number, str(number), f"by {number}") for number in range(1, 31) if number not in late
    ]
    assert await agency.value("SELECT count(DISTINCT xmin::text) FROM dialog_state WHERE bot_id = :b", b=elsewhere) == 1
    left = "SELECT update_id FROM inbox WHERE bot_id = :b AND update_id <= 30 AND status = 'pending' ORDER BY 1"
    assert await agency.rows(left, b=elsewhere) == [(number,) for number in sorted(late)]
