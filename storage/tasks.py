"""Tasks and their history."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased, joinedload

from models.enums import Role, TaskFilter, TaskKind
from models.scope import Scope
from models.tables import Client, Deal, OutboxMessage, Task, TaskMove, User
from storage import deal_card, task_list
from storage.direct import Shape, given, ready
from storage.listing import listed
from storage.people import holds
from storage.repository import OPEN_TASK, Repository, counted_each, far_enough, may_see_deal, up_to

LATELY: Final = 500
"""Among how many of an author's latest calculations it is looked who does a line: years ago it was somebody else."""
LATELY_OF_ALL: Final = 200
"""Among how many of everybody's, where the author has asked for none of this line."""


def visible_tasks(scope: Scope) -> Select[Task]:
    """The base of every statement about tasks: those of the deals that a person may see."""
    return select(Task).join(Deal, Deal.id == Task.deal_id).where(may_see_deal(scope))


def _with_relations(statement: Select[Task]) -> Select[Task]:
    return statement.options(
        joinedload(Task.deal).options(
            joinedload(Deal.client).selectinload(Client.phones), joinedload(Deal.line), joinedload(Deal.seller)
        ),
        joinedload(Task.author),
        joinedload(Task.assignee),
    )


class Tasks(Repository):
    async def get(self, scope: Scope, task_id: int) -> Task | None:
        """One task with its deal, client, line and people: for reading, outside any session."""
        found = await self.direct(_task_of(replace(scope, user_id=0)), task_id, scope.user_id)
        return _read(found[0]) if found else None

    async def deal_of(self, scope: Scope, task_id: int) -> int | None:
        """The deal to lock before the task: everybody locks in that order."""
        return await self.one(visible_tasks(scope).where(Task.id == task_id).with_only_columns(Task.deal_id))

    async def lock(self, task_id: int) -> Task:
        """One task, held until the transaction ends; its deal has been locked and checked already."""
        return (await self.session.execute(select(Task).where(Task.id == task_id).with_for_update())).scalar_one()

    async def open_of_kind(self, deal_id: int, kind: TaskKind) -> Task | None:
        """The oldest open task of a kind on a deal, held until the transaction ends."""
        return await self.one(
            select(Task)
            .where(Task.deal_id == deal_id, Task.kind == kind, OPEN_TASK)
            .order_by(Task.id)
            .limit(1)
            .with_for_update()
        )

    async def is_open(self, deal_id: int, kind: TaskKind) -> bool:
        """Whether somebody has been asked for this on a deal."""
        return bool(await self.direct(_ASKED[kind], deal_id))

    async def open_kinds(self, deal_id: int) -> set[TaskKind]:
        """What is still asked on a deal."""
        return set(await self.many(select(Task.kind).where(Task.deal_id == deal_id, OPEN_TASK).distinct()))

    async def lock_open(self, deal_id: int) -> list[Task]:
        """Everything that is still asked on a deal, held until the transaction ends."""
        return await self.many(
            select(Task).where(Task.deal_id == deal_id, OPEN_TASK).order_by(Task.id).with_for_update()
        )

    async def has_open(self, deal_id: int, assignee_id: int) -> bool:
        """Whether a person has something to do on a deal."""
        return bool(await self.direct(_HAS_OPEN, deal_id, assignee_id))

    async def same_open(self, deal_id: int, assignee_id: int, due_at: datetime, comment: str) -> bool:
        """Whether the very same thing has been asked already: a second tap."""
        statement = select(Task.id).where(
            Task.deal_id == deal_id,
            Task.assignee_id == assignee_id,
            Task.due_at == due_at,
            Task.comment == comment,
            Task.kind == TaskKind.OTHER,
            OPEN_TASK,
        )
        return await self.one(statement.limit(1)) is not None

    async def of_deal(self, scope: Scope, deal_id: int) -> list[Task]:
        """Tasks of a deal, open ones by due, then finished ones from the newest."""
        return await self.many(
            _with_relations(visible_tasks(scope).where(Task.deal_id == deal_id)).order_by(
                Task.finished_at.is_not(None), Task.finished_at.desc(), Task.due_at, Task.id
            )
        )

    async def page(
        self, scope: Scope, viewer_id: int, which: TaskFilter, *, offset: int, limit: int
    ) -> tuple[list[Task], int]:
        """Open tasks inside a scope that the viewer wants, with deal, client and line: a page by due, and how many."""
        text = task_list.statement(replace(scope, user_id=0), which, limit, far_enough(offset))
        return await listed(self, text, task_list.SHAPE, viewer_id, offset)

    async def moves(self, task_id: int) -> list[TaskMove]:
        """The history of a task from its beginning, with who moved it: for reading, outside any session."""
        return [_move.joined(row, by=_mover) for row in await self.direct(_MOVES, task_id)]

    async def last_assignee(self, line_id: int, author_id: int) -> int | None:
        """Who was given a calculation or an issue of this line last: by this author, or else by anybody."""
        found: int | None = (await self.direct(_LAST_ASSIGNEE, line_id, author_id))[0][0]
        return found

    async def load(self, user_ids: Collection[int]) -> dict[int, int]:
        """How many open tasks each of these people has."""
        return await self.each(_assigned, user_ids)

    async def has_card(self, recipient_id: int, card_key: str) -> bool:
        """Whether a person has (or is about to get) a message with this card."""
        statement = select(OutboxMessage.id).where(
            OutboxMessage.recipient_id == recipient_id, OutboxMessage.card_key == card_key
        )
        return await self.one(statement.limit(1)) is not None

    async def about(self, recipient_id: int, message_id: int) -> tuple[str, dict[str, Any], int | None] | None:
        """What a message of ours that a person replies to was: (kind, params, deal id)."""
        row = (
            await self.session.execute(
                select(OutboxMessage.kind, OutboxMessage.params, OutboxMessage.deal_id)
                .where(OutboxMessage.recipient_id == recipient_id, OutboxMessage.message_id == message_id)
                .order_by(OutboxMessage.id.desc())
                .limit(1)
            )
        ).one_or_none()
        return None if row is None else (row[0], row[1], row[2])


_AUTHOR, _ASSIGNEE = aliased(User), aliased(User)
_task, _author = Shape(Task), Shape(User, "id", "full_name", entity=_AUTHOR)
_assignee = Shape(User, "id", "full_name", "roles", entity=_ASSIGNEE)
_move, _mover = Shape(TaskMove), Shape(User, "id", "full_name")
_MOVES = ready(
    select(*_move.columns, *_mover.columns)
    .outerjoin(User, User.id == TaskMove.by_id)
    .where(TaskMove.task_id == given(1, BigInteger()))
    .order_by(TaskMove.id)
)


@cache
def _task_of(scope: Scope) -> str:
    """The statement for a task ($1) and its deal's heading, as such a person ($2) may see it."""
    own = (column for shape in (_task, _author, _assignee) for column in shape.columns)
    return ready(
        deal_card.headed(scope, given(2, BigInteger()), *own)
        .join(Task, Task.deal_id == Deal.id)
        .join(_AUTHOR, _AUTHOR.id == Task.author_id)
        .join(_ASSIGNEE, _ASSIGNEE.id == Task.assignee_id)
        .where(Task.id == given(1, BigInteger()))
    )


def _read(found: Any) -> Task:
    values, own = list(found), len(_task) + len(_author) + len(_assignee)
    task: Task = _task.joined(values[:own], author=_author, assignee=_assignee)
    task.__dict__["deal"] = deal_card.read_heading(values[own:])
    return task


@cache
def _assigned(most: int) -> str:
    return counted_each(lambda person: select(Task.id).where(OPEN_TASK, Task.assignee_id == person), most)


_DEAL = given(1, BigInteger())
_ASKED = {
    kind: ready(select(Task.id).where(Task.deal_id == _DEAL, Task.kind == kind, OPEN_TASK).limit(up_to(1)))
    for kind in TaskKind
}
_HAS_OPEN = ready(
    select(Task.id).where(Task.deal_id == _DEAL, Task.assignee_id == given(2, BigInteger()), OPEN_TASK).limit(up_to(1))
)


def _last(most: int, *asked: ColumnElement[bool]) -> ScalarSelect[int]:
    """Who was given the latest of these calculations that is of the line, if he can be given another."""
    lately = select(Task.id, Task.assignee_id, Task.deal_id).where(Task.kind != TaskKind.OTHER, *asked)
    recent = lately.order_by(Task.id.desc()).limit(up_to(most)).subquery()
    return (
        select(recent.c.assignee_id)
        .join(Deal, Deal.id == recent.c.deal_id)
        .join(User, User.id == recent.c.assignee_id)
        .where(Deal.line_id == given(1, BigInteger()), holds(Role.EXECUTOR))
        .order_by(recent.c.id.desc())
        .limit(up_to(1))
        .scalar_subquery()
    )


# Everybody's are looked at only where the author's own tell nothing.
_LAST_ASSIGNEE = ready(
    select(func.coalesce(_last(LATELY, Task.author_id == given(2, BigInteger())), _last(LATELY_OF_ALL)))
)
