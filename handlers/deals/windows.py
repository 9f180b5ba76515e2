"""Lists of deals, the deal's card and what is one tap away from it."""

from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, Start, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.navigation import back_row, leave_row, one_of, pager_preview, pager_row
from fsm.text import Label, Plain, Raw
from handlers.deals import clicks, getters

list_ = Dialog(
    Window(
        Raw("text"),
        Column(one_of("deals", "deal", clicks.on_deal)),
        pager_row(),
        Group(one_of("filters", "filter", clicks.on_filter), width=3),
        Start(Label("➕ New deal"), id="new", state=states.NewDeal.client, when="seller"),
        leave_row(),
        state=states.Deals.list,
        getter=getters.deals,
        preview_data=getters.LIST_PREVIEW,
    )
)

card = Dialog(
    Window(
        Raw("text"),
        MessageInput(clicks.on_typed, content_types="text"),
        Button(
            Label("🧮 Give to calculate"),
            id="calculate",
            on_click=clicks.go(states.NewTask.assignee, kind="calculate"),
            when="calculate",
        ),
        Button(
            Label("⚖️ Choose a variant · {variants_n}"),
            id="choose",
            on_click=clicks.go(states.Variants.list),
            when="choose",
        ),
        Button(
            Label("✍️ Give to issue"),
            id="issue",
            on_click=clicks.go(states.NewTask.assignee, kind="issue"),
            when="issue",
        ),
        Button(
            Label("📜 Register the policy"), id="register", on_click=clicks.go(states.NewPolicy.review), when="register"
        ),
        Column(one_of("undecided", "undecided", clicks.on_undecided)),
        Button(Label("✅ Done, on to the next event"), id="next_event", on_click=clicks.on_next_event, when="next"),
        Button(Label("♻️ Open again"), id="reopen", on_click=clicks.on_reopen, when="reopen"),
        Column(one_of("tasks", "task", clicks.on_task)),
        Row(
            Button(Label("📎 Papers · {documents_n}"), id="documents", on_click=clicks.go(states.Documents.list)),
            Button(
                Label("🧮 Variants · {variants_n}"),
                id="variants",
                on_click=clicks.go(states.Variants.list),
                when="variants",
            ),
        ),
        Row(
            Button(
                Label("📜 Policies · {policies_n}"),
                id="policies",
                on_click=clicks.go(states.Policies.list),
                when="policies",
            ),
            Button(
                Plain("instalments"),
                id="payments",
                on_click=clicks.go(states.Payments.list),
                when="money",
            ),
        ),
        Row(
            Button(Label("📝 Journal · {journal_n}"), id="journal", on_click=clicks.go(states.Journal.list)),
            SwitchTo(Label("⏰ Put off"), id="postpone", state=states.Deal.postpone, when="own"),
        ),
        Row(
            Button(Label("👤 Client"), id="client", on_click=clicks.on_client),
            SwitchTo(Label("👷 Executor"), id="executor", state=states.Deal.executor, when="own"),
        ),
        Row(
            Button(Label("✏️ Object"), id="object", on_click=clicks.go(states.EditDeal.choose), when="own"),
            Button(Label("💸 Expenses"), id="expenses", on_click=clicks.go(states.DealExpenses.list), when="expenses"),
        ),
        Row(
            Button(
                Label("🧮 Calculate again"),
                id="again",
                on_click=clicks.go(states.NewTask.assignee, kind="calculate"),
                when="again",
            ),
            Button(
                Label("📋 Task"), id="new_task", on_click=clicks.go(states.NewTask.assignee, kind="other"), when="own"
            ),
        ),
        Row(
            SwitchTo(Label("🔒 Close the deal"), id="to_close", state=states.Deal.close_outcome),
            Button(Label("🤝 Hand over"), id="hand_over", on_click=clicks.go(states.HandOverDeal.who)),
            when="own",
        ),
        leave_row(),
        state=states.Deal.card,
        getter=getters.card,
        preview_data=getters.CARD_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_typed, content_types="text"),
        Button(Label("📝 Write into the journal"), id="write", on_click=clicks.on_write),
        Button(Label("🗑 Do not write"), id="discard", on_click=clicks.on_discard),
        back_row(states.Deal.card),
        state=states.Deal.note,
        getter=getters.note,
        preview_data={"text": Markup("💬")},
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_postpone_typed, content_types="text"),
        Group(one_of("days", "days", clicks.on_postpone_days), width=3),
        Button(Label("⏭ To the next event"), id="to_event", on_click=clicks.on_next_event, when="has_events"),
        Button(Label("🗓 Another day"), id="pick", on_click=clicks.on_pick_date),
        back_row(states.Deal.card),
        state=states.Deal.postpone,
        getter=getters.postpone,
        preview_data={"text": Markup("⏰"), "days": [{"id": "1", "label": "+1"}], "has_events": True},
    ),
    Window(
        Raw("text"),
        Column(one_of("people", "person", clicks.on_executor)),
        pager_row("people"),
        Button(Label("Nobody yet"), id="nobody", on_click=clicks.on_nobody, when="nobody"),
        back_row(states.Deal.card),
        state=states.Deal.executor,
        getter=getters.executor,
        preview_data={
            "text": Markup("👷"),
            "people": [{"id": 1, "label": "Егор"}],
            "nobody": True,
            **pager_preview("people"),
        },
    ),
    Window(
        Raw("text"),
        Column(one_of("outcomes", "outcome", clicks.on_outcome)),
        back_row(states.Deal.card),
        state=states.Deal.close_outcome,
        getter=getters.close_outcome,
        preview_data={"text": Markup("🔒"), "outcomes": [{"id": "lost", "label": "lost"}]},
    ),
    Window(
        Raw("text"),
        Column(one_of("reasons", "reason", clicks.on_reason)),
        back_row(states.Deal.close_outcome),
        state=states.Deal.close_reason,
        getter=getters.close_reason,
        preview_data={"text": Markup("🔒"), "reasons": [{"id": "price", "label": "price"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_close_note, content_types="text"),
        Button(Label("🔒 Close the deal"), id="close", on_click=clicks.on_close),
        back_row(states.Deal.close_reason),
        state=states.Deal.close_confirm,
        getter=getters.close_confirm,
        preview_data={"text": Markup("🔒")},
    ),
    on_process_result=clicks.on_date_picked,
)
