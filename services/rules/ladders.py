"""When to remind: steps in days before and after an event, and how they fall on real days (DOMAIN.md §5)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from models.enums import Ladder, Role
from models.values.period import days_of
from services.rules.calendar import not_later_working_day
from services.rules.reading import Unreadable, echo, plain

END_STEPS: Mapping[Ladder, tuple[int, ...]] = {
    Ladder.OSAGO: (45, 30, 14, 7, 5),
    Ladder.KASKO: (45, 30, 14, 7, 3, 1),
    Ladder.PERSONAL: (30, 14, 7, 1),
    Ladder.CORPORATE: (120, 90, 60, 45, 30, 14, 7),
}
"""Days before the end of a policy."""

AFTER_END = (1, 7, 30)
"""Days after the end of a policy that nobody has decided about."""

SAFE_DAYS: Mapping[Ladder, int] = {Ladder.OSAGO: 4, Ladder.KASKO: 3, Ladder.PERSONAL: 1, Ladder.CORPORATE: 14}
"""How many days before the end a renewal can still be done in time."""

SHORT_POLICY_DAYS = 30
"""A policy shorter than this (a trip, a transit) is not renewed and is not reminded of."""

_SELLER, _BOTH = (Role.SELLER,), (Role.SELLER, Role.ADMIN)
PAYMENT_STEPS: Mapping[int, tuple[Role, ...]] = {
    -14: _SELLER, -7: _SELLER, -3: _SELLER, 0: _SELLER, 1: _SELLER, 3: _SELLER, 7: _BOTH, 14: _BOTH,
}  # fmt: skip
"""Days from the due date of an unpaid payment, and who hears of it."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A reminder to be: which step (negative before the event, positive after) on which day, to whom."""

    step: int
    on: date
    roles: tuple[Role, ...] = (Role.SELLER,)


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """Steps before the end as the admin edits them: `45,30,14,7,5`."""

    steps: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read steps in any order and with any separators."""
        parts = re.split(r"[\s,;]+", plain(text).strip(" ,;"))
        steps = {int(part) for part in parts if re.fullmatch(r"[0-9]{1,3}", part)}
        wrong = not all(re.fullmatch(r"[0-9]{1,3}", part) for part in parts)
        if wrong or not steps or len(steps) > 12 or not all(1 <= step <= 365 for step in steps):
            raise Unreadable(
                "«{text}» are not days before the end: up to 12 numbers from 1 to 365. For example: 45,30,14,7,5",
                text=echo(text),
            )
        return cls(tuple(sorted(steps, reverse=True)))

    def format(self) -> str:
        return ",".join(map(str, self.steps))


def end_steps(ladder: Ladder) -> tuple[int, ...]:
    """Give the default steps of a family of lines, farthest first."""
    return END_STEPS[ladder]


def last_safe_day(end: date, ladder: Ladder) -> date:
    """Give the last day on which the policy can still be renewed without a gap."""
    return end - timedelta(days=SAFE_DAYS[ladder])


def plan_policy_reminders(
    start: date,
    end: date,
    registered_on: date,
    ladder_steps: Iterable[int],
    after_steps: Sequence[int] = AFTER_END,
    *,
    put_off: bool = False,
) -> list[PlannedStep]:
    """Plan reminders of a policy's end as of `registered_on` (the day of registering or of planning anew).

    `put_off` says that somebody chose that day to hear of it again: then it is heard of even if every step is behind.
    """
    if days_of(start, end) < SHORT_POLICY_DAYS:
        return []
    # A step that lies before the policy began was never missed: there was nothing to renew yet.
    before = [-step for step in ladder_steps if end - timedelta(days=step) > start]
    return _plan(end, registered_on, [*before, *after_steps], {}, put_off=put_off)


def plan_payment_reminders(
    due: date, today: date, steps: Mapping[int, tuple[Role, ...]] = PAYMENT_STEPS, *, put_off: bool = False
) -> list[PlannedStep]:
    """Plan reminders of an unpaid payment, with the roles that each of them is for; `put_off` as for a policy."""
    return _plan(due, today, steps, steps, put_off=put_off)


def _plan(
    event: date, today: date, steps: Iterable[int], roles: Mapping[int, tuple[Role, ...]], *, put_off: bool
) -> list[PlannedStep]:
    """Put steps on days: on a day off earlier, never before today; of the missed ones only the nearest, today."""
    steps = sorted(set(steps))
    ahead = [step for step in steps if event + timedelta(days=step) >= today]
    missed = [step for step in steps if event + timedelta(days=step) < today]
    by_day: dict[date, int] = {}
    # With every step behind, the event is old news (an import of last years): it is on the red list, not in a push.
    if missed and (ahead or put_off):
        by_day[today] = missed[-1]
    previous = event
    for step in ahead:
        day = event + timedelta(days=step)
        on = not_later_working_day(day)
        if step > 0:
            # «Ended yesterday» cannot be said before the end, and two steps must not melt into one over a holiday.
            on = on if on > previous else day
            previous = on
        by_day[max(on, today)] = step  # of two on one day the later step is the more urgent one
    return [PlannedStep(step, on, roles.get(step, _SELLER)) for on, step in sorted(by_day.items())]
