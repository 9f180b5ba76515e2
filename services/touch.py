"""The law of the product: every open deal shows exactly one next touch — a date, a reason and a person."""

from collections.abc import Sequence
from datetime import date

from models.enums import DealStage, ReviewReason
from models.tables import Deal, LineOfBusiness, Policy, User
from models.values.period import days_of
from services import planning
from services.planning import ladder_of, today_of
from services.rules.calendar import next_working_day
from services.rules.ladders import AFTER_END, PAYMENT_STEPS, SAFE_DAYS, SHORT_POLICY_DAYS
from services.rules.review import lead_days, next_review
from storage.uow import Transaction

PAYMENT_LEADS = [-step for step in PAYMENT_STEPS]
PROMISE_LEADS = [lead for lead in PAYMENT_LEADS if lead <= 0]
"""Until the day by which the client has promised to pay nobody asks him again."""
AFTER_LEADS = [-step for step in AFTER_END]
_OF_EVENTS = {ReviewReason.POLICY_END, ReviewReason.PAYMENT_DUE}


def _leads(policy: Policy, line: LineOfBusiness) -> Sequence[int]:
    """The days before a policy's end (and after it) on which its deal comes up. A short policy is not renewed: its
    deal comes up when it ends, to be closed.
    """
    if days_of(policy.starts_on, policy.ends_on) < SHORT_POLICY_DAYS:
        return [0]
    return [*ladder_of(line), SAFE_DAYS[line.ladder], 0, *AFTER_LEADS]


async def recompute(tx: Transaction, deal: Deal, *, set_by_hand: date | None = None, handled: bool = False) -> None:
    """Set the deal's next review date from its unpaid payments, its policies that end and a date set by hand.

    To be called inside every transaction that changes a policy, a payment or the stage of a deal. `set_by_hand` is a
    date that a person sets now; `handled` means that he has dealt with what was on the table and the deal goes to its
    next event. A deal with nothing ahead keeps the date it has until that day comes.
    """
    await tx.session.flush()
    if deal.stage is DealStage.CLOSED:
        await planning.plan_review(tx, deal)
        return
    today = today_of(await tx.session.get_one(User, deal.seller_id), tx.now)
    if set_by_hand is not None or handled:
        deal.review_by_hand, deal.review_set_on = set_by_hand, today
    elif deal.review_by_hand is not None and deal.review_by_hand < today:
        deal.review_by_hand = deal.review_set_on = None
    done_on = deal.review_set_on if deal.review_by_hand is None else None
    unpaid, ending = await tx.reminders.events_ahead(deal.id)
    touch = next_review(
        today,
        [
            (due, payment_id, lead_days(due, PROMISE_LEADS if promised else PAYMENT_LEADS, done_on))
            for due, payment_id, promised in unpaid
        ],
        [
            (policy.ends_on, policy.id, lead_days(policy.ends_on, _leads(policy, line), done_on))
            for policy, line in ending
        ],
        deal.review_by_hand,
        set_on=deal.review_set_on,
    )
    if unpaid or ending or deal.review_by_hand is not None:
        deal.review_on, deal.review_reason, deal.review_object_id = touch.on, touch.reason, touch.object_id
    else:
        deal.review_on = max(deal.review_on, next_working_day(today) if handled else today)
        if deal.review_reason in _OF_EVENTS:
            deal.review_reason, deal.review_object_id = ReviewReason.NOTHING_AHEAD, None
    await planning.plan_review(tx, deal)
