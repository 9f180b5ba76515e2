"""Months that do not drift and years of insurance."""

from calendar import monthrange
from datetime import date, timedelta


def add_months(start: date, k: int, anchor_day: int | None = None) -> date:
    """Give the date `k` months from `start` on `anchor_day`, clipped to the month's end.

    Counting from the anchor and not from the previous date is what keeps 31 Jan → 28 Feb → 31 Mar.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + k, 12)
    day = min(start.day if anchor_day is None else anchor_day, monthrange(year, month + 1)[1])
    return date(year, month + 1, day)


def policy_end(start: date, months: int = 12) -> date:
    """Give the last day of a policy that starts on `start` and lasts `months`."""
    anniversary = add_months(start, months)
    # No such day in the last month (29 Feb + 1 year): the month's last day is still covered, nothing to subtract.
    return anniversary if anniversary.day < start.day else anniversary - timedelta(days=1)


def days_of(start: date, end: date) -> int:
    """Count the days of a period, both ends included."""
    return (end - start).days + 1
