"""Every button that a whole story has shown, pressed by everybody else; and buttons that nobody has ever made."""

from itertools import islice

import pytest
from aiogram_dialog.utils import encode_reply_callback

from sandbox.people import VirtualUser
from tests.security.campaign import storm
from tests.security.claims import Mutations, claims, kinds, mark_of, marked, without_repeats
from tests.security.house import House, watching
from tests.security.shortcut import foreign, shortcut

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = ("💰", "КВ", "комисси")
"""Words of the agency's own money, which an executor never reads."""

DECIDED = (
    "SELECT stage, outcome, review_on, review_reason, seller_id, client_id, title, plate FROM deals ORDER BY id",
    "SELECT * FROM incomes ORDER BY id",
    "SELECT * FROM deal_expenses ORDER BY id",
    "SELECT status FROM variants ORDER BY id",
    "SELECT outcome FROM policies ORDER BY id",
    "SELECT roles, active FROM users ORDER BY id",
    "SELECT * FROM commission_rates ORDER BY id",
    "SELECT * FROM clients ORDER BY id",
    "SELECT count(*) FROM invites",
)
"""What a seller and an admin decide."""


async def own_mark(person: VirtualUser) -> str:
    """The mark of the person's own open dialog: a forger knows it."""
    await person.say("/menu")
    return mark_of(str(person.last.buttons[-1]["callback_data"]))


async def test_every_button_of_the_story_pressed_by_every_outsider_tells_and_does_nothing(house: House) -> None:
    buttons = without_repeats(house.buttons())
    assert len(buttons) > 150
    secrets = await house.secrets()
    async with watching(house), shortcut(house.agency.app) as cut:
        for person in house.outsiders:
            await cut.press_all(person, buttons)
        for person in (house.boris, house.faina):
            await cut.press_all(person, [marked(data, mark) for mark in await cut.marks(person) for data in buttons])
        assert (foreign(cut, secrets), cut.failures) == ((0, []), [])


async def test_buttons_that_nobody_has_made_tell_and_do_nothing_and_break_nothing(house: House) -> None:
    """A hundred times as many: `python -m tests.security.campaign`."""
    report = await storm(house, presses=600, words=120, seed=0)
    assert (report.presses, report.texts) == (600, 120)
    assert (report.effects, report.exceptions, report.foreign_bytes, report.details) == (0, 0, 0, [])


async def test_telegram_takes_what_the_bot_answers_to_a_forger(house: House) -> None:
    """A few of the same over HTTP, where the local Telegram is as strict as the real one."""
    made = [claim for kind in kinds(house.agency.app.dispatcher) for claim in claims(kind, [1])]
    buttons = [*without_repeats(house.buttons()), *made]
    async with watching(house, *house.outsiders):
        for seed, person in enumerate(house.outsiders):
            known = person in (house.boris, house.faina)
            marks = [await own_mark(person)] if known else []
            await house.press(person, islice(Mutations(seed, buttons, marks), 50 if known else 5))
            await house.press(person, buttons[seed :: 20 if known else 60])
    assert house.answered(*house.outsiders)


async def test_an_invisible_tail_presses_nothing(house: House) -> None:
    """The dialog library takes such a tail for a press of a button of the open screen, rights and all."""
    anna = house.office.anna
    buttons = without_repeats(house.buttons())
    async with watching(house, house.boris):
        for person in (anna, house.boris):
            mark = await own_mark(person)
            for data in (*buttons[::40], *(marked(data, mark) for data in buttons[::40])):
                await house.world.say(person.id, "Симоненко" + encode_reply_callback(data))
                await house.world.say(person.id, "a\u00ad\u200b" * 3 + encode_reply_callback(data)[::-1])
            await person.quiet()
            assert "Похожих сделок нет" in person.screen


async def test_the_executor_of_the_deal_gets_no_word_of_commission_by_the_sellers_and_the_admins_buttons(
    house: House,
) -> None:
    office = house.office
    egor = office.egor
    buttons = without_repeats(
        str(button["callback_data"])
        for person in (office.anna, office.galina)
        for screen in office.screens(person)
        for button in screen.buttons
    )
    before = [await office.rows(query) for query in DECIDED]
    async with shortcut(house.agency.app) as cut:
        (mark,) = await cut.marks(egor)
        await cut.press_all(egor, [data for data in buttons if not mark_of(data)])
        await cut.press_all(egor, [marked(data, mark) for data in buttons if mark_of(data)])
        assert [await office.rows(query) for query in DECIDED] == before
        assert [(word, one) for one in cut.said for word in OURS if word in one.words] == []
        assert cut.failures == []
    await office.nothing_went_wrong()


async def test_nothing_that_is_broken_breaks_for_those_who_have_every_right(house: House) -> None:
    """What an admin's and a seller's broken buttons do is theirs to do; but each is answered, and nothing fails."""
    made = [claim for kind in kinds(house.agency.app.dispatcher) for claim in claims(kind, [1, 2])]
    buttons = [*without_repeats(house.buttons()), *made]
    async with shortcut(house.agency.app) as cut:
        for seed, person in enumerate((house.office.anna, house.office.galina)):
            await cut.press_all(person, islice(Mutations(100 + seed, buttons, await cut.marks(person)), 150))
        await house.agency.quiet()
        assert cut.failures == []
    await house.office.nothing_went_wrong()
