"""Numbers of the day for the admin, and what the machinery could not do."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.access import ADMINS, Actor, Service, command, query
from services.errors import AlreadyDone
from services.rules.ladders import SHORT_POLICY_DAYS
from storage.stats import DayNumbers, DeadMessage, DeadUpdate, FailingReminder, NowNumbers
from storage.uow import Transaction

PAGE = 8
__all__ = ["DeadMessage", "DeadUpdate", "FailingReminder", "Numbers", "StatsService"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """One day, and how things stand now."""

    day: date
    today: date
    of_day: DayNumbers
    now: NowNumbers


class StatsService(Service):
    """What an owner counts."""

    @query(ADMINS)
    async def day(self, tx: Transaction, actor: Actor, on: date | None = None) -> Numbers:
        """The numbers of a day (today's when none is given) in the actor's zone."""
        today = actor.day(tx.now)
        day = min(on or today, today)
        since = datetime.combine(day, time(), actor.zone).astimezone(UTC)
        until = datetime.combine(day + timedelta(days=1), time(), actor.zone).astimezone(UTC)
        return Numbers(
            day,
            today,
            await tx.stats.of_day(since, until, day),
            await tx.stats.now(tx.now, today, SHORT_POLICY_DAYS),
        )

    @query(ADMINS)
    async def dead_updates(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        page: int = 0,
        *,
        size: int = PAGE,
    ) -> tuple[list[DeadUpdate], int]:
        """Updates that were given up, the newest first, and how many there are."""
        return await tx.stats.dead_updates(page * size, size)

    @command(ADMINS)
    async def rerun(self, tx: Transaction, actor: Actor, bot_id: int, update_id: int) -> None:  # noqa: ARG002
        """Let a given-up update be tried once more. Raises AlreadyDone."""
        if not await tx.stats.rerun(bot_id, update_id):
            raise AlreadyDone
        tx.audit("update.rerun", "update", update_id)

    @query(ADMINS)
    async def dead_messages(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        page: int = 0,
        *,
        size: int = PAGE,
    ) -> tuple[list[DeadMessage], int]:
        """Messages that were given up, the newest first, and how many there are."""
        return await tx.stats.dead_messages(page * size, size)

    @command(ADMINS)
    async def resend(self, tx: Transaction, actor: Actor, message_id: int) -> None:  # noqa: ARG002
        """Let a given-up message be sent after all. Raises AlreadyDone."""
        if not await tx.stats.resend(message_id):
            raise AlreadyDone
        tx.audit("message.resent", "message", message_id)

    @query(ADMINS)
    async def failing_reminders(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        page: int = 0,
        *,
        size: int = PAGE,
    ) -> tuple[list[FailingReminder], int]:
        """Reminders that cannot be fired, the oldest first, and how many there are."""
        return await tx.stats.failing_reminders(page * size, size)

    @command(ADMINS)
    async def fire_again(self, tx: Transaction, actor: Actor, reminder_id: int) -> None:  # noqa: ARG002
        """Let a reminder that fails be tried now instead of at its next turn. Raises AlreadyDone."""
        if not await tx.stats.fire_again(reminder_id, tx.now):
            raise AlreadyDone
        tx.audit("reminder.again", "reminder", reminder_id)
