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
from services.rules.calendar import add_working_hours, next_working_day, not_later_working_day
from services.rules.ladders import (
    PlannedStep,
    end_steps,
    last_safe_day,
    plan_payment_reminders,
    plan_policy_reminders,
)
from storage.reminders import Ending, Turns
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


def best_day(day: date, today: date) -> date:
    """The day to speak of a day: the working day before a day off, while that is still ahead; never a day later."""
    early = not_later_working_day(day)
    return early if early > today else max(day, today)


def row(
    user: User,
    kind: ReminderKind,
    object_id: int,
    step: int,
    due_at: datetime,
    deal_id: int | None,
    event_on: date | None = None,
) -> dict[str, Any]:
    """One planned reminder, keyed by the recipient's local day; `event_on` is the day that its step counts from."""
    return {
        "kind": kind,
        "object_id": object_id,
        "step": step,
        "recipient_id": user.id,
        "local_date": due_at.astimezone(ZoneInfo(user.time_zone)).date(),
        "due_at": due_at,
        "deal_id": deal_id,
        "event_on": event_on,
    }


async def _recipients(tx: Transaction, deal: Deal, roles: set[Role]) -> dict[Role, list[User]]:
    seller = await tx.session.get_one(User, deal.seller_id)
    return {Role.SELLER: [seller], Role.ADMIN: await tx.people.with_role(Role.ADMIN) if Role.ADMIN in roles else []}


async def _plan_steps(
    tx: Transaction, kind: ReminderKind, object_id: int, deal: Deal, event: date, steps: Iterable[PlannedStep]
) -> None:
    """Plan steps for everybody they are for, without repeating what a person has been told of this event already."""
    steps = list(steps)
    people = await _recipients(tx, deal, {role for step in steps for role in step.roles})
    told = await tx.reminders.past_steps(kind, object_id, event)
    rows: dict[tuple[int, date], dict[str, Any]] = {}
    for step in steps:
        for user in [user for role in step.roles for user in people[role]]:
            if user.id in told and step.step <= told[user.id]:
                continue
            due_at = morning_of(user, step.on, tx.now)
            planned = row(user, kind, object_id, step.step, due_at, deal.id, event)
            rows[user.id, planned["local_date"]] = planned
    tx.reminders.plan(rows.values())


def ladder_of(line: LineOfBusiness | Ending) -> tuple[int, ...]:
    """Days before the end at which a line's policies are reminded of, farthest first."""
    return tuple(line.steps) if line.steps else end_steps(line.ladder)


def _since(today: date, not_before: date | None) -> date:
    """The first day on which something may be said."""
    return today if not_before is None or not_before <= today else best_day(not_before, today)


async def plan_policy(tx: Transaction, policy: Policy, *, not_before: date | None = None) -> None:
    """Plan (again) the ladder before and after a policy's end for the deal's seller.

    `not_before` is the day until which the client asked to be left alone: the nearest step waits for it. While the
    renewal is being calculated, everything waits for the last safe day.
    """
    tx.reminders.forget_planned([ReminderKind.POLICY_END], policy.id)
    deal = await tx.session.get_one(Deal, policy.deal_id)
    if policy.outcome is not None or policy.deleted_at is not None or deal.stage is DealStage.CLOSED:
        return
    line = await tx.session.get_one(LineOfBusiness, policy.line_id)
    seller = await tx.session.get_one(User, deal.seller_id)
    if deal.renewal_of_id == policy.id:
        not_before = max(not_before or date.min, last_safe_day(policy.ends_on, line.ladder))
    today = today_of(seller, tx.now)
    since = _since(today, not_before)
    steps = plan_policy_reminders(policy.starts_on, policy.ends_on, since, ladder_of(line), put_off=since > today)
    await _plan_steps(tx, ReminderKind.POLICY_END, policy.id, deal, policy.ends_on, steps)


async def plan_payment(tx: Transaction, payment: Payment, *, not_before: date | None = None) -> None:
    """Plan (again) the reminders of an unpaid payment; a settled or waived one has none.

    A day that the client promised to pay by speaks for itself, and from the due date on it stands in for it.
    `not_before` puts everything off until a day.
    """
    tx.reminders.forget_planned([ReminderKind.PAYMENT], payment.id)
    deal = await tx.session.get_one(Deal, payment.deal_id)
    if payment.settled_on is not None or payment.waived_at is not None or deal.stage is DealStage.CLOSED:
        return
    seller = await tx.session.get_one(User, deal.seller_id)
    today = today_of(seller, tx.now)
    since, due, promised = _since(today, not_before), payment.due_on, payment.promised_on
    if promised is None or promised < since:
        steps = plan_payment_reminders(due, since, put_off=since > today)
        await _plan_steps(tx, ReminderKind.PAYMENT, payment.id, deal, due, steps)
        return
    steps = [PlannedStep(0, max(since, best_day(promised, today)))]
    if promised >= due:
        steps += [step for step in plan_payment_reminders(promised, since) if step.step > 0]
    await _plan_steps(tx, ReminderKind.PAYMENT, payment.id, deal, promised, steps)
    if promised < due:
        later = [step for step in plan_payment_reminders(due, since) if step.on > promised]
        await _plan_steps(tx, ReminderKind.PAYMENT, payment.id, deal, due, later)


async def plan_review(tx: Transaction, deal: Deal, turns: Turns | None = None) -> None:
    """Plan (again) the reminder of the deal's review date; a closed deal has none.

    What is planned for this very date stays as it is. `turns` is for whoever has read them already.
    """
    if deal.stage is DealStage.CLOSED:
        tx.reminders.forget_planned([ReminderKind.REVIEW], deal.id)
        return
    turns = turns or await tx.reminders.turns(deal)
    if deal.review_on in turns.planned:
        return
    tx.reminders.forget_planned([ReminderKind.REVIEW], deal.id)
    await plan_next_review(tx, deal, turns)


async def plan_next_review(tx: Transaction, deal: Deal, turns: Turns) -> None:
    """Plan the next reminder of the deal's review date beside what others are still to hear of it.

    Where the seller has been reminded of it already, it comes on the next working day. What he has himself set for
    today in the middle of the day he knows: that is not said before the next working day either.
    """
    seller = await tx.session.get_one(User, deal.seller_id)
    today = today_of(seller, tx.now)
    told_on = turns.told.get(deal.review_on)
    if told_on is not None:
        day = max(next_working_day(max(told_on, today - timedelta(days=1))), deal.review_on)
    else:
        day = best_day(deal.review_on, today)
    knows = tx.actor_id == seller.id and morning_of(seller, today, tx.now) <= tx.now
    if day == today and (knows or turns.last == today):
        day = next_working_day(today)
    due = morning_of(seller, day, tx.now)
    tx.reminders.plan([row(seller, ReminderKind.REVIEW, deal.id, 0, due, deal.id, deal.review_on)])


async def plan_task(tx: Transaction, task: Task) -> None:
    """Plan (again) the reminders of a task as its status wants: not accepted, due soon, overdue, unanswered.

    While a task waits for an answer or for the insurer its clock stands, so nobody is told that it is late. That it is
    late a person is told once, and not when he has just worked on it.
    """
    tx.reminders.forget_planned(TASK_KINDS, task.id)
    rows = []
    author = await tx.session.get_one(User, task.author_id)
    assignee = await tx.session.get_one(User, task.assignee_id)
    due_on = today_of(assignee, task.due_at)
    told = await tx.reminders.told(TASK_KINDS, task.id, due_on)

    def plan(user: User, kind: ReminderKind, moment: datetime) -> None:
        rows.append(row(user, kind, task.id, 0, after_quiet(user, moment), task.deal_id, due_on))

    if task.status in {TaskStatus.QUEUED, TaskStatus.RETURNED}:
        late = add_working_hours(tx.now, NOT_ACCEPTED_HOURS, await work_hours(tx), ZoneInfo(author.time_zone))
        plan(author, ReminderKind.TASK_NOT_ACCEPTED, late)
    if task.status is TaskStatus.QUESTION:
        for admin in await tx.people.with_role(Role.ADMIN):
            plan(admin, ReminderKind.TASK_QUESTION, tx.now + UNANSWERED)
    if task.status in {TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED}:
        soon = task.due_at - DUE_SOON
        if soon > tx.now and (ReminderKind.TASK_DUE_SOON, assignee.id) not in told:
            plan(assignee, ReminderKind.TASK_DUE_SOON, soon)
        for person in {assignee.id: assignee, author.id: author}.values():
            late_already = task.due_at <= tx.now
            if (ReminderKind.TASK_OVERDUE, person.id) not in told and not (late_already and person.id == tx.actor_id):
                plan(person, ReminderKind.TASK_OVERDUE, max(task.due_at, tx.now))
    tx.reminders.plan(rows)


async def work_hours(tx: Transaction) -> tuple[int, int]:
    """When the agency's working day begins and ends, in hours of the day."""
    opens, closes = await tx.dictionaries.setting("work_hours") or (9, 18)
    return int(opens), int(closes)


async def plan_digests(tx: Transaction, *people: User) -> None:
    """Plan the next morning digest of each: today's when its hour is still ahead, otherwise tomorrow's."""
    last = await tx.reminders.last_days(ReminderKind.DIGEST, [user.id for user in people])
    for user in people:
        tx.reminders.forget_planned([ReminderKind.DIGEST], user.id)
        if not user.active:
            continue
        today = today_of(user, tx.now)
        due = digest_of(user, today)
        if due <= tx.now or last.get(user.id) == today:
            due = digest_of(user, today + timedelta(days=1))
        tx.reminders.plan([row(user, ReminderKind.DIGEST, user.id, 0, due, None)])


def digest_of(user: User, day: date) -> datetime:
    """The moment of a person's digest on a day of his."""
    return datetime.combine(day, time(user.digest_hour % 24), ZoneInfo(user.time_zone)).astimezone(UTC)


async def cancel(tx: Transaction, kind: ReminderKind, object_id: int, *, answer: str | None = None) -> None:
    """Cancel what is still planned for an object; what was sent is marked answered when an answer is given."""
    tx.reminders.forget_planned([kind], object_id)
    if answer is not None:
        tx.reminders.answer(kind, object_id, answer, tx.now)
