"""To whom one deal goes: started from the deal's card or from a reminder."""

from typing import Any

from aiogram.types import CallbackQuery
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.kbd import Button, Column

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import at_page, back_row, leave, leave_row, one_of, pager_row, pages
from fsm.text import Label, Raw, html, lines
from handlers.people.getters import SUCCESSORS_PREVIEW, TEXT_PREVIEW
from models.enums import Role


async def sellers(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, ask = actor(dialog_manager), services(dialog_manager).people.successors
    view = await services(dialog_manager).deals.card(me, start_id(dialog_manager, "deal_id"))
    kept_by = view.deal.seller_id
    found, total = await at_page(
        dialog_manager, lambda number: ask(me, [Role.SELLER.value], besides=kept_by, page=number), "people"
    )
    return {
        "text": lines(
            html("🤝 <b>№{n} · {title}</b>", n=view.deal.number, title=view.deal.title),
            html(_("Kept by {name}. Who takes it over?"), name=view.deal.seller.full_name)
            if found
            else _("There is nobody to take it over."),
        ),
        "successors": [{"id": taker.user.id, "label": taker.user.full_name} for taker in found],
        **pages(total, dialog_manager, "people"),
    }


async def question(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view = await services(dialog_manager).deals.card(actor(dialog_manager), start_id(dialog_manager, "deal_id"))
    taker = await services(dialog_manager).people.colleague(actor(dialog_manager), int(kept(dialog_manager, "taker")))
    return {
        "text": lines(
            html(_("🤝 Hand deal №{n} over to <b>{name}</b>?"), n=view.deal.number, name=taker),
            _("The next touch and the reminders go along; so does the client, unless you have more deals with him."),
        )
    }


async def on_taker(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, taker=int(item))
    await manager.switch_to(states.HandOverDeal.confirm)


async def on_confirmed(query: CallbackQuery, button: Button, manager: DialogManager) -> None:
    """Hand it over; whoever sees the deal no more goes to the menu."""
    taker = int(kept(manager, "taker"))
    await services(manager).people.hand_over_deal(actor(manager), start_id(manager, "deal_id"), taker)
    await query.answer(_("Handed over."))
    if actor(manager).is_admin:
        await leave(query, button, manager)
    else:
        await manager.start(states.Menu.main, mode=StartMode.RESET_STACK)


dialog = Dialog(
    Window(
        Raw("text"),
        Column(one_of("successors", "taker", on_taker)),
        pager_row("people"),
        leave_row(),
        state=states.HandOverDeal.who,
        getter=sellers,
        preview_data=SUCCESSORS_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("🤝 Yes, hand it over"), id="hand_over", on_click=on_confirmed),
        back_row(states.HandOverDeal.who),
        state=states.HandOverDeal.confirm,
        getter=question,
        preview_data=TEXT_PREVIEW,
    ),
)
