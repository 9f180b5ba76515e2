"""Due rows: fired once when their time has come, answered in place."""

from dataclasses import dataclass
from datetime import date, timedelta

from models.enums import DealStage, PolicyStatus, ReminderKind, ReminderStatus, ReviewReason, TaskStatus
from models.tables import Deal, Payment, Policy, Reminder, Task, User
from services import planning, touch
from services.access import ADMINS, ANYBODY, SELLERS, Actor, Service, command, query
from services.errors import AlreadyDone, Invalid, NotFound
from services.policies import lock_policy, owns, status_of, today_of
from services.rules.calendar import next_working_day
from services.rules.ladders import last_safe_day
from storage.uow import Transaction

_EVENT_OF = {ReviewReason.POLICY_END: ReminderKind.POLICY_END, ReviewReason.PAYMENT_DUE: ReminderKind.PAYMENT}
_TASK_STATES = {
    ReminderKind.TASK_NOT_ACCEPTED: {TaskStatus.QUEUED, TaskStatus.RETURNED},
    ReminderKind.TASK_DUE_SOON: {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED},
    ReminderKind.TASK_OVERDUE: {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED},
    ReminderKind.TASK_QUESTION: {TaskStatus.QUESTION},
}
FARTHEST_THOUGHT = 90


@dataclass(frozen=True, slots=True)
class ReminderView:
    """Everything a reminder's message says: the deal and the one thing it is about, as the facts are now."""

    reminder: Reminder
    deal: Deal
    today: date
    decides: bool
    policy: Policy | None = None
    status: PolicyStatus | None = None
    safe_day: date | None = None
    payment: Payment | None = None
    task: Task | None = None


class ReminderService(Service):
    """What the clock does, and how people answer it."""

    @command(ADMINS)
    async def fire_due(self, tx: Transaction, actor: Actor, limit: int) -> int:  # noqa: ARG002
        """Fire up to `limit` reminders whose time has come; returns how many were taken, fired or found pointless.

        Each row re-checks its facts. Of several rows of one object that have become due together (the bot was away)
        only the last is said. What comes at a person's quiet hours waits for their end.
        """
        rows = await tx.reminders.claim_due(tx.now, limit)
        latest = {(row.recipient_id, row.kind, row.object_id): row.id for row in rows}
        people = {user.id: user for user in await tx.people.by_ids({row.recipient_id for row in rows})}
        for row in rows:
            user = people[row.recipient_id]
            if row.kind is ReminderKind.DIGEST:
                await self._fire_digest(tx, row, user)
                continue
            if planning.is_quiet(user, tx.now) and user.active:
                row.due_at = planning.after_quiet(user, tx.now)
                continue
            last = latest[row.recipient_id, row.kind, row.object_id] == row.id
            said = last and user.active and user.reachable and await self._still_true(tx, row)
            self._settle(tx, row, said=said)
            if row.kind is ReminderKind.REVIEW:
                await self._again_next_working_day(tx, row, user)
        return len(rows)

    @staticmethod
    def _settle(tx: Transaction, row: Reminder, *, said: bool) -> None:
        row.status = ReminderStatus.SENT if said else ReminderStatus.SKIPPED
        if said:
            row.sent_at = tx.now
            tx.notify(
                row.recipient_id,
                "digest" if row.kind is ReminderKind.DIGEST else "reminder",
                dedup_key=f"reminder:{row.id}",
                deal_id=row.deal_id,
                reminder_id=row.id,
            )

    async def _fire_digest(self, tx: Transaction, row: Reminder, user: User) -> None:
        # Yesterday's digest says nothing today: a late one is skipped, today's own row follows.
        fresh = row.local_date == planning.today_of(user, tx.now)
        self._settle(tx, row, said=fresh and user.active and user.reachable)
        await tx.session.flush()
        await planning.plan_digest(tx, user)

    @staticmethod
    async def _again_next_working_day(tx: Transaction, row: Reminder, user: User) -> None:
        """Until somebody touches the deal, its review comes back every working day."""
        deal = await tx.session.get_one(Deal, row.object_id)
        if deal.stage is DealStage.CLOSED or deal.seller_id != user.id:
            return
        today = planning.today_of(user, tx.now)
        due = planning.morning_of(user, max(deal.review_on, next_working_day(today)), tx.now)
        await tx.reminders.plan([planning.row(user, ReminderKind.REVIEW, deal.id, 0, due, deal.id)])

    async def _still_true(self, tx: Transaction, row: Reminder) -> bool:
        deal = await tx.session.get(Deal, row.deal_id)
        if deal is None or (deal.stage is DealStage.CLOSED and row.kind not in _TASK_STATES):
            return False
        if row.kind is ReminderKind.POLICY_END:
            policy = await tx.session.get_one(Policy, row.object_id)
            return policy.outcome is None and policy.deleted_at is None
        if row.kind is ReminderKind.PAYMENT:
            payment = await tx.session.get_one(Payment, row.object_id)
            return payment.settled_on is None and payment.waived_at is None
        if row.kind is ReminderKind.REVIEW:
            return await self._review_is_news(tx, row, deal)
        task = await tx.session.get_one(Task, row.object_id)
        return task.status in _TASK_STATES[row.kind]

    @staticmethod
    async def _review_is_news(tx: Transaction, row: Reminder, deal: Deal) -> bool:
        """A review is said when its day has come and the event behind it has no reminder of its own today."""
        if deal.review_on > row.local_date:
            return False
        event = _EVENT_OF.get(deal.review_reason)
        if event is None or deal.review_object_id is None:
            return True
        return not await tx.reminders.exists_on(event, deal.review_object_id, row.recipient_id, row.local_date)

    @query(ANYBODY)
    async def view(self, tx: Transaction, actor: Actor, reminder_id: int) -> ReminderView:
        """A reminder with what it is about, for the person it was sent to. Raises NotFound."""
        reminder = await tx.reminders.get(reminder_id)
        if reminder is None or reminder.recipient_id != actor.user_id or reminder.deal_id is None:
            raise NotFound
        deal = await tx.deals.get(actor.scope, reminder.deal_id)
        if deal is None:
            raise NotFound
        today = today_of(tx, actor)
        common = {"reminder": reminder, "deal": deal, "today": today, "decides": owns(actor, deal)}
        if reminder.kind is ReminderKind.POLICY_END:
            policy = await tx.policies.get(actor.scope, reminder.object_id)
            if policy is None:
                raise NotFound
            safe = last_safe_day(policy.ends_on, policy.line.ladder)
            return ReminderView(**common, policy=policy, status=status_of(policy, today), safe_day=safe)  # type: ignore[arg-type]
        if reminder.kind is ReminderKind.PAYMENT:
            payment = await tx.money.get(actor.scope, reminder.object_id)
            if payment is None:
                raise NotFound
            return ReminderView(**common, payment=payment, policy=payment.policy)  # type: ignore[arg-type]
        if reminder.kind in _TASK_STATES:
            task = await tx.tasks.get(actor.scope, reminder.object_id)
            if task is None:
                raise NotFound
            return ReminderView(**common, task=task)  # type: ignore[arg-type]
        return ReminderView(**common)  # type: ignore[arg-type]

    @command(SELLERS)
    async def thinking(self, tx: Transaction, actor: Actor, policy_id: int, days: int) -> str:
        """The client thinks about renewing: leave him alone for some days; returns the day of the next touch.

        Never beyond the last safe day: a thought does not let a policy expire. Raises NotFound, AlreadyDone, Invalid.
        """
        if not 1 <= days <= FARTHEST_THOUGHT:
            raise Invalid("A client thinks for 1 to {most} days. For longer, set a date on the deal.", most=90)
        deal, policy = await lock_policy(tx, actor, policy_id)
        if policy.outcome is not None:
            raise AlreadyDone
        today = today_of(tx, actor)
        line = await tx.dictionaries.line(policy.line_id)
        if line is None:
            raise NotFound
        until = today + timedelta(days=days)
        safe = last_safe_day(policy.ends_on, line.ladder)
        if today < safe:
            until = min(until, safe)
        await planning.cancel(tx, ReminderKind.POLICY_END, policy.id, answer="thinking")
        await planning.plan_policy(tx, policy, not_before=until)
        await planning.cancel(tx, ReminderKind.REVIEW, deal.id, answer="thinking")
        await touch.recompute(tx, deal, set_by_hand=until)
        tx.audit("policy.thinking", "policy", policy.id, deal_id=deal.id, until=until.isoformat())
        tx.event(deal.id, "client_thinks", number=policy.number, until=until.isoformat(), policy_id=policy.id)
        return until.isoformat()

    @query(ADMINS)
    async def next_due(self, tx: Transaction, actor: Actor) -> str | None:  # noqa: ARG002
        """When the next planned reminder is due (ISO, UTC)."""
        moment = await tx.reminders.next_due()
        return moment.isoformat() if moment is not None else None
