"""Tasks: given, accepted, asked about, finished, returned, cancelled.

Everybody locks the deal first and the task after it. Each step checks the state under that lock, so a second tap is
AlreadyDone, and leaves a TaskMove, a line in the deal's journal, an audit record, reminders and a word to the others.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from models.enums import DealStage, Role, TaskFilter, TaskKind, TaskStatus, VariantStatus
from models.tables import Deal, JournalEntry, Task, TaskMove, User, Variant
from services import planning, touch
from services.access import ANYBODY, EXECUTORS, SELLERS, Actor, Service, command, query
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.calendar import is_working_day, next_working_day
from services.rules.reading import clean_text
from services.rules.stages import (
    OPEN_TASKS,
    ForbiddenMove,
    after_task_cancelled,
    after_task_given,
    check_deal_move,
    check_task_move,
)
from services.rules.task_clock import elapsed_working_minutes, is_running
from storage.uow import Transaction

WORDS_LIMIT = 2000
COMMENT_LIMIT = 1000
CARD_ENTRIES = 5
PAGE = 8
WORKING_DAYS_AHEAD = 3
SOONEST = timedelta(hours=2)
"""Less than that before the day ends is no time to ask for something today."""


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A task with what is needed to act on it, and what this person does with it (an admin may do everything)."""

    task: Task
    moves: list[TaskMove]
    entries: list[JournalEntry]
    documents: int
    drafts: int
    offered: int
    variant: Variant | None
    minutes: int
    clock_runs: bool
    works: bool
    manages: bool

    @property
    def last_words(self) -> TaskMove | None:
        """The newest step that carries words: the question, the answer, the reason."""
        return next((move for move in reversed(self.moves) if move.comment), None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can be given a task, with nothing but his name; the proposed one comes first."""

    user: User
    open_tasks: int
    proposed: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a new task will most likely be, so that giving it takes one tap: who can, by when, of which variant."""

    deal: Deal
    proposed: int | None
    assignee: User | None
    dues: list[datetime]
    variant: Variant | None


@dataclass(frozen=True, slots=True)
class AboutMessage:
    """What one of our messages was about."""

    kind: str
    task_id: int | None
    deal_id: int | None


# --- what other services and the steps share ----------------------------------------------------------------------


def works_on(actor: Actor, task: Task) -> bool:
    """Tell whether the task is the actor's to do."""
    return actor.is_admin or (Role.EXECUTOR in actor.roles and task.assignee_id == actor.user_id)


def card_key(task_id: int) -> str:
    """All messages about a task share one live card a person."""
    return f"task:{task_id}"


def comparison_key(deal_id: int) -> str:
    """The live card of a deal's compared variants."""
    return f"variants:{deal_id}"


def _record(tx: Transaction, task: Task, status: TaskStatus, comment: str = "") -> None:
    """Put a task into a status and remember the step."""
    task.status = status
    tx.session.add(TaskMove(task_id=task.id, status=status, by_id=tx.actor_id, at=tx.now, comment=comment))


def _move(tx: Transaction, task: Task, after: TaskStatus, comment: str = "", *, action: str = "") -> None:
    """Move a task where the table lets it go. Raises AlreadyDone where it has moved on.

    `action` is what the audit calls it where the new status alone would say something else.
    """
    before = task.status
    try:
        check_task_move(before, after)
    except ForbiddenMove as move:
        raise AlreadyDone(str(move)) from move
    _record(tx, task, after, comment)
    tx.audit(action or f"task.{after}", "task", task.id, deal_id=task.deal_id, status=[before, after])


def _start(tx: Transaction, task: Task) -> None:
    """A step that presumes that the task is in work takes it to work: nobody has to press «accept» first."""
    if task.status is not TaskStatus.ACCEPTED:
        _move(tx, task, TaskStatus.ACCEPTED)
    task.accepted_at = task.accepted_at or tx.now


def _owners(deal: Deal, task: Task) -> set[int]:
    return {deal.seller_id, task.author_id}


def _tell(tx: Transaction, kind: str, task: Task, people: set[int], *, deal: Deal, **words: str) -> None:
    """Send a new card of a task to people, except to the one who has just acted."""
    # The number and the words are for somebody who sees the deal no more: he is told at least that.
    params: dict[str, Any] = {"task_id": task.id, "number": deal.number, **words}
    for user_id in sorted(people - {tx.actor_id}):
        tx.notify(user_id, kind, card_key=card_key(task.id), deal_id=deal.id, **params)


async def _refresh(tx: Transaction, task: Task, deal: Deal, *, inform: bool = False) -> None:
    """Bring the live cards that people have of the task up to date, without a new message.

    Before the new message of the same step, which is the live card from then on.
    With `inform` the owners hear of the step even where they have no card yet.
    """
    key = card_key(task.id)
    for user_id in sorted({task.assignee_id} | _owners(deal, task)):
        if (inform and user_id != tx.actor_id) or await tx.tasks.has_card(user_id, key):
            kind = "task_given" if user_id == task.assignee_id else "task_state"
            tx.notify(user_id, kind, card_key=key, edits_card=True, deal_id=deal.id, task_id=task.id)


async def refresh_comparison(tx: Transaction, deal: Deal) -> None:
    """Bring the seller's card with the compared variants up to date, if he has one."""
    key = comparison_key(deal.id)
    if await tx.tasks.has_card(deal.seller_id, key):
        tx.notify(deal.seller_id, "variants_handed_in", card_key=key, edits_card=True, deal_id=deal.id, deal=deal.id)


def _say(tx: Transaction, task: Task, text: str) -> None:
    """Write a person's words about a task into the deal's journal."""
    tx.session.add(JournalEntry(deal_id=task.deal_id, author_id=tx.actor_id, text=text, task_id=task.id))


def _set_stage(tx: Transaction, deal: Deal, stage: DealStage | None) -> None:
    if stage is None or stage is deal.stage:
        return
    try:
        check_deal_move(deal.stage, stage)
    except ForbiddenMove as move:
        raise Invalid("The deal is closed. Reopen it first.") from move
    tx.audit("deal.stage", "deal", deal.id, deal_id=deal.id, stage=[deal.stage, stage])
    deal.stage = stage


async def fall_back(tx: Transaction, deal: Deal, stage: DealStage | None) -> None:
    """Take a deal back to a stage, but not behind what is still asked on it: an open task holds it where it is done."""
    await tx.session.flush()
    asked = await tx.tasks.open_kinds(deal.id)
    held = next((kind for kind in (TaskKind.ISSUE, TaskKind.CALCULATE) if kind in asked), None)
    _set_stage(tx, deal, stage if held is None else after_task_given(held))


async def close_open_task(tx: Transaction, deal_id: int, kind: TaskKind) -> int | None:
    """Finish the open task of a kind because its work is done: variants handed in, the policy registered.

    The deal must be locked. Returns the task's id; None where nobody was asked, which is fine.
    """
    task = await tx.tasks.open_of_kind(deal_id, kind)
    if task is None:
        return None
    deal = await tx.session.get_one(Deal, deal_id)
    _start(tx, task)
    _move(tx, task, TaskStatus.DONE)
    task.finished_at = tx.now
    await tx.session.flush()
    await planning.plan_task(tx, task)
    # The work itself (variants, a policy) is told to the owners by whoever did it: the cards are only put right.
    await _refresh(tx, task, deal)
    return task.id


async def take_up(tx: Transaction, deal: Deal, user_id: int) -> None:
    """Entering variants is calculating: the person's own calculation that he has not accepted is accepted by it."""
    task = await tx.tasks.open_of_kind(deal.id, TaskKind.CALCULATE)
    if task is None or task.assignee_id != user_id or task.status not in {TaskStatus.QUEUED, TaskStatus.RETURNED}:
        return
    _start(tx, task)
    await tx.session.flush()
    await planning.plan_task(tx, task)
    tx.event(deal.id, "task_accepted", task_id=task.id, kind=task.kind.value)
    await _refresh(tx, task, deal, inform=True)


async def cancel_open_tasks(tx: Transaction, deal: Deal, reason: str = "") -> None:
    """Call off everything that is still asked on a locked deal, because it is being closed."""
    for task in await tx.tasks.lock_open(deal.id):
        _move(tx, task, TaskStatus.CANCELLED, reason)
        task.finished_at = tx.now
        await tx.session.flush()
        await planning.plan_task(tx, task)
        _tell(tx, "task_cancelled", task, {task.assignee_id}, deal=deal)


async def hand_on(tx: Transaction, deal: Deal, task: Task, assignee: User) -> None:
    """Give an open task to another executor, who accepts it anew; whom to tell is the caller's to know.

    The deal and the task must be held.
    """
    before = task.assignee_id
    task.assignee_id, task.accepted_at = assignee.id, None
    _record(tx, task, TaskStatus.QUEUED)
    if task.kind is not TaskKind.OTHER:
        deal.executor_id = assignee.id
    await tx.session.flush()
    await planning.plan_task(tx, task)
    tx.event(deal.id, "task_reassigned", task_id=task.id, kind=task.kind.value, assignee=assignee.full_name)
    tx.audit("task.reassigned", "task", task.id, deal_id=deal.id, assignee_id=[before, assignee.id])


async def _locked(tx: Transaction, actor: Actor, task_id: int) -> tuple[Deal, Task]:
    deal_id = await tx.tasks.deal_of(actor.scope, task_id)
    deal = None if deal_id is None else await tx.deals.lock(actor.scope, deal_id)
    if deal is None:
        raise NotFound
    return deal, await tx.tasks.lock(task_id)


async def _mine(tx: Transaction, actor: Actor, task_id: int) -> tuple[Deal, Task]:
    """Hold a task that the actor is to do. Raises NotFound, Forbidden."""
    deal, task = await _locked(tx, actor, task_id)
    if not works_on(actor, task):
        raise Forbidden(f"task {task_id} is assigned to {task.assignee_id}")
    return deal, task


async def _given(tx: Transaction, actor: Actor, task_id: int) -> tuple[Deal, Task]:
    """Hold a task of the actor's own deal. Raises NotFound, Forbidden."""
    deal, task = await _locked(tx, actor, task_id)
    if not actor.owns(deal):
        raise Forbidden(f"task {task_id} is of a deal of seller {deal.seller_id}")
    return deal, task


async def _executor(tx: Transaction, user_id: int) -> User:
    user = await tx.people.get(user_id)
    if user is None or not user.active or Role.EXECUTOR.value not in user.roles:
        raise Invalid("A task is given to an active executor. Choose another person.")
    return user


def _due(actor: Actor, now: datetime, due_at: datetime | str) -> datetime:
    """The moment by which a task is to be done, in the actor's zone where none is named. Raises Invalid."""
    due = datetime.fromisoformat(due_at) if isinstance(due_at, str) else due_at
    if due.tzinfo is None:
        due = due.replace(tzinfo=actor.zone)
    if due <= now:
        raise Invalid("This time has passed already. Choose a later one.")
    return due


def _optional(text: str, limit: int) -> str:
    return clean_text(text, limit) if text.strip() else ""


class TaskService(Service):
    """What a seller asks of an executor, and what becomes of it."""

    # --- by the owner of the deal -------------------------------------------------------------------------------

    @command(SELLERS)
    async def give(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        kind: TaskKind,
        assignee_id: int,
        due_at: datetime | str,
        comment: str = "",
        variant_id: int | None = None,
    ) -> int:
        """Ask an executor to calculate, to issue or to do something else; the deal's stage follows. Returns the id.

        An issue task without a variant takes the chosen one; what something else is the comment says.
        Raises NotFound, Forbidden, AlreadyDone, Invalid.
        """
        deal = await tx.deals.lock(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        if not actor.owns(deal):
            raise Forbidden(f"deal {deal_id} is of seller {deal.seller_id}")
        if deal.stage is DealStage.CLOSED:
            raise Invalid("The deal is closed. Reopen it first.")
        kind = TaskKind(kind)
        due = _due(actor, tx.now, due_at)
        comment = _optional(comment, COMMENT_LIMIT)
        if kind is TaskKind.OTHER and not comment:
            raise Invalid("Say in a few words what is to be done.")
        assignee = await _executor(tx, assignee_id)
        if await self._asked_already(tx, deal_id, kind, assignee_id, due, comment):
            raise AlreadyDone
        if kind is TaskKind.ISSUE:
            variant_id = await self._chosen(tx, deal_id, variant_id)
        task = Task(
            kind=kind, deal_id=deal_id, author_id=actor.user_id, assignee_id=assignee_id, due_at=due, comment=comment,
            variant_id=variant_id,
        )  # fmt: skip
        await tx.add(task)
        _record(tx, task, TaskStatus.QUEUED, comment)
        _set_stage(tx, deal, after_task_given(kind))
        if kind is not TaskKind.OTHER:
            deal.executor_id = assignee_id
        await self._settle(tx, deal, task)
        tx.event(
            deal_id, "task_given", task_id=task.id, kind=kind.value, assignee=assignee.full_name, due_at=due.isoformat()
        )
        tx.audit("task.given", "task", task.id, deal_id=deal_id, kind=kind, assignee_id=assignee_id, due_at=due)
        tx.notify(assignee_id, "task_given", card_key=card_key(task.id), deal_id=deal_id, task_id=task.id)
        if kind is TaskKind.ISSUE:
            await refresh_comparison(tx, deal)
        return task.id

    @command(SELLERS)
    async def set_due(self, tx: Transaction, actor: Actor, task_id: int, due_at: datetime | str) -> None:
        """Ask for an open task by another moment; its executor is told. Raises AlreadyDone, Invalid (has passed)."""
        deal, task = await _given(tx, actor, task_id)
        due = _due(actor, tx.now, due_at)
        if task.status not in OPEN_TASKS or task.due_at == due:
            raise AlreadyDone
        tx.audit("task.due", "task", task.id, deal_id=deal.id, due_at=[task.due_at, due])
        task.due_at = due
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        tx.event(deal.id, "task_due", task_id=task.id, kind=task.kind.value, due_at=due.isoformat())
        _tell(tx, "task_due", task, {task.assignee_id}, deal=deal)

    @command(SELLERS)
    async def answer(self, tx: Transaction, actor: Actor, task_id: int, text: str) -> None:
        """Answer the executor's question; the task goes on and so does its clock."""
        deal, task = await _given(tx, actor, task_id)
        text = clean_text(text, WORDS_LIMIT)
        if task.status is not TaskStatus.QUESTION:
            raise AlreadyDone
        _move(tx, task, TaskStatus.ACCEPTED, text, action="task.answered")
        _say(tx, task, text)
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        _tell(tx, "task_answer", task, {task.assignee_id}, deal=deal)

    @command(SELLERS)
    async def return_(self, tx: Transaction, actor: Actor, task_id: int, comment: str) -> None:
        """Send work back with what is wrong; the deal goes back to the stage of that work."""
        deal, task = await _given(tx, actor, task_id)
        comment = clean_text(comment, WORDS_LIMIT)
        if deal.stage is DealStage.CLOSED:
            raise Invalid("The deal is closed. Reopen it first.")
        if task.status is TaskStatus.DONE and task.kind is not TaskKind.OTHER:
            other = await tx.tasks.open_of_kind(deal.id, task.kind)
            if other is not None:
                raise Invalid("There is a newer task of this kind on the deal. Write to its executor.")
        _move(tx, task, TaskStatus.RETURNED, comment)
        task.finished_at = None
        _set_stage(tx, deal, after_task_given(task.kind))
        if task.kind is not TaskKind.OTHER:
            deal.executor_id = task.assignee_id
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        tx.event(deal.id, "task_returned", task_id=task.id, kind=task.kind.value, comment=comment)
        _tell(tx, "task_returned", task, {task.assignee_id}, deal=deal)

    @command(SELLERS)
    async def cancel(self, tx: Transaction, actor: Actor, task_id: int, reason: str) -> None:
        """Call a task off; the deal falls back as far as what is already done reaches."""
        deal, task = await _given(tx, actor, task_id)
        reason = clean_text(reason, WORDS_LIMIT)
        _move(tx, task, TaskStatus.CANCELLED, reason)
        task.finished_at = tx.now
        if deal.stage is after_task_given(task.kind):
            counts = await tx.variants.counts(deal.id)
            left = after_task_cancelled(
                task.kind,
                has_offered=VariantStatus.OFFERED in counts,
                has_chosen=VariantStatus.CHOSEN in counts,
                has_policy=await tx.variants.last_policy_at(deal.id) is not None,
            )
            await fall_back(tx, deal, left)
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        tx.event(deal.id, "task_cancelled", task_id=task.id, kind=task.kind.value, comment=reason)
        _tell(tx, "task_cancelled", task, {task.assignee_id}, deal=deal, reason=reason)

    @command(SELLERS)
    async def reassign(self, tx: Transaction, actor: Actor, task_id: int, assignee_id: int) -> None:
        """Hand an open task to another executor, who accepts it anew."""
        deal, task = await _given(tx, actor, task_id)
        if task.status not in OPEN_TASKS or task.assignee_id == assignee_id:
            raise AlreadyDone
        assignee = await _executor(tx, assignee_id)
        before = task.assignee_id
        await hand_on(tx, deal, task, assignee)
        await touch.recompute(tx, deal)
        await _refresh(tx, task, deal)
        tx.notify(assignee_id, "task_given", card_key=card_key(task.id), deal_id=deal.id, task_id=task.id)
        _tell(tx, "task_taken_away", task, {before} - {deal.seller_id}, deal=deal)

    # --- by the assignee ----------------------------------------------------------------------------------------

    @command(EXECUTORS)
    async def accept(self, tx: Transaction, actor: Actor, task_id: int) -> None:
        """Take a task to work."""
        deal, task = await _mine(tx, actor, task_id)
        if task.status not in {TaskStatus.QUEUED, TaskStatus.RETURNED}:
            raise AlreadyDone
        _start(tx, task)
        await self._settle(tx, deal, task)
        tx.event(deal.id, "task_accepted", task_id=task.id, kind=task.kind.value)
        await _refresh(tx, task, deal, inform=True)

    @command(EXECUTORS)
    async def ask(self, tx: Transaction, actor: Actor, task_id: int, question: str) -> None:
        """Ask the seller; the clock stands until he answers."""
        deal, task = await _mine(tx, actor, task_id)
        question = clean_text(question, WORDS_LIMIT)
        if task.status is TaskStatus.QUESTION:
            raise AlreadyDone
        _start(tx, task)
        _move(tx, task, TaskStatus.QUESTION, question)
        _say(tx, task, question)
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        _tell(tx, "task_question", task, _owners(deal, task), deal=deal)

    @command(EXECUTORS)
    async def wait_insurer(self, tx: Transaction, actor: Actor, task_id: int) -> None:
        """Note that the insurer is thinking; the clock stands."""
        deal, task = await _mine(tx, actor, task_id)
        if task.status is TaskStatus.WAITING_INSURER:
            raise AlreadyDone
        _start(tx, task)
        _move(tx, task, TaskStatus.WAITING_INSURER)
        await self._settle(tx, deal, task)
        tx.event(deal.id, "task_waiting_insurer", task_id=task.id, kind=task.kind.value)
        await _refresh(tx, task, deal, inform=True)

    @command(EXECUTORS)
    async def resume(self, tx: Transaction, actor: Actor, task_id: int) -> None:
        """Go on: the insurer has answered, or the question has answered itself."""
        deal, task = await _mine(tx, actor, task_id)
        if task.status not in {TaskStatus.WAITING_INSURER, TaskStatus.QUESTION}:
            raise AlreadyDone
        _move(tx, task, TaskStatus.ACCEPTED, action="task.resumed")
        await self._settle(tx, deal, task)
        tx.event(deal.id, "task_resumed", task_id=task.id, kind=task.kind.value)
        await _refresh(tx, task, deal, inform=True)

    @command(EXECUTORS)
    async def refuse(self, tx: Transaction, actor: Actor, task_id: int, reason: str) -> None:
        """Decline a task: it goes back to its author, who hands it to another or calls it off."""
        deal, task = await _mine(tx, actor, task_id)
        reason = clean_text(reason, WORDS_LIMIT)
        if task.status not in OPEN_TASKS or task.assignee_id == task.author_id:
            raise AlreadyDone
        before = task.assignee_id
        task.assignee_id, task.accepted_at = task.author_id, None
        _record(tx, task, TaskStatus.QUEUED, reason)
        if deal.executor_id == before:
            deal.executor_id = None
        await self._settle(tx, deal, task)
        tx.event(deal.id, "task_refused", task_id=task.id, kind=task.kind.value, comment=reason)
        tx.audit("task.refused", "task", task.id, deal_id=deal.id, assignee_id=[before, task.author_id])
        _tell(tx, "task_refused", task, _owners(deal, task), deal=deal)

    @command(EXECUTORS)
    async def finish(self, tx: Transaction, actor: Actor, task_id: int) -> None:
        """Report a task done. A calculation is finished by handing its variants in."""
        deal, task = await _mine(tx, actor, task_id)
        if task.status not in OPEN_TASKS:
            raise AlreadyDone
        if task.kind is TaskKind.CALCULATE:
            raise Invalid("A calculation is finished by handing its variants in. Enter them first.")
        _start(tx, task)
        _move(tx, task, TaskStatus.DONE)
        task.finished_at = tx.now
        await self._settle(tx, deal, task)
        await _refresh(tx, task, deal)
        tx.event(deal.id, "task_done", task_id=task.id, kind=task.kind.value)
        _tell(tx, "task_done", task, _owners(deal, task), deal=deal)

    # --- looking ------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def card(self, tx: Transaction, actor: Actor, task_id: int) -> TaskCard:
        """A task with everything that is shown of it. Raises NotFound."""
        task = await tx.tasks.get(actor.scope, task_id)
        if task is None:
            raise NotFound
        moves = await tx.tasks.moves(task_id)
        counts = await tx.variants.counts(task.deal_id)
        until = task.finished_at or tx.now
        minutes = elapsed_working_minutes(
            [(move.status, move.at) for move in moves], until, await planning.work_hours(tx), actor.zone
        )
        return TaskCard(
            task=task,
            moves=moves,
            entries=await tx.journal.written(task.deal_id, CARD_ENTRIES),
            documents=await tx.deals.documents(task.deal_id),
            drafts=counts.get(VariantStatus.DRAFT, 0),
            offered=counts.get(VariantStatus.OFFERED, 0),
            variant=None if task.variant_id is None else await tx.variants.caption(task.variant_id),
            minutes=minutes,
            clock_runs=is_running(task.status),
            works=works_on(actor, task) and task.assignee_id == actor.user_id,
            manages=actor.owns(task.deal),
        )

    @query(ANYBODY)
    async def mine(
        self, tx: Transaction, actor: Actor, page: int = 0, which: TaskFilter = TaskFilter.MINE, size: int = PAGE
    ) -> tuple[list[Task], int]:
        """A page of open tasks by due, the overdue first, and how many there are."""
        return await tx.tasks.page(actor.scope, actor.user_id, which, offset=page * size, limit=size)

    @query(ANYBODY)
    async def of_deal(self, tx: Transaction, actor: Actor, deal_id: int) -> list[Task]:
        """Tasks of a deal: open ones by due, then finished ones."""
        return await tx.tasks.of_deal(actor.scope, deal_id)

    @query(SELLERS)
    async def proposed_executor(self, tx: Transaction, actor: Actor, line_id: int) -> int | None:
        """Who did this line for this seller last (or for anybody); the only executor where there is one."""
        return await self._who_does(tx, actor, line_id)

    @query(SELLERS)
    async def candidates(self, tx: Transaction, actor: Actor, deal_id: int) -> list[Candidate]:
        """Executors for a task on a deal, the proposed one first, then the least loaded. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        people = await tx.people.colleagues(Role.EXECUTOR)
        proposed = await self._proposed(tx, actor, deal)
        load = await tx.tasks.load([user.id for user in people])
        found = [Candidate(user, load.get(user.id, 0), user.id == proposed) for user in people]
        return sorted(found, key=lambda candidate: (not candidate.proposed, candidate.open_tasks))

    @query(SELLERS)
    async def proposal(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        kind: TaskKind,
        variant_id: int | None = None,
        assignee_id: int | None = None,
    ) -> Proposal:
        """What to propose for a new task: the ends of today (while there is time) and of the next working days. With
        whoever has been chosen, while he is an executor.
        """
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        if not actor.owns(deal):
            raise Forbidden(f"deal {deal_id} is of seller {deal.seller_id}")
        if kind is TaskKind.ISSUE:
            variant_id = await self._chosen(tx, deal_id, variant_id)
        return Proposal(
            deal=deal,
            proposed=await self._proposed(tx, actor, deal),
            assignee=await tx.people.colleague(Role.EXECUTOR, assignee_id) if assignee_id is not None else None,
            dues=await self._dues(tx, actor),
            variant=None if variant_id is None else await tx.variants.caption(variant_id),
        )

    @query(ANYBODY)
    async def about_message(self, tx: Transaction, actor: Actor, message_id: int) -> AboutMessage | None:
        """What our message that the actor replies to was about; None where it was no card of ours."""
        found = await tx.tasks.about(actor.user_id, message_id)
        if found is None:
            return None
        kind, params, deal_id = found
        return AboutMessage(kind, params.get("task_id"), deal_id)

    # --- inner steps --------------------------------------------------------------------------------------------

    async def _proposed(self, tx: Transaction, actor: Actor, deal: Deal) -> int | None:
        if deal.executor_id is not None and await tx.people.colleague(Role.EXECUTOR, deal.executor_id) is not None:
            return deal.executor_id
        return await self._who_does(tx, actor, deal.line_id)

    @staticmethod
    async def _who_does(tx: Transaction, actor: Actor, line_id: int) -> int | None:
        last = await tx.tasks.last_assignee(line_id, actor.user_id)
        if last is not None:
            return last
        two = await tx.people.colleagues(Role.EXECUTOR, 2)
        return two[0].id if len(two) == 1 else None

    @staticmethod
    async def _dues(tx: Transaction, actor: Actor) -> list[datetime]:
        _opens, closes = await planning.work_hours(tx)
        day = actor.day(tx.now)
        days = [day] if is_working_day(day) else []
        for _ in range(WORKING_DAYS_AHEAD):
            day = next_working_day(day)
            days.append(day)
        ends = [datetime.combine(day, time(closes % 24), actor.zone) for day in days]
        return [end for end in ends if end - tx.now > SOONEST]

    @staticmethod
    async def _asked_already(
        tx: Transaction, deal_id: int, kind: TaskKind, assignee_id: int, due: datetime, comment: str
    ) -> bool:
        if kind is TaskKind.OTHER:
            return await tx.tasks.same_open(deal_id, assignee_id, due, comment)
        return await tx.tasks.open_of_kind(deal_id, kind) is not None

    @staticmethod
    async def _chosen(tx: Transaction, deal_id: int, variant_id: int | None) -> int | None:
        """The variant to issue: what is not the client's choice is not issued. Raises NotFound, Invalid."""
        if variant_id is None:
            chosen = await tx.deals.chosen_variant(deal_id)
            issued = await tx.variants.with_policy(deal_id)
            return chosen.id if chosen is not None and chosen.id not in issued else None
        variant = await tx.variants.lock(variant_id)
        if variant is None or variant.deal_id != deal_id:
            raise NotFound
        if variant.status is not VariantStatus.CHOSEN:
            raise Invalid("Mark the client's choice first: only a chosen variant is issued.")
        return variant_id

    @staticmethod
    async def _settle(tx: Transaction, deal: Deal, task: Task) -> None:
        """After every step: the reminders of the task and the next touch of the deal."""
        await tx.session.flush()
        await planning.plan_task(tx, task)
        await touch.recompute(tx, deal)
