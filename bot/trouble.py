"""What is said when an update fails through no fault of the person: one plain sentence with a reference."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from sqlalchemy.exc import IntegrityError

from bot.apology import Apology
from bot.metrics import Metrics
from bot.recent import Recent
from fsm.cards import Card, CardContext, card
from fsm.i18n import DEFAULT_LANGUAGE, _, use_language
from fsm.text import html
from models.enums import Role
from services.ports import Clock
from services.registry import Services
from storage.inbox import TakenUpdate
from storage.uow import Transactions

_log = structlog.get_logger(__name__)

_AT_MOST_EACH = timedelta(minutes=1)


def reference_of(update: TakenUpdate) -> str:
    """Six characters that lead from what a person was told to the log and to the row in the inbox."""
    return hashlib.blake2s(f"{update.bot_id}:{update.update_id}".encode(), digest_size=3).hexdigest().upper()


class Trouble:
    """Tells the person at the first failure and the admins at the last one."""

    def __init__(
        self,
        bot: Bot,
        services: Services,
        transactions: Transactions,
        clock: Clock,
        metrics: Metrics,
        apology: Apology,
    ) -> None:
        self._bot, self._services, self._transactions, self._apology = bot, services, transactions, apology
        self._clock, self._metrics = clock, metrics
        self._told: Recent[int, datetime] = Recent(4096)

    async def failed(self, update: TakenUpdate, error: Exception) -> str:
        reference = reference_of(update)
        self._metrics.errors.labels("handler").inc()
        _log.error("an update failed", reference=reference, attempt=update.attempts, exc_info=error)
        if update.attempts == 1:
            try:
                await self._tell(update, reference)
            except Exception as second:  # noqa: BLE001 - telling is a courtesy; the update is kept in any case
                _log.warning("the person could not be told", error=repr(second))
        return reference

    def away(self, update: TakenUpdate) -> None:
        self._apology.for_update(update.payload)

    async def _tell(self, update: TakenUpdate, reference: str) -> None:
        actor = await self._services.people.identify(update.person_id)
        if actor is None:
            return
        with use_language(actor.language or DEFAULT_LANGUAGE):
            text = _("Something went wrong on our side. It will be tried again by itself. Reference: {reference}")
            text = text.format(reference=reference)
        tap = update.payload.get("callback_query")
        if isinstance(tap, dict):
            await self._bot.answer_callback_query(str(tap["id"]), text=text, show_alert=True)
            return
        now, told = self._clock.now(), self._told.get(update.person_id)
        if "message" not in update.payload or (told is not None and now - told < _AT_MOST_EACH):
            return
        self._told[update.person_id] = now
        await self._bot.send_message(update.person_id, text)

    async def flooding(self, person_id: int) -> None:
        """One line an hour; another replica may have said it."""
        now = self._clock.now()
        async with self._transactions.begin(None, now) as tx:
            person = await tx.people.by_telegram_id(person_id)
            if person is None or not person.active:
                return
            tx.notify(person.id, "slow_down", dedup_key=f"slow_down:{person.id}:{now:%Y-%m-%dT%H}")
            try:
                await tx.commit()
            except IntegrityError:
                _log.debug("the flood of this hour has been spoken of")

    async def died(self, update: TakenUpdate, reference: str) -> None:
        _log.error("an update was given up", reference=reference, update=update.update_id)
        async with self._transactions.begin(None, self._clock.now()) as tx:
            person = await tx.people.by_telegram_id(update.person_id)
            for admin in await tx.people.with_role(Role.ADMIN):
                tx.notify(
                    admin.id,
                    "update_died",
                    dedup_key=f"update_died:{update.bot_id}:{update.update_id}:{admin.id}",
                    person=person.full_name if person is not None else "",
                    reference=reference,
                )
            await tx.commit()


@card("update_died")
async def update_died(_context: CardContext, *, person: str, reference: str, **_more: Any) -> Card:
    text = _("⚠️ What {person} did could not be carried out and was given up. Reference: {reference}")
    return Card(text=html(text, person=person or "?", reference=reference))


@card("slow_down")
async def slow_down(_context: CardContext, **_more: Any) -> Card:
    return Card(html(_("You are quicker than I am. Nothing is lost: I take it in one by one.")))
