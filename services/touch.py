"""The law of the product: every open deal shows exactly one next touch — a date, a reason and a person."""

from datetime import date

from models.enums import DealStage
from models.tables import Deal, User
from services import planning
from services.planning import ladder_of, today_of
from services.rules.ladders import AFTER_END, PAYMENT_STEPS
from services.rules.review import lead_days, next_review
from storage.uow import Transaction

PAYMENT_LEADS = [-step for step in PAYMENT_STEPS]
AFTER_LEADS = [-step for step in AFTER_END]


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
        [(due, payment_id, lead_days(due, PAYMENT_LEADS, done_on)) for due, payment_id in unpaid],
        [
            (end, policy_id, lead_days(end, [*ladder_of(line), 0, *AFTER_LEADS], done_on))
            for end, policy_id, line in ending
        ],
        deal.review_by_hand,
        set_on=deal.review_set_on,
    )
    if unpaid or ending or deal.review_by_hand is not None:
        deal.review_on, deal.review_reason, deal.review_object_id = touch.on, touch.reason, touch.object_id
    else:
        deal.review_on = max(deal.review_on, today)
    await planning.plan_review(tx, deal)
