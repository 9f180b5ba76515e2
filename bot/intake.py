"""How updates come in: long polling or a webhook. Both write the raw update down before Telegram hears that we have it.

Nothing is handled here. An update that is written is the worker's; one that is not written is still Telegram's, which
gives it again. What comes from strangers is told apart while it is being written, and goes to the porter instead.
"""

import asyncio
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import orjson
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramUnauthorizedError
from aiogram.methods import GetUpdates
from aiohttp import ClientError, ClientTimeout, web

from bot.apology import Apology
from bot.metrics import Metrics
from bot.pace import Pace
from bot.porter import Caller, Porter
from bot.settings import Settings
from bot.turns import Activity
from bot.worker import Worker
from services.people import PeopleService, code_hash
from storage.engine import is_outage
from storage.inbox import RawUpdate

_log = structlog.get_logger(__name__)

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of the header
BODY_LIMIT: Final = 10 * 1024 * 1024
"""Bytes. A limit of 1 MiB would refuse long messages with many entities; Telegram would repeat them all day."""

_LONGEST_BACKOFF: Final = 30.0
_PATIENCE: Final = 10.0  # seconds for the database to write something down

Update = dict[str, Any]


_ABOUT_A_PERSON: Final = frozenset(
    {"message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "my_chat_member",
     "message_reaction"}
)  # fmt: skip
"""Kinds of updates in which somebody speaks to the bot: not channels, and not the business chats of others."""


class UnreadableError(ValueError):
    """What came is no update that could be kept."""


def person_of(update: Update) -> int:
    """Who an update comes from: its order is kept per person. 0 for what comes from nobody."""
    for body in update.values():
        if not isinstance(body, dict):
            continue
        for holder in ("from", "user", "chat", "voter_chat"):
            if (found := body.get(holder)) is not None:
                return int(found["id"]) if isinstance(found, dict) and _is_id(found.get("id")) else 0
        message = body.get("message")
        if isinstance(message, dict):
            return person_of({"message": message})
    return 0


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def is_private(update: Update) -> bool:
    """Whether somebody speaks to the bot alone. In a group it would show the agency's papers to everybody there."""
    for kind in _ABOUT_A_PERSON & update.keys():
        body = update[kind]
        match body:
            case {"message": {"chat": {"type": str(place)}}} | {"chat": {"type": str(place)}}:
                return place == "private"
            case {"from": dict()}:
                return True  # asked inline, or pressed under an inline message
    return False


def code_of(update: Update) -> str | None:
    """The code of an invitation: what follows /start."""
    command, _space, code = _text_of(update).partition(" ")
    return code.strip() or None if command == "/start" else None


def _text_of(update: Update) -> str:
    match update:
        case {"message": {"text": str(text)}}:
            return text
    return ""


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


def clean(update: Update) -> Update:
    """An update as it can be kept. Raises UnreadableError."""
    try:
        try:
            kept = update if b"\\u0000" not in orjson.dumps(update) else keepable(update)
        except orjson.JSONEncodeError:
            kept = keepable(update)
            orjson.dumps(kept)  # what is still too deep for it is no message of anybody
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnreadableError("not an update that can be kept") from error
    if not _is_id(kept.get("update_id")) or kept["update_id"] < 0:
        raise UnreadableError("not an update")
    return kept


class Intake:
    """Has what people send written down, and leaves strangers to the porter."""

    def __init__(
        self,
        porter: Porter,
        people: PeopleService,
        apology: Apology,
        *,
        settings: Settings,
        metrics: Metrics,
        worker: Worker,
        activity: Activity,
    ) -> None:
        self._apology = apology
        self._porter, self._people = porter, people
        self._admin_ids = frozenset(settings.team.admin_ids)
        self._metrics, self._worker, self._activity = metrics, worker, activity

    async def take_in(self, updates: Sequence[Update]) -> None:
        """Keep updates, each of them `clean`: durable on return. At most one query, whoever they come from.

        While the database is away its errors are raised, and people are told that they need not send it again.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._keep(updates)
        except Exception as error:
            if is_outage(error):
                for update in updates:
                    self._apology.for_update(update)
            raise

    async def _keep(self, updates: Sequence[Update]) -> None:
        now = self._people.clock.now()
        rows: list[RawUpdate] = []
        for update in updates:
            if is_private(update) and (person_id := person_of(update)):
                rows.append(self._row(update, person_id, now))
            else:
                self._metrics.updates.labels("other", "ignored").inc()
        if not rows:
            return
        welcome = await self._worker.bring(rows, now)
        for row in rows:
            if row.person_id not in welcome:
                self._turn_away(row)
            elif row.code_hash is not None:
                self._people.guesses.right(row.person_id)  # or it is looked at again behind the door
        self._activity.ring()

    def _row(self, update: Update, person_id: int, now: datetime) -> RawUpdate:
        code = code_of(update)
        starts = code is not None or _text_of(update) == "/start"
        if code is not None and not self._people.guesses.look(person_id, now):
            code = None
        return RawUpdate(
            update["update_id"],
            person_id,
            update,
            code_hash(code) if code is not None else None,
            owner=starts and person_id in self._admin_ids,
        )

    def _turn_away(self, row: RawUpdate) -> None:
        self._metrics.updates.labels("other", "turned away").inc()
        brought = code_of(row.payload) is not None
        too_many = brought and row.code_hash is None
        self._porter.turn_away(Caller.of(row.person_id, row.payload, code=brought, too_many=too_many))


class Polling:
    """Long polling: the next offset, which confirms a batch, is asked for only when the batch is written."""

    def __init__(self, bot: Bot, intake: Intake, kinds: list[str], *, pace: Pace) -> None:
        self._bot, self._intake, self._kinds, self._pace = bot, intake, kinds, pace
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
                    if not await self._kept(updates):
                        await asyncio.sleep(self._pace.look_again)
                        continue
                    offset = max(update["update_id"] for update in updates) + 1
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

    async def _kept(self, updates: list[Update]) -> bool:
        """Write updates down; False while the database is away: they are Telegram's still, and are asked for again."""
        try:
            await self._intake.take_in(list(_readable(updates)))
        except Exception as error:
            if not is_outage(error):
                raise
            if self.alive:
                _log.warning("the database is away, updates wait at Telegram", error=repr(error))
            self.alive = False
            return False
        return True

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


def _readable(updates: Iterable[Update]) -> Iterator[Update]:
    """What can be kept of a batch: one update that nobody can read must not hold up all others for ever."""
    for update in updates:
        try:
            yield clean(update)
        except UnreadableError as error:
            _log.error("an update cannot be kept", update_id=update.get("update_id"), error=repr(error))


class Webhook:
    """The webhook: 200 means written. Answered with another status, Telegram brings the update again."""

    def __init__(self, intake: Intake, secret: str, url: str, *, metrics: Metrics) -> None:
        self._intake, self._metrics = intake, metrics
        self._secret = secret.encode()
        self.app = web.Application()
        self.app.router.add_post(urlsplit(url).path or "/", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        response = await self._answer(request)
        if response.status != 200:
            self._metrics.refusals.labels(response.status).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        # As bytes: comparing texts in constant time raises on a header that is not ASCII.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            return web.Response(status=401)
        body = await _read(request)
        if body is None:
            return web.Response(status=413)
        try:
            update = clean(_parsed(body))
        except UnreadableError as error:
            return web.Response(status=400, text=str(error))
        try:
            await self._intake.take_in([update])
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the database is away, an update goes back to Telegram", error=repr(error))
            return web.Response(status=503, headers={"Retry-After": "5"})
        return web.Response()


async def _read(request: web.Request) -> bytearray | None:
    """The body, or None when there is no end to it.

    Not `request.read`: a request is part of a circle, and what it has read would lie about until somebody collects it.
    """
    body = bytearray()
    while chunk := await request.content.readany():
        if len(body) + len(chunk) > BODY_LIMIT:
            return None
        body += chunk
    return body


def _parsed(body: bytearray) -> Update:
    """A body as JSON. Raises UnreadableError for what is none, and for what is so deep that reading it ends nowhere."""
    try:
        try:
            update = orjson.loads(body)
        except orjson.JSONDecodeError:  # halves of surrogate pairs, which people do send, or nothing that is JSON
            update = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("not JSON") from error
    if not isinstance(update, dict):
        raise UnreadableError("not an update")
    return update


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
