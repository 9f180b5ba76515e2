from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import Ladder, ReviewReason, Role
from models.values.period import policy_end
from services.rules.calendar import is_working_day
from services.rules.ladders import (
    AFTER_END,
    PAYMENT_STEPS,
    LadderSettings,
    PlannedStep,
    end_steps,
    last_safe_day,
    plan_payment_reminders,
    plan_policy_reminders,
)
from services.rules.reading import Unreadable
from services.rules.review import Touch, lead_days, next_review

DAYS = st.dates(date(2025, 1, 1), date(2028, 1, 1))
LADDERS = st.sampled_from(Ladder)
TODAY = date(2026, 11, 20)


def steps(planned: list[PlannedStep]) -> list[tuple[int, str]]:
    return [(p.step, p.on.isoformat()) for p in planned]


def test_a_policy_registered_in_time_gets_its_whole_ladder() -> None:
    planned = plan_policy_reminders(date(2025, 11, 20), date(2026, 11, 19), date(2025, 11, 20), end_steps(Ladder.OSAGO))
    assert steps(planned) == [
        (-45, "2026-10-05"),
        (-30, "2026-10-20"),
        (-14, "2026-11-05"),
        (-7, "2026-11-12"),
        (-5, "2026-11-13"),  # the 14th is a Saturday
        (1, "2026-11-20"),
        (7, "2026-11-26"),
        (30, "2026-12-18"),  # the 19th is a Saturday
    ]


def test_a_policy_entered_late_fires_only_the_nearest_missed_step() -> None:
    planned = plan_policy_reminders(date(2025, 12, 1), date(2026, 11, 30), TODAY, end_steps(Ladder.OSAGO))
    assert steps(planned)[:3] == [(-14, "2026-11-20"), (-7, "2026-11-23"), (-5, "2026-11-25")]


def test_a_missed_step_is_silent_when_another_fires_today() -> None:
    planned = plan_policy_reminders(date(2025, 11, 29), date(2026, 11, 28), TODAY, end_steps(Ladder.OSAGO))
    assert steps(planned)[:2] == [(-7, "2026-11-20"), (-5, "2026-11-23")]


def test_of_two_steps_that_fall_on_one_day_the_more_urgent_is_sent() -> None:
    planned = plan_policy_reminders(date(2025, 11, 28), date(2026, 11, 27), TODAY, end_steps(Ladder.OSAGO))
    assert steps(planned)[0] == (-5, "2026-11-20")  # its own day is a Sunday


def test_an_import_of_long_ended_policies_is_silent() -> None:
    assert plan_policy_reminders(date(2023, 1, 1), date(2023, 12, 31), TODAY, end_steps(Ladder.KASKO)) == []


def test_a_policy_that_ended_last_week_is_reminded_of_once_now() -> None:
    planned = plan_policy_reminders(date(2025, 11, 11), date(2026, 11, 10), TODAY, end_steps(Ladder.KASKO))
    assert steps(planned) == [(7, "2026-11-20"), (30, "2026-12-10")]


def test_a_short_policy_has_no_reminders() -> None:
    assert plan_policy_reminders(TODAY, TODAY + timedelta(days=28), TODAY, end_steps(Ladder.PERSONAL)) == []
    assert plan_policy_reminders(TODAY, TODAY + timedelta(days=29), TODAY, end_steps(Ladder.PERSONAL))


def test_steps_before_the_start_of_a_policy_were_not_missed() -> None:
    planned = plan_policy_reminders(TODAY, TODAY + timedelta(days=59), TODAY, end_steps(Ladder.CORPORATE))
    assert planned[0].step == -45


def test_new_year_holidays_move_reminders_earlier_and_never_before_the_end() -> None:
    planned = plan_policy_reminders(date(2026, 1, 1), date(2026, 12, 31), date(2026, 1, 12), (7, 1))
    assert steps(planned) == [
        (-7, "2026-12-24"),
        (-1, "2026-12-30"),
        (1, "2027-01-01"),
        (7, "2027-01-07"),
        (30, "2027-01-29"),
    ]


@given(DAYS, st.integers(30, 800), st.integers(-400, 900), LADDERS)
def test_policy_reminders_are_one_a_day_on_working_days_and_never_late(
    start: date, length: int, late: int, ladder: Ladder
) -> None:
    end = start + timedelta(days=length - 1)
    today = start + timedelta(days=late)
    planned = plan_policy_reminders(start, end, today, end_steps(ladder))
    assert len({p.on for p in planned}) == len({p.step for p in planned}) == len(planned)
    assert [p.on for p in planned] == sorted(p.on for p in planned)
    for p in planned:
        nominal = end + timedelta(days=p.step)
        assert p.on >= today
        assert p.on <= nominal or p.on == today
        assert p.step < 0 or p.on > end
        assert is_working_day(p.on) or p.on == today or p.step > 0
    assert sum(end + timedelta(days=p.step) < today for p in planned) <= 1


@given(DAYS, LADDERS)
def test_a_year_policy_registered_on_its_first_day_loses_no_step_that_has_its_own_day(
    start: date, ladder: Ladder
) -> None:
    planned = plan_policy_reminders(start, policy_end(start), start, end_steps(ladder))
    shown = {p.on for p in planned if p.step < 0}
    assert -min(end_steps(ladder)) in {p.step for p in planned}
    assert len(shown) >= len(end_steps(ladder)) - 3  # the January holidays may swallow some
    assert {p.step for p in planned if p.step > 0} == set(AFTER_END)


def test_the_first_ladder_step_and_the_last_safe_day_leave_time_to_act() -> None:
    for ladder in Ladder:
        assert end_steps(ladder)[0] == max(end_steps(ladder))
        assert last_safe_day(date(2026, 12, 31), ladder) > date(2026, 12, 31) - timedelta(days=end_steps(ladder)[0])
    assert last_safe_day(date(2026, 12, 31), Ladder.OSAGO) == date(2026, 12, 27)


def test_payment_reminders_reach_the_admin_from_the_seventh_day_of_delay() -> None:
    planned = plan_payment_reminders(date(2026, 12, 16), TODAY)
    assert [p.step for p in planned] == sorted(PAYMENT_STEPS)
    assert [p.step for p in planned if Role.ADMIN in p.roles] == [7, 14]
    assert all(Role.SELLER in p.roles for p in planned)


def test_a_payment_due_today_is_reminded_of_today_once() -> None:
    assert steps(plan_payment_reminders(TODAY, TODAY))[:2] == [(0, "2026-11-20"), (1, "2026-11-21")]


@pytest.mark.parametrize("typed", ["45,30,14,7,5", "5 7 14 30 45", "45; 30;14, 7,5,5"])
def test_a_ladder_is_read_in_any_order(typed: str) -> None:
    assert LadderSettings.parse(typed).steps == (45, 30, 14, 7, 5)


@pytest.mark.parametrize("typed", ["", "0", "366", "пять", "1,2,3,4,5,6,7,8,9,10,11,12,13", "7,-1", "٧"])
def test_what_is_not_a_ladder_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="45,30"):
        LadderSettings.parse(typed)


@given(st.sets(st.integers(1, 365), min_size=1, max_size=12))
def test_a_ladder_shown_is_read_back(steps: set[int]) -> None:
    settings = LadderSettings(tuple(sorted(steps, reverse=True)))
    assert LadderSettings.parse(settings.format()) == settings


# --- the next touch -----------------------------------------------------------------------------------------------


def test_the_next_touch_is_the_earliest_event_less_its_lead() -> None:
    unpaid = [(date(2027, 3, 1), 7, 14)]
    ending = [(date(2027, 3, 14), 5, 45), (date(2027, 4, 1), 6, 30)]
    assert next_review(TODAY, unpaid, ending) == Touch(date(2027, 1, 28), ReviewReason.POLICY_END, 5, date(2027, 3, 14))
    assert next_review(TODAY, unpaid, []) == Touch(date(2027, 2, 15), ReviewReason.PAYMENT_DUE, 7, date(2027, 3, 1))


def test_the_next_touch_is_never_before_today() -> None:
    assert next_review(TODAY, [(date(2026, 1, 1), 7, 14)], []).on == TODAY


def test_an_open_deal_with_nothing_ahead_still_has_a_touch() -> None:
    assert next_review(TODAY, [], []) == Touch(TODAY, ReviewReason.NEW_DEAL)
    assert next_review(TODAY, [], [], fallback=ReviewReason.REOPENED).reason is ReviewReason.REOPENED


def test_a_date_set_by_hand_stands_until_it_comes() -> None:
    by_hand = date(2026, 12, 10)
    far = [(date(2027, 3, 14), 5, 45)]
    assert next_review(TODAY, [], far, by_hand) == Touch(by_hand, ReviewReason.BY_HAND)
    assert next_review(by_hand, [], far, by_hand).reason is ReviewReason.BY_HAND
    assert next_review(by_hand + timedelta(days=1), [], far, by_hand).reason is ReviewReason.POLICY_END


def test_a_nearer_event_beats_a_date_set_by_hand() -> None:
    by_hand = date(2027, 2, 20)
    assert next_review(TODAY, [(date(2027, 3, 1), 7, 14)], [], by_hand).on == date(2027, 2, 15)


def test_a_payment_that_is_already_on_the_table_can_be_put_off_but_not_beyond_its_day() -> None:
    due = TODAY + timedelta(days=10)
    assert next_review(TODAY, [(due, 7, 14)], [], TODAY + timedelta(days=3)).reason is ReviewReason.BY_HAND
    later = next_review(TODAY, [(due, 7, 14)], [], TODAY + timedelta(days=30))
    assert (later.on, later.reason) == (due, ReviewReason.PAYMENT_DUE)


def test_an_overdue_payment_can_be_put_off() -> None:
    promised = TODAY + timedelta(days=7)
    assert next_review(TODAY, [(TODAY, 7, 14)], [], promised) == Touch(promised, ReviewReason.BY_HAND)


def test_a_deal_dealt_with_comes_up_at_the_next_step_and_then_every_working_day() -> None:
    event, ladder = date(2026, 12, 20), (45, 30, 14, -1)
    assert lead_days(event, ladder, None) == 45
    assert lead_days(event, ladder, event - timedelta(days=45)) == 30
    assert lead_days(event, ladder, event - timedelta(days=20)) == 14
    assert lead_days(event, ladder, event) == -1
    handled = date(2026, 12, 25)  # a Friday after the last step: the next working day is Monday
    assert event - timedelta(days=lead_days(event, ladder, handled)) == date(2026, 12, 28)


EVENTS = st.lists(st.tuples(DAYS, st.integers(1, 9), st.integers(-30, 120)), max_size=4)


@given(DAYS, EVENTS, EVENTS, st.none() | DAYS)
def test_there_is_always_one_touch_and_it_is_not_in_the_past(
    today: date, unpaid: list[tuple[date, int, int]], ending: list[tuple[date, int, int]], by_hand: date | None
) -> None:
    touch = next_review(today, unpaid, ending, by_hand)
    assert touch.on >= today
    if by_hand is not None and by_hand >= today:
        assert touch.on <= by_hand
