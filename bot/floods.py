"""How fast a person is served: so many updates at once, then so many a second. Nothing is refused, it waits."""

import time
from collections.abc import Callable

from bot.recent import Recent

_NOTHING = 0.001
"""Seconds that nobody waits for, and that sums of fractions differ by."""


class Floods:
    """What each person has used up of his allowance; it grows back by itself."""

    def __init__(self, burst: int, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._room, self._step, self._now = burst / per_second, 1 / per_second, now
        self._full_at: Recent[int, float] = Recent(10_000)
        self._flooding: set[int] = set()

    def take(self, person_id: int) -> tuple[float, bool]:
        """Count an update; returns the seconds it has to wait, and whether a flood has begun with it."""
        now = self._now()
        full_at = self._full_at.get(person_id, now)
        if full_at <= now:
            self._flooding.discard(person_id)  # he has been quiet for long enough: the next flood is another one
        self._full_at[person_id] = max(full_at, now) + self._step
        wait = self._full_at[person_id] - now - self._room
        if wait < _NOTHING:
            return 0.0, False
        if person_id in self._flooding:
            return wait, False
        self._flooding.add(person_id)
        return wait, True
