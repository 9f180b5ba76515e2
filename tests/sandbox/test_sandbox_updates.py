"""How updates reach the bot: long polling and webhook."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiohttp import web

from sandbox.api import LocalTelegram
from sandbox.world import Person, World

Refused = Callable[..., Awaitable[str]]
Call = Callable[..., Awaitable[dict[str, Any]]]


ONE_BUTTON = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="a", callback_data="a")]])


def texts(updates: list[Any]) -> list[str]:
    return [update.message.text for update in updates]


async def test_updates_are_confirmed_by_the_offset(bot: Bot, world: World, anna: Person) -> None:
    """ "An update is considered confirmed as soon as getUpdates is called with an offset higher than its
    update_id." """
    await world.say(anna.id, "раз")
    first = await bot.get_updates()
    assert texts(first) == ["/start", "раз"]
    assert texts(await bot.get_updates()) == ["/start", "раз"], "nothing was confirmed yet"
    assert first[1].update_id == first[0].update_id + 1
    await world.say(anna.id, "два")
    assert texts(await bot.get_updates(offset=first[-1].update_id + 1)) == ["два"]
    assert world.delivery.pending_count == 1


async def test_limit_and_negative_offset_choose_updates(bot: Bot, world: World, anna: Person) -> None:
    """ "The negative offset can be specified to retrieve updates starting from -offset update from the end of the
    updates queue. All previous updates will be forgotten." """
    for text in ("раз", "два", "три"):
        await world.say(anna.id, text)
    assert texts(await bot.get_updates(limit=2)) == ["/start", "раз"]
    assert texts(await bot.get_updates(offset=-1)) == ["три"]
    assert texts(await bot.get_updates()) == ["три"]


async def test_a_long_poll_ends_with_the_first_update(bot: Bot, world: World, anna: Person) -> None:
    """ "timeout: Timeout in seconds for long polling." """
    (start,) = await bot.get_updates()
    waiting = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await world.delivery.empty()  # the request has arrived: it has confirmed /start
    await world.say(anna.id, "привет")
    assert texts(await waiting) == ["привет"]


async def test_a_second_poller_ends_the_first(bot: Bot, world: World, anna: Person) -> None:
    (start,) = await bot.get_updates()
    first = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await world.delivery.empty()
    second = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request; make sure that only one"):
        await first
    await world.say(anna.id, "привет")
    assert texts(await second) == ["привет"]


async def test_allowed_updates_are_remembered(bot: Bot, world: World, anna: Person) -> None:
    """ "If not specified, the previous setting will be used." """
    sent = await bot.send_message(anna.id, "x")
    await world.react(anna.id, sent.message_id, "👍")
    assert [u.event_type for u in await bot.get_updates()] == ["message"], "reactions must be asked for by name"
    await bot.get_updates(allowed_updates=["message_reaction"], offset=-1)
    await world.say(anna.id, "не нужно")
    await world.react(anna.id, sent.message_id, "🔥")
    updates = await bot.get_updates(offset=-1)
    assert [u.event_type for u in updates] == ["message_reaction"]
    assert (await bot.get_webhook_info()).allowed_updates == ["message_reaction"]


async def test_updates_are_kept_for_24_hours(bot: Bot, world: World, anna: Person, clock: Any) -> None:
    """ "Incoming updates are stored on the server until the bot receives them either way, but they will not be kept
    longer than 24 hours." """
    clock.advance(hours=24, seconds=1)
    assert await bot.get_updates() == []


class Receiver:
    """A webhook of a bot: answers what the test tells it to and remembers what came."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.answers: list[int] = []
        self.reply: dict[str, Any] | None = None
        self.retry_after = ""
        self.open: dict[str, int] = defaultdict(int)
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Semaphore(0)

    async def handle(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.got.append(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        kind = next(key for key in update if key != "update_id")
        self.open[kind] += 1
        assert self.open[kind] == 1, "two updates of one queue in flight"
        self.arrived.release()
        await self.gate.wait()
        self.open[kind] -= 1
        status = self.answers.pop(0) if self.answers else 200
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return (
            web.json_response(self.reply, status=status) if self.reply else web.Response(status=status, headers=headers)
        )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


async def test_a_webhook_gets_the_waiting_updates_with_its_secret(
    bot: Bot, world: World, anna: Person, receiver: Receiver
) -> None:
    """ "If specified, the request will contain a header “X-Telegram-Bot-Api-Secret-Token” with the secret token as
    content." """
    await bot.set_webhook(receiver.url, secret_token="s-3_cret")
    await world.say(anna.id, "привет")
    await world.delivery.empty()
    assert [one["message"]["text"] for one in receiver.got] == ["/start", "привет"]
    assert set(receiver.secrets) == {"s-3_cret"}
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count, info.last_error_date) == (receiver.url, 0, None)


async def test_polling_is_refused_while_a_webhook_is_set(bot: Bot, receiver: Receiver) -> None:
    """ "This method will not work if an outgoing webhook is set up." """
    await bot.set_webhook(receiver.url)
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active; use delete"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_setting_a_webhook_ends_the_long_poll(bot: Bot, world: World, anna: Person, receiver: Receiver) -> None:
    (start,) = await bot.get_updates()
    waiting = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await world.delivery.empty()
    await bot.set_webhook(receiver.url)
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook request"):
        await waiting


async def test_one_update_of_a_chat_is_in_flight_and_taps_go_their_own_way(
    bot: Bot, world: World, anna: Person, receiver: Receiver
) -> None:
    """The open server sends one update per queue at a time: a chat's messages are a queue, a person's taps another."""
    sent = await bot.send_message(anna.id, "x", reply_markup=ONE_BUTTON)
    receiver.gate.clear()
    await bot.set_webhook(receiver.url)
    await world.say(anna.id, "раз")
    await world.press(anna.id, sent.message_id, "a")
    await receiver.arrived.acquire()
    await receiver.arrived.acquire()
    kinds = sorted(key for one in receiver.got for key in one if key != "update_id")
    assert kinds == ["callback_query", "message"], "the second message waits for the first"
    receiver.gate.set()
    await world.delivery.empty()
    assert len(receiver.got) == 3


async def test_a_failed_update_comes_again_before_those_after_it(
    bot: Bot, world: World, anna: Person, receiver: Receiver
) -> None:
    """ "In case of an unsuccessful request (a request with response HTTP status code different from 2XY), we will
    repeat the request and give up after a reasonable amount of attempts." """
    receiver.answers = [500, 502, 503]
    await bot.set_webhook(receiver.url)
    await world.say(anna.id, "привет")
    await world.delivery.empty()
    assert [one["message"]["text"] for one in receiver.got] == ["/start"] * 4 + ["привет"]
    assert len({one["update_id"] for one in receiver.got}) == 2
    info = await bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
    assert info.last_error_date is not None


async def test_retries_come_at_once_and_then_after_2_4_and_8_seconds(
    bot: Bot, world: World, anna: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    world.delivery.retry_unit = 1.0
    monkeypatch.setattr("sandbox.delivery.asyncio.sleep", sleep)
    receiver.answers = [500] * 4
    await bot.set_webhook(receiver.url)
    await world.delivery.empty()
    assert waits == [0.0, 2.0, 4.0, 8.0]


async def test_a_tap_that_nobody_takes_is_dropped_when_its_time_is_over(
    bot: Bot, world: World, anna: Person, receiver: Receiver, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open server keeps a callback query for 150 seconds; a retry that would come later is not made."""
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)
        await real(0)

    sent = await bot.send_message(anna.id, "x", reply_markup=ONE_BUTTON)
    world.delivery.drop_pending()
    world.delivery.retry_unit = 1.0
    monkeypatch.setattr("sandbox.delivery.asyncio.sleep", sleep)
    receiver.answers = [500] * 50
    await bot.set_webhook(receiver.url)
    await world.press(anna.id, sent.message_id, "a")
    await world.delivery.empty()
    assert len(receiver.got) == 8, "at 0, 0, 2, 6, 14, 30, 62 and 122 s; the next would be after 150 s"


async def test_pending_updates_can_be_dropped(bot: Bot, world: World, anna: Person) -> None:
    """ "drop_pending_updates: Pass True to drop all pending updates"."""
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert (await bot.get_webhook_info()).pending_update_count == 0


async def test_a_method_in_the_webhooks_answer_is_carried_out(
    bot: Bot, world: World, anna: Person, receiver: Receiver
) -> None:
    """ "If you're using webhooks, you can perform a request to the Bot API while sending an answer to the webhook." """
    receiver.reply = {"method": "sendMessage", "chat_id": anna.id, "text": "ответ"}
    await bot.set_webhook(receiver.url)
    await world.delivery.empty()
    assert world.chat(anna.id)[-1].text == "ответ"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"url": "ftp://example.com"}, "invalid webhook URL specified"),
        # "Use an HTTPS URL", "Ports currently supported for webhooks: 443, 80, 88, 8443."
        ({"url": "http://example.com"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://example.com:8080"},
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        (
            {"url": "https://example.com"},
            "bad webhook: Failed to resolve host: Temporary failure in name resolution",
        ),
        ({"url": "https://example.com", "secret_token": "пароль"}, "secret token contains unallowed characters"),
        ({"url": "https://example.com", "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
async def test_a_bad_webhook_is_refused(params: dict[str, str], error: str, refused: Refused) -> None:
    """ "1-256 characters. Only characters A-Z, a-z, 0-9, _ and - are allowed." """
    assert await refused("setWebhook", **params) == f"Bad Request: {error}"


async def test_everything_that_happens_is_seen_by_who_subscribes(
    telegram: LocalTelegram, bot: Bot, world: World, anna: Person
) -> None:
    with world.subscribe() as events:
        await world.say(anna.id, "привет")
        await bot.send_message(anna.id, "ответ")
        seen = [await events.get() for _ in range(4)]
    assert [one.kind for one in seen if one] == ["message", "update", "message", "call"]
    assert [one.chat_id for one in seen if one] == [anna.id] * 4


async def test_an_offset_that_no_update_can_have_confirms_nothing(bot: Bot, world: World, anna: Person) -> None:
    """ "Must be greater by one than the highest among the identifiers of previously received updates." """
    (start,) = await bot.get_updates()
    assert texts(await bot.get_updates(offset=start.update_id + 1000)) == ["/start"]
    assert await bot.get_updates(offset=start.update_id + 5) == []


async def test_the_limit_is_of_1_to_100(bot: Bot, world: World, anna: Person) -> None:
    """ "Values between 1-100 are accepted. Defaults to 100." """
    for number in range(120):
        await world.say(anna.id, str(number))
    assert len(await bot.get_updates()) == len(await bot.get_updates(limit=1000)) == 100
    assert len(await bot.get_updates(limit=-5)) == 1


async def test_unknown_kinds_of_updates_are_passed_over(call: Call, bot: Bot, world: World, anna: Person) -> None:
    """ "Specify an empty list to receive all update types except chat_member, message_reaction, and
    message_reaction_count (default)." """
    await call("getUpdates", allowed_updates=["message", "telepathy"])
    assert (await bot.get_webhook_info()).allowed_updates == ["message"]
    await call("getUpdates", allowed_updates="no json")
    assert (await bot.get_webhook_info()).allowed_updates == ["message"]
    await call("getUpdates", allowed_updates=[])
    assert (await bot.get_webhook_info()).allowed_updates is None


async def test_a_webhook_is_set_once_a_second(call: Call, receiver: Receiver) -> None:
    """The open server takes one setWebhook a second, also from replicas that say the same."""
    assert (await call("setWebhook", url=receiver.url))["ok"]
    again = await call("setWebhook", url=receiver.url)
    assert (again["error_code"], again["parameters"]) == (429, {"retry_after": 1})


async def test_a_bad_webhook_leaves_none(
    bot: Bot, telegram: LocalTelegram, refused: Refused, receiver: Receiver
) -> None:
    """The open server closes the old webhook before it looks at the new one."""
    await bot.set_webhook(receiver.url)
    telegram.methods._next_webhook_at = 0
    await refused("setWebhook", url="https://example.com:1")
    assert (await bot.get_webhook_info()).url == ""


async def test_an_outage_stops_the_webhook_until_it_is_over(
    bot: Bot, world: World, anna: Person, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url)
    await world.delivery.empty()
    world.faults.set(outage=True)
    await world.say(anna.id, "привет")
    with world.subscribe() as events:
        world.faults.clear()
        await world.delivery.empty()
    assert [one["message"]["text"] for one in receiver.got] == ["/start", "привет"]
    states = [one.data["state"] for one in events.so_far() if one.kind == "update"]
    assert states == ["delivered"], "nothing left before the outage was over, and nothing failed"


async def test_no_more_connections_than_asked_for(bot: Bot, world: World, anna: Person, receiver: Receiver) -> None:
    """ "max_connections: The maximum allowed number of simultaneous HTTPS connections to the webhook for update
    delivery, 1-100." """
    sent = await bot.send_message(anna.id, "x", reply_markup=ONE_BUTTON)
    world.delivery.drop_pending()
    receiver.gate.clear()
    await bot.set_webhook(receiver.url, max_connections=1)
    assert (await bot.get_webhook_info()).max_connections == 1
    await world.say(anna.id, "раз")
    await world.press(anna.id, sent.message_id, "a")
    await receiver.arrived.acquire()
    assert len(receiver.got) == 1, "the tap has a queue of its own, yet no connection"
    assert (await bot.get_webhook_info()).pending_update_count == 2
    receiver.gate.set()
    await world.delivery.empty()
    assert len(receiver.got) == 2


async def test_a_webhook_that_names_a_time_gets_it(
    bot: Bot, world: World, anna: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open server heeds Retry-After of a webhook's answer, up to an hour."""
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    world.delivery.retry_unit = 1.0
    monkeypatch.setattr("sandbox.delivery.asyncio.sleep", sleep)
    receiver.answers, receiver.retry_after = [503, 503], "7"
    await bot.set_webhook(receiver.url)
    await world.delivery.empty()
    assert waits == [7.0, 7.0]
    info = await bot.get_webhook_info()
    assert info.ip_address == "127.0.0.1"
    assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
