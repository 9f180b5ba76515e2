"""What can be done with a task: the same steps on its screen and on the messages about it."""

from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog import DialogManager, ShowMode, StartMode

from fsm import states
from fsm.context import actor, services
from fsm.i18n import _
from fsm.navigation import open_card
from models.enums import TaskKind, TaskStatus
from services.errors import N_
from services.rules.stages import OPEN_TASKS
from services.tasks import TaskCard


class Step(StrEnum):
    """Short, because it travels in 64 bytes of a button."""

    ACCEPT = "ac"
    ASK = "as"
    ANSWER = "an"
    WAIT = "wa"
    RESUME = "re"
    VARIANTS = "va"
    COMPARE = "cm"
    POLICY = "po"
    FINISH = "fi"
    REFUSE = "rf"
    RETURN = "rt"
    REASSIGN = "rs"
    DUE = "du"
    CANCEL = "ca"
    PAPERS = "pa"
    DEAL = "de"


LABELS = {
    Step.ACCEPT: N_("✅ Accept"),
    Step.ASK: N_("❓ Question"),
    Step.ANSWER: N_("💬 Answer"),
    Step.WAIT: N_("⏳ Waiting for the insurer"),
    Step.RESUME: N_("▶️ Go on"),
    Step.VARIANTS: N_("📝 Enter variants"),
    Step.COMPARE: N_("📊 Compare variants"),
    Step.POLICY: N_("📜 Register the policy"),
    Step.FINISH: N_("✅ Finished"),
    Step.REFUSE: N_("🚫 Refuse"),
    Step.RETURN: N_("↩️ Return for rework"),
    Step.REASSIGN: N_("👤 Hand to another"),
    Step.DUE: N_("📅 Another due"),
    Step.CANCEL: N_("✖️ Call off"),
    Step.PAPERS: N_("📎 Papers ({n})"),
    Step.DEAL: N_("📂 Open the deal"),
}
TOASTS = {
    Step.ACCEPT: N_("Taken to work"),
    Step.WAIT: N_("The clock stands while the insurer thinks"),
    Step.RESUME: N_("The clock runs again"),
    Step.FINISH: N_("Finished"),
}
"""Steps that are done by the tap itself, and what the tap is answered with."""

ASKS = {
    Step.ASK: states.Task.question,
    Step.ANSWER: states.Task.answer,
    Step.REASSIGN: states.Task.reassign,
    Step.DUE: states.Task.due,
}
REASONS = (Step.REFUSE, Step.RETURN, Step.CANCEL)


class TaskButton(CallbackData, prefix="t"):
    """A button on a message about a task."""

    step: Step
    task_id: int


def label(step: Step, card: TaskCard) -> str:
    return _(LABELS[step]).format(n=card.documents)


def primary(card: TaskCard) -> Step | None:
    """The one thing that this person is most likely to do now."""
    status, kind = card.task.status, card.task.kind
    if card.manages and status is TaskStatus.QUESTION:
        return Step.ANSWER
    if card.manages and not card.works and status is TaskStatus.DONE and kind is TaskKind.CALCULATE:
        return Step.COMPARE if card.offered else None
    if card.manages and card.task.assignee_id == card.task.author_id and not _executes(card):
        return Step.REASSIGN if status in OPEN_TASKS else None
    if not card.works:
        return None
    if status in {TaskStatus.QUEUED, TaskStatus.RETURNED}:
        return Step.ACCEPT
    if status in {TaskStatus.WAITING_INSURER, TaskStatus.QUESTION}:
        return Step.RESUME
    if status is TaskStatus.ACCEPTED:
        work = {TaskKind.CALCULATE: Step.VARIANTS, TaskKind.ISSUE: Step.POLICY}
        return work.get(kind, Step.FINISH)
    return None


def _executes(card: TaskCard) -> bool:
    """Whether the assignee is somebody who can do it: a refused task lies with its author until he hands it on."""
    return "executor" in card.task.assignee.roles


def others(card: TaskCard) -> list[Step]:
    """Everything else that this person may do now."""
    status, kind = card.task.status, card.task.kind
    found: list[Step] = []
    if card.works and status in OPEN_TASKS and _executes(card):
        if status is not TaskStatus.QUESTION:
            found.append(Step.ASK)
        if status in {TaskStatus.ACCEPTED, TaskStatus.QUESTION}:
            found.append(Step.WAIT)
        if status in {TaskStatus.WAITING_INSURER, TaskStatus.QUESTION} and kind is TaskKind.CALCULATE:
            found.append(Step.VARIANTS)
        if status is TaskStatus.ACCEPTED and kind is TaskKind.ISSUE:
            found.append(Step.FINISH)
        if card.task.assignee_id != card.task.author_id:
            found.append(Step.REFUSE)
    if card.manages:
        if status is TaskStatus.DONE:
            found.append(Step.RETURN)
        if status in OPEN_TASKS:
            found += [Step.REASSIGN, Step.DUE, Step.CANCEL]
    if card.documents:
        found.append(Step.PAPERS)
    found.append(Step.DEAL)
    first = primary(card)
    return [step for step in found if step is not first]


def keyboard(card: TaskCard) -> InlineKeyboardMarkup:
    """The buttons of a message: the primary one alone on its row, the rest by two."""

    def button(step: Step) -> InlineKeyboardButton:
        data = TaskButton(step=step, task_id=card.task.id).pack()
        return InlineKeyboardButton(text=label(step, card), callback_data=data)

    first, rest = primary(card), [button(step) for step in others(card)]
    rows = [[button(first)]] if first is not None else []
    return InlineKeyboardMarkup(inline_keyboard=[*rows, *(rest[n : n + 2] for n in range(0, len(rest), 2))])


async def do(manager: DialogManager, step: Step, task_id: int) -> None:
    """Do a step that needs nothing but the tap. Raises what the service raises."""
    tasks = services(manager).tasks
    call = {
        Step.ACCEPT: tasks.accept,
        Step.WAIT: tasks.wait_insurer,
        Step.RESUME: tasks.resume,
        Step.FINISH: tasks.finish,
    }
    await call[step](actor(manager), task_id)


async def go(manager: DialogManager, step: Step, task_id: int, *, anew: bool) -> None:
    """Open the screen that a step leads to; `anew` from a message that is no screen."""
    card = await services(manager).tasks.card(actor(manager), task_id)
    mode = StartMode.RESET_STACK if anew else StartMode.NORMAL
    if anew:
        manager.show_mode = ShowMode.SEND
    deal = {"deal_id": card.task.deal_id}
    if step in ASKS:
        await manager.start(ASKS[step], data={"task_id": task_id}, mode=mode)
    elif step in REASONS:
        await manager.start(states.Task.reason, data={"task_id": task_id, "step": step.value}, mode=mode)
    elif step is Step.VARIANTS:
        await manager.start(states.Variants.list, data={**deal, "task_id": task_id}, mode=mode)
    elif step is Step.COMPARE:
        await manager.start(states.Variants.compare, data=deal, mode=mode)
    elif step is Step.POLICY:
        data = {**deal, "variant_id": card.task.variant_id, "task_id": task_id}
        await manager.start(states.NewPolicy.review, data=data, mode=mode)
    elif step is Step.PAPERS:
        await manager.start(states.Documents.list, data=deal, mode=mode)
    elif anew:
        await manager.start(states.Deal.card, data=deal, mode=mode)
    else:
        await open_card(manager, states.Deal.card, deal_id=card.task.deal_id)
