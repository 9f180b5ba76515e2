"""How many wrong codes of invitations are looked at before nobody's are for a while."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

PER_PERSON: Final = (5, timedelta(hours=1))
OVERALL: Final = (60, timedelta(minutes=1))
_REMEMBERED: Final = 10_000
"""People; of 3600 codes at most that are looked at within an hour."""


class Guesses:
    """The wrong codes of late. Kept by one process: a code has 128 bits, what is saved here is the work of looking."""

    def __init__(self) -> None:
        self._all: deque[datetime] = deque(maxlen=OVERALL[0])
        self._of: OrderedDict[int, deque[datetime]] = OrderedDict()

    def look(self, person_id: int, now: datetime) -> bool:
        """Whether a code of this person may be looked at now; it counts as wrong until `right` is said."""
        own = self._of.setdefault(person_id, deque(maxlen=PER_PERSON[0]))
        self._of.move_to_end(person_id)
        while len(self._of) > _REMEMBERED:
            self._of.popitem(last=False)
        if _full(own, PER_PERSON, now) or _full(self._all, OVERALL, now):
            return False
        self._all.append(now)
        own.append(now)
        return True

    def right(self, person_id: int) -> None:
        """The code that was looked at last opens something: it was no guess."""
        for times in (self._all, self._of.get(person_id)):
            if times:
                times.pop()


def _full(times: deque[datetime], limit: tuple[int, timedelta], now: datetime) -> bool:
    most, span = limit
    return len(times) == most and now - times[0] < span
