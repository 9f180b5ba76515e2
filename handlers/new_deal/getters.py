"""What the windows of a new deal show; what was understood is shown back before it counts."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services
from fsm.i18n import _
from fsm.text import html, lines, short
from fsm.words import day
from handlers.new_deal.draft import matches, new_client
from models.enums import ClientKind, DealStage
from models.tables import Client
from models.values.phone import pretty
from services.clients import Duplicate
from services.errors import N_
from services.rules.deal_line import ClientDraft
from services.rules.duplicates import Reason

REASONS = {
    Reason.PHONE: N_("the same phone"),
    Reason.INN: N_("the same INN"),
    Reason.NAME: N_("a similar name"),
}
FOREIGN = {
    Reason.PHONE: N_("⚠️ Another seller already has a client with this phone."),
    Reason.INN: N_("⚠️ Another seller already has a client with this INN."),
    Reason.NAME: N_("⚠️ Another seller already has a client like this."),
}
LONGEST_NAME = 34
"""Of a client on a button that has his phone too."""


def _head(what: str) -> Markup:
    return html("➕ <b>{new} › {what}</b>", new=_("New deal"), what=what)


def _phones(phones: list[str]) -> str:
    return "".join(f" · {pretty(phone)}" for phone in phones[:2])


async def ask_client(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    client = new_client(dialog_manager)
    phone = kept(dialog_manager, "phone") or (client.phones[0] if client and client.phones and not client.name else "")
    if phone:
        said = html(_("The phone {phone} is noted. What is the client's name?"), phone=pretty(str(phone)))
    else:
        said = html(_("Write everything in one line, or the client alone — a name, a phone, an INN."))
    example = _("Ivanov Ivan 89123456789 kasko Kia Rio A123BC77")
    understood = await _understood(dialog_manager)
    return {
        "text": lines(
            _head(_("Client")),
            "",
            *understood,
            "" if understood else None,
            said,
            html(_("For example: <code>{example}</code>"), example=example),
        ),
        "known": bool(kept(dialog_manager, "client_id") or (client and client.name)),
    }


def _button(client: Client, reason: Reason | None = None) -> str:
    phones = _phones([phone.e164 for phone in client.phones[:1]])
    icon = "🏢" if client.kind is ClientKind.COMPANY else "👤"
    return f"{icon} {short(client.name, LONGEST_NAME)}{phones}" + ("" if reason is None else " ❗")


async def match(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    likely, alike = await matches(dialog_manager)
    draft, phone = new_client(dialog_manager), kept(dialog_manager, "phone")
    name = (draft and draft.name) or pretty(str(phone or (draft and draft.phones and draft.phones[0]) or ""))
    return {
        "text": lines(
            _head(_("Client")),
            "",
            html(_("«{name}»: is it one of these?"), name=name),
            *_warnings(likely),
        ),
        "clients": [
            *(
                {"id": one.client.id, "label": _button(one.client, one.reason)}
                for one in likely
                if one.client is not None
            ),
            *({"id": client.id, "label": _button(client)} for client in alike),
        ][:8],
        "name": short(name, 40),
    }


def _warnings(likely: list[Duplicate]) -> list[Markup | str]:
    return [
        html("❗ {name}: {reason}", name=one.client.name, reason=_(REASONS[one.reason]))
        if one.client is not None
        else _(FOREIGN[one.reason])
        for one in likely
    ]


async def line(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    rows = await services(dialog_manager).deals.lines(actor(dialog_manager))
    return {
        "text": lines(
            _head(_("Line of business")),
            "",
            *await _understood(dialog_manager),
            "",
            _("Choose it below or write it, the object may follow: kasko Kia Rio"),
        ),
        "lines": [{"id": row.id, "label": row.name} for row in rows],
        "known": bool(kept(dialog_manager, "line_id")),
    }


async def object_(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    return {
        "text": lines(
            _head(_("Object")),
            "",
            *await _understood(dialog_manager),
            "",
            _("What is insured? A car with its plate or VIN, a flat with its address, a cargo…"),
        ),
        "known": any(kept(dialog_manager, name) for name in ("title", "plate", "vin")),
    }


async def check(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    draft = new_client(dialog_manager)
    return {
        "text": lines(
            _head(_("check it")),
            "",
            *await _understood(dialog_manager),
            *await _doubts(dialog_manager, draft),
            "",
            html("<i>{hint}</i>", hint=_("Write more, and it becomes a note.")),
        ),
        "new": draft is not None and not kept(dialog_manager, "client_id"),
        "noted": bool(kept(dialog_manager, "note")),
    }


async def _doubts(manager: DialogManager, draft: ClientDraft | None) -> list[Markup | str]:
    """What should be seen before saving: a likely duplicate of the client, an open deal of the same kind."""
    me, client_id = actor(manager), kept(manager, "client_id")
    if client_id:
        view = await services(manager).clients.card(me, int(client_id))
        alike: list[Markup | str] = [
            html(
                _("⚠️ This client has an open deal: №{n} {line} {title}"),
                n=deal.number,
                line=deal.line.name,
                title=deal.title,
            )
            for deal in view.deals
            if deal.stage is not DealStage.CLOSED and deal.line_id == kept(manager, "line_id")
        ]
        return alike[:3]
    return _warnings(await services(manager).clients.duplicates(me, draft)) if draft is not None else []


async def _understood(manager: DialogManager) -> list[Markup]:
    """The deal as it was understood so far."""
    shown: list[Markup] = []
    if client_id := kept(manager, "client_id"):
        view = await services(manager).clients.card(actor(manager), int(client_id))
        phones = _phones([phone.e164 for phone in view.client.phones])
        shown.append(html("👤 {name}{phones}", name=view.client.name, phones=phones))
    elif (draft := new_client(manager)) is not None:
        shown.append(_new(draft))
    if line_id := kept(manager, "line_id"):
        rows = await services(manager).deals.lines(actor(manager))
        shown += [html("🛡 {name}", name=row.name) for row in rows if row.id == int(line_id)]
    marks = [kept(manager, "title"), kept(manager, "plate")]
    if vin := kept(manager, "vin"):
        marks.append(f"VIN {vin}")
    if any(marks):
        shown.append(html("🔖 {marks}", marks=" · ".join(str(mark) for mark in marks if mark)))
    if note := kept(manager, "note"):
        shown.append(html("📝 {note}", note=short(str(note), 600)))
    return shown


def _new(draft: ClientDraft) -> Markup:
    icon = "🏢" if draft.kind is ClientKind.COMPANY else "👤"
    facts = [
        *(pretty(phone) for phone in draft.phones),
        draft.email,
        day(draft.birth_date) if draft.birth_date else None,
        _("INN {inn}").format(inn=draft.inn) if draft.inn else None,
        draft.note or None,
    ]
    told = "".join(f" · {fact}" for fact in facts if fact)
    return html("{icon} {name} <i>({new})</i>{told}", icon=icon, name=draft.name or "—", new=_("new client"), told=told)


async def ask_phone(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    draft = new_client(dialog_manager)
    return {
        "text": lines(
            _head(_("Phone")),
            "",
            html("👤 {name}", name=draft.name if draft else ""),
            _("Write the client's phones, one after another by commas."),
        )
    }


async def ask_note(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    return {
        "text": lines(
            _head(_("Note")),
            "",
            *await _understood(dialog_manager),
            "",
            _("What matters in this deal? It becomes the first entry of the journal."),
        )
    }
