"""What the client screens need."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import PAGE, at_page, pager_preview, pages
from fsm.text import html, lines, short
from fsm.words import STAGE, day
from models.enums import ClientKind, DealStage
from models.tables import Client, Deal
from models.values.phone import pretty
from services.clients import Field
from services.errors import N_

FIELDS = {
    Field.NAME: N_("Name"),
    Field.PHONES: N_("Phones"),
    Field.EMAIL: N_("E-mail"),
    Field.BIRTH_DATE: N_("Birth date"),
    Field.INN: N_("INN"),
    Field.NOTE: N_("Note"),
}
ASKS = {
    Field.NAME: N_("The name as in the papers. For example: Ivanov Ivan Petrovich"),
    Field.PHONES: N_("All phones, one after another by commas. For example: 8 912 345-67-89, 8 495 111-22-33"),
    Field.EMAIL: N_("The e-mail. For example: ivanov@mail.ru"),
    Field.BIRTH_DATE: N_("The birth date. For example: 17.05.1985"),
    Field.INN: N_("The INN: 10 digits of a company, 12 of a person"),
    Field.NOTE: N_("What is worth remembering about this client"),
}
LIST_PREVIEW = {
    "text": Markup("👤"),
    "clients": [{"id": 1, "label": "Иванов · +7 912"}],
    **pager_preview(),
}


LONGEST_NAME = 38
"""Of a client on a button that has his phone too."""


def icon(client: Client) -> str:
    return "🏢" if client.kind is ClientKind.COMPANY else "👤"


def caption(client: Client) -> str:
    """A client where he is one of many: the name and enough of the phone to tell namesakes apart."""
    phone = f" · {pretty(client.phones[0].e164)}" if client.phones else ""
    return f"{icon(client)} {short(client.name, LONGEST_NAME)}{phone}"


async def clients(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    text = str(kept(dialog_manager, "text") or "")
    if text:
        rows = await services(dialog_manager).clients.find_like(me, text, PAGE)
        total = len(rows)
        said = (
            html(_("«{text}»: {n} found"), text=text, n=total) if rows else html(_("«{text}»: nobody found"), text=text)
        )
    else:
        ask = services(dialog_manager).clients.page
        rows, total = await at_page(dialog_manager, lambda number: ask(me, number * PAGE, PAGE))
        said = html(_("{n} in all"), n=total)
    hint = _("Write a name, a part of a phone or an INN.")
    return {
        "text": lines(
            html("👤 <b>{title}</b> · {said}", title=_("Clients"), said=said), html("<i>{hint}</i>", hint=hint)
        ),
        "clients": [{"id": client.id, "label": caption(client)} for client in rows],
        "searched": bool(text),
        **pages(total, dialog_manager),
    }


def client_text(client: Client) -> Markup:
    """Everything that is known of a client."""
    phones = [html("📱 <code>{phone}</code>", phone=pretty(phone.e164)) for phone in client.phones]
    facts = [
        html("✉️ {email}", email=client.email) if client.email else None,
        html("🎂 {day}", day=day(client.birth_date)) if client.birth_date else None,
        html(_("INN {inn}"), inn=client.inn) if client.inn else None,
    ]
    note = short(client.note, 800)
    return lines(
        html("{icon} <b>{name}</b>", icon=icon(client), name=client.name),
        *phones,
        *(fact for fact in facts if fact is not None),
        html("📝 {note}", note=note) if note else None,
    )


def deal_caption(deal: Deal) -> str:
    mark = "🔒" if deal.stage is DealStage.CLOSED else "📂"
    return f"{mark} №{deal.number} · {deal.line.name} {deal.title} · {_(STAGE[deal.stage])}"


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    view = await services(dialog_manager).clients.card(me, start_id(dialog_manager, "client_id"))
    return {
        "text": lines(
            client_text(view.client),
            html(_("Seller: {name}"), name=view.seller),
            "",
            html(_("Deals: {n}"), n=len(view.deals)),
        ),
        "deals": [{"id": deal.id, "label": deal_caption(deal)} for deal in view.deals],
        "own": view.own and me.sees_commission,
    }


async def fields(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view = await services(dialog_manager).clients.card(actor(dialog_manager), start_id(dialog_manager, "client_id"))
    return {
        "text": lines(client_text(view.client), "", _("What to change?")),
        "fields": [
            {"id": field.value, "label": _(words)}
            for field, words in FIELDS.items()
            if field is not Field.BIRTH_DATE or view.client.kind is ClientKind.PERSON
        ],
    }


async def asked(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    field = Field(kept(dialog_manager, "field"))
    return {
        "text": lines(html("✏️ <b>{field}</b>", field=_(FIELDS[field])), "", _(ASKS[field])),
        "clearable": field is not Field.NAME,
    }


async def merge(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """Who this client may be: those who look like him, or whom the person asks for."""
    me, client_id = actor(dialog_manager), start_id(dialog_manager, "client_id")
    view = await services(dialog_manager).clients.card(me, client_id)
    asked = str(kept(dialog_manager, "merge_text") or "")
    found = await services(dialog_manager).clients.find_like(me, asked or view.client.name, PAGE)
    others = [client for client in found if client.id != client_id]
    nobody = html(_("«{text}»: nobody found"), text=short(asked, 200)) if asked else _("Nobody here looks like him.")
    return {
        "text": lines(
            html("🔗 <b>{name} › {title}</b>", name=view.client.name, title=_("Merge")),
            "",
            _("Who is it really? All deals, policies and papers go over to him. Write a name to look for another."),
            None if others else html("🔎 {nobody}", nobody=nobody),
        ),
        "clients": [{"id": client.id, "label": caption(client)} for client in others],
    }


async def merge_confirm(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    gone = await services(dialog_manager).clients.card(me, start_id(dialog_manager, "client_id"))
    stays = await services(dialog_manager).clients.card(me, int(kept(dialog_manager, "into_id")))
    return {
        "text": lines(
            html("🔗 <b>{title}</b>", title=_("Make one client of two?")),
            "",
            html(_("Disappears: {name}, deals: {n}"), name=gone.client.name, n=len(gone.deals)),
            html(_("Stays: <b>{name}</b>, deals: {n}"), name=stays.client.name, n=len(stays.deals)),
            "",
            _("⚠️ This cannot be undone."),
        )
    }
