from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.calendar import (
    MOSCOW,
    add_working_hours,
    is_working_day,
    next_working_day,
    not_later_working_day,
    working_minutes_between,
)

MOMENTS = st.datetimes(datetime(2024, 12, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


@pytest.mark.parametrize(
    "day",
    [
        "2025-01-08",
        "2025-05-02",
        "2025-05-08",
        "2025-06-12",
        "2025-06-13",
        "2025-11-03",
        "2025-11-04",
        "2025-12-31",
        "2026-01-09",
        "2026-02-23",
        "2026-03-09",
        "2026-05-01",
        "2026-05-11",
        "2026-06-12",
        "2026-11-04",
        "2026-12-31",
        "2027-01-08",
        "2027-05-03",
        "2027-05-10",
        "2027-06-14",
        "2027-11-04",
        "2026-11-21",
        "2026-11-22",
    ],
)
def test_nobody_works_on_days_off(day: str) -> None:
    assert not is_working_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    "day",
    ["2025-01-09", "2025-02-24", "2025-03-10", "2025-11-01", "2025-12-30", "2026-01-12", "2026-11-20", "2027-01-11"],
)
def test_people_work_on_working_days(day: str) -> None:
    assert is_working_day(date.fromisoformat(day))


@pytest.mark.parametrize(("year", "days"), [(2025, 247), (2026, 247)])
def test_the_year_has_as_many_working_days_as_the_official_calendar(year: int, days: int) -> None:
    first = date(year, 1, 1)
    assert sum(is_working_day(first + timedelta(days=n)) for n in range(365)) == days


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_moving_to_a_working_day_keeps_the_side(day: date) -> None:
    earlier, later = not_later_working_day(day), next_working_day(day)
    assert earlier <= day < later
    assert is_working_day(earlier)
    assert is_working_day(later)
    assert (later - earlier).days <= 15


@pytest.mark.parametrize(
    ("a", "b", "minutes"),
    [
        ("2026-11-20T10:00", "2026-11-20T10:30", 30),
        ("2026-11-20T17:30", "2026-11-23T09:30", 60),
        ("2026-11-21T10:00", "2026-11-22T20:00", 0),
        ("2026-11-20T08:00", "2026-11-20T20:00", 540),
        ("2025-12-30T17:00", "2026-01-12T10:00", 120),
        ("2026-11-20T12:00", "2026-11-20T11:00", 0),
    ],
)
def test_only_working_time_counts(a: str, b: str, minutes: int) -> None:
    assert working_minutes_between(at(a), at(b)) == minutes


@pytest.mark.parametrize(
    ("moment", "hours", "then"),
    [
        ("2026-11-20T10:00", 2, "2026-11-20T12:00"),
        ("2026-11-20T17:00", 2, "2026-11-23T10:00"),
        ("2026-11-21T23:00", 2, "2026-11-23T11:00"),
        ("2025-12-30T17:30", 1, "2026-01-12T09:30"),
        ("2026-11-20T10:00", 0, "2026-11-20T10:00"),
    ],
)
def test_working_hours_skip_nights_and_days_off(moment: str, hours: float, then: str) -> None:
    assert add_working_hours(at(moment), hours) == at(then)


@given(MOMENTS, st.integers(1, 60))
def test_the_hours_added_are_the_hours_counted(moment: datetime, hours: int) -> None:
    assert working_minutes_between(moment, add_working_hours(moment, hours)) == hours * 60


def test_a_working_day_may_end_at_midnight_or_after() -> None:
    assert working_minutes_between(at("2026-11-20T20:00"), at("2026-11-20T23:30"), (9, 24)) == 210
    assert working_minutes_between(at("2026-11-20T23:00"), at("2026-11-21T03:00"), (22, 2)) == 180
