"""The next touch of a deal: one date, one reason (DOMAIN.md §5, «Next review date»)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.enums import ReviewReason
from services.rules.calendar import next_working_day, not_later_working_day


@dataclass(frozen=True, slots=True)
class Touch:
    """When to look at the deal next and what for; `object_id` is the policy or the payment, `event` its own date."""

    on: date
    reason: ReviewReason
    object_id: int | None = None
    event: date | None = None


def lead_days(event: date, steps: Sequence[int], handled_on: date | None) -> int:
    """How many days before an event its deal comes up (negative: after it).

    `steps` are days before (positive) and after (negative) the event, farthest first. A deal that somebody has dealt
    with on `handled_on` comes up at the next step after that day, and after the last one on each working day. A step
    on a day off is said before it, so on that earlier day it is dealt with too.
    """
    if handled_on is None:
        return max(steps)
    for step in sorted(steps, reverse=True):
        day = event - timedelta(days=step)
        if (not_later_working_day(day) if step > 0 else day) > handled_on:
            return step
    return (event - next_working_day(handled_on)).days


def next_review(
    today: date,
    unpaid: Iterable[tuple[date, int, int]],
    ending: Iterable[tuple[date, int, int]],
    by_hand: date | None = None,
    *,
    set_on: date | None = None,
    fallback: ReviewReason = ReviewReason.NEW_DEAL,
) -> Touch:
    """Choose the next touch. An open deal always has one: with nothing ahead it is today, for `fallback`.

    `unpaid` and `ending` (policies with no outcome) are (day, id, lead in days). A hand-set date (set on `set_on`,
    today when not known) stands until it comes or a nearer event appears. What was already in front of the person who
    set it does not count as appearing (nor does a day off before which it was said): otherwise a payment due in ten
    days could never be put off. But no hand-set date hides the very day on which a payment falls due or a policy ends.
    """
    events = [(due - timedelta(days=lead), due, ReviewReason.PAYMENT_DUE, id_) for due, id_, lead in unpaid]
    events += [(end - timedelta(days=lead), end, ReviewReason.POLICY_END, id_) for end, id_, lead in ending]
    if by_hand is not None and by_hand >= today:
        seen = today if set_on is None else set_on
        nearer = []
        for lead, event, reason, id_ in events:
            appears = not_later_working_day(lead) if lead < event else lead
            days = [day for day, since in ((lead, appears), (event, event)) if seen < since and day < by_hand]
            if days:
                nearer.append((days[0], event, reason, id_))
        if not nearer:
            return Touch(by_hand, ReviewReason.BY_HAND)
        events = nearer
    if not events:
        return Touch(today, fallback)
    on, event, reason, id_ = min(events)
    return Touch(max(on, today), reason, id_, event)
