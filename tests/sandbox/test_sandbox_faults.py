"""Troubles on demand, and who may listen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramNetworkError, TelegramRetryAfter, TelegramServerError

from sandbox.api import LocalTelegram
from sandbox.world import Person, World

Call = Callable[..., Awaitable[dict[str, Any]]]


def said(world: World) -> list[str]:
    return [message.text for message in world.people[101].messages.values() if message.out]


async def test_too_many_requests_name_the_time_to_wait(bot: Bot, world: World, anna: Person) -> None:
    """ "retry_after: In case of exceeding flood control, the number of seconds left to wait before the request can be
    repeated"."""
    world.faults.set(too_many_rate=1.0, retry_after=7)
    with pytest.raises(TelegramRetryAfter) as raised:
        await bot.send_message(anna.id, "x")
    assert raised.value.retry_after == 7
    assert said(world) == []
    assert world.refusals() == [], "an injected refusal is nobody's mistake"


async def test_a_server_error_has_no_effect(bot: Bot, world: World, anna: Person) -> None:
    world.faults.set(error_rate=1.0)
    with pytest.raises(TelegramServerError):
        await bot.send_message(anna.id, "x")
    assert said(world) == []


@pytest.mark.parametrize(("when", "arrived"), [("before", []), ("after", ["x"])])
async def test_a_dropped_connection_leaves_the_message_unsent_or_sent(
    when: str, arrived: list[str], bot: Bot, world: World, anna: Person
) -> None:
    world.faults.set(**{f"reset_{when}_rate": 1.0})
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(anna.id, "x")
    assert said(world) == arrived


async def test_a_refusal_is_heard_although_answers_to_what_was_done_are_dropped(
    bot: Bot, world: World, anna: Person
) -> None:
    world.faults.set(too_many_rate=1.0, reset_after_rate=1.0)
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(anna.id, "раз")


async def test_an_outage_lasts_until_it_is_over(bot: Bot, world: World, anna: Person) -> None:
    world.faults.set(outage=True)
    with pytest.raises(TelegramNetworkError):
        await bot.get_me()
    world.faults.clear()
    assert await bot.get_me()


async def test_latency_delays_answers(bot: Bot, world: World) -> None:
    world.faults.set(latency=0.05)
    began = time.monotonic()
    await bot.get_me()
    assert time.monotonic() - began >= 0.05


async def test_latency_may_be_that_of_one_method(bot: Bot, world: World, anna: Person) -> None:
    world.faults.set(latency=1000, methods=["editMessageText"])
    sent = await bot.send_message(anna.id, "x")
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.edit_message_text("y", chat_id=anna.id, message_id=sent.message_id, request_timeout=1)


async def test_an_outage_cuts_the_long_poll_and_keeps_its_updates(bot: Bot, world: World, anna: Person) -> None:
    (start,) = await bot.get_updates()
    waiting = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await world.delivery.empty()
    world.faults.set(outage=True)
    with pytest.raises(TelegramNetworkError):
        await waiting
    await world.say(anna.id, "привет")
    world.faults.clear()
    assert [u.message.text for u in await bot.get_updates() if u.message] == ["привет"]


async def test_faults_can_hit_one_method_only(bot: Bot, world: World, anna: Person) -> None:
    world.faults.set(error_rate=1.0, methods=["editMessageText"])
    sent = await bot.send_message(anna.id, "x")
    with pytest.raises(TelegramServerError):
        await bot.edit_message_text("y", chat_id=anna.id, message_id=sent.message_id)


async def test_updates_come_twice_or_out_of_order(bot: Bot, world: World, anna: Person) -> None:
    await world.say(anna.id, "раз")
    world.faults.set(duplicate_rate=1.0)
    assert [u.message.text for u in await bot.get_updates() if u.message] == ["/start", "/start", "раз", "раз"]
    world.faults.set(duplicate_rate=0.0, reorder_rate=1.0)
    assert [u.message.text for u in await bot.get_updates() if u.message] == ["раз", "/start"]


async def test_rates_are_met_in_the_long_run_and_repeatably(call: Call, world: World, anna: Person) -> None:
    world.faults.set(error_rate=0.3)
    verdicts = [(await call("getMe"))["ok"] for _ in range(100)]
    assert 15 <= verdicts.count(False) <= 45


async def test_an_unknown_switch_is_an_error(world: World) -> None:
    with pytest.raises(ValueError, match="no such fault: latnecy"):
        world.faults.set(latnecy=1)


@pytest.mark.parametrize("host", [".".join("0000"), "192.168.1.5", "::", "example.com"])
def test_only_this_machine_can_be_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="listens on loopback only"):
        LocalTelegram(host=host)


async def test_a_taken_port_is_named(telegram: LocalTelegram) -> None:
    with pytest.raises(OSError, match=f"cannot use 127.0.0.1:{telegram.port}"):
        await LocalTelegram(port=telegram.port).start()


async def test_stopping_ends_a_long_poll_quietly(http: aiohttp.ClientSession) -> None:
    async with LocalTelegram() as telegram:
        url = f"{telegram.url}/bot{telegram.token}/getUpdates?timeout=30"
        waiting = asyncio.create_task(http.get(url))
        telegram.world.person(1, "Анна")
        with telegram.world.subscribe():
            await asyncio.wait({waiting}, timeout=0.1)
    async with await waiting as answer:
        assert (await answer.json()) == {"ok": True, "result": []}
