"""My tasks, one task, a new task."""

from aiogram.fsm.state import State
from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.input.base import MessageHandlerFunc
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo

from fsm import states
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Raw
from handlers.tasks import clicks, getters

tasks = Dialog(
    Window(
        Raw("text"),
        Column(one_of("tasks", "task", clicks.on_task)),
        pager_row(),
        Group(one_of("filters", "which", clicks.on_filter), width=3),
        leave_row(),
        state=states.Tasks.list,
        getter=getters.tasks,
        preview_data=getters.LIST_PREVIEW,
    ),
)


def asking(state: State, on_text: MessageHandlerFunc) -> Window:
    """A window that waits for words about the task."""
    return Window(
        Raw("text"),
        MessageInput(on_text, content_types="text"),
        leave_row(),
        state=state,
        getter=getters.words,
        preview_data=getters.TEXT_PREVIEW,
    )


task = Dialog(
    Window(
        Raw("text"),
        Column(one_of("primary", "main", clicks.on_step)),
        Group(one_of("others", "more", clicks.on_step), width=2),
        SwitchTo(Label("🕓 History"), id="to_history", state=states.Task.history),
        leave_row(),
        state=states.Task.card,
        getter=getters.card,
        preview_data=getters.CARD_PREVIEW,
    ),
    asking(states.Task.question, clicks.on_question),
    asking(states.Task.answer, clicks.on_answer),
    asking(states.Task.reason, clicks.on_reason),
    Window(
        Raw("text"),
        Column(one_of("people", "person", clicks.on_reassign)),
        pager_row("people"),
        leave_row(),
        state=states.Task.reassign,
        getter=getters.people,
        preview_data=getters.PEOPLE_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_due_typed, content_types="text"),
        Group(one_of("dues", "when", clicks.on_due_chosen), width=2),
        leave_row(),
        state=states.Task.due,
        getter=getters.dues,
        preview_data=getters.DUES_PREVIEW,
    ),
    Window(
        Raw("text"),
        back_row(states.Task.card),
        state=states.Task.history,
        getter=getters.history,
        preview_data=getters.TEXT_PREVIEW,
    ),
)

new_task = Dialog(
    Window(
        Raw("text"),
        Column(one_of("people", "assignee", clicks.on_assignee)),
        pager_row("people"),
        leave_row(),
        state=states.NewTask.assignee,
        getter=getters.assignees,
        preview_data=getters.PEOPLE_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_typed, content_types="text"),
        Button(Label("✅ Give the task"), id="give", on_click=clicks.on_give, when="ready"),
        Group(one_of("dues", "due", clicks.on_due), width=2),
        Row(
            SwitchTo(Label("👤 {assignee}"), id="to_assignee", state=states.NewTask.assignee),
            Button(Label("📅 Another date"), id="other_due", on_click=clicks.on_other_due),
        ),
        SwitchTo(Label("💬 Comment"), id="to_comment", state=states.NewTask.comment),
        leave_row(),
        state=states.NewTask.due,
        getter=getters.new,
        preview_data=getters.NEW_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_comment, content_types="text"),
        back_row(states.NewTask.due),
        state=states.NewTask.comment,
        getter=getters.comment,
        preview_data=getters.TEXT_PREVIEW,
    ),
    on_start=clicks.on_new,
    on_process_result=clicks.on_picked,
)
