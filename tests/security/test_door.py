"""Who comes to the door without business here: what he costs, what he is told, and what a flood of anybody does."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from models.enums import Role
from sandbox.people import VirtualUser
from services.people import NewInvite
from services.rules.guesses import OVERALL, PER_PERSON
from tests.bot.conftest import Agency, OpenAgency, faster
from tests.bot.front_desk import Desk
from tests.bot.test_front_intake import http, post, said
from tests.conftest import ManualClock

__all__ = ["http"]

LINE = "Это рабочий бот страхового агентства. Войти можно по приглашению администратора."
NO_GOOD = "Приглашение больше не действует. Попросите у администратора новое."
TOO_MANY = "Слишком много попыток со ссылками. Откройте свою позже."
QUICKER = "Вы быстрее меня"
LINES = "SELECT changes->>'line' FROM audit_records WHERE action = 'test.line' ORDER BY id"
ONLY_WHEN_CALLED = faster(look_again=3600, tick=3600)
"""Nothing asks the database of its own accord."""


@pytest.fixture
async def agency(open_agency: OpenAgency) -> Agency:
    """The product with its own screens, and the bot in front of it."""
    return await open_agency()


@contextmanager
def asked(agency: Agency) -> Iterator[list[str]]:
    """What the database is asked by the bot, as it hears it; the test's own waiting for silence left out."""
    engine, direct = agency.app.database.engine.sync_engine, agency.app.database.direct
    heard, watched = list[str](), set[int]()

    def hear(query: str) -> None:
        if "count(*)" not in query:
            heard.append(query)

    def listen(line: Any) -> None:
        if id(line) not in watched:
            watched.add(id(line))
            line.add_query_logger(told)

    def told(record: Any) -> None:
        hear(record.query)

    def watch(connection: Any, *_more: object) -> None:
        # What SQLAlchemy prepares it tells itself; BEGIN and COMMIT the driver sends past it.
        listen(connection.driver_connection)

    def execute(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        hear(statement)

    listeners = (("checkout", watch), ("before_cursor_execute", execute))
    for name, listener in listeners:
        event.listen(engine, name, listener)
    take, lines = direct._line, list[Any]()

    async def line() -> Any:
        lines.append(await take())
        listen(lines[-1])
        return lines[-1]

    setattr(direct, "_line", line)  # noqa: B010 - mypy lets no method be assigned
    try:
        yield heard
    finally:
        setattr(direct, "_line", take)  # noqa: B010
        for one in lines:
            one.remove_query_logger(told)
        for name, listener in listeners:
            event.remove(engine, name, listener)


async def invitation(agency: Agency, *roles: Role) -> NewInvite:
    """A link that Галина has made."""
    if not await agency.rows("SELECT 1 FROM users WHERE full_name = 'Галина'"):
        await agency.person("Галина", Role.ADMIN)
    telegram_id = await agency.value("SELECT telegram_id FROM users WHERE full_name = 'Галина'")
    people = agency.app.services.people
    galina = await people.identify(telegram_id)
    assert galina is not None
    return await people.invite(galina, list(roles or [Role.SELLER]))


def texts(person: VirtualUser) -> list[str]:
    return [message.text for message in person.received]


# --- strangers ----------------------------------------------------------------------------------------------------


async def test_a_stranger_costs_one_query_whatever_he_brings_and_nothing_of_it_is_written(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook", pace=ONLY_WHEN_CALLED)
    agency.world.delivery.allow(["message", "edited_message", "callback_query", "inline_query", "my_chat_member"])
    eve = agency.stranger("Ева")
    for bring in (
        eve.start,
        lambda: eve.start("0123456789abcdefABCDEF"),
        lambda: eve.say("пустите"),
        lambda: eve.edit(next(m for m in eve.messages if not m.out), "ну пустите"),
        lambda: eve.send_file("паспорт.pdf", b"%PDF-1.4"),
        lambda: eve.tap_data(eve.last, "plain"),
        lambda: eve.inline("сделки"),
        eve.block,
        eve.unblock,
    ):
        with asked(agency) as queries:
            await bring()
        assert len(queries) == 1
    assert await agency.rows("SELECT * FROM inbox") == []
    assert texts(eve) == [LINE, NO_GOOD]


async def test_somebody_blocked_costs_no_more_than_a_stranger(open_agency: OpenAgency, desk: Desk, http: Any) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook", pace=ONLY_WHEN_CALLED)
    klim = await agency.person("Клим", Role.SELLER)
    made = await invitation(agency, Role.ADMIN)
    await agency.execute("UPDATE users SET active = false WHERE full_name = 'Клим'")
    klim.person.started = True
    for number, words in enumerate(("/menu", f"/start {made.code}", "/start"), 1):
        with asked(agency) as queries:
            assert await post(agency, http, said(klim.id, words, number)) == 200
            await agency.quiet()
        assert len(queries) == 1
    assert await agency.rows("SELECT * FROM inbox") == []
    assert texts(klim) == [LINE, NO_GOOD]


async def test_groups_channels_and_the_business_chats_of_others_cost_nothing_and_hear_nothing(
    open_agency: OpenAgency, desk: Desk, http: Any
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook", pace=ONLY_WHEN_CALLED)
    anna = await agency.person("Анна", Role.SELLER)
    message = said(anna.id, "/start")["message"]
    group, channel = (
        {"id": -100123, "type": "supergroup", "title": "Все"},
        {"id": -100124, "type": "channel", "title": "К"},
    )
    tap = {"id": "7", "from": message["from"], "chat_instance": "1", "data": "plain"}
    with asked(agency) as queries:
        for number, body in enumerate(
            (
                {"message": message | {"chat": group}},
                {"callback_query": tap | {"message": message | {"chat": group}}},
                {"channel_post": message | {"chat": channel}},
                {"business_message": message | {"business_connection_id": "b"}},
                {"poll_answer": {"poll_id": "1", "user": message["from"], "option_ids": [0]}},
                {"what_comes_next_year": message},
            ),
            1,
        ):
            assert await post(agency, http, {"update_id": number} | body) == 200
        await agency.quiet()
    assert queries == []
    assert [call.method for call in agency.world.calls if call.method.startswith(("send", "answer"))] == []


async def test_a_thousand_messages_of_strangers_get_one_line_each_stranger_and_leave_nothing_behind(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    crowd = [agency.stranger(f"Ева {number}") for number in range(10)]
    anna = await agency.person("Анна", Role.SELLER)
    for number in range(100):
        for eve in crowd:
            await agency.world.say(eve.id, f"пустите {number}")
    await anna.start()
    assert anna.screen == "Page one\n[Stay]"
    assert [texts(eve) for eve in crowd] == [[LINE]] * 10
    assert await agency.value("SELECT count(*) FROM inbox") == 1


async def test_who_was_turned_away_a_moment_ago_comes_in_with_a_link_and_what_he_says_behind_it_is_not_lost(
    agency: Agency,
) -> None:
    made = await invitation(agency)
    sergey = agency.stranger("Сергей")
    await sergey.say("здравствуйте")
    assert texts(sergey) == [LINE]
    await agency.world.start(sergey.id, made.code)
    await agency.world.say(sergey.id, "/settings")
    await agency.world.say(sergey.id, "Семёнов Пётр")
    await sergey.quiet()
    assert "Семёнов Пётр" in sergey.screen
    assert any("Мои настройки" in text for text in texts(sergey))
    assert NO_GOOD not in texts(sergey)


# --- floods -------------------------------------------------------------------------------------------------------


async def test_a_flood_is_taken_in_to_the_last_word_and_spoken_of_once(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(burst=1, steady=0.5))
    anna, boris = await agency.person("Анна", Role.SELLER), await agency.person("Борис", Role.SELLER)
    await anna.start()
    await boris.start()
    await agency.world.say(anna.id, "one")
    await agency.world.say(anna.id, "two")
    await anna.quiet()
    # Another replica knows nothing of this flood, but what has been said it does know.
    await agency.close()
    await agency.open()
    await agency.world.say(anna.id, "three")
    await agency.world.say(anna.id, "four")
    await anna.quiet()
    assert [line for (line,) in await agency.rows(LINES)] == ["1 one", "2 two", "2 three", "2 four"]
    assert len([text for text in texts(anna) if QUICKER in text]) == 1
    assert [text for text in texts(boris) if QUICKER in text] == []


async def test_who_floods_takes_nobody_elses_place_and_a_bot_that_stops_gives_back_what_waits(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers, pace=faster(burst=2, steady=0.001, people_at_once=1, drain=0))
    anna, boris = await agency.person("Анна", Role.SELLER), await agency.person("Борис", Role.SELLER)
    await anna.start()
    await anna.say("one")
    await agency.world.say(anna.id, "waits for a quarter of an hour")
    await agency.world.say(boris.id, "/start")
    await boris.wait_for("Page one")
    await agency.close()
    assert await agency.rows(
        "SELECT status, leased_until FROM inbox WHERE status <> 'done' AND person_id = :p", p=anna.id
    ) == [("pending", None)]
    await agency.open()
    await anna.quiet()
    assert [line for (line,) in await agency.rows(LINES)] == ["1 one", "2 waits for a quarter of an hour"]


# --- invitations --------------------------------------------------------------------------------------------------


async def test_of_fifty_who_follow_one_link_at_once_one_comes_in(agency: Agency) -> None:
    made = await invitation(agency)
    crowd = [agency.stranger(f"Гость {number}") for number in range(50)]
    for guest in crowd:
        await agency.world.start(guest.id, made.code)
    await crowd[-1].quiet()
    assert await agency.value("SELECT count(*) FROM users WHERE full_name LIKE 'Гость %'") == 1
    assert [texts(guest) for guest in crowd].count([NO_GOOD]) == 49
    assert await agency.value("SELECT count(*) FROM audit_records WHERE action = 'invite.used'") == 1


async def test_a_code_has_128_bits_and_the_database_knows_its_hash_alone(agency: Agency) -> None:
    codes = [(await invitation(agency)).code for _ in range(3)]
    assert {len(base64.urlsafe_b64decode(code + "==")) for code in codes} == {16}
    assert len(set(codes)) == 3
    tables = [name for (name,) in await agency.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for name in tables:
        kept = str(await agency.rows(f"SELECT t::text FROM {name} t"))  # noqa: S608
        assert [code for code in codes if code in kept] == [], name


async def test_wrong_used_withdrawn_and_late_codes_are_answered_alike(agency: Agency, clock: ManualClock) -> None:
    used, withdrawn, late = [await invitation(agency) for _ in range(3)]
    await agency.stranger("Сергей").start(used.code)
    await agency.execute("UPDATE invites SET revoked_at = now() WHERE id = :id", id=withdrawn.id)
    await agency.execute("UPDATE invites SET expires_at = :at WHERE id = :id", at=clock.now(), id=late.id)
    eve = agency.stranger("Ева")
    costs = []
    for code in ("A" * 22, used.code, withdrawn.code, late.code, "привет <b>\u202e"):
        with asked(agency) as queries:
            await eve.say(f"/start {code}")
        costs.append([query for query in queries if "invites" in query])
    assert texts(eve) == [NO_GOOD] * 5
    assert [len(cost) for cost in costs] == [1] * 5


async def test_after_five_wrong_codes_in_an_hour_not_even_the_right_one_is_looked_at(
    agency: Agency, clock: ManualClock
) -> None:
    made = await invitation(agency)
    eve = agency.stranger("Ева")
    for number in range(PER_PERSON[0] + 3):
        await eve.start(f"wrong-{number}")
    await eve.start(made.code)
    assert texts(eve) == [NO_GOOD] * 5 + [TOO_MANY]
    assert await agency.value("SELECT count(*) FROM users WHERE full_name = 'Ева'") == 0
    other = agency.stranger("Сергей")
    await other.start("wrong")
    clock.advance(timedelta(hours=1))
    await eve.start(made.code)
    assert "Ваша роль: продавец" in eve.screen


async def test_sixty_wrong_codes_a_minute_close_the_door_for_a_minute_to_all_links(
    agency: Agency, clock: ManualClock
) -> None:
    made = await invitation(agency)
    crowd = [agency.stranger(f"Ева {number}") for number in range(OVERALL[0] // 3)]
    for number in range(3):
        for eve in crowd:
            await agency.world.start(eve.id, f"wrong-{number}")
    sergey = agency.stranger("Сергей")
    await sergey.start(made.code)
    assert texts(sergey) == [TOO_MANY]
    clock.advance(timedelta(minutes=1))
    await sergey.start(made.code)
    assert "Ваша роль: продавец" in sergey.screen


async def test_a_known_person_may_not_guess_either(agency: Agency, clock: ManualClock) -> None:
    made = await invitation(agency, Role.ADMIN)
    anna = await agency.person("Анна", Role.SELLER)
    for number in range(PER_PERSON[0]):
        await anna.start(f"wrong-{number}")
    await anna.start(made.code)
    assert await agency.value("SELECT roles FROM users WHERE full_name = 'Анна'") == ["seller"]
    clock.advance(timedelta(hours=1))
    await anna.start(made.code)
    assert await agency.value("SELECT roles FROM users WHERE full_name = 'Анна'") == ["seller", "admin"]


@pytest.mark.parametrize("owner", [True, False])
async def test_only_the_owners_own_start_opens_an_empty_house(open_agency: OpenAgency, owner: bool) -> None:
    agency = await open_agency(admin_ids=(1001,) if owner else ())
    olga = agency.stranger("Ольга")
    await olga.say("привет")
    await olga.start()
    assert await agency.rows("SELECT full_name, roles FROM users") == ([("Ольга", ["admin"])] if owner else [])
