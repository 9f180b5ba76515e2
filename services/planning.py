"""Reminders planned in the transaction that makes them necessary, and cancelled in the one that answers them.

Rows are absolute moments (UTC) made from the recipient's own day: not before his quiet hours end, on a working day
where the rule says so. What was sent stays; only what is still planned is replaced.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.enums import DealStage, ReminderKind, Role, TaskStatus
from models.tables import Deal, LineOfBusiness, Payment, Policy, Task, User
from services.rules.calendar import add_working_hours, next_working_day
from services.rules.ladders import PlannedStep, end_steps, plan_payment_reminders, plan_policy_reminders
from storage.uow import Transaction

MORNING = 9
"""The hour (of the recipient) at which reminders of days come, unless his quiet hours last longer."""

NOT_ACCEPTED_HOURS = 2
"""Working hours after which the author hears that nobody has accepted his task."""

DUE_SOON = timedelta(hours=2)
UNANSWERED = timedelta(hours=24)

TASK_KINDS = (
    ReminderKind.TASK_NOT_ACCEPTED,
    ReminderKind.TASK_DUE_SOON,
    ReminderKind.TASK_OVERDUE,
    ReminderKind.TASK_QUESTION,
)


def today_of(user: User, now: datetime) -> date:
    """The day that it is for a person."""
    return now.astimezone(ZoneInfo(user.time_zone)).date()


def is_quiet(user: User, moment: datetime) -> bool:
    """Whether a moment is inside a person's quiet hours (which may span midnight)."""
    hour = moment.astimezone(ZoneInfo(user.time_zone)).hour
    if user.quiet_from <= user.quiet_to:
        return user.quiet_from <= hour < user.quiet_to
    return hour >= user.quiet_from or hour < user.quiet_to


def after_quiet(user: User, moment: datetime) -> datetime:
    """The same moment, or the end of the quiet hours that it falls into."""
    if not is_quiet(user, moment):
        return moment
    local = moment.astimezone(ZoneInfo(user.time_zone))
    end = datetime.combine(local.date(), time(user.quiet_to % 24), local.tzinfo)
    if end <= local:
        end = datetime.combine(local.date() + timedelta(days=1), time(user.quiet_to % 24), local.tzinfo)
    return end.astimezone(UTC)


def morning_of(user: User, day: date, now: datetime, hour: int = MORNING) -> datetime:
    """When a person hears of a day's reminder: in its morning, or at once where the morning is over."""
    morning = datetime.combine(day, time(hour), ZoneInfo(user.time_zone)).astimezone(UTC)
    return after_quiet(user, max(morning, now))


def row(
    user: User, kind: ReminderKind, object_id: int, step: int, due_at: datetime, deal_id: int | None
) -> dict[str, Any]:
    """One planned reminder, keyed by the recipient's local day."""
    return {
        "kind": kind,
        "object_id": object_id,
        "step": step,
        "recipient_id": user.id,
        "local_date": due_at.astimezone(ZoneInfo(user.time_zone)).date(),
        "due_at": due_at,
        "deal_id": deal_id,
    }


async def _recipients(tx: Transaction, deal: Deal) -> dict[Role, list[User]]:
    seller = await tx.people.get(deal.seller_id)
    return {Role.SELLER: [seller] if seller is not None else [], Role.ADMIN: await tx.people.with_role(Role.ADMIN)}


async def _plan_steps(
    tx: Transaction, kind: ReminderKind, object_id: int, deal: Deal, steps: Iterable[PlannedStep]
) -> None:
    """Plan steps for everybody they are for, without repeating what a person has been told already."""
    people = await _recipients(tx, deal)
    told = await tx.reminders.past_steps(kind, object_id)
    rows: dict[tuple[int, date], dict[str, Any]] = {}
    for step in steps:
        for user in [user for role in step.roles for user in people[role]]:
            if user.id in told and step.step <= told[user.id]:
                continue
            planned = row(user, kind, object_id, step.step, morning_of(user, step.on, tx.now), deal.id)
            rows[user.id, planned["local_date"]] = planned
    await tx.reminders.plan(rows.values())


def ladder_of(line: LineOfBusiness) -> tuple[int, ...]:
    """Days before the end at which a line's policies are reminded of, farthest first."""
    return tuple(line.steps) if line.steps else end_steps(line.ladder)


async def plan_policy(tx: Transaction, policy: Policy, *, not_before: date | None = None) -> None:
    """Plan (again) the ladder before and after a policy's end for the deal's seller.

    `not_before` is the day until which the client asked to be left alone: the nearest step waits for it.
    """
    await tx.reminders.forget_planned([ReminderKind.POLICY_END], policy.id)
    deal = await tx.session.get_one(Deal, policy.deal_id)
    if policy.outcome is not None or policy.deleted_at is not None or deal.stage is DealStage.CLOSED:
        return
    line = await tx.session.get_one(LineOfBusiness, policy.line_id)
    seller = await tx.session.get_one(User, deal.seller_id)
    since = max(today_of(seller, tx.now), not_before or date.min)
    steps = plan_policy_reminders(policy.starts_on, policy.ends_on, since, ladder_of(line))
    await _plan_steps(tx, ReminderKind.POLICY_END, policy.id, deal, steps)


async def plan_payment(tx: Transaction, payment: Payment) -> None:
    """Plan (again) the reminders of an unpaid payment; a settled or waived one has none.

    A day that the client promised to pay by stands in for a due date that is earlier.
    """
    await tx.reminders.forget_planned([ReminderKind.PAYMENT], payment.id)
    deal = await tx.session.get_one(Deal, payment.deal_id)
    if payment.settled_on is not None or payment.waived_at is not None or deal.stage is DealStage.CLOSED:
        return
    seller = await tx.session.get_one(User, deal.seller_id)
    due = max(payment.due_on, payment.promised_on or payment.due_on)
    steps = plan_payment_reminders(due, today_of(seller, tx.now))
    if payment.promised_on is not None:
        steps = [step for step in steps if step.on >= payment.promised_on]
    await _plan_steps(tx, ReminderKind.PAYMENT, payment.id, deal, steps)


async def plan_review(tx: Transaction, deal: Deal) -> None:
    """Plan (again) the reminder of the deal's review date; a closed deal has none.

    Where the seller has been reminded on that day already, the next one comes on the next working day.
    """
    await tx.reminders.forget_planned([ReminderKind.REVIEW], deal.id)
    if deal.stage is DealStage.CLOSED:
        return
    seller = await tx.session.get_one(User, deal.seller_id)
    day = max(deal.review_on, today_of(seller, tx.now))
    if await tx.reminders.was_sent(ReminderKind.REVIEW, deal.id, day):
        day = next_working_day(day)
    due = morning_of(seller, day, tx.now)
    await tx.reminders.plan([row(seller, ReminderKind.REVIEW, deal.id, 0, due, deal.id)])


async def plan_task(tx: Transaction, task: Task) -> None:
    """Plan (again) the reminders of a task as its status wants: not accepted, due soon, overdue, unanswered.

    While a task waits for an answer or for the insurer its clock stands, so nobody is told that it is late.
    """
    await tx.reminders.forget_planned(TASK_KINDS, task.id)
    rows = []
    author = await tx.session.get_one(User, task.author_id)
    assignee = await tx.session.get_one(User, task.assignee_id)
    if task.status in {TaskStatus.QUEUED, TaskStatus.RETURNED}:
        late = add_working_hours(tx.now, NOT_ACCEPTED_HOURS, await work_hours(tx), ZoneInfo(author.time_zone))
        rows.append(row(author, ReminderKind.TASK_NOT_ACCEPTED, task.id, 0, late, task.deal_id))
    if task.status is TaskStatus.QUESTION:
        rows += [
            row(
                admin,
                ReminderKind.TASK_QUESTION,
                task.id,
                0,
                after_quiet(admin, tx.now + UNANSWERED),
                task.deal_id,
            )
            for admin in await tx.people.with_role(Role.ADMIN)
        ]
    if task.status in {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED}:
        if task.due_at - DUE_SOON > tx.now:
            soon = after_quiet(assignee, task.due_at - DUE_SOON)
            rows.append(row(assignee, ReminderKind.TASK_DUE_SOON, task.id, 0, soon, task.deal_id))
        for person in {assignee.id: assignee, author.id: author}.values():
            overdue = after_quiet(person, max(task.due_at, tx.now))
            rows.append(row(person, ReminderKind.TASK_OVERDUE, task.id, 0, overdue, task.deal_id))
    await tx.reminders.plan(rows)


async def work_hours(tx: Transaction) -> tuple[int, int]:
    """When the agency's working day begins and ends, in hours of the day."""
    opens, closes = await tx.dictionaries.setting("work_hours") or (9, 18)
    return int(opens), int(closes)


async def plan_digest(tx: Transaction, user: User) -> None:
    """Plan a person's next morning digest: today's when its hour is still ahead, otherwise tomorrow's."""
    await tx.reminders.forget_planned([ReminderKind.DIGEST], user.id)
    if not user.active:
        return
    zone = ZoneInfo(user.time_zone)
    day = today_of(user, tx.now)
    due = datetime.combine(day, time(user.digest_hour), zone).astimezone(UTC)
    if due <= tx.now or await tx.reminders.was_sent(ReminderKind.DIGEST, user.id, day):
        due = datetime.combine(day + timedelta(days=1), time(user.digest_hour), zone).astimezone(UTC)
    await tx.reminders.plan([row(user, ReminderKind.DIGEST, user.id, 0, due, None)])


async def cancel(tx: Transaction, kind: ReminderKind, object_id: int, *, answer: str | None = None) -> None:
    """Cancel what is still planned for an object; what was sent is marked answered when an answer is given."""
    await tx.reminders.forget_planned([kind], object_id)
    if answer is not None:
        await tx.reminders.answer(kind, object_id, answer, tx.now)
