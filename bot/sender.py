"""Sends what the outbox holds: in order per person, under Telegram's limits, until it has arrived or cannot."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import (
    SendAnimation,
    SendAudio,
    SendDocument,
    SendPhoto,
    SendVideo,
    SendVideoNote,
    SendVoice,
    TelegramMethod,
)
from aiogram.types import BufferedInputFile, Message

from bot.metrics import Metrics
from bot.pace import Pace
from bot.recent import Recent
from bot.turns import Activity
from fsm.cards import Card, CardContext, render
from fsm.i18n import use_language
from services.access import SYSTEM, Actor
from services.errors import NotFound
from services.people import active_actor
from services.registry import Services
from storage.engine import Database, is_outage
from storage.outbox import Outbox, TakenMessage

_log = structlog.get_logger(__name__)

_METHODS: Final[dict[str, Callable[[int, str], TelegramMethod[Message]]]] = {
    "document": lambda chat_id, file_id: SendDocument(chat_id=chat_id, document=file_id),
    "photo": lambda chat_id, file_id: SendPhoto(chat_id=chat_id, photo=file_id),
    "voice": lambda chat_id, file_id: SendVoice(chat_id=chat_id, voice=file_id),
    "video": lambda chat_id, file_id: SendVideo(chat_id=chat_id, video=file_id),
    "audio": lambda chat_id, file_id: SendAudio(chat_id=chat_id, audio=file_id),
    "animation": lambda chat_id, file_id: SendAnimation(chat_id=chat_id, animation=file_id),
    "video_note": lambda chat_id, file_id: SendVideoNote(chat_id=chat_id, video_note=file_id),
}
"""A file id is good for the method it came by: a photo's is refused by sendDocument."""

_OFTEN = 30_000  # attempts (a smallint counts them): being asked to wait is no failure


class Limiter:
    """Telegram's two limits, by reserving the moments of sending; a refusal moves the moments away."""

    def __init__(self, per_second: float, per_chat: float) -> None:
        self._step, self._per_chat = 1 / per_second, per_chat
        self._next = 0.0
        self._chats: Recent[int, float] = Recent(10_000)
        self._refused: dict[int, float] = {}

    async def wait(self, chat_id: int) -> None:
        """Wait for the next moment at which a message to this chat may go."""
        now = time.monotonic()
        chat_at = max(now, self._chats.get(chat_id, 0.0))
        self._chats[chat_id] = chat_at + self._per_chat
        await asyncio.sleep(chat_at - now)
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self._step
        await asyncio.sleep(at - now)

    def refused(self, chat_id: int, seconds: float) -> None:
        """Telegram wants us to wait: this chat at least, and everybody when it says so of a second chat as well."""
        now = time.monotonic()
        until = now + seconds
        self._chats[chat_id] = until
        self._refused = {chat: end for chat, end in self._refused.items() if end > now} | {chat_id: until}
        if len(self._refused) > 1:
            self._next = max(self._next, until)


class Sender:
    """The loop over the outbox. `wake` makes it look at once, otherwise it looks each second."""

    def __init__(
        self, bot: Bot, database: Database, services: Services, *, pace: Pace, metrics: Metrics, activity: Activity
    ) -> None:
        self._bot, self._database, self._outbox, self._services = bot, database, Outbox(database), services
        self._pace, self._metrics, self._activity = pace, metrics, activity
        self._limiter = Limiter(pace.per_second, pace.per_chat)
        self._wake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], TakenMessage] = {}
        self._room = asyncio.Semaphore(pace.messages_at_once)
        self._taking = True

    def wake(self) -> None:
        self._wake.set()

    @property
    def idle(self) -> bool:
        return not self._under_way

    async def run(self) -> None:
        renewing = asyncio.create_task(self._renew())
        try:
            while self._taking:
                self._wake.clear()
                # As many again wait here as are being sent, so that looking for the next ones is done for many at once.
                held, at_once = len(self._under_way), self._pace.messages_at_once
                free = 2 * at_once - held if held <= at_once else 0
                try:
                    taken = await self._outbox.take(free, lease_seconds=self._pace.lease) if free else []
                except Exception as error:  # noqa: BLE001 - the queue is still there; look again
                    self._complain("take", error)
                    taken = []
                mine = {message.id for message in self._under_way.values()}
                for message in taken:
                    if message.id in mine:
                        continue  # its lease ran out on a machine too busy to renew it, and has just been renewed
                    task = asyncio.create_task(self._send(message), name=f"message-{message.id}")
                    self._under_way[task] = message
                    task.add_done_callback(self._finished)
                if len(taken) < free or not free:
                    await self._called(self._pace.look_again)
        finally:
            renewing.cancel()

    async def drain(self) -> None:
        """Take nothing more and let what is being sent arrive, if it does so soon."""
        self._taking = False
        self.wake()
        if self._under_way:
            _done, left = await asyncio.wait(self._under_way, timeout=min(self._pace.drain, 5.0))
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._outbox.settled()

    async def _called(self, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._complain("bookkeeping", error)
        self.wake()
        self._activity.ring()

    async def _send(self, message: TakenMessage) -> None:
        with structlog.contextvars.bound_contextvars(message=message.id, kind=message.kind):
            try:
                async with self._room:
                    result = await self._deliver(message)
            except asyncio.CancelledError:
                await asyncio.shield(self._outbox.failed(message.id, "stopped", wait_seconds=0, most=_OFTEN))
                raise
            except TelegramRetryAfter as error:
                self._limiter.refused(message.telegram_id, error.retry_after)
                await self._put_back(message, error, wait=error.retry_after, most=_OFTEN)
                result = "refused"
            except TelegramForbiddenError as error:
                result = await self._unreachable(message, error)
            except TelegramBadRequest as error:
                # Never to be accepted: a mistake of ours, or a chat that is not there.
                if "chat not found" in error.message:
                    result = await self._unreachable(message, error)
                else:
                    _log.error("Telegram does not take a message", exc_info=error)
                    await self._outbox.failed(message.id, repr(error), wait_seconds=0, most=0, dead=True)
                    result = "dead"
            except (TelegramNetworkError, TelegramServerError) as error:
                _log.warning("Telegram is away, the message waits", error=repr(error))
                await self._put_back(message, error, most=self._pace.telegram_attempts)
                result = "failed"
            except Exception as error:
                if is_outage(error):
                    raise  # nothing can be written down now; the lease runs out by itself
                self._metrics.errors.labels("sender").inc()
                _log.error("a message could not be made", exc_info=error)
                await self._put_back(message, error, most=len(self._pace.message_waits))
                result = "failed"
            self._metrics.messages.labels(message.kind, result).inc()

    async def _deliver(self, message: TakenMessage) -> str:
        actor = active_actor(message.user) if message.may_receive else None
        if actor is None:
            await self._outbox.failed(message.id, "cannot be reached", wait_seconds=0, most=0, dead=True)
            return "unreachable"
        if await self._outbox.is_superseded(message):
            await self._outbox.sent(message.id, message_id=None)
            return "superseded"
        with use_language(actor.language):
            card = await render(message.kind, CardContext(actor, self._services), message.params)
            if card is None:
                await self._outbox.sent(message.id, message_id=None)
                return "pointless"
            shown = message.message_id
            if shown is None:
                shown = await self._show(message, card)
                if card.documents:
                    await self._outbox.shown(message.id, shown)
            for document_id in card.documents:
                await self._send_document(message, actor, document_id)
        await self._outbox.sent(message.id, message_id=shown)
        return "sent"

    async def _show(self, message: TakenMessage, card: Card) -> int:
        """Edit the live card when this message is about one, otherwise send; returns the id of what is shown."""
        if message.edits_card and message.card_key is not None:
            live = await self._outbox.live_card(message.recipient_id, message.card_key)
            if live is not None and await self._edited(message.telegram_id, live, card):
                return live
        await self._limiter.wait(message.telegram_id)
        sent = await self._bot.send_message(message.telegram_id, str(card.text), reply_markup=card.keyboard)
        return sent.message_id

    async def _edited(self, chat_id: int, message_id: int, card: Card) -> bool:
        await self._limiter.wait(chat_id)
        try:
            await self._bot.edit_message_text(
                str(card.text), chat_id=chat_id, message_id=message_id, reply_markup=card.keyboard
            )
        except TelegramBadRequest as error:
            if "message is not modified" in error.message:
                return True
            # Deleted, too old, or a text where a photo is: what it says goes as a new message.
            _log.info("a card could not be edited", error=error.message)
            return False
        return True

    async def _send_document(self, message: TakenMessage, actor: Actor, document_id: int) -> None:
        """Send a paper by the id that Telegram knows it by, or else its bytes; the new id is remembered."""
        try:
            document = await self._services.documents.get(actor, document_id)
        except NotFound:
            return  # deleted since, or not his any more
        send = _METHODS.get(document.telegram_type, _METHODS["document"])
        if document.telegram_file_id is not None:
            await self._limiter.wait(message.telegram_id)
            try:
                await self._bot(send(message.telegram_id, document.telegram_file_id))
            except TelegramBadRequest as error:
                # The id is another bot's, or Telegram has forgotten it.
                _log.info("a cached file id does not work", document=document_id, error=error.message)
            else:
                return
        content = await self._services.documents.content(actor, document_id)
        await self._limiter.wait(message.telegram_id)
        sent = await self._bot.send_document(message.telegram_id, BufferedInputFile(content, document.name))
        if sent.document is not None:
            await self._services.documents.cache(actor, document_id, sent.document.file_id, "document")

    async def _unreachable(self, message: TakenMessage, error: TelegramAPIError) -> str:
        await self._services.people.unreachable(SYSTEM, message.recipient_id)
        await self._outbox.failed(message.id, repr(error), wait_seconds=0, most=0, dead=True)
        self.wake()  # the admins are told through this very outbox
        return "unreachable"

    async def _put_back(self, message: TakenMessage, error: Exception, *, most: int, wait: float | None = None) -> None:
        if wait is None:
            wait = self._pace.message_wait(message.attempts)
        await self._outbox.failed(message.id, repr(error), wait_seconds=wait, most=most)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._pace.lease / 3)
            if rows := [message.id for message in self._under_way.values()]:
                try:
                    await self._outbox.renew(rows, lease_seconds=self._pace.lease)
                except Exception as error:  # noqa: BLE001 - tried again in a while
                    self._complain("renew", error)

    def _complain(self, place: str, error: BaseException) -> None:
        self._metrics.errors.labels(place).inc()
        _log.error("the outbox cannot be worked on", place=place, error=repr(error))
