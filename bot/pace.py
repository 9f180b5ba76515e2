"""How fast things go: the numbers of the front door in one place, so that a test can make the waiting short."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds and counts; the defaults are for Telegram as it is."""

    poll_timeout: int = 30  # of a long poll
    look_again: float = 1.0  # how often the queues are looked at when nobody has called
    longest: float = 120.0  # what is handled for longer hangs, and holds its person up
    lease: float = 15.0  # how long a replica that has died keeps what it took: the person waits for that long
    people_at_once: int = 512  # nearly all of them wait for Telegram, or for a place at work: a lease costs little
    working_at_once: int = 8  # of these people; the others follow in the order of coming
    working: float = 0.05  # who is at work for longer waits for something himself, and gives his place up
    messages_at_once: int = 16
    update_waits: tuple[float, ...] = (1, 5, 30, 120)  # before the next attempt; one attempt more than waits
    message_waits: tuple[float, ...] = (1, 5, 30, 120, 300)
    telegram_attempts: int = 100  # while it is Telegram or the network that fails
    # A bad minute of Telegram's is over soon, and the person waits; a bad hour is worth no hurry.
    telegram_waits: tuple[float, ...] = (1, 2, 4, 8, 15, 15, 15, 30, 30, 60, 120)
    per_second: float = 25.0  # messages to everybody; Telegram allows about 30
    per_chat: float = 1.0  # seconds between two messages to one person
    stranger: float = 0.2  # seconds after an answer to a stranger, so that the limits are there for the people
    burst: int = 60  # updates of one person at once; beyond them
    steady: float = 5.0  # a second, and the others wait
    tick: float = 5.0  # how often what is due is looked for
    drain: float = 10.0  # for the updates under way when the bot is asked to stop
    outbox_lag: float = 120.0  # an older waiting message is worth a warning

    @property
    def update_attempts(self) -> int:
        return len(self.update_waits) + 1

    def update_wait(self, attempts: int) -> float:
        return _after(self.update_waits, attempts)

    def telegram_wait(self, attempts: int) -> float:
        return _after(self.telegram_waits, attempts)

    def message_wait(self, attempts: int) -> float:
        return _after(self.message_waits, attempts)


def _after(waits: tuple[float, ...], attempts: int) -> float:
    return waits[min(attempts, len(waits)) - 1]


AT_ONCE: Final = Pace(
    poll_timeout=5,
    update_waits=(0, 0),
    telegram_waits=(0,),
    message_waits=(0, 0),
    per_second=1e6,
    per_chat=0,
    stranger=0,
    burst=10**9,
    tick=86_400,
    drain=5,
    telegram_attempts=5,
)
"""For tests: the same order of events without the waiting; the clock ticks when a test says so, however slow it is."""
