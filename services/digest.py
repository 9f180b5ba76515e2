"""The morning digest: what burns, what is today, who waits; walked card by card."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from models.enums import Role
from services.access import ANYBODY, Actor, Service, query
from services.rules.ladders import SHORT_POLICY_DAYS
from storage.digest import AgencyCounts, DayCounts, Whose
from storage.uow import Transaction


@dataclass(frozen=True, slots=True)
class Day:
    """A person's day in numbers; `agency` is for admins."""

    counts: DayCounts
    agency: AgencyCounts | None

    @property
    def is_empty(self) -> bool:
        """Nothing burns, nothing is for today, nobody waits."""
        agency = self.agency
        return not any(getattr(self.counts, name) for name in DayCounts.__slots__) and (
            agency is None or not any(getattr(agency, name) for name in AgencyCounts.__slots__)
        )

    @property
    def can_be_walked(self) -> bool:
        """Whether there is anything to look at card by card."""
        return any(getattr(self.counts, name) for name in DayCounts.__slots__)


@dataclass(frozen=True, slots=True)
class Item:
    """One card of the day: a deal or a task, the `n`-th of `total`."""

    kind: str
    id: int
    n: int
    total: int


def _whose(actor: Actor, now: datetime) -> Whose:
    """An admin who neither sells nor calculates looks at everybody's work, another at his own."""
    today = now.astimezone(actor.zone).date()
    ends = datetime.combine(today + timedelta(days=1), time(), actor.zone).astimezone(UTC)
    return Whose(
        user_id=actor.user_id,
        sells=Role.SELLER in actor.roles,
        everything=actor.is_admin and not actor.roles & {Role.SELLER, Role.EXECUTOR},
        now=now,
        today=today,
        day_ends=ends,
    )


class DigestService(Service):
    """One person's day."""

    @query(ANYBODY)
    async def day(self, tx: Transaction, actor: Actor) -> Day:
        """What burns, what is today, who waits."""
        counts = await tx.digest.counts(_whose(actor, tx.now), SHORT_POLICY_DAYS)
        return Day(counts, await tx.digest.agency() if actor.is_admin else None)

    @query(ANYBODY)
    async def next_item(
        self, tx: Transaction, actor: Actor, seen_deals: Collection[int] = (), seen_tasks: Collection[int] = ()
    ) -> Item | None:
        """The most urgent card that has not been looked at in this walk; None at its end."""
        found = await tx.digest.next_item(_whose(actor, tx.now), SHORT_POLICY_DAYS, seen_deals, seen_tasks)
        if found is None:
            return None
        kind, id_, left = found
        seen = len(seen_deals) + len(seen_tasks)
        return Item(kind, id_, seen + 1, seen + left)
