"""Due rows: planned, claimed by a tick with SKIP LOCKED, answered or cancelled."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Text,
    any_,
    cast,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from models.enums import Ladder, ReminderKind, ReminderStatus
from models.tables import Deal, LineOfBusiness, OutboxMessage, Payment, Policy, Reminder, Task, User
from storage.direct import given, ready
from storage.leaving import Replanning, leave
from storage.repository import UNPAID, Reach, Repository

T = TypeVar("T")

# Steps of a late payment that admins hear of too, and questions that nobody has answered (services.rules.ladders); the
# number stands in the text, as it does in the index.
_ADMIN_STEP = ((Reminder.kind == ReminderKind.PAYMENT) & (Reminder.step >= text("7"))) | (
    Reminder.kind == ReminderKind.TASK_QUESTION
)


@dataclass(frozen=True, slots=True)
class Unpaid:
    """An instalment that the client owes: `on` is the day that he has promised, or else the due one."""

    id: int
    on: date
    promised: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """A policy that nobody has decided about, with the ladder of its line."""

    id: int
    starts_on: date
    ends_on: date
    ladder: Ladder
    steps: list[int] | None


@dataclass(frozen=True, slots=True)
class Turns:
    """Reminders of a deal's reviews, by the date that was to be looked at: the last day on which one had its turn, and
    the dates of which the seller is still to be reminded.
    """

    told: dict[date, date]
    planned: set[date]

    @property
    def last(self) -> date | None:
        """The last day on which there was one at all."""
        return max(self.told.values(), default=None)


@dataclass(frozen=True, slots=True)
class Ahead:
    """All that decides when a deal comes up next."""

    unpaid: list[Unpaid]
    ending: list[Ending]
    reviews: Turns


_DEAL, _SELLER = given(1, BigInteger()), given(2, BigInteger())
_UNPAID_ROWS = (
    select(Payment)
    .join(Policy, Policy.id == Payment.policy_id)
    .where(Payment.deal_id == _DEAL, UNPAID, Policy.deleted_at.is_(None))
)
_ENDING_ROWS = (
    select(Policy)
    .join(LineOfBusiness, LineOfBusiness.id == Policy.line_id)
    .where(Policy.deal_id == _DEAL, Policy.outcome.is_(None), Policy.deleted_at.is_(None))
)
_REVIEW_ROWS = (
    select(Reminder)
    .where(Reminder.kind == ReminderKind.REVIEW, Reminder.object_id == _DEAL, _SELLER.is_not(None))
    .group_by(Reminder.event_on)
)
_IS_PLANNED = Reminder.status == ReminderStatus.PLANNED


def _list(rows: Select[Any], *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return func.array(rows.with_only_columns(func.row(*columns), maintain_column_froms=True).scalar_subquery())


_REVIEW_TURNS = _list(
    _REVIEW_ROWS,
    Reminder.event_on,
    func.max(Reminder.local_date).filter(~_IS_PLANNED),
    func.bool_or(_IS_PLANNED & (Reminder.recipient_id == _SELLER)),
)
_REVIEWS = ready(select(_REVIEW_TURNS))
_AHEAD = ready(
    select(
        _list(
            _UNPAID_ROWS,
            Payment.id,
            func.coalesce(Payment.promised_on, Payment.due_on),
            Payment.promised_on.is_not(None),
        ),
        _list(
            _ENDING_ROWS,
            Policy.id,
            Policy.starts_on,
            Policy.ends_on,
            LineOfBusiness.ladder,
            cast(func.to_json(LineOfBusiness.steps), Text),
        ),
        _REVIEW_TURNS,
    )
)


def _heard_since(moment: datetime) -> ColumnElement[bool]:
    return Reminder.status.in_([ReminderStatus.SENT, ReminderStatus.ANSWERED]) & (Reminder.sent_at >= moment)


def _same_object(row: Reminder) -> tuple[ColumnElement[bool], ...]:
    """Other rows about the same object for the same person."""
    return (
        Reminder.kind == row.kind,
        Reminder.object_id == row.object_id,
        Reminder.recipient_id == row.recipient_id,
        Reminder.id != row.id,
    )


class Reminders(Repository):
    """Plans and answers are written when the transaction ends, or before somebody reads what they change."""

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self.replanning = Replanning()

    def plan(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add planned rows; one that is there already (sent, answered) stays as it is."""
        for row in rows:
            key = (row["kind"], row["object_id"], row["step"], row["recipient_id"], row["local_date"])
            self.replanning.plan.setdefault(key, row)

    def forget_planned(self, kinds: Iterable[ReminderKind], object_id: int) -> None:
        """Drop what is still planned for an object: it has never been seen by anybody."""
        gone = {(kind, object_id) for kind in kinds}
        self.replanning.replaced |= gone
        self.replanning.plan = {key: row for key, row in self.replanning.plan.items() if key[:2] not in gone}

    def answer(self, kind: ReminderKind, object_id: int, answer: str, now: datetime) -> None:
        """Mark what was sent for an object as answered."""
        self.replanning.answers.setdefault((kind, object_id), (answer, now))

    async def _caught_up(self) -> AsyncSession:
        """The session for what reads or changes planned rows: what this transaction has planned is written first."""
        if self.replanning:
            written, self.replanning = self.replanning, Replanning()
            await leave(self.session, written)
        return self.session

    async def one(self, statement: Select[T]) -> T | None:
        await self._caught_up()
        return await super().one(statement)

    async def many(self, statement: Select[T]) -> list[T]:
        await self._caught_up()
        return await super().many(statement)

    async def past_steps(self, kind: ReminderKind, object_id: int, event: date) -> dict[int, int]:
        """The farthest step that each recipient has been sent for an object while its event was on this day."""
        rows = await self.session.execute(
            select(Reminder.recipient_id, func.max(Reminder.step))
            .where(
                Reminder.kind == kind,
                Reminder.object_id == object_id,
                Reminder.event_on == event,
                Reminder.status != ReminderStatus.PLANNED,
            )
            .group_by(Reminder.recipient_id)
        )
        return dict(rows.all())

    async def told(self, kinds: Iterable[ReminderKind], object_id: int, event: date) -> set[tuple[ReminderKind, int]]:
        """What has been said of an object's event already, and to whom."""
        rows = await self.session.execute(
            select(Reminder.kind, Reminder.recipient_id).where(
                Reminder.kind.in_(kinds),
                Reminder.object_id == object_id,
                Reminder.event_on == event,
                Reminder.status != ReminderStatus.PLANNED,
            )
        )
        return {(kind, recipient_id) for kind, recipient_id in rows.all()}

    async def last_days(self, kind: ReminderKind, object_ids: Collection[int]) -> dict[int, date]:
        """The last local day on which a reminder of each of these objects had its turn, where there was one."""
        turns = (
            select(Reminder.object_id, func.max(Reminder.local_date))
            .where(
                Reminder.kind == kind,
                Reminder.object_id == any_(cast(list(object_ids), ARRAY(BigInteger))),
                Reminder.status != ReminderStatus.PLANNED,
            )
            .group_by(Reminder.object_id)
        )
        return dict((await self.session.execute(turns)).all())

    async def deal_is_named(self, row: Reminder, day_begins: datetime, day_ends: datetime) -> bool:
        """Whether a review's recipient hears on this day of his of something that happens in the deal."""
        return await self._any(
            Reminder.deal_id == row.deal_id,
            Reminder.kind.in_([ReminderKind.POLICY_END, ReminderKind.PAYMENT]),
            Reminder.recipient_id == row.recipient_id,
            _heard_since(day_begins) | ((Reminder.status == ReminderStatus.PLANNED) & (Reminder.due_at < day_ends)),
        )

    async def gives_way(self, row: Reminder, day_begins: datetime, day_ends: datetime) -> bool:
        """Whether a person has heard of the object on this day of his, or will hear of a later step of it."""
        later = (
            (Reminder.status == ReminderStatus.PLANNED)
            & (Reminder.due_at < day_ends)
            & (tuple_(Reminder.due_at, Reminder.id) > tuple_(literal(row.due_at), literal(row.id)))
        )
        return await self._any(*_same_object(row), _heard_since(day_begins) | later)

    async def has_other_on(self, row: Reminder, on: date) -> bool:
        """Whether the row's recipient has another reminder of its object on a local day."""
        return await self._any(*_same_object(row), Reminder.local_date == on)

    async def _any(self, *conditions: ColumnElement[bool]) -> bool:
        return (
            await (await self._caught_up()).execute(select(Reminder.id).where(*conditions).limit(1))
        ).first() is not None

    async def hand_over(self, deal_ids: list[int], from_id: int, to_id: int) -> None:
        """Give one person's planned reminders of some deals to another; what the other has already is not doubled.

        Of a review he may have one for another day: as an admin he was to hear instead of the seller.
        """
        mine = select(Reminder.id).where(
            Reminder.deal_id.in_(deal_ids),
            Reminder.recipient_id == from_id,
            Reminder.status == ReminderStatus.PLANNED,
        )
        theirs = Reminder.__table__.alias()
        await (await self._caught_up()).execute(
            delete(Reminder).where(
                Reminder.id.in_(mine),
                select(theirs.c.id)
                .where(
                    theirs.c.kind == Reminder.kind,
                    theirs.c.object_id == Reminder.object_id,
                    theirs.c.step == Reminder.step,
                    theirs.c.recipient_id == to_id,
                    (theirs.c.local_date == Reminder.local_date)
                    | ((Reminder.kind == ReminderKind.REVIEW) & (theirs.c.status == ReminderStatus.PLANNED)),
                )
                .exists(),
            )
        )
        await (await self._caught_up()).execute(
            update(Reminder).where(Reminder.id.in_(mine)).values(recipient_id=to_id)
        )

    async def plan_admin_steps(self, user_id: int) -> None:
        """Give an admin what is planned for admins: late payments (whoever is told of them) and unanswered questions.

        What he has been told already is left alone.
        """
        source = (
            select(
                Reminder.kind,
                Reminder.object_id,
                Reminder.step,
                literal(user_id).label("recipient_id"),
                Reminder.local_date,
                Reminder.due_at,
                Reminder.deal_id,
                Reminder.event_on,
                literal(ReminderStatus.PLANNED.value).label("status"),
            )
            .where(_ADMIN_STEP, Reminder.status == ReminderStatus.PLANNED)
            .ext(distinct_on(Reminder.kind, Reminder.object_id, Reminder.step))
            .order_by(Reminder.kind, Reminder.object_id, Reminder.step, Reminder.due_at)
        )
        columns = ["kind", "object_id", "step", "recipient_id", "local_date", "due_at", "deal_id", "event_on", "status"]
        await (await self._caught_up()).execute(insert(Reminder).from_select(columns, source).on_conflict_do_nothing())

    async def forget_admin_steps(self, user_id: int) -> None:
        """Take from a person what was planned for him as an admin; what concerns his own deals and tasks stays."""
        own = select(Deal.id).where(Deal.seller_id == user_id)
        tasks = select(Task.id).where((Task.author_id == user_id) | (Task.assignee_id == user_id))
        of_deals = Reminder.kind.in_([ReminderKind.POLICY_END, ReminderKind.PAYMENT, ReminderKind.REVIEW])
        await (await self._caught_up()).execute(
            delete(Reminder).where(
                Reminder.recipient_id == user_id,
                Reminder.status == ReminderStatus.PLANNED,
                Reminder.kind != ReminderKind.DIGEST,
                (Reminder.kind == ReminderKind.TASK_QUESTION)
                | (of_deals & Reminder.deal_id.not_in(own))
                | (~of_deals & Reminder.object_id.not_in(tasks)),
            )
        )

    async def move_zone(self, user_id: int, before: str, after: str) -> None:
        """Keep the hours of the day at which a person is reminded when his time zone changes."""
        local = func.timezone(before, Reminder.due_at)
        await (await self._caught_up()).execute(
            update(Reminder)
            .where(
                Reminder.recipient_id == user_id,
                Reminder.status == ReminderStatus.PLANNED,
                Reminder.kind.in_([ReminderKind.POLICY_END, ReminderKind.PAYMENT, ReminderKind.REVIEW]),
            )
            .values(due_at=func.timezone(after, local))
        )

    async def first_planned(self, kind: ReminderKind, object_id: int) -> date | None:
        """The nearest day on which anybody is to be reminded of an object."""
        found = await (await self._caught_up()).execute(
            select(func.min(Reminder.local_date)).where(
                Reminder.kind == kind, Reminder.object_id == object_id, Reminder.status == ReminderStatus.PLANNED
            )
        )
        return found.scalar_one()

    async def due_ids(self, now: datetime, limit: int) -> list[int]:
        """The rows whose time has come, the oldest first, held by nobody."""
        due = select(Reminder.id).where(Reminder.status == ReminderStatus.PLANNED, Reminder.due_at <= now)
        rows = await (await self._caught_up()).execute(due.order_by(Reminder.due_at, Reminder.id).limit(limit))
        return list(rows.scalars())

    async def claim_due(self, now: datetime, limit: int, only: int | None = None) -> list[Reminder]:
        """Hold the rows whose time has come, the digests and then the oldest first; nobody waits for anybody.

        Their deals are held too, as everybody holds a deal before its reminders: what a person or another scheduler is
        at right now is left for later. On most ticks nothing is due: that is seen by the first row of an index.
        """
        soonest = await self.next_due()
        if soonest is None or soonest > now:
            return []
        due = (
            select(Reminder)
            .where(Reminder.status == ReminderStatus.PLANNED, Reminder.due_at <= now)
            .order_by(Reminder.due_at, Reminder.id)
        )
        if only is not None:
            due = due.where(Reminder.id == only)
        digests = await self.many(
            due.where(Reminder.deal_id.is_(None)).limit(limit).with_for_update(key_share=True, skip_locked=True)
        )
        rest = await self.many(
            due.join(Deal, Deal.id == Reminder.deal_id)
            .limit(limit - len(digests))
            .with_for_update(of=[Reminder, Deal], key_share=True, skip_locked=True)
        )
        return digests + rest

    async def count_late(self, user_ids: list[int], now: datetime, late: timedelta) -> dict[int, int]:
        """How many reminders come late to each of these people: due now by hours or by days, or gathered already."""
        today = cast(func.timezone(User.time_zone, now), Date)
        due = (Reminder.status == ReminderStatus.PLANNED) & (Reminder.due_at <= now)
        is_late = (Reminder.due_at <= now - late) | (Reminder.local_date < today)
        return await self._count_each(user_ids, due & is_late, self._gathered(today, now))

    async def count_gathered(self, user_id: int, on: date) -> int:
        """How many reminders of a local day were said to a person in one message and have no answer yet."""
        noon = datetime.combine(on, time(12), UTC)
        return (await self._count_each([user_id], self._gathered(literal(on), noon))).get(user_id, 0)

    async def _count_each(self, user_ids: list[int], *ways: ColumnElement[bool]) -> dict[int, int]:
        parts = [
            select(Reminder.recipient_id)
            .join(User, User.id == Reminder.recipient_id)
            .where(Reminder.recipient_id.in_(user_ids), Reminder.kind != ReminderKind.DIGEST, way)
            for way in ways
        ]
        found = union_all(*parts).subquery()
        rows = await (await self._caught_up()).execute(
            select(found.c.recipient_id, func.count()).group_by(found.c.recipient_id)
        )
        return dict(rows.all())

    @staticmethod
    def _gathered(on: ColumnElement[date], near: datetime) -> ColumnElement[bool]:
        """Said on this day of the recipient's, with no message of its own; `near` is a moment of that day somewhere."""
        said_on = cast(func.timezone(User.time_zone, Reminder.sent_at), Date)
        own = select(OutboxMessage.id).where(OutboxMessage.dedup_key == func.concat("reminder:", Reminder.id))
        # No zone is farther than this from the moment: for the index, which knows no zones.
        somewhere = Reminder.sent_at.between(near - timedelta(days=2), near + timedelta(days=2))
        return (Reminder.status == ReminderStatus.SENT) & somewhere & (said_on == on) & ~own.exists()

    async def get(self, reminder_id: int) -> Reminder | None:
        return await self.one(select(Reminder).where(Reminder.id == reminder_id))

    async def lock(self, reminder_id: int) -> Reminder | None:
        return await self.one(select(Reminder).where(Reminder.id == reminder_id).with_for_update())

    async def next_due(self) -> datetime | None:
        """When the next planned row is due, whoever's it is."""
        return (
            await (await self._caught_up()).execute(
                select(func.min(Reminder.due_at)).where(Reminder.status == ReminderStatus.PLANNED)
            )
        ).scalar_one()

    async def without_digest(self) -> list[User]:
        """Active people for whom no digest is planned."""
        planned = select(Reminder.id).where(
            Reminder.kind == ReminderKind.DIGEST,
            Reminder.object_id == User.id,
            Reminder.status == ReminderStatus.PLANNED,
        )
        return await self.many(select(User).where(User.active, ~planned.exists()).order_by(User.id))

    async def ahead(self, deal: Deal) -> Ahead:
        """What a deal waits for, and what its seller has been told of its reviews."""
        unpaid, ending, reviews = (await self.direct(_AHEAD, deal.id, deal.seller_id))[0]
        return Ahead(
            [Unpaid(*row) for row in unpaid],
            [
                Ending(id_, starts, ends, Ladder(ladder), steps and orjson.loads(steps))
                for id_, starts, ends, ladder, steps in ending
            ],
            self._turns(deal, reviews),
        )

    async def turns(self, deal: Deal) -> Turns:
        """What a deal's seller has been told of its reviews, and is to be told."""
        return self._turns(deal, (await self.direct(_REVIEWS, deal.id, deal.seller_id))[0][0])

    def _turns(self, deal: Deal, found: Iterable[tuple[date, date | None, bool]]) -> Turns:
        rows = list(found)
        planned = {event for event, _told, waits in rows if waits}
        about = (ReminderKind.REVIEW, deal.id)
        if about in self.replanning.replaced:
            planned = set()
        for (*key, _step, recipient_id, _day), row in self.replanning.plan.items():
            if tuple(key) == about and recipient_id == deal.seller_id:
                planned.add(row["event_on"])
        return Turns({event: told for event, told, _waits in rows if told is not None}, planned)
