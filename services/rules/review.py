"""The next touch of a deal: one date, one reason (DOMAIN.md §5, «Next review date»)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from models.enums import Ladder, ReviewReason
from services.rules.ladders import END_STEPS

PAYMENT_LEAD = 14


@dataclass(frozen=True, slots=True)
class Leads:
    """How many days before an event its deal comes up: a policy at the first step of its ladder."""

    payment: int = PAYMENT_LEAD
    policy: Mapping[Ladder, int] = field(
        default_factory=lambda: {line: max(steps) for line, steps in END_STEPS.items()}
    )


DEFAULT_LEADS = Leads()


@dataclass(frozen=True, slots=True)
class Touch:
    """When to look at the deal next and what for; `object_id` is the policy or the payment, `event` its own date."""

    on: date
    reason: ReviewReason
    object_id: int | None = None
    event: date | None = None


def next_review(
    today: date,
    unpaid: Iterable[tuple[date, int]],
    ending: Iterable[tuple[date, int, Ladder]],
    by_hand: date | None = None,
    leads: Leads = DEFAULT_LEADS,
    *,
    set_on: date | None = None,
    fallback: ReviewReason = ReviewReason.NEW_DEAL,
) -> Touch:
    """Choose the next touch. An open deal always has one: with nothing ahead it is today, for `fallback`.

    `ending` holds policies with no outcome. A hand-set date (set on `set_on`, today when not known) stands until
    it comes or a nearer event appears. What was already in front of the person who set it does not count as
    appearing: otherwise a payment due in ten days could never be put off. But no hand-set date hides the day itself
    on which a payment falls due or a policy ends.
    """
    events = [(due - timedelta(days=leads.payment), due, ReviewReason.PAYMENT_DUE, id_) for due, id_ in unpaid]
    events += [
        (end - timedelta(days=leads.policy[ladder]), end, ReviewReason.POLICY_END, id_) for end, id_, ladder in ending
    ]
    if by_hand is not None and by_hand >= today:
        seen = today if set_on is None else set_on
        nearer = [
            (next(day for day in (lead, event) if seen < day < by_hand), event, reason, id_)
            for lead, event, reason, id_ in events
            if seen < lead < by_hand or seen < event < by_hand
        ]
        if not nearer:
            return Touch(by_hand, ReviewReason.BY_HAND)
        events = nearer
    if not events:
        return Touch(today, fallback)
    on, event, reason, id_ = min(events)
    return Touch(max(on, today), reason, id_, event)
