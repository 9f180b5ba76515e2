"""Letting somebody in: roles by buttons, a link for one person, the links that still open the door."""

from typing import Any

from aiogram import Bot
from aiogram.types import CallbackQuery, LinkPreviewOptions
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.kbd import Button, Column, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, today
from fsm.i18n import _
from fsm.navigation import back_row, leave_row, one_of
from fsm.text import Label, Raw, html, lines
from fsm.words import moment
from handlers.people import roles
from handlers.people.getters import TEXT_PREVIEW
from services.people import PendingInvite


async def _pending(manager: DialogManager) -> list[PendingInvite]:
    return await services(manager).people.invites(actor(manager))


async def choosing(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    pending = await _pending(dialog_manager)
    return {
        "text": lines(
            html("➕ <b>{title}</b>", title=_("Invitation")),
            _("Choose the roles. The link lets one person in and ends in 72 hours."),
        ),
        "roles": roles.toggles(kept(dialog_manager, "roles", [])),
        "any": bool(kept(dialog_manager, "roles", [])),
        "pending": len(pending),
        "has_pending": bool(pending),
    }


def label(invite: PendingInvite, manager: DialogManager) -> str:
    until = moment(invite.invite.expires_at, actor(manager).zone, today(manager))
    return _("{roles} · until {until} · {author}").format(
        roles=roles.named(invite.invite.roles), until=until, author=invite.author
    )


async def pending(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await _pending(dialog_manager)
    return {
        "text": lines(
            html("🔗 <b>{title}</b>", title=_("Links that nobody has used yet")),
            _("Press one to withdraw it.") if found else _("There are none."),
        ),
        "invites": [{"id": invite.invite.id, "label": label(invite, dialog_manager)} for invite in found],
    }


async def chosen(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    wanted = int(kept(dialog_manager, "invite_id"))
    found = next((invite for invite in await _pending(dialog_manager) if invite.invite.id == wanted), None)
    what = label(found, dialog_manager) if found else _("It is used or withdrawn already.")
    return {"text": lines(html("🔗 <b>{title}</b>", title=_("Withdraw this link?")), what)}


async def on_make(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Make the link and send it as a message of its own, to be forwarded as it is."""
    wanted = kept(manager, "roles", [])
    made = await services(manager).people.invite(actor(manager), wanted)
    bot: Bot = manager.middleware_data["bot"]
    until = moment(made.expires_at, actor(manager).zone, today(manager))
    link = f"https://t.me/{(await bot.me()).username}?start={made.code}"
    text = lines(
        html(_("🔗 Invitation to the agency's bot: {roles}."), roles=roles.named(wanted)),
        html(_("It lets one person in, until {until}."), until=until),
        "",
        link,
    )
    await bot.send_message(query.from_user.id, str(text), link_preview_options=LinkPreviewOptions(is_disabled=True))
    keep(manager, roles=[])
    await manager.switch_to(states.Invite.list)


async def on_invite(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, invite_id=int(item))
    await manager.switch_to(states.Invite.revoke)


async def on_revoke(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).people.revoke(actor(manager), int(kept(manager, "invite_id")))
    await manager.switch_to(states.Invite.list)


dialog = Dialog(
    Window(
        Raw("text"),
        roles.switches("invited_role"),
        Button(Label("🔗 Make a link"), id="make", on_click=on_make, when="any"),
        SwitchTo(Label("📋 Unused links · {pending}"), id="to_pending", state=states.Invite.list, when="has_pending"),
        leave_row(),
        state=states.Invite.roles,
        getter=choosing,
        preview_data={
            "text": Markup("<b>Invitation</b>"),
            "roles": roles.PREVIEW,
            "any": True,
            "pending": 2,
            "has_pending": True,
        },
    ),
    Window(
        Raw("text"),
        Column(one_of("invites", "invite", on_invite)),
        SwitchTo(Label("➕ One more"), id="to_new", state=states.Invite.roles),
        leave_row(),
        state=states.Invite.list,
        getter=pending,
        preview_data={"text": Markup("<b>Links</b>"), "invites": [{"id": 1, "label": "seller · 05.03"}]},
    ),
    Window(
        Raw("text"),
        Button(Label("✖️ Yes, withdraw"), id="revoke", on_click=on_revoke),
        back_row(states.Invite.list),
        state=states.Invite.revoke,
        getter=chosen,
        preview_data=TEXT_PREVIEW,
    ),
)
