"""How updates come in: long polling or a webhook. Both write the raw update down before Telegram hears that we have it.

Nothing is handled here. An update that is written is the worker's; one that is not written is still Telegram's, which
gives it again.
"""

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.methods import GetUpdates
from aiohttp import ClientError, ClientTimeout, web

from bot.metrics import Metrics
from bot.pace import Pace
from storage.engine import is_outage
from storage.inbox import Inbox

_log = structlog.get_logger(__name__)

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of the header
BODY_LIMIT: Final = 10 * 1024 * 1024
"""aiohttp's own limit of 1 MiB would refuse long messages with many entities; Telegram would repeat them all day."""

_LONGEST_BACKOFF: Final = 30.0

Update = dict[str, Any]


def person_of(update: Update) -> int:
    """Who an update comes from: its order is kept per person. 0 for what comes from nobody."""
    for body in update.values():
        if not isinstance(body, dict):
            continue
        for holder in ("from", "user", "chat", "voter_chat"):
            found = body.get(holder)
            if isinstance(found, dict) and isinstance(found.get("id"), int):
                return int(found["id"])
        message = body.get("message")
        if isinstance(message, dict):
            return person_of({"message": message})
    return 0


def keepable(value: Any) -> Any:
    """The same JSON without what a database cannot keep: NUL, halves of surrogate pairs, numbers beyond 64 bits."""
    match value:
        case str():
            return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {keepable(key): keepable(item) for key, item in value.items()}
        case list():
            return [keepable(item) for item in value]
        case bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else float(value)
        case _:
            return value


def row_of(update: Update) -> tuple[int, int, Update]:
    """An update as the inbox takes it."""
    try:
        clean = b"\\u0000" not in orjson.dumps(update)
    except orjson.JSONEncodeError:
        clean = False
    kept = update if clean else keepable(update)
    return kept["update_id"], person_of(kept), kept


class Polling:
    """Long polling: the next offset, which confirms a batch, is asked for only when the batch is written."""

    def __init__(self, bot: Bot, inbox: Inbox, kinds: list[str], *, pace: Pace, arrived: Callable[[], None]) -> None:
        self._bot, self._inbox, self._kinds, self._pace, self._arrived = bot, inbox, kinds, pace, arrived
        self.alive = False

    async def run(self) -> None:
        """Poll until cancelled; raises TelegramUnauthorizedError when the token is revoked."""
        offset: int | None = None
        backoff, webhook_gone = 1.0, False
        while True:
            try:
                if not webhook_gone:
                    webhook_gone = await self._bot.delete_webhook(drop_pending_updates=False)
                updates = await self._get(offset)
                if updates:
                    await self._inbox.add(self._bot.id, [row_of(update) for update in updates])
                    offset = max(update["update_id"] for update in updates) + 1
                    self._arrived()
                self.alive, backoff = True, 1.0
            except TelegramUnauthorizedError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the updates are still Telegram's: ask again
                if self.alive:
                    _log.warning("no updates for now", error=repr(error))
                self.alive = False
                wait = getattr(error, "retry_after", None) or backoff
                await asyncio.sleep(wait)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)

    async def _get(self, offset: int | None) -> list[Update]:
        """GetUpdates without building objects: what is kept is what Telegram has sent, known to us or not."""
        # The first poll does not wait: until it is answered the bot does not call itself ready.
        timeout = self._pace.poll_timeout if self.alive else 0
        method = GetUpdates(offset=offset, timeout=timeout, allowed_updates=self._kinds)
        values = {"offset": offset, "timeout": timeout, "allowed_updates": self._kinds}
        http = self._bot.session
        assert isinstance(http, AiohttpSession)  # noqa: S101 - bot.container makes no other
        session = await http.create_session()
        url = http.api.api_url(self._bot.token, "getUpdates")
        patience = ClientTimeout(total=timeout + 15)
        body = {key: value for key, value in values.items() if value is not None}
        try:
            async with session.post(url, json=body, timeout=patience) as response:
                text = await response.text()
        except ClientError as error:
            raise ConnectionError(str(error)) from error
        answer = json.loads(text)
        if not answer.get("ok"):
            http.check_response(self._bot, method, response.status, text)  # raises what fits the refusal
        updates: list[Update] = answer["result"]
        return updates


class Webhook:
    """The webhook: 200 means written. Answered with another status, Telegram brings the update again."""

    def __init__(
        self, bot_id: int, inbox: Inbox, secret: str, url: str, *, metrics: Metrics, arrived: Callable[[], None]
    ) -> None:
        self._bot_id, self._inbox, self._metrics, self._arrived = bot_id, inbox, metrics, arrived
        self._secret = secret.encode()
        self.app = web.Application(client_max_size=BODY_LIMIT)
        self.app.router.add_post(urlsplit(url).path or "/", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            response = await self._answer(request)
        except web.HTTPRequestEntityTooLarge:
            self._metrics.refusals.labels(413).inc()
            raise
        if response.status != 200:
            self._metrics.refusals.labels(response.status).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        # As bytes: comparing texts in constant time raises on a header that is not ASCII.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            return web.Response(status=401)
        try:
            update = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400, text="not JSON")
        if not _is_update(update):
            return web.Response(status=400, text="not an update")
        try:
            async with asyncio.timeout(10):
                await self._inbox.add(self._bot_id, [row_of(update)])
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the database is away, an update goes back to Telegram", error=repr(error))
            return web.Response(status=503, headers={"Retry-After": "5"})
        self._arrived()
        return web.Response()


def _is_update(value: Any) -> bool:
    update_id = value.get("update_id") if isinstance(value, dict) else None
    return isinstance(update_id, int) and not isinstance(update_id, bool) and 0 <= update_id < 2**63
