"""How updates reach the bot: long polling that confirms by offset, or a webhook with queues and retries.

Follows the open telegram-bot-api server: every update lies in one list under a growing update_id; a webhook sends one
update at a time per queue, repeats a failed one at once, then after 2, 4, 8 … s, and drops it when it expires.
"""

import asyncio
import contextlib
import copy
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from sandbox.faults import Faults

JSON = dict[str, Any]

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "inline_query", "chosen_inline_result",
    "callback_query", "shipping_query", "pre_checkout_query", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "message_reaction", "message_reaction_count", "chat_boost", "removed_chat_boost",
    "business_connection", "business_message", "edited_business_message", "deleted_business_messages",
    "purchased_paid_media", "managed_bot", "guest_message",
)  # fmt: skip
# "all update types except chat_member, message_reaction, and message_reaction_count (default)"
DEFAULT_KINDS = frozenset(KINDS) - {"chat_member", "message_reaction", "message_reaction_count"}
LONGEST_POLL = 50
LONGEST_RETRY = 60.0
FUTURE = 10  # how far beyond the last update an offset may lie


class Conflict(Exception):
    """HTTP 409: somebody else gets the updates."""


@dataclass
class Queued:
    update_id: int
    kind: str
    update: JSON
    queue: str
    expires_at: datetime
    delay: float = 1.0
    failures: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # confirmed, delivered or dropped


@dataclass
class Webhook:
    url: str
    secret: str = ""
    max_connections: int = 40
    ip_address: str | None = None
    last_error_date: int | None = field(default=None, compare=False)
    last_error_message: str | None = field(default=None, compare=False)


class Delivery:
    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        publish: Callable[[str, JSON, str | None], None],
        faults: Faults,
        first_update_id: int = 500_000_001,
    ) -> None:
        self._now, self._publish, self._faults = now, publish, faults
        faults.changed = self._switched
        self._ids = itertools.count(first_update_id)
        self.pending: dict[int, Queued] = {}  # in order of update_id
        self._queues: dict[str, dict[int, Queued]] = {}  # the same by queue
        self._fresh: set[str] = set()  # queues that got something since the webhook sender last looked
        self.allowed: frozenset[str] = DEFAULT_KINDS
        self.allowed_given: list[str] | None = None
        self.webhook: Webhook | None = None
        self.retry_unit = 1.0  # seconds of the first doubling; tests make the waiting short
        self._changed = asyncio.Event()
        self._poll: asyncio.Future[str] | None = None  # the long poll that waits now; its result ends it
        self._reply: Callable[[str, JSON], Any] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._last_id = 0

    # --- putting in -----------------------------------------------------------------------------------------------

    def push(self, kind: str, body: JSON, *, queue: str, lifetime: float) -> int:
        """Queue an update and return its id; 0 when the bot has not asked for this kind."""
        if kind not in self.allowed:
            return 0
        update_id = self._last_id = next(self._ids)
        update = {"update_id": update_id, kind: copy.deepcopy(body)}
        queued = Queued(update_id, kind, update, queue, self._now() + timedelta(seconds=lifetime))
        self.pending[update_id] = self._queues.setdefault(queue, {})[update_id] = queued
        self._fresh.add(queue)
        self._publish("queued", update, None)
        self._wake()
        return update_id

    def allow(self, kinds: Any) -> None:
        """Remember allowed_updates: absent changes nothing, a list without known names means the default."""
        if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
            return
        known = [kind.lower() for kind in kinds if kind.lower() in KINDS]
        self.allowed = frozenset(known) or DEFAULT_KINDS
        self.allowed_given = known or None

    def drop_pending(self) -> None:
        for queued in list(self.pending.values()):
            self._forget(queued, "dropped", None)

    def _forget(self, queued: Queued, state: str, error: str | None) -> None:
        if self.pending.pop(queued.update_id, None) is not None:
            mine = self._queues[queued.queue]
            del mine[queued.update_id]
            if not mine:
                del self._queues[queued.queue]
            self._publish(state, queued.update, error)
        queued.gone.set()
        self._wake()

    def _expire(self) -> None:
        now = self._now()
        for queued in [one for one in self.pending.values() if one.expires_at < now]:
            self._forget(queued, "dropped", "expired")

    def _switched(self) -> None:
        """The faults are others: an outage cuts the long poll and stops what is sent, until it is over."""
        if self._faults.outage:
            self.end_poll("")
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # --- waiting for the bot --------------------------------------------------------------------------------------

    @property
    def pending_count(self) -> int:
        self._expire()
        return len(self.pending)

    @property
    def polled(self) -> bool:
        """Whether a bot waits in getUpdates at this moment."""
        return self._poll is not None

    async def taken(self, update_id: int) -> None:
        """Wait until the bot has confirmed this update (or it was dropped)."""
        if queued := self.pending.get(update_id):
            await queued.gone.wait()

    async def empty(self) -> None:
        """Wait until the bot has confirmed every update."""
        while self.pending:
            await next(iter(self.pending.values())).gone.wait()

    # --- long polling ---------------------------------------------------------------------------------------------

    def refuse_polling(self) -> None:
        if self.webhook is not None:
            raise Conflict(
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )

    async def poll(self, offset: int, limit: int, timeout: float) -> list[JSON]:  # noqa: ASYNC109 - Telegram's name
        """getUpdates: forget what is before the offset, then give what there is or wait for it."""
        self._confirm(offset)
        found = self._batch(limit)
        deadline = time.monotonic() + min(max(timeout, 0), LONGEST_POLL)
        if found or timeout <= 0:
            return found
        self.end_poll(
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )
        mine = self._poll = asyncio.get_running_loop().create_future()
        try:
            while not (found := self._batch(limit)) and (left := deadline - time.monotonic()) > 0:
                changed = asyncio.ensure_future(self._changed.wait())
                try:
                    await asyncio.wait({changed, mine}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
                if mine.done() and not mine.result():
                    return []
                if mine.done():
                    raise Conflict(mine.result())
        finally:
            if self._poll is mine:
                self._poll = None
        return found

    def end_poll(self, reason: str) -> None:
        """Whoever waits in getUpdates gets a 409 with this reason; without a reason an empty list."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(reason)
        self._poll = None

    def _confirm(self, offset: int) -> None:
        if offset < 0:  # "all previous updates will be forgotten", counted from the end of the queue
            for queued in list(self.pending.values())[:offset]:
                self._forget(queued, "delivered", None)
        if offset > self._last_id + 1 + FUTURE:  # the queue knows no such number: the offset is not heard
            return
        for queued in list(itertools.takewhile(lambda one: one.update_id < offset, self.pending.values())):
            self._forget(queued, "delivered", None)

    def _batch(self, limit: int) -> list[JSON]:
        self._expire()
        updates = [one.update for one in itertools.islice(self.pending.values(), limit)]
        for at in range(len(updates) - 1):
            if self._faults.hits(self._faults.reorder_rate):
                updates[at], updates[at + 1] = updates[at + 1], updates[at]
        return [copy for update in updates for copy in [update] * self._times()]

    def _times(self) -> int:
        return 1 + self._faults.duplicates if self._faults.hits(self._faults.duplicate_rate) else 1

    # --- webhook --------------------------------------------------------------------------------------------------

    def set_webhook(self, webhook: Webhook | None, reply: Callable[[str, JSON], Any] | None = None) -> None:
        """Start sending to this address (None: stop); `reply` runs a method the bot put into its answer."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        self.webhook, self._reply = webhook, reply
        if webhook is not None:
            self.end_poll("Conflict: terminated by setWebhook request")
            self._sender = asyncio.get_running_loop().create_task(self._send_all(webhook))

    async def stop(self) -> None:
        self.end_poll("")
        if self._sender is not None:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
            self._sender = None

    async def _send_all(self, webhook: Webhook) -> None:
        """One task per queue that has updates; each sends its updates one after another."""
        free = asyncio.Semaphore(webhook.max_connections)
        senders: dict[str, asyncio.Task[None]] = {}
        self._fresh = set(self._queues)
        connector = aiohttp.TCPConnector(limit=webhook.max_connections, ssl=False)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            try:
                while True:
                    changed = self._changed
                    for queue in self._fresh:
                        if queue not in senders or senders[queue].done():
                            senders[queue] = asyncio.create_task(self._send_queue(queue, webhook, session, free))
                    self._fresh.clear()
                    await changed.wait()
            finally:
                for task in senders.values():
                    task.cancel()
                await asyncio.gather(*senders.values(), return_exceptions=True)

    async def _send_queue(
        self, queue: str, webhook: Webhook, session: aiohttp.ClientSession, free: asyncio.Semaphore
    ) -> None:
        while mine := list(itertools.islice(self._queues.get(queue, {}).values(), 2)):
            if self._faults.outage:
                await self._changed.wait()
                continue
            swap = len(mine) > 1 and self._faults.hits(self._faults.reorder_rate)
            queued = mine[1] if swap else mine[0]
            if queued.expires_at < self._now():
                self._forget(queued, "dropped", "expired")
                continue
            async with free:
                error, retry_after = await self._send(queued, webhook, session)
                for _ in range(self._times() - 1):
                    if error is None:
                        error, retry_after = await self._send(queued, webhook, session)
            if error is None:
                self._forget(queued, "delivered", None)
                continue
            webhook.last_error_date, webhook.last_error_message = int(self._now().timestamp()), error
            self._publish("failed", queued.update, error)
            wait = float(retry_after)
            if not retry_after and queued.failures > 0:
                queued.delay = min(LONGEST_RETRY, queued.delay * 2)
                wait = queued.delay
            queued.failures += 1
            if self._now() + timedelta(seconds=wait) > queued.expires_at:
                self._forget(queued, "dropped", error)
            else:
                await asyncio.sleep(wait * self.retry_unit)

    async def _send(self, queued: Queued, webhook: Webhook, session: aiohttp.ClientSession) -> tuple[str | None, int]:
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        try:
            async with session.post(webhook.url, json=queued.update, headers=headers, allow_redirects=False) as answer:
                body = await answer.read()
                if 200 <= answer.status < 300:
                    await self._run_reply(answer.content_type, body)
                    return None, 0
                after = answer.headers.get("Retry-After", "")
                error = f"Wrong response from the webhook: {answer.status} {answer.reason}"
                return error, min(3600, int(after)) if after.isdecimal() else 0
        except aiohttp.ClientConnectorError:
            return "Connection refused", 0
        except TimeoutError:
            return "Read timeout expired", 0
        except aiohttp.ClientError:
            return "Webhook connection closed", 0

    async def _run_reply(self, content_type: str, body: bytes) -> None:
        """Run the method that the bot put into its answer; the bot never learns the result."""
        if self._reply is None or content_type != "application/json" or not body:
            return
        try:
            params = json.loads(body)
        except ValueError:
            return
        method = params.pop("method", "") if isinstance(params, dict) else ""
        forbidden = ("deletewebhook", "setwebhook", "close", "logout")
        if method and method.lower() not in forbidden and not method.lower().startswith("get"):
            await self._reply(method, params)

    def info(self) -> JSON:
        """The WebhookInfo object."""
        found: JSON = {"url": "", "has_custom_certificate": False, "pending_update_count": self.pending_count}
        if self.webhook is not None:
            found |= {"url": self.webhook.url, "max_connections": self.webhook.max_connections}
            found["ip_address"] = self.webhook.ip_address or "127.0.0.1"
            if self.webhook.last_error_date is not None:
                found["last_error_date"] = self.webhook.last_error_date
                found["last_error_message"] = self.webhook.last_error_message
        if self.allowed_given is not None:
            found["allowed_updates"] = self.allowed_given
        return found
