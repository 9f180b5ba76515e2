"""What Telegram hears from the front door: yes when an update is written down, and never yes before."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.intake import BODY_LIMIT, SECRET_HEADER, keepable, person_of
from models.enums import Role
from storage.inbox import RawUpdate
from tests.bot.conftest import SECRET, Agency, Cable, OpenAgency
from tests.bot.front_desk import Desk

LINES = "SELECT changes->>'line' FROM audit_records WHERE action = 'test.line' ORDER BY id"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def said(person_id: int, text: str, update_id: int = 1) -> dict[str, Any]:
    """A message as Telegram sends it."""
    person = {"id": person_id, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    chat = {"id": person_id, "type": "private", "first_name": "Анна"}
    message = {"message_id": 10_000 + update_id, "date": 1_772_000_000, "chat": chat, "from": person, "text": text}
    return {"update_id": update_id, "message": message}


async def post(agency: Agency, http: aiohttp.ClientSession, body: Any, secret: str | None = SECRET) -> int:
    """Post to the webhook; returns the status."""
    headers = {} if secret is None else {SECRET_HEADER: secret}
    url = agency.settings.webhook.webhook_url
    assert url is not None
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with http.post(url, headers=headers, data=data) as response:
        return response.status


async def test_an_update_delivered_three_times_has_one_effect(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    for _ in range(3):
        assert await post(agency, http, said(anna.id, "once")) == 200
        await agency.quiet()
    assert await agency.rows(LINES) == [("1 once",)]


async def test_of_updates_that_come_at_once_one_is_begun_and_none_is_taken_for_known(agency: Agency) -> None:
    """What the fence of the leases refuses is kept without a lease."""
    anna = await agency.person("Анна", Role.SELLER)
    inbox, elsewhere, now = agency.app.inbox, agency.app.bot.id + 1, agency.clock.now()

    async def brought(number: int) -> list[int]:
        update = RawUpdate(number, anna.id, {"update_id": number})
        people, taken = await inbox.add(elsewhere, [update], now, at_once=[anna.id])
        assert people == {anna.id}
        return [one.update_id for one in taken]

    begun = [number for found in await asyncio.gather(*map(brought, range(1, 31))) for number in found]
    assert len(begun) == 1
    kept = "SELECT update_id, leased_until IS NOT NULL FROM inbox WHERE bot_id = :b ORDER BY update_id"
    assert await agency.rows(kept, b=elsewhere) == [(number, number in begun) for number in range(1, 31)]
    assert await brought(begun[0]) == []
    await agency.execute("UPDATE inbox SET status = 'done', leased_until = NULL WHERE bot_id = :b", b=elsewhere)
    assert await brought(begun[0]) == [], "what has been done is begun again"
    assert await brought(31) == [31]


async def test_who_was_too_busy_to_renew_a_lease_does_not_take_the_update_again_that_he_has_under_way(
    agency: Agency,
) -> None:
    anna = await agency.person("Анна", Role.SELLER)
    inbox, elsewhere, now = agency.app.inbox, agency.app.bot.id + 1, agency.clock.now()
    await inbox.add(elsewhere, [RawUpdate(number, anna.id, {"update_id": number}) for number in (1, 2)], now)

    async def taken(*but: int) -> list[int]:
        return [one.update_id for one in await inbox.take(elsewhere, 5, lease_seconds=0, but=but)]

    assert await taken() == [1]
    assert await taken(1) == []
    assert await taken(7) == [1], "another replica is kept from what nobody serves"


async def test_telegram_delivering_everything_twice_changes_nothing(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    agency.world.faults.set(duplicate_rate=1.0)
    await anna.start()
    await anna.say("a")
    await anna.say("b")
    assert await agency.rows(LINES) == [("1 a",), ("2 b",)]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], "секрет", "\udce9\udcff"])
async def test_a_request_without_the_secret_is_turned_away(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession, secret: str | None
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    assert await post(agency, http, said(1, "forged"), secret) == 401
    assert await agency.rows("SELECT * FROM inbox") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 400),
        (b"{}", 400),
        (b'{"update_id": "1"}', 400),
        (b'{"update_id": true}', 400),
        (b'{"update_id": 1e300}', 400),
        (b'{"update_id": 99999999999999999999}', 400),
        (b"x" * (BODY_LIMIT + 1), 413),
        (b'{"update_id": 7}', 200),
        (b'{"update_id": 8, "news": {"nobody": "knows"}}', 200),
    ],
)
async def test_what_is_no_update_is_refused_and_never_breaks_the_webhook(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession, body: bytes, status: int
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    assert await post(agency, http, body) == status


async def test_a_message_of_three_megabytes_comes_through(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    update = said(anna.id, "/buttons")
    update["message"]["caption"] = "x" * 3_000_000
    assert await post(agency, http, update) == 200
    await agency.quiet()
    assert anna.last.text == "Buttons"


async def test_what_a_database_cannot_keep_is_taken_out_of_an_update(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    assert await post(agency, http, said(anna.id, "a\x00b\ud800c") | {"huge": 2**70}) == 200
    await agency.quiet()
    assert await agency.rows(LINES) == [("1 ab\ufffdc",)]


async def test_while_the_database_is_away_the_webhook_asks_telegram_to_come_again(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession, cable: Cable
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook", database=cable.url)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    await cable.cut()
    url = agency.settings.webhook.webhook_url
    assert url is not None
    async with http.post(url, json=said(anna.id, "now"), headers={SECRET_HEADER: SECRET}) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    await cable.mend()
    assert await post(agency, http, said(anna.id, "now")) == 200
    await agency.quiet()
    assert await agency.rows(LINES) == [("1 now",)]


async def test_an_earlier_update_that_comes_late_does_not_run_beside_the_one_under_way(
    open_agency: OpenAgency, http: aiohttp.ClientSession
) -> None:
    agency: Agency

    async def bring_the_earlier_one(moment: str, text: str) -> None:
        if moment == "before" and text == "1 second":
            assert await post(agency, http, said(anna.id, "first", update_id=1)) == 200
            # The database itself holds off whoever would lease the first one now, this replica or another.
            assert await agency.app.inbox.take(agency.app.bot.id, 10) == []

    desk = Desk(bring_the_earlier_one)
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    assert await post(agency, http, said(anna.id, "second", update_id=2)) == 200
    await agency.quiet()
    assert await agency.rows(LINES) == [("1 second",), ("2 first",)]


async def test_a_group_gets_no_answer_from_the_bot(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    update = said(anna.id, "/start")
    update["message"]["chat"] = {"id": -100123, "type": "supergroup", "title": "Everybody"}
    assert await post(agency, http, update) == 200
    await agency.quiet()
    assert [call for call in agency.world.calls if call.method == "sendMessage"] == []


def test_an_update_belongs_to_who_sent_it() -> None:
    assert person_of(said(5, "hi")) == 5
    assert person_of({"update_id": 1, "callback_query": {"id": "1", "from": {"id": 6}, "message": {}}}) == 6
    assert person_of({"update_id": 1, "message_reaction": {"chat": {"id": 8}, "user": {"id": 7}}}) == 7
    assert person_of({"update_id": 1, "channel_post": {"chat": {"id": -9}}}) == -9
    assert person_of({"update_id": 1, "poll": {"id": "x"}}) == 0


def test_keepable_changes_only_what_cannot_be_kept() -> None:
    value = {"a": ["😀", True, None, 1.5, -3], "b": {"c": "текст"}}
    assert keepable(value) == value
    assert keepable({"a\x00": "\udc00"}) == {"a": "\ufffd"}
