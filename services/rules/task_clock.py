"""The clock of a task: it runs while the assignee can work and stands while he waits for an answer or the insurer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from models.enums import TaskStatus
from services.rules.calendar import MOSCOW, WorkHours, working_minutes_between

RUNNING = frozenset({TaskStatus.QUEUED, TaskStatus.ACCEPTED, TaskStatus.RETURNED})


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which the clock ran."""

    begin: datetime
    end: datetime


def running_spans(history: Iterable[tuple[TaskStatus, datetime]], now: datetime) -> list[Span]:
    """Give the times when the clock ran, from a history of (status, since when); the last status lasts until now."""
    moments = sorted(history, key=lambda entry: entry[1])
    spans: list[Span] = []
    for (status, begin), (_, end) in zip(moments, [*moments[1:], (TaskStatus.DONE, now)], strict=False):
        if status not in RUNNING or end <= begin:
            continue
        if spans and spans[-1].end == begin:
            spans[-1] = Span(spans[-1].begin, end)
        else:
            spans.append(Span(begin, end))
    return spans


def elapsed_working_minutes(
    history: Iterable[tuple[TaskStatus, datetime]],
    now: datetime,
    hours: WorkHours = (9, 18),
    zone: ZoneInfo = MOSCOW,
) -> int:
    """Count the working minutes that the assignee has had."""
    return sum(working_minutes_between(span.begin, span.end, hours, zone) for span in running_spans(history, now))


def is_running(status: TaskStatus) -> bool:
    """Tell whether the clock runs in this status."""
    return status in RUNNING
