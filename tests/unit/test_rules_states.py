from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import (
    DealStage,
    PaymentStatus,
    PolicyOutcome,
    PolicyStatus,
    TaskKind,
    TaskStatus,
    VariantStatus,
)
from services.rules.calendar import MOSCOW
from services.rules.stages import (
    OPEN_TASKS,
    ForbiddenMove,
    after_choice,
    after_policy_registered,
    after_renewal_started,
    after_reopened,
    after_task_cancelled,
    after_task_given,
    after_variants_handed_in,
    check_deal_move,
    check_task_move,
    check_variant_move,
    deal_moves,
    task_moves,
    variant_moves,
)
from services.rules.statuses import payment_status, policy_status
from services.rules.task_clock import elapsed_working_minutes, running_spans

T = TaskStatus
START, END = date(2026, 1, 1), date(2026, 12, 31)


def test_every_state_has_a_row_in_its_table() -> None:
    assert set(task_moves) == set(TaskStatus)
    assert set(variant_moves) == set(VariantStatus)
    assert set(deal_moves) == set(DealStage)


@pytest.mark.parametrize(
    "path",
    [
        [T.QUEUED, T.ACCEPTED, T.DONE],
        [T.QUEUED, T.ACCEPTED, T.QUESTION, T.ACCEPTED, T.WAITING_INSURER, T.ACCEPTED, T.DONE, T.RETURNED, T.ACCEPTED],
        [T.QUEUED, T.CANCELLED],
        [T.ACCEPTED, T.QUEUED, T.ACCEPTED],
    ],
)
def test_a_task_walks_the_ways_of_the_domain(path: list[TaskStatus]) -> None:
    for before, after in pairwise(path):
        check_task_move(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [(T.QUEUED, T.DONE), (T.CANCELLED, T.ACCEPTED), (T.DONE, T.ACCEPTED), (T.QUESTION, T.DONE), (T.QUEUED, T.QUEUED)],
)
def test_a_task_takes_no_other_way(before: TaskStatus, after: TaskStatus) -> None:
    with pytest.raises(ForbiddenMove, match="task"):
        check_task_move(before, after)


def test_only_done_and_cancelled_tasks_wait_for_nobody() -> None:
    assert set(TaskStatus) - OPEN_TASKS == {T.DONE, T.CANCELLED}


def test_another_variant_may_be_chosen_before_issue() -> None:
    check_variant_move(VariantStatus.OFFERED, VariantStatus.CHOSEN)
    check_variant_move(VariantStatus.CHOSEN, VariantStatus.NOT_SELECTED)
    check_variant_move(VariantStatus.NOT_SELECTED, VariantStatus.CHOSEN)
    with pytest.raises(ForbiddenMove, match="variant"):
        check_variant_move(VariantStatus.DRAFT, VariantStatus.CHOSEN)


def test_a_deal_goes_the_whole_line_and_comes_back_a_year_later() -> None:
    line = [
        DealStage.COLLECTING,
        after_task_given(TaskKind.CALCULATE),
        after_variants_handed_in(),
        after_choice(),
        after_task_given(TaskKind.ISSUE),
        after_policy_registered(),
        after_renewal_started(),
    ]
    assert line == [
        DealStage.COLLECTING,
        DealStage.CALCULATING,
        DealStage.CHOOSING,
        DealStage.ISSUING,
        DealStage.ISSUING,
        DealStage.IN_FORCE,
        DealStage.CALCULATING,
    ]
    stages = [stage for stage in line if stage]
    for before, after in pairwise(stages):
        check_deal_move(before, after)
    assert after_task_given(TaskKind.OTHER) is None


def test_a_closed_deal_opens_where_its_papers_are() -> None:
    assert after_reopened(has_policy=True) is DealStage.IN_FORCE
    assert after_reopened(has_policy=False) is DealStage.COLLECTING
    with pytest.raises(ForbiddenMove, match="deal"):
        check_deal_move(DealStage.CLOSED, DealStage.ISSUING)


@pytest.mark.parametrize(
    ("kind", "facts", "stage"),
    [
        (TaskKind.CALCULATE, {}, DealStage.COLLECTING),
        (TaskKind.CALCULATE, {"has_offered": True}, DealStage.CHOOSING),
        (TaskKind.CALCULATE, {"has_policy": True}, DealStage.IN_FORCE),
        (TaskKind.ISSUE, {"has_chosen": True}, DealStage.CHOOSING),
        (TaskKind.OTHER, {"has_chosen": True}, None),
    ],
)
def test_a_cancelled_task_leaves_the_deal_where_its_facts_are(
    kind: TaskKind, facts: dict[str, bool], stage: DealStage | None
) -> None:
    assert after_task_cancelled(kind, **facts) is stage


@pytest.mark.parametrize(
    ("today", "status"),
    [
        (date(2025, 12, 31), PolicyStatus.PENDING),
        (date(2026, 1, 1), PolicyStatus.ACTIVE),
        (date(2026, 11, 15), PolicyStatus.ACTIVE),
        (date(2026, 11, 16), PolicyStatus.EXPIRING),
        (date(2026, 12, 31), PolicyStatus.EXPIRING),
        (date(2027, 1, 1), PolicyStatus.EXPIRED),
    ],
)
def test_a_policy_grows_old_by_the_calendar(today: date, status: PolicyStatus) -> None:
    assert policy_status(START, END, None, today, 45) is status


@pytest.mark.parametrize("outcome", PolicyOutcome)
def test_what_a_person_decided_is_the_status(outcome: PolicyOutcome) -> None:
    assert policy_status(START, END, outcome, date(2030, 1, 1), 45).value == outcome.value


def test_a_short_trip_is_not_expiring_all_its_life() -> None:
    assert policy_status(START, START + timedelta(days=9), None, START, 30) is PolicyStatus.ACTIVE


@pytest.mark.parametrize(
    ("due", "paid", "waived", "status"),
    [
        (date(2026, 12, 31), 0, False, PaymentStatus.PLANNED),
        (date(2026, 12, 4), 0, False, PaymentStatus.DUE),
        (date(2026, 11, 20), 0, False, PaymentStatus.DUE),
        (date(2026, 11, 19), 0, False, PaymentStatus.OVERDUE),
        (date(2026, 11, 19), 40, False, PaymentStatus.PARTLY_PAID),
        (date(2026, 12, 31), 100, False, PaymentStatus.PAID),
        (date(2026, 12, 31), 101, False, PaymentStatus.PAID),
        (date(2026, 11, 19), 0, True, PaymentStatus.WAIVED),
    ],
)
def test_a_payment_is_what_its_money_and_date_say(due: date, paid: int, waived: bool, status: PaymentStatus) -> None:
    assert payment_status(due, Decimal(100), Decimal(paid), waived, date(2026, 11, 20)) is status


# --- the clock of a task ------------------------------------------------------------------------------------------


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=MOSCOW)


def test_the_clock_stands_while_waiting_for_an_answer_or_the_insurer() -> None:
    history = [
        (T.QUEUED, at(9)),
        (T.ACCEPTED, at(10)),
        (T.QUESTION, at(11)),
        (T.ACCEPTED, at(14)),
        (T.WAITING_INSURER, at(15)),
        (T.ACCEPTED, at(9, day=23)),
        (T.DONE, at(9, 30, day=23)),
    ]
    assert elapsed_working_minutes(history, at(18, day=24)) == 120 + 60 + 30
    assert len(running_spans(history, at(18, day=24))) == 3


def test_returned_work_goes_on_counting() -> None:
    history = [(T.ACCEPTED, at(10)), (T.DONE, at(11)), (T.RETURNED, at(12)), (T.ACCEPTED, at(13))]
    assert elapsed_working_minutes(history, at(14)) == 60 + 120


def test_no_history_is_no_time() -> None:
    assert elapsed_working_minutes([], at(10)) == 0


@given(st.lists(st.tuples(st.sampled_from(TaskStatus), st.integers(0, 5000)), max_size=8), st.integers(0, 5000))
def test_the_clock_never_runs_more_than_the_time_that_passed(entries: list[tuple[TaskStatus, int]], now: int) -> None:
    history = [(status, at(9) + timedelta(minutes=m)) for status, m in entries]
    assert 0 <= elapsed_working_minutes(history, at(9) + timedelta(minutes=now)) <= 5000
