"""The law of the product: every open deal shows exactly one next touch — a date, a reason and a person."""

from collections.abc import Sequence
from datetime import date

from models.enums import DealStage, ReviewReason
from models.tables import Deal, User
from models.values.period import days_of
from services import planning
from services.planning import ladder_of, today_of
from services.rules.calendar import next_working_day
from services.rules.ladders import AFTER_END, PAYMENT_STEPS, SAFE_DAYS, SHORT_POLICY_DAYS
from services.rules.review import lead_days, next_review
from storage.reminders import Ending
from storage.uow import Transaction

PAYMENT_LEADS = [-step for step in PAYMENT_STEPS]
PROMISE_LEADS = [lead for lead in PAYMENT_LEADS if lead <= 0]
"""Until the day by which the client has promised to pay nobody asks him again."""
AFTER_LEADS = [-step for step in AFTER_END]
_OF_EVENTS = {ReviewReason.POLICY_END, ReviewReason.PAYMENT_DUE}


def _leads(policy: Ending) -> Sequence[int]:
    """The days before a policy's end (and after it) on which its deal comes up. A short policy is not renewed: its
    deal comes up when it ends, to be closed.
    """
    if days_of(policy.starts_on, policy.ends_on) < SHORT_POLICY_DAYS:
        return [0]
    return [*ladder_of(policy), SAFE_DAYS[policy.ladder], 0, *AFTER_LEADS]


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
    ahead = await tx.reminders.ahead(deal)
    if set_by_hand is not None or handled:
        deal.review_by_hand, deal.review_set_on = set_by_hand, today
    elif deal.review_by_hand is not None and deal.review_by_hand < today:
        deal.review_by_hand = deal.review_set_on = None
    done_on = deal.review_set_on if deal.review_by_hand is None else None
    touch = next_review(
        today,
        [
            (
                payment.on,
                payment.id,
                lead_days(payment.on, PROMISE_LEADS if payment.promised else PAYMENT_LEADS, done_on),
            )
            for payment in ahead.unpaid
        ],
        [(policy.ends_on, policy.id, lead_days(policy.ends_on, _leads(policy), done_on)) for policy in ahead.ending],
        deal.review_by_hand,
        set_on=deal.review_set_on,
    )
    if ahead.unpaid or ahead.ending or deal.review_by_hand is not None:
        deal.review_on, deal.review_reason, deal.review_object_id = touch.on, touch.reason, touch.object_id
    else:
        deal.review_on = max(deal.review_on, next_working_day(today) if handled else today)
        if deal.review_reason in _OF_EVENTS:
            deal.review_reason, deal.review_object_id = ReviewReason.NOTHING_AHEAD, None
    await planning.plan_review(tx, deal, ahead.reviews)
