"""What comes to the webhook with the wrong secret, and with the right one and bad intent."""

import asyncio
import gzip
import json
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.intake import BODY_LIMIT, SECRET_HEADER
from models.enums import Role
from tests.bot.conftest import SECRET, Agency, OpenAgency
from tests.bot.front_desk import Desk
from tests.bot.test_front_intake import post, said

LINES = "SELECT changes->>'line' FROM audit_records WHERE action = 'test.line' ORDER BY id"
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def raw(agency: Agency, head: bytes, body: bytes) -> int:
    """Post bytes that no client library would send; returns the status."""
    port = agency.app.webhook_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /telegram HTTP/1.1\r\nHost: bot\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    status = (await reader.readline()).split()[1]
    writer.close()
    return int(status)


# --- secrets ------------------------------------------------------------------------------------------------------


async def test_without_the_secret_nobody_gets_in_whatever_stands_in_its_place(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    name, right = SECRET_HEADER.encode(), SECRET.encode()
    wrong = [
        b"", b"wrong", right[:-1], right + b"x", right.upper(), b"\xff\xfe\xe9", "секрет".encode(),
        "секрет".encode("cp1251"), "ｓecret-of-the-tests".encode(), right + "\u200b".encode(), b"x" * 257, b"x" * 8_000,
        right * 400, b"x" * 60_000, b"%73ecret-of-the-tests", b'"' + right + b'"',
    ]  # fmt: skip
    eve = agency.stranger("Ева")
    eve.person.started = True
    body = json.dumps(said(eve.id, "forged")).encode()
    assert [await raw(agency, name + b": " + value + b"\r\n", body) for value in wrong] == [401] * len(wrong)
    assert await raw(agency, b"", body) == 401
    assert await raw(agency, b"X-Telegram-Bot-Api-Secret: " + right + b"\r\n", body) == 401
    assert await raw(agency, name + b": wrong\r\n" + name + b": " + right + b"\r\n", body) == 401
    assert await agency.rows("SELECT * FROM inbox") == []
    assert await raw(agency, name + b": " + right + b"\r\n", body) == 200


# --- bodies -------------------------------------------------------------------------------------------------------


def nested(depth: int, inner: str = "1") -> str:
    return '{"a":' * depth + inner + "}" * depth


def broken(good: dict[str, Any]) -> dict[str, bytes]:
    """Bodies that are no update, by what is wrong with them."""
    whole = json.dumps(good)
    return {
        "nothing": b"",
        "a space": b" ",
        **{f"cut off at {at}": whole[:at].encode() for at in (1, 13, 50, len(whole) // 2, len(whole) - 1)},
        "two of them": (whole + whole).encode(),
        "NaN": whole.replace("1772000000", "NaN").encode(),
        "infinity": whole.replace("1772000000", "-Infinity").encode(),
        "a list": f"[{whole}]".encode(),
        **{word: word.encode() for word in ("null", "true", "0", '"x"', "[]", "{}")},
        "no JSON": b"update_id=1&message=hi",
        "not UTF-8": json.dumps(good, ensure_ascii=False).encode("cp1251"),
        "half of a character": json.dumps(good, ensure_ascii=False).encode().replace("А".encode(), "А".encode()[:1]),
        "an id of text": json.dumps(good | {"update_id": "7"}).encode(),
        "an id that is true": json.dumps(good | {"update_id": True}).encode(),
        "an id below nothing": json.dumps(good | {"update_id": -1}).encode(),
        "an id beyond 64 bits": json.dumps(good | {"update_id": 2**63}).encode(),
        "an id of 5000 digits": whole.replace('"update_id": 1', '"update_id": 1' + "0" * 5000).encode(),
        **{f"{depth} deep": nested(depth).encode() for depth in (300, 1_000, 10_000, 100_000, 1_000_000)},
        "an update 300 deep": f'{{"update_id": 7, "message": {nested(300)}}}'.encode(),
        "an update 10000 deep": f'{{"update_id": 7, "message": {nested(10_000)}}}'.encode(),
        "lists 100000 deep": b"[" * 100_000,
    }  # fmt: skip


def odd(good: dict[str, Any]) -> dict[str, bytes]:
    """Bodies that are an update, of a kind that nobody can do anything with."""
    message, sender = good["message"], good["message"]["from"]
    bodies: dict[str, dict[str, Any]] = {
        "nothing but a number": {},
        "a kind from the future": {"news": {"from": sender, "text": "x"}},
        "nulls": {"message": None, "callback_query": None, "edited_message": None},
        "a message of null": {"message": None},
        "a message of text": {"message": "hi"},
        "a message of lists": {"message": [[[]]]},
        "a sender of null": {"message": message | {"from": None}},
        "a sender of text": {"message": message | {"from": "Анна"}},
        "a sender beyond 64 bits": {"message": message | {"from": sender | {"id": 2**63}}},
        "a sender of 30 digits": {"message": message | {"from": sender | {"id": 10**30}}},
        "a sender of 1e300": {"message": message | {"from": sender | {"id": 1e300}}},
        "a sender that is true": {"message": message | {"from": sender | {"id": True}}},
        "a tap of nobody": {"callback_query": {"id": "1", "data": "x"}},
        "a tap of nulls": {"callback_query": {"id": None, "from": None, "data": None, "message": None}},
    }
    return {
        why: json.dumps({"update_id": 100 + number} | body).encode()
        for number, (why, body) in enumerate(bodies.items())
    }


async def test_no_body_breaks_the_webhook_and_none_is_tried_twice(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    good = said(anna.id, "hi")
    assert {why: await post(agency, http, body) for why, body in broken(good).items()} == dict.fromkeys(
        broken(good), 400
    )
    assert {why: await post(agency, http, body) for why, body in odd(good).items()} == dict.fromkeys(odd(good), 200)
    assert await post(agency, http, b"x" * (BODY_LIMIT + 1)) == 413
    await agency.quiet()
    assert await agency.rows("SELECT DISTINCT status, attempts FROM inbox") == [("done", 1)]
    await anna.start()
    await anna.say("hello")
    assert await agency.rows(LINES) == [("1 hello",)]


async def test_packed_bodies_unpack_to_no_more_than_the_limit(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    bomb = gzip.compress(bytes(100_000_000), 9)
    head = SECRET_HEADER.encode() + b": " + SECRET.encode() + b"\r\nContent-Encoding: "
    before = resident()
    assert await raw(agency, head + b"gzip\r\n", bomb) in (400, 413)
    assert await raw(agency, head + b"deflate\r\n", zlib.compress(bytes(20_000_000))) in (400, 413)
    for packing in (b"gzip", b"deflate", b"br", b"zstd", b"nonsense"):
        assert 400 <= await raw(agency, head + packing + b"\r\n", b"this is not packed at all") < 500, packing
    assert resident() - before < 20_000_000


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_SIZE


async def test_bodies_of_ten_megabytes_leave_the_memory_as_it_was(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    big = BODY_LIMIT - 1000
    bodies = [
        b"[" * big,
        b'{"update_id": 1, "x": "' + b"a" * big,
        json.dumps({"update_id": 2, "message": {"text": "ы" * (big // 6)}}).encode(),
        b'{"update_id": 3, "x": [' + b"1," * (big // 2 - 50) + b"1]}",
        b"x" * (BODY_LIMIT + 1),
    ]

    async def round_() -> int:
        for body in bodies:
            assert await post(agency, http, body) < 500
        return resident()

    rounds = [await round_() for _ in range(4)]
    assert rounds[3] - rounds[1] < 10_000_000, rounds


# --- behind the door ----------------------------------------------------------------------------------------------


async def test_what_a_database_cannot_keep_or_nobody_has_heard_of_gets_its_answer(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    texts = [
        "a\x00b",
        "\ud800",
        "\udfff\ud800x",
        "\ufffe\uffff",
        "\x1b[31m\x7f",
        "\u202eтекст",
        "e\u0301" * 50,
        "\U0010ffff",
    ]
    for number, text in enumerate(texts, 1):
        update = said(anna.id, text, number)
        update["message"] |= {
            "from": update["message"]["from"] | {"first_name": "А\x00\ud800", "is_a_star": True},
            "of_the_future": {"x\x00": ["\ud800", None, 2**70, {"y": 1e308}]},
            "entities": [{"type": "of_the_future", "offset": 0, "length": 1}],
        }
        assert await post(agency, http, update | {"odd\x00": nested_list(200)}) == 200
    await agency.quiet()
    kept = [line.partition(" ")[2] for (line,) in await agency.rows(LINES)]
    assert kept == ["ab", "\ufffd", "\ufffd\ufffdx", *texts[3:]]
    assert await agency.rows("SELECT DISTINCT status, attempts FROM inbox") == [("done", 1)]


def nested_list(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"date": None},
        {"date": "yesterday"},
        {"message_id": "seven"},
        {"entities": [{"type": "bold"}]},
        {"reply_to_message": {"text": "x"}},
        {"chat": {"id": "?", "type": "private"}},
    ],
    ids=str,
)
async def test_a_message_that_nobody_can_read_is_put_aside_its_sender_is_told_and_goes_on(
    open_agency: OpenAgency, desk: Desk, http: aiohttp.ClientSession, change: dict[str, Any]
) -> None:
    agency = await open_agency(screens=desk.routers, intake="webhook")
    anna, boris = await agency.person("Анна", Role.SELLER), await agency.person("Борис", Role.SELLER)
    await anna.start()
    update = said(anna.id, "hi")
    assert await post(agency, http, update | {"message": update["message"] | change}) == 200
    await anna.say("and on")
    await boris.start()
    assert boris.screen == "Page one\n[Stay]"
    assert any("Что-то пошло не так" in message.text for message in anna.received)
    assert await agency.rows(LINES) == [("1 and on",)]
    assert sorted(await agency.rows("SELECT status, count(*) FROM inbox GROUP BY 1")) == [("dead", 1), ("done", 3)]
