"""Which state may follow which (DOMAIN.md §4): tables, and the stage a deal takes after what people do."""

from collections.abc import Mapping

from models.enums import DealStage, TaskKind, TaskStatus, VariantStatus


class ForbiddenMove(Exception):
    """A state cannot follow another one; services turn it into an error with two voices."""

    def __init__(self, what: str, before: str, after: str) -> None:
        super().__init__(f"{what}: {before} → {after}")
        self.what, self.before, self.after = what, before, after


# Back to `queued` goes a task that its assignee refused or that was handed to somebody else.
task_moves: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.QUEUED: frozenset({TaskStatus.ACCEPTED, TaskStatus.CANCELLED}),
    TaskStatus.ACCEPTED: frozenset(
        {
            TaskStatus.QUESTION, TaskStatus.WAITING_INSURER, TaskStatus.DONE, TaskStatus.RETURNED, TaskStatus.QUEUED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.QUESTION: frozenset({TaskStatus.ACCEPTED, TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.WAITING_INSURER: frozenset({TaskStatus.ACCEPTED, TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.DONE: frozenset({TaskStatus.RETURNED}),
    TaskStatus.RETURNED: frozenset({TaskStatus.ACCEPTED, TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.CANCELLED: frozenset(),
}  # fmt: skip

variant_moves: Mapping[VariantStatus, frozenset[VariantStatus]] = {
    VariantStatus.DRAFT: frozenset({VariantStatus.OFFERED, VariantStatus.EXPIRED, VariantStatus.DECLINED_BY_INSURER}),
    VariantStatus.OFFERED: frozenset(
        {VariantStatus.CHOSEN, VariantStatus.NOT_SELECTED, VariantStatus.EXPIRED, VariantStatus.DECLINED_BY_INSURER}
    ),
    VariantStatus.CHOSEN: frozenset(
        {VariantStatus.NOT_SELECTED, VariantStatus.EXPIRED, VariantStatus.DECLINED_BY_INSURER}
    ),
    VariantStatus.NOT_SELECTED: frozenset(
        {VariantStatus.CHOSEN, VariantStatus.EXPIRED, VariantStatus.DECLINED_BY_INSURER}
    ),
    VariantStatus.EXPIRED: frozenset({VariantStatus.OFFERED}),  # the insurer confirmed the same terms again
    VariantStatus.DECLINED_BY_INSURER: frozenset(),
}

deal_moves: Mapping[DealStage, frozenset[DealStage]] = {
    DealStage.COLLECTING: frozenset(
        {DealStage.CALCULATING, DealStage.CHOOSING, DealStage.ISSUING, DealStage.IN_FORCE, DealStage.CLOSED}
    ),
    DealStage.CALCULATING: frozenset(
        {DealStage.COLLECTING, DealStage.CHOOSING, DealStage.ISSUING, DealStage.IN_FORCE, DealStage.CLOSED}
    ),
    # Back to `collecting` goes a deal whose last variant or only task was taken away.
    DealStage.CHOOSING: frozenset(
        {DealStage.COLLECTING, DealStage.CALCULATING, DealStage.ISSUING, DealStage.IN_FORCE, DealStage.CLOSED}
    ),
    DealStage.ISSUING: frozenset(
        {DealStage.COLLECTING, DealStage.CALCULATING, DealStage.CHOOSING, DealStage.IN_FORCE, DealStage.CLOSED}
    ),
    DealStage.IN_FORCE: frozenset({DealStage.CALCULATING, DealStage.CHOOSING, DealStage.ISSUING, DealStage.CLOSED}),
    DealStage.CLOSED: frozenset({DealStage.COLLECTING, DealStage.IN_FORCE}),  # reopened
}

OPEN_TASKS = frozenset(TaskStatus) - {TaskStatus.DONE, TaskStatus.CANCELLED}
"""Statuses in which a task still waits for somebody."""


def check_task_move(before: TaskStatus, after: TaskStatus) -> None:
    """Refuse a change of a task's status that the table does not have."""
    if after not in task_moves[before]:
        raise ForbiddenMove("task", before, after)


def check_variant_move(before: VariantStatus, after: VariantStatus) -> None:
    """Refuse a change of a variant's status that the table does not have."""
    if after not in variant_moves[before]:
        raise ForbiddenMove("variant", before, after)


def check_deal_move(before: DealStage, after: DealStage) -> None:
    """Refuse a change of a deal's stage that the table does not have; staying where one is is always fine."""
    if after != before and after not in deal_moves[before]:
        raise ForbiddenMove("deal", before, after)


def after_task_given(kind: TaskKind) -> DealStage | None:
    """Give the stage that a new task brings the deal to; None leaves it where it is."""
    return {TaskKind.CALCULATE: DealStage.CALCULATING, TaskKind.ISSUE: DealStage.ISSUING}.get(kind)


def after_task_cancelled(
    kind: TaskKind, *, has_offered: bool = False, has_chosen: bool = False, has_policy: bool = False
) -> DealStage | None:
    """Give the stage to fall back to when a task is called off: as far as what is already done reaches."""
    if kind is TaskKind.OTHER:
        return None
    if kind is TaskKind.ISSUE and has_chosen:
        return DealStage.CHOOSING
    if has_offered:
        return DealStage.CHOOSING
    return DealStage.IN_FORCE if has_policy else DealStage.COLLECTING


def after_variants_handed_in() -> DealStage:
    """The seller has something to show."""
    return DealStage.CHOOSING


def after_choice() -> DealStage:
    """The client has picked: what is left is paperwork."""
    return DealStage.ISSUING


def after_policy_registered() -> DealStage:
    """The deal waits for its next event."""
    return DealStage.IN_FORCE


def after_renewal_started() -> DealStage:
    """«Считаем»: the same deal is calculated again."""
    return DealStage.CALCULATING


def after_closed() -> DealStage:
    """Nothing more is expected."""
    return DealStage.CLOSED


def after_reopened(*, has_policy: bool) -> DealStage:
    """A reopened deal is as far as its papers are."""
    return DealStage.IN_FORCE if has_policy else DealStage.COLLECTING
