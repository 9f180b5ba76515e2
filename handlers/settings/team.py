"""What an admin sets for all: the zone of newcomers, working hours, and the way to the dictionaries."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Row, Start, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, services
from fsm.i18n import _
from fsm.navigation import back_row, leave_row
from fsm.text import Label, Raw, html, lines
from handlers.settings.zones import PREVIEW, choices, zone_buttons, zone_name


async def main(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    team = await services(dialog_manager).settings.team(actor(dialog_manager))
    opens, closes = team.work_hours
    return {
        "text": lines(
            html("🏢 <b>{title}</b>", title=_("Settings of the agency")),
            html(_("🕐 Newcomers start in: {zone}"), zone=zone_name(team.time_zone)),
            html(_("💼 Working hours: {hours}"), hours=f"{opens:02}:00–{closes:02}:00"),
        )
    }


async def zone(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    team = await services(dialog_manager).settings.team(actor(dialog_manager))
    return {
        "text": lines(
            html("🕐 <b>{title}</b>", title=_("Time zone of newcomers")),
            _("Those who work here already keep their own."),
            html("<i>{hint}</i>", hint=_("Choose below or write a city, Moscow time +2, or Asia/Omsk.")),
        ),
        "zones": choices(services(dialog_manager).settings.clock.now(), team.time_zone),
    }


async def hours(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    opens, closes = (await services(dialog_manager).settings.team(actor(dialog_manager))).work_hours
    return {
        "text": lines(
            html("💼 <b>{title}</b>", title=_("When does the agency work?")),
            html(
                _("Now: {hours}. The clock of tasks runs in these hours, on working days."), hours=f"{opens}-{closes}"
            ),
            html("<i>{hint}</i>", hint=_("Write the hours: 9-18")),
        )
    }


async def on_zone(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).settings.set_team_zone(actor(manager), item)
    await manager.switch_to(states.TeamSettings.main)


async def on_zone_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).settings.set_team_zone(actor(manager), message.text or "")
    await manager.switch_to(states.TeamSettings.main)


async def on_hours(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).settings.set_work_hours(actor(manager), message.text or "")
    await manager.switch_to(states.TeamSettings.main)


dialog = Dialog(
    Window(
        Raw("text"),
        Row(
            Start(Label("🏛 Insurers"), id="insurers", state=states.Insurers.list),
            Start(Label("📚 Lines and reminders"), id="lines", state=states.Lines.list),
        ),
        Start(Label("💯 Commission rates"), id="rates", state=states.Rates.list),
        Row(
            SwitchTo(Label("🕐 Zone of newcomers"), id="to_team_zone", state=states.TeamSettings.zone),
            SwitchTo(Label("💼 Working hours"), id="to_hours", state=states.TeamSettings.hours),
        ),
        leave_row(),
        state=states.TeamSettings.main,
        getter=main,
        preview_data={"text": Markup("<b>Agency</b>")},
    ),
    Window(
        Raw("text"),
        MessageInput(on_zone_typed, content_types="text"),
        zone_buttons("team_zone", on_zone),
        back_row(states.TeamSettings.main),
        state=states.TeamSettings.zone,
        getter=zone,
        preview_data={"text": Markup("Zone"), "zones": PREVIEW},
    ),
    Window(
        Raw("text"),
        MessageInput(on_hours, content_types="text"),
        back_row(states.TeamSettings.main),
        state=states.TeamSettings.hours,
        getter=hours,
        preview_data={"text": Markup("Hours")},
    ),
)
