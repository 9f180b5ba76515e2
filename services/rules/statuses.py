"""Statuses that are computed and never stored, because a status set by hand is wrong by tomorrow (DOMAIN.md §4)."""

from datetime import date
from decimal import Decimal

from models.enums import PaymentStatus, PolicyOutcome, PolicyStatus
from models.values.period import days_of
from services.rules.ladders import SHORT_POLICY_DAYS


def policy_status(
    start: date, end: date, outcome: PolicyOutcome | None, today: date, ladder_first_step: int
) -> PolicyStatus:
    """Tell a policy's status; `ladder_first_step` is the farthest step of its reminders, in days before the end."""
    if outcome is not None:
        return PolicyStatus(outcome.value)
    if today > end:
        return PolicyStatus.EXPIRED
    if today < start:
        return PolicyStatus.PENDING
    short = days_of(start, end) < SHORT_POLICY_DAYS
    return PolicyStatus.EXPIRING if not short and (end - today).days <= ladder_first_step else PolicyStatus.ACTIVE


def payment_status(
    due: date, amount: Decimal, paid_amount: Decimal, waived: bool, today: date, *, lead: int = 14
) -> PaymentStatus:
    """Tell a payment's status; from `lead` days before the due date it is time to ask for it."""
    if waived:
        return PaymentStatus.WAIVED
    if paid_amount >= amount:
        return PaymentStatus.PAID
    if paid_amount > 0:
        return PaymentStatus.PARTLY_PAID
    if today > due:
        return PaymentStatus.OVERDUE
    return PaymentStatus.DUE if (due - today).days <= lead else PaymentStatus.PLANNED
