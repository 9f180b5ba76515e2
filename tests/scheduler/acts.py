"""Short verbs for the tests of the clock: a policy comes to be, the clock stands at a moment of Moscow and looks."""

from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from services.access import SYSTEM, Actor
from tests.services.conftest import Agency

MOSCOW = ZoneInfo("Europe/Moscow")
_numbers = count(1)


async def register(agency: Agency, seller: Actor, deal_id: int, *, paid: bool = True, **terms: Any) -> int:
    """A policy from Monday, 2 March 2026, for a year; its instalments are paid at once unless they matter."""
    given: dict[str, Any] = {
        "insurer_id": await agency.insurer(),
        "premium": Decimal(60000),
        "starts_on": date(2026, 3, 2),
        "ends_on": date(2027, 3, 1),
        "plan": "full",
    } | terms
    policy_id = await agency.services.policies.register(seller, deal_id, number=f"N{next(_numbers):06}", **given)
    if paid:
        for payment_id in await payments(agency, policy_id):
            await agency.services.money.client_paid(seller, payment_id)
    return policy_id


async def payments(agency: Agency, policy_id: int) -> list[int]:
    return [
        row[0] for row in await agency.sql("SELECT id FROM payments WHERE policy_id = :p ORDER BY seq", p=policy_id)
    ]


async def instalment(agency: Agency, seller: Actor, due: date) -> tuple[int, int]:
    """A deal with a single instalment due on a day, on a policy that began on it; the deal and the instalment."""
    deal_id = await agency.deal(seller)
    ends = due.replace(year=due.year + 1)
    policy_id = await register(agency, seller, deal_id, paid=False, starts_on=due, ends_on=ends)
    return deal_id, (await payments(agency, policy_id))[0]


def moscow(agency: Agency, *moment: int) -> None:
    agency.clock.set(datetime(*moment, tzinfo=MOSCOW))  # type: ignore[arg-type, misc]


async def tick(agency: Agency, *moment: int) -> int:
    """The clock stands at this moment of Moscow and looks for what is due."""
    moscow(agency, *moment)
    return await agency.services.reminders.fire_due(SYSTEM, 100)


async def said(agency: Agency, kind: str | None = None) -> list[tuple[Any, ...]]:
    """What has been sent: (day, recipient, kind, step), in the order of sending."""
    rows = await agency.sql(
        "SELECT sent_at, recipient_id, kind, step FROM reminders WHERE sent_at IS NOT NULL ORDER BY sent_at, id"
    )
    return [
        (f"{sent_at.astimezone(MOSCOW):%m-%d}", who, what, step)
        for sent_at, who, what, step in rows
        if kind is None or what == kind
    ]


async def steps(agency: Agency, kind: str) -> list[tuple[str, int]]:
    """The days and steps of what has been sent of one kind."""
    return [(day, step) for day, _who, _kind, step in await said(agency, kind)]


async def planned(agency: Agency, kind: str) -> list[tuple[str, int]]:
    """The days and steps that are still to come."""
    rows = await agency.sql(
        "SELECT local_date, step FROM reminders WHERE status = 'planned' AND kind = :kind ORDER BY due_at", kind=kind
    )
    return [(f"{day:%m-%d}", step) for day, step in rows]


async def messages(agency: Agency) -> int:
    return int((await agency.sql("SELECT count(*) FROM outbox WHERE kind IN ('reminder', 'digest')"))[0][0])
