"""What DOMAIN.md §5 promises about one deal, counted day by day without any rule of the product.

The oracle asks of each day "who is to hear what today?", where the product plans ahead; they must agree on every day.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

DAYS_OFF = {
    date(2026, 3, 9), date(2026, 5, 1), date(2026, 5, 11), date(2026, 6, 12), date(2026, 11, 4), date(2026, 12, 31),
    date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5), date(2027, 1, 6), date(2027, 1, 7), date(2027, 1, 8),
    date(2027, 2, 23), date(2027, 3, 8), date(2027, 5, 3), date(2027, 5, 10),
}  # fmt: skip
"""Weekdays of these fourteen months on which Russia does not work."""

BEFORE_END = {
    "osago": (45, 30, 14, 7, 5),
    "kasko": (45, 30, 14, 7, 3, 1),
    "personal": (30, 14, 7, 1),
    "corporate": (120, 90, 60, 45, 30, 14, 7),
}
LAST_SAFE = {"osago": 4, "kasko": 3, "personal": 1, "corporate": 14}
AFTER_END = (1, 7, 30)
PAYMENT = (-14, -7, -3, 0, 1, 3, 7, 14)
TO_ADMIN_TOO = {7, 14}
SHORT = 30
DAY = timedelta(days=1)

Said = tuple[date, str, str, str, int]
"""The day, who hears it, the kind of reminder, what it is about, the step."""


def works(day: date) -> bool:
    return day.weekday() < 5 and day not in DAYS_OFF


def earlier(day: date) -> date:
    """The day itself, or the working day before it."""
    while not works(day):
        day -= DAY
    return day


def next_working(day: date) -> date:
    day += DAY
    while not works(day):
        day += DAY
    return day


@dataclass
class Event:
    """Something with a day of its own that people are reminded of: a policy's end, an instalment."""

    kind: str
    name: str
    on: date
    steps: tuple[int, ...]
    leads: tuple[int, ...]
    since: date
    open: bool = True
    told: dict[tuple[str, date], int] = field(default_factory=dict)
    heard_on: dict[str, date] = field(default_factory=dict)

    def day_of(self, step: int) -> date:
        """The day on which a step is said: on a day off earlier, but what comes after the event not before it, and no
        two of those on one day.
        """
        day = self.on + step * DAY
        if step <= 0:
            return earlier(day)
        taken = [self.day_of(other) for other in self.steps if 0 < other < step]
        return earlier(day) if earlier(day) > max([self.on, *taken]) else day

    def step_on(self, today: date) -> int | None:
        """Which step is to be said today."""
        if not self.open or today < self.since:
            return None
        ahead = [step for step in self.steps if self.on + step * DAY >= self.since]
        missed = [step for step in self.steps if self.on + step * DAY < self.since]
        todays = [step for step in ahead if max(self.day_of(step), self.since) == today]
        if not todays and today == self.since and missed and ahead:
            todays = missed
        return max(todays, default=None)

    def who_hears(self, step: int, seller: str) -> list[str]:
        return [seller, "admin"] if self.kind == "payment" and step in TO_ADMIN_TOO else [seller]

    def say(self, today: date, seller: str) -> list[Said]:
        step = self.step_on(today)
        if step is None:
            return []
        said = []
        for who in self.who_hears(step, seller):
            if step > self.told.get((who, self.on), -1000) and self.heard_on.get(who) != today:
                self.told[who, self.on] = step
                self.heard_on[who] = today
                said.append((today, who, self.kind, self.name, step))
        return said


class Deal:
    """A deal as the law wants it: always one next touch; what happens in it reminds of itself."""

    def __init__(self, name: str, seller: str, ladder: str, steps: tuple[int, ...] | None = None) -> None:
        self.name, self.seller, self.ladder = name, seller, ladder
        self.before_end = steps or BEFORE_END[ladder]
        self.events: dict[str, Event] = {}
        self.by_hand: date | None = None
        self.set_on: date | None = None
        self.touch: date | None = None
        self.turn: date | None = None
        self.reminded_of: dict[date, date] = {}
        self.closed = False

    # --- what people do, in the middle of a day ----------------------------------------------------------------------

    def register(self, today: date, name: str, starts: date, ends: date, dues: list[date], renews: str = "") -> None:
        if renews:
            self.events[renews].open = False
        long = (ends - starts).days + 1 >= SHORT
        before = tuple(-step for step in self.before_end if ends - step * DAY > starts)
        leads = (*(-step for step in self.before_end), -LAST_SAFE[self.ladder], 0, *AFTER_END) if long else (0,)
        steps = (*before, *AFTER_END) if long else ()
        self.events[name] = Event("policy_end", name, ends, steps, tuple(sorted(leads)), today)
        for number, due in enumerate(dues, 1):
            label = f"{name}/{number}"
            self.events[label] = Event("payment", label, due, PAYMENT, PAYMENT, today)
        self.move(today, handled=True)

    def pay(self, today: date, name: str) -> None:
        self.events[name].open = False
        self.move(today)

    def promise(self, today: date, name: str, on: date) -> None:
        """From the promised day on it is asked about again."""
        event = self.events[name]
        event.on, event.since = on, today
        event.steps = event.leads = tuple(step for step in PAYMENT if step >= 0)
        self.move(today, handled=True)

    def think(self, today: date, name: str, days: int) -> None:
        event = self.events[name]
        until = today + days * DAY
        safe = event.on - LAST_SAFE[self.ladder] * DAY
        if today < safe:
            until = min(until, safe)
        event.since = earlier(until) if earlier(until) > today else until
        self.move(today, by_hand=until)

    def calculate(self, today: date, name: str) -> None:
        event = self.events[name]
        event.since = max(today, earlier(event.on - LAST_SAFE[self.ladder] * DAY))
        self.move(today, handled=True)

    def lose(self, today: date, name: str) -> None:
        self.events[name].open = False
        self.move(today)

    def postpone(self, today: date, on: date) -> None:
        self.move(today, by_hand=on)

    def next_event(self, today: date) -> None:
        self.move(today, handled=True)

    def close(self) -> None:
        self.closed = True

    def hand_over(self, seller: str) -> None:
        self.seller = seller

    # --- the next touch ----------------------------------------------------------------------------------------------

    def move(self, today: date, *, by_hand: date | None = None, handled: bool = False) -> None:
        if by_hand or handled:
            self.by_hand, self.set_on = by_hand, today
        elif self.by_hand and self.by_hand < today:
            self.by_hand = self.set_on = None
        handled_on = None if self.by_hand else self.set_on
        ahead = [(self._lead(event, handled_on), event.on) for event in self.events.values() if event.open]
        if self.by_hand and self.set_on:
            # What was in front of him when he set the date, even if said before a day off, does not appear later.
            nearer = [lead for lead, on in ahead if (earlier(lead) if lead < on else lead) > self.set_on]
            nearer += [on for _lead, on in ahead if on > self.set_on]
            touch = min([*nearer, self.by_hand])
        elif ahead:
            touch = max(min(ahead)[0], today)
        else:
            touch = max(self.touch or today, next_working(today) if handled else today)
        self.touch = touch
        self.turn = self._turn(touch, today)

    @staticmethod
    def _lead(event: Event, handled_on: date | None) -> date:
        days = [(event.on + step * DAY, step) for step in event.leads]
        if handled_on is None:
            return days[0][0]
        later = (day for day, step in days if (earlier(day) if step < 0 else day) > handled_on)
        return next(later, next_working(handled_on))

    def _turn(self, touch: date, today: date) -> date:
        """When the seller hears of the touch: on its day, on a day off before it, again the working day after; not in
        the hour in which he has set it himself.
        """
        if touch in self.reminded_of:
            turn = max(next_working(max(self.reminded_of[touch], today - DAY)), touch)
        else:
            turn = earlier(touch) if earlier(touch) > today else touch
        return next_working(today) if turn == today else turn

    # --- what is heard -----------------------------------------------------------------------------------------------

    def say(self, today: date) -> list[Said]:
        """What is to be heard now: at nine in the morning, and of what people did at noon in the evening."""
        if self.closed:
            return []
        said = [line for event in self.events.values() for line in event.say(today, self.seller)]
        if self.turn == today and self.touch is not None:
            self.reminded_of[self.touch] = today
            self.turn = next_working(today)
            # Who hears today of what happens in the deal needs no second message about it.
            if all(who != self.seller for _day, who, *_rest in said):
                said.append((today, self.seller, "review", self.name, 0))
        return said
