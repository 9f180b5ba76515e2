"""What the front door promises about updates: each has its effect once, in the person's order, whatever happens."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiogram_dialog.utils import encode_reply_callback

from bot.app import App
from bot.pace import AT_ONCE
from models.enums import Role
from sandbox.people import VirtualUser
from storage.dialog_state import PostgresDialogState
from tests.bot.conftest import Agency, Cable, Intake, OpenAgency, faster, settings_for
from tests.bot.front_desk import Desk
from tests.conftest import ROOT, free_port

LINES = "SELECT changes->>'line' FROM audit_records WHERE action = 'test.line' ORDER BY id"
PAGE_TWO = "Page two: {}\n[Press]\n[Later]"


async def on_page_two(agency: Agency, name: str = "Анна") -> VirtualUser:
    person = await agency.person(name, Role.SELLER)
    await person.start()
    await person.say("hello")
    assert person.screen == PAGE_TWO.format("hello")
    return person


@pytest.mark.parametrize("intake", ["polling", "webhook"])
async def test_a_person_walks_through_a_dialog(open_agency: OpenAgency, desk: Desk, intake: Intake) -> None:
    agency = await open_agency(screens=desk.routers, intake=intake)
    anna = await on_page_two(agency)
    await anna.tap("Press")
    assert await agency.rows(LINES) == [("1 hello",), ("pressed",)]


async def test_a_half_typed_screen_survives_a_restart(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await on_page_two(agency)
    await agency.close()
    await agency.open()
    await anna.say("more")
    assert desk.heard[await agency.user_id(anna)] == ["1 hello", "2 more"]


async def test_redis_keeps_the_screens_where_there_is_one(open_agency: OpenAgency, desk: Desk, redis_url: str) -> None:
    agency = await open_agency(screens=desk.routers, redis=redis_url)
    anna = await on_page_two(agency)
    await anna.say("more")
    assert await agency.rows(LINES) == [("1 hello",), ("2 more",)]
    assert await agency.rows("SELECT * FROM dialog_state") == []


async def test_without_its_redis_the_bot_shows_a_fresh_screen_and_loses_no_update(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers, redis=f"redis://127.0.0.1:{free_port()}/0")
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    await anna.say("into the void")
    await anna.start()
    assert anna.screen == "Page one\n[Stay]"
    assert await agency.rows("SELECT status, count(*) FROM inbox GROUP BY status") == [("done", 3)]


async def test_updates_of_one_person_run_in_order_and_never_at_once(open_agency: OpenAgency) -> None:
    async def slowly(moment: str, _text: str) -> None:
        if moment == "before":
            for _ in range(20):
                await asyncio.sleep(0)

    desk = Desk(slowly)
    agency = await open_agency(screens=desk.routers)
    people = [await on_page_two(agency, name) for name in ("Анна", "Борис", "Вера")]
    for number in range(10):
        for person in people:
            await agency.world.say(person.id, str(number))
    await people[0].quiet()
    for person in people:
        user_id = await agency.user_id(person)
        assert desk.heard[user_id] == ["1 hello", *(f"2 {number}" for number in range(10))]
        assert desk.most_at_once[user_id] == 1


async def test_two_replicas_keep_the_order_of_a_person_between_them(open_agency: OpenAgency, tmp_path: Path) -> None:
    replicas: list[App] = []

    async def slowly(moment: str, _text: str) -> None:
        if moment == "before":
            for replica in replicas:
                replica.worker.wake()  # Telegram calls one of them only: let both go for whatever is there
            for _ in range(20):
                await asyncio.sleep(0)

    desk = Desk(slowly)
    agency = await open_agency(screens=desk.routers, intake="webhook")
    people = [await on_page_two(agency, name) for name in ("Анна", "Борис", "Вера")]
    database = agency.settings.storage.database_url
    assert database is not None
    settings = settings_for(
        agency.telegram, database.get_secret_value(), tmp_path, intake="webhook", webhook_port=free_port()
    )
    async with App(settings, clock=agency.clock, pace=AT_ONCE, screens=desk.routers) as second:
        replicas += [agency.app, second]
        for number in range(20):
            for person in people:
                await agency.world.say(person.id, str(number))
        await agency.world.delivery.empty()
        await second.quiet()
        await agency.quiet()
        handled = [app.metrics.updates.labels("message", "handled")._value.get() for app in replicas]
    assert sum(handled) == 3 * 22
    assert min(handled) > 3 * 2  # both have worked
    for person in people:
        user_id = await agency.user_id(person)
        assert desk.heard[user_id] == ["1 hello", *(f"2 {number}" for number in range(20))]
        assert desk.most_at_once[user_id] == 1


async def test_people_do_not_wait_for_each_other(open_agency: OpenAgency) -> None:
    both = asyncio.Barrier(2)

    async def together(moment: str, text: str) -> None:
        if moment == "before" and text == "2 meet":
            async with asyncio.timeout(30):
                await both.wait()

    agency = await open_agency(screens=Desk(together).routers)
    anna, boris = await on_page_two(agency), await on_page_two(agency, "Борис")
    await agency.world.say(anna.id, "meet")
    await boris.say("meet")
    assert (await agency.rows(LINES))[2:] == [("2 meet",), ("2 meet",)]


async def test_a_double_tap_runs_one_tap_after_the_other(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await on_page_two(agency)
    await anna.double_tap("Press")
    assert desk.most_at_once[await agency.user_id(anna)] == 1


async def test_a_redraw_in_the_background_waits_for_the_tap_that_asked_for_it(open_agency: OpenAgency) -> None:
    order: list[str] = []

    async def slowly(moment: str, text: str) -> None:
        if text == "later":
            for _ in range(50):
                await asyncio.sleep(0)
        order.append(f"{moment} {text}".strip())

    agency = await open_agency(screens=Desk(slowly).routers)
    anna = await on_page_two(agency)
    order.clear()
    await anna.tap("Later")
    assert order == ["before later", "after later", "shown", "shown"]
    assert anna.screen == PAGE_TWO.format("from behind")


# --- what goes wrong ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def another_process(agency: Agency, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The same bot as a process that may be killed; the one in this process is stopped."""
    await agency.close()
    token, database = agency.settings.telegram.bot_token, agency.settings.storage.database_url
    assert token is not None
    assert database is not None
    given = {
        "PATH": os.environ["PATH"],
        "BOT_TOKEN": token.get_secret_value(),
        "TELEGRAM_API_URL": agency.telegram.url,
        "DATABASE_URL": database.get_secret_value(),
        "DATA_DIR": str(agency.settings.storage.data_dir),
        "HEALTH_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bot.front_desk", env=given | environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        while (line := await process.stdout.readline()) and b"at work" not in line:
            pass
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await agency.execute("UPDATE inbox SET leased_until = clock_timestamp() WHERE leased_until IS NOT NULL")
    await agency.open()


async def test_killed_between_commit_and_answer_the_effect_is_there_once_and_the_answer_comes_after_a_restart(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    async with another_process(agency, DIE_AT="after") as process:
        await agency.world.say(anna.id, "hello")
        assert await process.wait() == -9
        assert await agency.rows(LINES) == [("1 hello",)]
        assert anna.screen == "Page one\n[Stay]"
    await anna.quiet()
    assert await agency.rows(LINES) == [("1 hello",)]
    assert anna.screen == PAGE_TWO.format("hello")


@pytest.mark.parametrize("where", ["Postgres", "Redis"])
async def test_killed_when_the_next_window_was_saved_the_same_words_are_not_taken_for_that_window(
    open_agency: OpenAgency, desk: Desk, request: pytest.FixtureRequest, where: str
) -> None:
    """In Postgres the update is done by then; Redis does not know the inbox, and the update comes again."""
    redis: str | None = request.getfixturevalue("redis_url") if where == "Redis" else None
    agency = await open_agency(screens=desk.routers, redis=redis)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    at = {"DIE_AT": "done", "REDIS_URL": redis} if redis else {"DIE_AT": "saved"}
    async with another_process(agency, **at) as process:
        await agency.world.say(anna.id, "hello")
        assert await process.wait() == -9
        left = await agency.rows("SELECT count(*) FROM inbox WHERE status = 'pending'")
    assert left == [(1 if redis else 0,)]
    await anna.quiet()
    assert await agency.rows(LINES) == [("1 hello",)]
    assert anna.screen == PAGE_TWO.format("hello")
    assert [m.text for m in anna.received].count("Page two: hello") == 1


def failing(text: str, times: int) -> Callable[[str, str], Any]:
    """A hook that fails so many times after the effect of these words."""
    left = iter(range(times))

    async def fail(moment: str, said: str) -> None:
        if moment == "after" and said.endswith(text) and next(left, None) is not None:
            raise RuntimeError("a mistake in a handler")

    return fail


async def test_an_update_that_fails_is_tried_again_without_repeating_its_effect(open_agency: OpenAgency) -> None:
    desk = Desk(failing("hello", 1))
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    await anna.say("hello")
    assert anna.screen == PAGE_TWO.format("hello")
    assert desk.heard[await agency.user_id(anna)] == ["1 hello", "1 hello"]
    assert await agency.rows(LINES) == [("1 hello",)]


async def test_a_poisonous_update_is_put_aside_and_the_person_and_others_go_on(open_agency: OpenAgency) -> None:
    agency = await open_agency(screens=Desk(failing("poison", 1000)).routers)
    anna, boris = await on_page_two(agency), await on_page_two(agency, "Борис")
    owner = await agency.person("Ольга", Role.ADMIN)
    await agency.world.say(anna.id, "poison")
    await agency.world.say(anna.id, "cure")
    await boris.say("hello")
    [(status, attempts, error)] = await agency.rows(
        "SELECT status, attempts, error FROM inbox WHERE payload->'message'->>'text' = 'poison'"
    )
    assert (status, attempts) == ("dead", AT_ONCE.update_attempts)
    assert "a mistake in a handler" in error
    [told] = [m.text for m in anna.received if "Что-то пошло не так" in m.text]
    reference = told[-6:]
    assert anna.screen == PAGE_TWO.format("hello")
    lines = [line for (line,) in await agency.rows(LINES)]
    assert lines.count("2 poison") == 1
    assert {"2 cure", "2 hello"} <= set(lines)
    assert reference in error
    assert "Анна" in owner.screen
    assert reference in owner.screen


async def test_a_tap_is_answered_even_when_its_handler_forgets_or_fails(open_agency: OpenAgency) -> None:
    fails = iter([False, True, False])

    async def now_and_then(moment: str, _text: str) -> None:
        if moment == "plain" and next(fails):
            raise RuntimeError("a mistake in a handler")

    agency = await open_agency(screens=Desk(now_and_then).routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.say("/buttons")
    forgotten = await anna.tap("Plain")
    failed = await anna.tap("Plain")
    assert forgotten is not None
    assert forgotten.text is None
    assert failed is not None
    assert "Что-то пошло не так" in str(failed.text)


async def test_while_the_database_is_away_updates_wait_and_no_attempt_is_counted(
    open_agency: OpenAgency, cable: Cable
) -> None:
    cut = asyncio.Event()

    async def pull_the_plug(moment: str, text: str) -> None:
        if moment == "before" and text == "2 dark" and not cut.is_set():
            await cable.cut()
            cut.set()

    agency = await open_agency(screens=Desk(pull_the_plug).routers, database=cable.url)
    anna = await on_page_two(agency)
    await agency.world.say(anna.id, "dark")
    await cut.wait()
    await agency.world.say(anna.id, "light")
    await cable.mend()
    await anna.quiet()
    assert await agency.rows(LINES) == [("1 hello",), ("2 dark",), ("2 light",)]
    assert await agency.rows("SELECT max(attempts), count(*) FROM inbox WHERE status = 'done'") == [(1, 4)]


async def test_when_telegram_drops_the_answer_the_effect_is_not_repeated_and_the_answer_comes(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(telegram_attempts=1000))
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    agency.world.faults.set(reset_before_rate=1.0, methods=["sendMessage"])
    await agency.world.say(anna.id, "hello")
    with agency.world.subscribe() as events:
        async for event in events:
            if event.kind == "call" and event.data["method"] == "sendMessage" and event.data["number"] > 0:
                break
    agency.world.faults.clear()
    await anna.quiet()
    assert await agency.rows(LINES) == [("1 hello",)]
    assert anna.screen == PAGE_TWO.format("hello")


async def test_asked_to_stop_the_bot_finishes_what_is_under_way(open_agency: OpenAgency) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hold(moment: str, text: str) -> None:
        if moment == "before" and text == "2 long":
            begun.set()
            await go_on.wait()

    agency = await open_agency(screens=Desk(hold).routers)
    anna = await on_page_two(agency)
    await agency.world.say(anna.id, "long")
    await begun.wait()
    stopping = asyncio.create_task(agency.close())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    await agency.open()
    assert await agency.rows("SELECT status, attempts FROM inbox ORDER BY update_id DESC LIMIT 1") == [("done", 1)]
    assert await agency.rows(LINES) == [("1 hello",), ("2 long",)]


async def test_an_invisible_tail_is_text_and_no_press(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await on_page_two(agency)
    await anna.say("harmless" + encode_reply_callback("press"))
    await anna.say("from a PDF\u00ad")
    assert await agency.rows(LINES) == [("1 hello",), ("2 harmless",), ("2 from a PDF",)]


async def test_what_an_attempt_saves_after_it_has_lost_its_update_does_not_cover_the_newer_screen(
    agency: Agency,
) -> None:
    bot_id, person_id, update_id = agency.app.bot.id, 4711, 99
    await agency.execute(
        "INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, leased_until)"
        " VALUES (:b, :u, :p, '{}', 'pending', 2, now() + interval '1 hour')",
        b=bot_id, u=update_id, p=person_id,
    )  # fmt: skip
    store = PostgresDialogState(agency.app.database)
    await store.save(bot_id, person_id, {"": {"state": "newer"}}, "x", (update_id, 2))
    await store.save(bot_id, person_id, {"": {"state": "older"}}, "x", (update_id, 1))
    assert (await store.load(bot_id, person_id)).records == {"": {"state": "newer"}}


@pytest.mark.parametrize(
    ("faults", "seconds"), [({"error_rate": 1.0}, 3600), ({"too_many_rate": 1.0, "retry_after": 7200}, 7200)]
)
async def test_while_telegram_is_away_an_update_waits_by_telegrams_time_and_not_as_a_failing_one(
    open_agency: OpenAgency, desk: Desk, faults: dict[str, Any], seconds: int
) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(telegram_waits=(3600,), update_waits=(9_999_999,)))
    anna = await agency.person("Анна", Role.SELLER)
    agency.world.faults.set(**faults, methods=["sendMessage"])
    await agency.world.say(anna.id, "/start")
    async with asyncio.timeout(30):
        while not await agency.rows("SELECT 1 FROM inbox WHERE error IS NOT NULL"):  # noqa: ASYNC110 - the bot's part
            await asyncio.sleep(0.01)
    wait = await agency.value("SELECT extract(epoch FROM not_before - clock_timestamp())::integer FROM inbox")
    assert seconds - 60 < wait <= seconds
    agency.world.faults.clear()
    await agency.execute("UPDATE inbox SET not_before = now()")
    await anna.quiet()
    assert anna.screen
