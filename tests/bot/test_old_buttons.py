"""Buttons of last week's messages: each press is answered, leads to a fresh screen and changes nothing."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from aiogram_dialog.utils import CB_SEP

from sandbox.people import VirtualUser
from sandbox.world import JSON, Message
from tests.bot import by_typing
from tests.bot.conftest import OpenAgency
from tests.bot.steps import Office


def every_button(office: Office, person: VirtualUser) -> list[tuple[Message, JSON]]:
    """One press of each button of a screen that this person ever had, in messages that still stand in the chat."""
    there = {message.id for message in person.received}
    found = {}
    for screen in office.screens(person):
        for button in screen.buttons:
            _mark, separator, widget = str(button["callback_data"]).partition(CB_SEP)
            if separator and screen.id in there:
                found[re.sub(r":.*", "", widget)] = (screen, button)
    return list(found.values())


async def wipe(office: Office, redis_url: str | None) -> None:
    """Nothing is left of any screen, wherever it was kept."""
    await office.agency.execute("DELETE FROM dialog_state")
    if redis_url is not None:
        parts = urlsplit(redis_url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"FLUSHALL\r\n")
        assert await reader.readline() == b"+OK\r\n"
        writer.close()


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "there"])
@pytest.mark.parametrize("kept", ["postgres", "redis"])
async def test_old_screens_recover_after_a_week_whether_their_state_is_there_or_lost(
    open_agency: OpenAgency, request: pytest.FixtureRequest, kept: str, lost: bool
) -> None:
    redis_url = request.getfixturevalue("redis_url") if kept == "redis" else None
    office = await Office(await open_agency(redis=redis_url)).open()
    await by_typing.the_first_days_work(office)
    await office.days_pass(7)
    world = office.agency.world
    pressed = 0
    for person in office.people:
        for screen, button in every_button(office, person):
            if lost:
                await wipe(office, redis_url)
            elif screen.id == person.last.id:
                continue  # the open screen is no old one: its buttons do what they say
            before, since = await office.contents(), office.now()
            tap = await world.press(person.id, screen.id, button)
            await person.quiet()
            assert tap.answer.done(), button
            shown = [call for call in office.told(person, since) if call.method in ("sendMessage", "editMessageText")]
            assert shown, f"{button} led nowhere"
            assert person.last.buttons, button
            assert await office.contents() == before, button
            pressed += 1
    assert pressed > 40
    await office.nothing_went_wrong()
