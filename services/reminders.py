"""Due rows: fired once when their time has come, answered in place."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.enums import DealStage, PolicyStatus, ReminderKind, ReminderStatus, Role, TaskStatus
from models.tables import Deal, Payment, Policy, Reminder, Task, User
from services import planning, touch
from services.access import ADMINS, ANYBODY, SELLERS, Actor, Service, command, query, steps
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.money import UNDO
from services.policies import lock_policy, status_of
from services.rules.calendar import not_later_working_day
from services.rules.ladders import last_safe_day
from services.stand_in import admins_instead, keeps
from storage.engine import is_outage
from storage.uow import Transaction

_TASK_STATES = {
    ReminderKind.TASK_NOT_ACCEPTED: {TaskStatus.QUEUED, TaskStatus.RETURNED},
    ReminderKind.TASK_DUE_SOON: {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED},
    ReminderKind.TASK_OVERDUE: {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED},
    ReminderKind.TASK_QUESTION: {TaskStatus.QUESTION},
}
_LATER = {
    ReminderKind.POLICY_END: {"thinking"},
    ReminderKind.PAYMENT: {"put_off"},
    ReminderKind.REVIEW: {"postponed", "next_event"},
}
"""Answers that change nothing but the day on which the deal comes up next."""

FARTHEST_THOUGHT = 90
DIGEST_LATENESS = timedelta(hours=1)
"""A morning digest that is later than this does not break anybody's quiet hours."""
LATE = timedelta(hours=2)
AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""When a reminder that cannot be fired is tried again; the last wait is repeated for as long as it takes."""
TELL_ADMINS_AT = 3
"""The failure at which the admins hear of it: what mends itself in some minutes is nobody's work."""
MANY = 5
"""So many late reminders still come one by one; more than that come as one message."""


@dataclass(frozen=True, slots=True)
class ReminderView:
    """Everything a reminder's message says: the deal and the one thing it is about, as the facts are now.

    `pending` tells whether it still waits for an answer: it has none, and what it says is still true. `takes_back`
    tells whether it was put off a moment ago.
    """

    reminder: Reminder
    deal: Deal
    today: date
    decides: bool
    pending: bool
    policy: Policy | None = None
    status: PolicyStatus | None = None
    safe_day: date | None = None
    payment: Payment | None = None
    task: Task | None = None
    question: str = ""
    takes_back: bool = False


def _is_so(reminder: Reminder, deal: Deal, thing: Policy | Payment | Task | None, today: date) -> bool:
    """Whether what a reminder is about still waits for somebody."""
    if isinstance(thing, Task):
        return thing.status in _TASK_STATES[reminder.kind]
    if deal.stage is DealStage.CLOSED:
        return False
    if isinstance(thing, Policy):
        return thing.outcome is None and thing.deleted_at is None
    if isinstance(thing, Payment):
        return thing.settled_on is None and thing.waived_at is None
    return not_later_working_day(deal.review_on) <= today


def _puts_off(reminder: Reminder) -> bool:
    """Whether a reminder was answered with nothing but a later day."""
    return reminder.status is ReminderStatus.ANSWERED and reminder.answer in _LATER.get(reminder.kind, ())


def _is_fresh(reminder: Reminder, now: datetime) -> bool:
    """Whether an answer can still be a slip of the finger."""
    return reminder.answered_at is not None and now - reminder.answered_at <= UNDO


class ReminderService(Service):
    """What the clock does, and how people answer it."""

    @steps(ADMINS)
    async def fire_due(self, actor: Actor, limit: int) -> int:
        """Fire up to `limit` reminders whose time has come; returns how many were taken, fired or found pointless.

        Where one of them fails they are fired one by one: whatever fails then is put off and holds up no other.
        Raises an ExceptionGroup of the failures when the rest has been fired.
        """
        try:
            return await self._fire(actor, limit)
        except Exception as error:
            if is_outage(error):
                raise
        failures: list[Exception] = []
        ids = await self._due(actor, limit)
        for reminder_id in ids:
            try:
                await self._fire(actor, 1, reminder_id)
            except Exception as error:
                if is_outage(error):
                    raise
                failures.append(error)
                await self._failed(actor, reminder_id, f"{error!r}"[:1000])
        if failures:
            raise ExceptionGroup("reminders that cannot be fired", failures)
        return len(ids)

    @query(ADMINS)
    async def _due(self, tx: Transaction, actor: Actor, limit: int) -> list[int]:  # noqa: ARG002
        return await tx.reminders.due_ids(tx.now, limit)

    @command(ADMINS)
    async def _failed(self, tx: Transaction, actor: Actor, reminder_id: int, why: str) -> None:  # noqa: ARG002
        """Let a reminder wait for its next attempt; once it has failed often enough the admins are told."""
        row = await tx.reminders.lock(reminder_id)
        if row is None or row.status is not ReminderStatus.PLANNED:
            return
        row.attempts, row.error = row.attempts + 1, why
        row.due_at = tx.now + AGAIN_AFTER[min(row.attempts, len(AGAIN_AFTER)) - 1]
        if row.attempts == TELL_ADMINS_AT:
            for admin in await tx.people.with_role(Role.ADMIN):
                key = f"reminder_fails:{row.id}:{admin.id}"
                tx.notify(admin.id, "reminder_fails", dedup_key=key, reminder_id=row.id)

    @command(ADMINS)
    async def _fire(self, tx: Transaction, actor: Actor, limit: int, only: int | None = None) -> int:  # noqa: ARG002
        """Fire reminders in one transaction, all or none.

        Each row re-checks its facts. Of several rows of one object that have become due together (the bot was away)
        only the last is said; of many late ones of a person, one message says how many they are. What comes at a
        person's quiet hours waits for their end.
        """
        rows = await tx.reminders.claim_due(tx.now, limit, only)
        if not rows:
            return 0
        people = {user.id: user for user in await tx.people.by_ids({row.recipient_id for row in rows})}
        late = await tx.reminders.count_late(list(people), tx.now, LATE)
        gathered: set[int] = set()
        digests = [row for row in rows if row.kind is ReminderKind.DIGEST]
        if digests:
            await self._fire_digests(tx, digests, people)
        for row in rows[len(digests) :]:
            user = people[row.recipient_id]
            # What was put off until the morning after an absence still bears the day that it was for.
            is_late = row.due_at <= tx.now - LATE or row.local_date < planning.today_of(user, tx.now)
            alone = not is_late or late.get(user.id, 0) <= MANY
            if not await self._hears(tx, row, user):
                await self._pass_on(tx, row, user)
                self._settle(tx, row, said=False)
                await self._again_tomorrow(tx, row)
            elif planning.is_quiet(user, tx.now):
                await self._wait_for_morning(tx, row, user, keep_day=is_late)
            else:
                await self._bring_to_today(tx, row, user)
                said = await self._is_to_be_said(tx, row, user)
                self._settle(tx, row, said=said, alone=alone)
                if said and not alone:
                    gathered.add(user.id)
                await self._again_tomorrow(tx, row)
        for user_id in gathered:
            # The next hundred rows of a long absence change the same message.
            on = planning.today_of(people[user_id], tx.now).isoformat()
            tx.notify(user_id, "reminders_missed", card_key=f"missed:{user_id}:{on}", edits_card=True, on=on)
        return len(rows)

    @staticmethod
    def _settle(tx: Transaction, row: Reminder, *, said: bool, alone: bool = True) -> None:
        row.status = ReminderStatus.SENT if said else ReminderStatus.SKIPPED
        row.error = None
        if said:
            row.sent_at = tx.now
        if said and alone:
            tx.notify(
                row.recipient_id,
                "digest" if row.kind is ReminderKind.DIGEST else "reminder",
                dedup_key=f"reminder:{row.id}",
                deal_id=row.deal_id,
                reminder_id=row.id,
            )

    @staticmethod
    async def _again_tomorrow(tx: Transaction, row: Reminder) -> None:
        """Until somebody touches the deal, its review comes back to its seller every working day."""
        if row.kind is not ReminderKind.REVIEW:
            return
        deal = await tx.session.get_one(Deal, row.object_id)
        if row.recipient_id != deal.seller_id or deal.stage is DealStage.CLOSED:
            return
        await tx.session.flush()
        turns = await tx.reminders.turns(deal)
        if deal.review_on not in turns.planned:
            await planning.plan_next_review(tx, deal, turns)

    @staticmethod
    async def _hears(tx: Transaction, row: Reminder, user: User) -> bool:
        """Whether a person can be reminded of this: he is here, and may still see the deal that he sells."""
        deal = await tx.session.get_one(Deal, row.deal_id)
        return user.active and user.reachable and (deal.seller_id != user.id or keeps(user))

    @staticmethod
    async def _pass_on(tx: Transaction, row: Reminder, user: User) -> None:
        """What a seller cannot be told the admins are, each in his own waking hours, until the deal is handed over."""
        deal = await tx.session.get_one(Deal, row.deal_id)
        if deal.seller_id != user.id:
            return
        tx.reminders.plan(
            planning.row(
                admin, row.kind, row.object_id, row.step, planning.after_quiet(admin, tx.now), deal.id, row.event_on
            )
            for admin in await admins_instead(tx, user)
        )

    @staticmethod
    async def _fire_digests(tx: Transaction, rows: list[Reminder], people: dict[int, User]) -> None:
        """One digest a day of each person; after an absence today's comes late, and yesterday's never."""
        last = await tx.reminders.last_days(ReminderKind.DIGEST, people)
        for row in rows:
            user = people[row.recipient_id]
            today = planning.today_of(user, tx.now)
            late = tx.now - planning.digest_of(user, today)
            night = planning.is_quiet(user, tx.now) and late >= DIGEST_LATENESS
            has_come = late >= timedelta() and last.get(user.id) != today
            if has_come:
                row.local_date = last[user.id] = today
            ReminderService._settle(tx, row, said=has_come and not night and user.active and user.reachable)
        await tx.session.flush()
        await planning.plan_digests(tx, *(people[row.recipient_id] for row in rows))

    @staticmethod
    async def _wait_for_morning(tx: Transaction, row: Reminder, user: User, *, keep_day: bool) -> None:
        """Put a row off until the quiet hours end, unless that day has a reminder of the object of its own."""
        morning = planning.after_quiet(user, tx.now)
        day = planning.today_of(user, morning)
        row.error = None
        if day != row.local_date and await tx.reminders.has_other_on(row, day):
            row.status = ReminderStatus.SKIPPED
        else:
            row.due_at = morning
            if not keep_day:
                row.local_date = day

    @staticmethod
    async def _bring_to_today(tx: Transaction, row: Reminder, user: User) -> None:
        """A row that comes late has its turn today, unless today has one of the object of its own."""
        today = planning.today_of(user, tx.now)
        if row.local_date != today and not await tx.reminders.has_other_on(row, today):
            row.local_date = today

    @staticmethod
    async def _is_to_be_said(tx: Transaction, row: Reminder, user: User) -> bool:
        today = planning.today_of(user, tx.now)
        begins, ends = (
            datetime.combine(day, time(), ZoneInfo(user.time_zone)).astimezone(UTC)
            for day in (today, today + timedelta(days=1))
        )
        if await tx.reminders.gives_way(row, begins, ends):
            return False
        deal = await tx.session.get_one(Deal, row.deal_id)
        if row.kind is ReminderKind.REVIEW:
            # Who hears today of what happens in the deal needs no second message about the same deal.
            return _is_so(row, deal, None, today) and not await tx.reminders.deal_is_named(row, begins, ends)
        if row.kind is ReminderKind.POLICY_END:
            return _is_so(row, deal, await tx.session.get_one(Policy, row.object_id), today)
        if row.kind is ReminderKind.PAYMENT:
            return _is_so(row, deal, await tx.session.get_one(Payment, row.object_id), today)
        task = await tx.session.get_one(Task, row.object_id)
        if row.kind is ReminderKind.TASK_DUE_SOON and task.due_at <= tx.now:
            return False  # quiet hours or an absence have outlived the warning
        return _is_so(row, deal, task, today)

    @command(ADMINS)
    async def ensure_digests(self, tx: Transaction, actor: Actor) -> int:  # noqa: ARG002
        """Plan a digest for every active person who has none planned; returns for how many."""
        people = await tx.reminders.without_digest()
        await planning.plan_digests(tx, *people)
        return len(people)

    # --- looking --------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def view(self, tx: Transaction, actor: Actor, reminder_id: int) -> ReminderView:
        """A reminder with what it is about, for the person it was sent to. Raises NotFound."""
        reminder = await tx.reminders.get(reminder_id)
        if reminder is None or reminder.recipient_id != actor.user_id or reminder.deal_id is None:
            raise NotFound
        deal = await tx.deals.get(actor.scope, reminder.deal_id)
        if deal is None:
            raise NotFound
        today = actor.day(tx.now)
        policy = payment = task = None
        question = ""
        if reminder.kind is ReminderKind.POLICY_END:
            policy = await tx.policies.get(actor.scope, reminder.object_id)
        elif reminder.kind is ReminderKind.PAYMENT:
            payment = await tx.money.get(actor.scope, reminder.object_id)
            policy = payment.policy if payment is not None else None
        elif reminder.kind in _TASK_STATES:
            task = await tx.tasks.get(actor.scope, reminder.object_id)
            if reminder.kind is ReminderKind.TASK_QUESTION:
                moves = await tx.tasks.moves(reminder.object_id)
                question = next((m.comment for m in reversed(moves) if m.status is TaskStatus.QUESTION), "")
        thing = task or payment or policy
        if thing is None and reminder.kind is not ReminderKind.REVIEW:
            raise NotFound
        return ReminderView(
            reminder=reminder,
            deal=deal,
            today=today,
            decides=actor.owns(deal),
            pending=reminder.status is ReminderStatus.SENT and _is_so(reminder, deal, thing, today),
            policy=policy,
            status=None if policy is None or payment is not None else status_of(policy, today),
            safe_day=None if policy is None else last_safe_day(policy.ends_on, policy.line.ladder),
            payment=payment,
            task=task,
            question=question,
            takes_back=actor.owns(deal) and _puts_off(reminder) and _is_fresh(reminder, tx.now),
        )

    @query(ANYBODY)
    async def missed(self, tx: Transaction, actor: Actor, on: str) -> int:
        """How many late reminders were gathered for this person on a day of his and have no answer yet."""
        return await tx.reminders.count_gathered(actor.user_id, date.fromisoformat(on))

    # --- answering ------------------------------------------------------------------------------------------------

    @command(SELLERS)
    async def thinking(self, tx: Transaction, actor: Actor, policy_id: int, days: int) -> str:
        """The client thinks about renewing: leave him alone for some days; returns the day until which.

        Never beyond the last safe day, nor (after it) beyond the end: a thought does not let a policy expire.
        Raises NotFound, AlreadyDone, Invalid.
        """
        deal, policy = await lock_policy(tx, actor, policy_id)
        if policy.outcome is not None or deal.stage is DealStage.CLOSED:
            raise AlreadyDone
        limits = (last_safe_day(policy.ends_on, policy.line.ladder), policy.ends_on)
        until = self._put_off(tx, actor, days, *limits)
        await planning.cancel(tx, ReminderKind.POLICY_END, policy.id, answer="thinking")
        await planning.plan_policy(tx, policy, not_before=until)
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="thinking")
        await touch.recompute(tx, deal, set_by_hand=until)
        tx.audit("policy.thinking", "policy", policy.id, deal_id=deal.id, until=until.isoformat())
        tx.event(deal.id, "client_thinks", number=policy.number, until=until.isoformat(), policy_id=policy.id)
        return until.isoformat()

    @command(ANYBODY)
    async def ask_again(self, tx: Transaction, actor: Actor, reminder_id: int) -> None:
        """An answer was taken back: the reminder waits for another one. Raises NotFound."""
        reminder = await tx.reminders.lock(reminder_id)
        if reminder is None or reminder.recipient_id != actor.user_id:
            raise NotFound
        if reminder.status is ReminderStatus.ANSWERED:
            reminder.status, reminder.answer, reminder.answered_at = ReminderStatus.SENT, None, None

    @command(SELLERS)
    async def take_back(self, tx: Transaction, actor: Actor, reminder_id: int) -> None:
        """An answer that only put something off was a slip: the reminder asks again, the deal comes up today.

        Raises NotFound, Forbidden, AlreadyDone (nothing of the kind was answered), Invalid (ten minutes have passed).
        """
        asked = await tx.reminders.get(reminder_id)
        if asked is None or asked.recipient_id != actor.user_id or asked.deal_id is None:
            raise NotFound
        deal = await tx.deals.lock(actor.scope, asked.deal_id)
        reminder = await tx.reminders.lock(reminder_id)
        if deal is None or reminder is None:
            raise NotFound
        if not actor.owns(deal):
            raise Forbidden
        if not _puts_off(reminder) or deal.stage is DealStage.CLOSED:
            raise AlreadyDone
        if not _is_fresh(reminder, tx.now):
            raise Invalid("Ten minutes have passed. Set another day on the deal.")
        reminder.status, reminder.answer, reminder.answered_at = ReminderStatus.SENT, None, None
        before, today = deal.review_on, actor.day(tx.now)
        if reminder.kind is ReminderKind.REVIEW:
            await touch.recompute(tx, deal, set_by_hand=today)
        else:
            await self._plan_anew(tx, reminder)
            deal.review_by_hand = deal.review_set_on = None
            await touch.recompute(tx, deal)
        on = deal.review_on.isoformat()
        tx.audit("deal.postponed", "deal", deal.id, deal_id=deal.id, review_on=[before.isoformat(), on])
        if deal.review_on != before:
            tx.event(deal.id, "deal_postponed", on=on, review=deal.review_reason.value)

    @staticmethod
    async def _plan_anew(tx: Transaction, reminder: Reminder) -> None:
        """The steps that come next, as if nobody had asked to be left alone."""
        if reminder.kind is ReminderKind.POLICY_END:
            policy = await tx.policies.lock(reminder.object_id)
            if policy is not None:
                await planning.plan_policy(tx, policy)
        else:
            payment = await tx.money.lock(reminder.object_id)
            if payment is not None:
                await planning.plan_payment(tx, payment)

    @command(SELLERS)
    async def put_off_payment(self, tx: Transaction, actor: Actor, payment_id: int, days: int) -> str:
        """Leave an instalment alone for some days, but not beyond its due day; returns the day until which.

        Raises NotFound, Forbidden, AlreadyDone (paid, waived, closed), Invalid.
        """
        deal_id = await tx.money.deal_of_payment(actor.scope, payment_id)
        deal = None if deal_id is None else await tx.deals.lock(actor.scope, deal_id)
        payment = None if deal is None else await tx.money.lock(payment_id)
        if deal is None or payment is None:
            raise NotFound
        if not actor.owns(deal):
            raise Forbidden
        if payment.settled_on is not None or payment.waived_at is not None or deal.stage is DealStage.CLOSED:
            raise AlreadyDone
        until = self._put_off(tx, actor, days, payment.due_on)
        await planning.cancel(tx, ReminderKind.PAYMENT, payment.id, answer="put_off")
        await planning.plan_payment(tx, payment, not_before=until)
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="put_off")
        await touch.recompute(tx, deal, set_by_hand=until)
        tx.audit("payment.put_off", "payment", payment.id, deal_id=deal.id, until=until.isoformat())
        tx.event(deal.id, "deal_postponed", on=deal.review_on.isoformat(), review=deal.review_reason.value)
        return until.isoformat()

    @staticmethod
    def _put_off(tx: Transaction, actor: Actor, days: int, *limits: date) -> date:
        """The day some days ahead, or the nearest of the limits (in order) that is still ahead."""
        if not 1 <= days <= FARTHEST_THOUGHT:
            raise Invalid("Put it off for 1 to {most} days. For longer, set a date on the deal.", most=FARTHEST_THOUGHT)
        today = actor.day(tx.now)
        until = today + timedelta(days=days)
        limit = next((limit for limit in limits if today < limit), None)
        return until if limit is None else min(until, limit)

    @query(ADMINS)
    async def next_due(self, tx: Transaction, actor: Actor) -> str | None:  # noqa: ARG002
        """When the next planned reminder is due (ISO, UTC)."""
        moment = await tx.reminders.next_due()
        return moment.isoformat() if moment is not None else None
