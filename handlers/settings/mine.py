"""A person's own settings: language, time zone, the hour of the digest, quiet hours."""

from typing import Any

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, ShowMode, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Group, Row, Start, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, services
from fsm.i18n import _, use_language
from fsm.navigation import back_row, leave_row, one_of
from fsm.text import Label, Raw, html, lines
from handlers.settings.zones import PREVIEW, choices, offset, zone_buttons, zone_name
from services.settings import read_hours

router = Router(name="settings")

LANGUAGE = {"ru": "🇷🇺 Русский", "en": "🇬🇧 English"}
"""A language is named in itself: whoever has chosen a wrong one must find his own."""

QUIET = ((20, 8), (21, 8), (22, 7), (23, 9), (0, 0))


@router.message(Command("settings"))
async def on_settings(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.MySettings.main, mode=StartMode.RESET_STACK)


def quiet_hours(since: int, until: int) -> str:
    return _("never") if since == until else f"{since:02}:00–{until:02}:00"


async def main(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    mine = await services(dialog_manager).settings.mine(me)
    now = services(dialog_manager).settings.clock.now()
    return {
        "text": lines(
            html("⚙️ <b>{title}</b>", title=_("My settings")),
            html(_("🌐 Language: {language}"), language=LANGUAGE.get(mine.language, mine.language)),
            html(
                _("🕐 Time zone: {zone}, it is {time} now"),
                zone=f"{zone_name(mine.time_zone)} {offset(mine.time_zone, now)}",
                time=f"{now.astimezone(me.zone):%H:%M}",
            ),
            html(_("☀️ Morning digest: at {hour}"), hour=f"{mine.digest_hour:02}:00"),
            html(_("🌙 Quiet hours: {hours}"), hours=quiet_hours(mine.quiet_from, mine.quiet_to)),
        ),
        "admin": me.is_admin,
    }


async def language(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    mine = actor(dialog_manager).language
    return {
        "text": html("🌐 <b>{title}</b>", title=_("In which language shall I speak?")),
        "languages": [{"id": key, "label": f"{'● ' if key == mine else ''}{word}"} for key, word in LANGUAGE.items()],
    }


async def zone(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    mine = await services(dialog_manager).settings.mine(actor(dialog_manager))
    return {
        "text": lines(
            html("🕐 <b>{title}</b>", title=_("Where are you?")),
            html("<i>{hint}</i>", hint=_("Choose below or write a city, Moscow time +2, or Asia/Omsk.")),
        ),
        "zones": choices(services(dialog_manager).settings.clock.now(), mine.time_zone),
    }


async def digest(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    mine = await services(dialog_manager).settings.mine(actor(dialog_manager))
    return {
        "text": html("☀️ <b>{title}</b>", title=_("At what hour shall I tell about the day?")),
        "hours": [
            {"id": str(hour), "label": f"{'● ' if hour == mine.digest_hour else ''}{hour:02}:00"}
            for hour in range(6, 14)
        ],
    }


async def quiet(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    mine = await services(dialog_manager).settings.mine(actor(dialog_manager))
    now = (mine.quiet_from, mine.quiet_to)
    return {
        "text": lines(
            html("🌙 <b>{title}</b>", title=_("When shall reminders be silent?")),
            html(
                "<i>{hint}</i>", hint=_("Choose below or write the hours: 22-7. What comes then waits for their end.")
            ),
        ),
        "choices": [
            {"id": f"{pair[0]}-{pair[1]}", "label": f"{'● ' if pair == now else ''}{quiet_hours(*pair)}"}
            for pair in QUIET
        ],
    }


async def on_language(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    """The new language is spoken from the very next screen, which this update still draws."""
    await services(manager).settings.set_language(actor(manager), item)
    with use_language(item):
        await query.answer(_("Saved."))
        await manager.switch_to(states.MySettings.main)
        await manager.show()
    manager.show_mode = ShowMode.NO_UPDATE  # it is drawn, and after this the old language is spoken again


async def _reload(manager: DialogManager) -> None:
    """The person as he is after the change, for the screen that this update draws."""
    fresh = await services(manager).people.reload(actor(manager))
    manager.middleware_data["actor"] = fresh


async def on_zone(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _set_zone(manager, item)


async def on_zone_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _set_zone(manager, message.text or "")


async def _set_zone(manager: DialogManager, text: str) -> None:
    await services(manager).settings.set_zone(actor(manager), text)
    await _reload(manager)
    await manager.switch_to(states.MySettings.main)


async def on_digest(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).settings.set_digest_hour(actor(manager), int(item))
    await manager.switch_to(states.MySettings.main)


async def on_quiet(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _set_quiet(manager, item)


async def on_quiet_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _set_quiet(manager, message.text or "")


async def _set_quiet(manager: DialogManager, text: str) -> None:
    await services(manager).settings.set_quiet(actor(manager), *read_hours(text))
    await manager.switch_to(states.MySettings.main)


dialog = Dialog(
    Window(
        Raw("text"),
        Row(
            SwitchTo(Label("🌐 Language"), id="to_language", state=states.MySettings.language),
            SwitchTo(Label("🕐 Time zone"), id="to_zone", state=states.MySettings.zone),
        ),
        Row(
            SwitchTo(Label("☀️ Digest"), id="to_digest", state=states.MySettings.digest),
            SwitchTo(Label("🌙 Quiet hours"), id="to_quiet", state=states.MySettings.quiet),
        ),
        Start(Label("🏢 Settings of the agency"), id="to_team", state=states.TeamSettings.main, when="admin"),
        leave_row(),
        state=states.MySettings.main,
        getter=main,
        preview_data={"text": Markup("<b>My settings</b>"), "admin": True},
    ),
    Window(
        Raw("text"),
        Group(one_of("languages", "language", on_language), width=2),
        back_row(states.MySettings.main),
        state=states.MySettings.language,
        getter=language,
        preview_data={"text": Markup("Language"), "languages": [{"id": "ru", "label": "Русский"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_zone_typed, content_types="text"),
        zone_buttons("zone", on_zone),
        back_row(states.MySettings.main),
        state=states.MySettings.zone,
        getter=zone,
        preview_data={"text": Markup("Zone"), "zones": PREVIEW},
    ),
    Window(
        Raw("text"),
        Group(one_of("hours", "hour", on_digest), width=4),
        back_row(states.MySettings.main),
        state=states.MySettings.digest,
        getter=digest,
        preview_data={"text": Markup("Digest"), "hours": [{"id": "9", "label": "09:00"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_quiet_typed, content_types="text"),
        Group(one_of("choices", "quiet", on_quiet), width=2),
        back_row(states.MySettings.main),
        state=states.MySettings.quiet,
        getter=quiet,
        preview_data={"text": Markup("Quiet"), "choices": [{"id": "21-8", "label": "21:00–08:00"}]},
    ),
)
