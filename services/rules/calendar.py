"""Working days of Russia and working hours of an agency."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")
WorkHours = tuple[int | time, int | time]
"""When the working day begins and ends: whole hours or times."""

# Labour Code, article 112. A holiday on a weekend moves the rest to the next working day, the January ones excepted.
_NEW_YEAR = {(1, day) for day in range(1, 9)}
_HOLIDAYS = _NEW_YEAR | {(2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)}

# Government decrees: of 04.10.2024 (N 1335) for 2025 and of 24.09.2025 for 2026. A year that is not here (2027 is to be
# added when its decree is known for sure) follows article 112 alone.
_DECREED_OFF = {
    2025: {(5, 2), (5, 8), (6, 13), (11, 3), (12, 31)},
    2026: {(1, 9), (3, 9), (5, 11), (12, 31)},
}
_DECREED_WORK = {2025: {(11, 1)}, 2026: set[tuple[int, int]]()}


@lru_cache(maxsize=256)
def _days_off(year: int) -> frozenset[tuple[int, int]]:
    """Collect the year's weekdays on which nobody works."""
    if year in _DECREED_OFF:
        return frozenset(_HOLIDAYS | _DECREED_OFF[year])
    moved: set[tuple[int, int]] = set()
    for month, day in sorted(_HOLIDAYS - _NEW_YEAR):
        instead = date(year, month, day)
        if instead.weekday() < 5:
            continue
        while instead.weekday() >= 5 or (instead.month, instead.day) in _HOLIDAYS | moved:
            instead += timedelta(days=1)
        moved.add((instead.month, instead.day))
    return frozenset(_HOLIDAYS | moved)


def is_working_day(day: date) -> bool:
    """Tell whether an agency and its insurers work on this day."""
    key = (day.month, day.day)
    if key in _DECREED_WORK.get(day.year, ()):
        return True
    return day.weekday() < 5 and key not in _days_off(day.year)


def not_later_working_day(day: date) -> date:
    """Give this day or the nearest working one before it: a reminder moved later may be a reminder too late."""
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day


def next_working_day(day: date) -> date:
    """Give the first working day after this one."""
    day += timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def working_minutes_between(a: datetime, b: datetime, hours: WorkHours = (9, 18), zone: ZoneInfo = MOSCOW) -> int:
    """Count the whole working minutes from `a` to `b`; nothing when `b` is not later."""
    worked = timedelta()
    for opens, closes in _shifts(a, hours, zone):
        if opens >= b:
            break
        worked += max(min(b, closes) - max(a, opens), timedelta())
    return worked // timedelta(minutes=1)


def add_working_hours(
    moment: datetime, hours: float, work_hours: WorkHours = (9, 18), zone: ZoneInfo = MOSCOW
) -> datetime:
    """Give the moment (UTC) by which that much working time has passed since `moment`."""
    left = timedelta(hours=hours)
    for opens, closes in _shifts(moment, work_hours, zone):
        begins = max(moment, opens)
        if begins + left <= closes:
            return (begins + left).astimezone(UTC)
        left -= max(closes - begins, timedelta())
    raise AssertionError("Working days never end")


def _shifts(since: datetime, hours: WorkHours, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Give working shifts in UTC, where differences are true across clock changes, from the day of `since` on."""
    opens, closes = (hour if isinstance(hour, time) else time(hour % 24) for hour in hours)
    overnight = timedelta(days=1) if closes <= opens else timedelta()  # 9–24, or a night shift
    day = since.astimezone(zone).date() - overnight
    while True:
        if is_working_day(day):
            begin = datetime.combine(day, opens, zone).astimezone(UTC)
            end = datetime.combine(day + overnight, closes, zone).astimezone(UTC)
            if end > since:
                yield begin, end
        day += timedelta(days=1)
