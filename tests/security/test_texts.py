"""Whatever people call things, it is shown as they wrote it, makes no markup, and fits into what Telegram takes."""

import io
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from PIL import Image, ImageFont

from fsm.text import html, lines
from sandbox.html import parse_html, utf16_len
from services.comparison_image import Cell, _font, _wrap, draw
from services.rules.reading import INVISIBLE, Unreadable, clean_text
from tests.bot.conftest import OpenAgency
from tests.security.everything import ANNA, Everything, screens, walk
from tests.security.hostile import hostile
from tests.security.shortcut import shortcut


async def test_every_screen_shows_hostile_words_as_they_are(open_agency: OpenAgency) -> None:
    """Ten thousand of them: `python -m tests.security.campaign --words 10000`."""
    done = await walk(await open_agency(screens=screens), count=60, presses=1, seed=1)
    assert done.wrong == []
    assert [column for column, met in done.columns.items() if not met] == []


async def test_a_name_that_is_longer_than_a_button_is_cut_there_and_marked_as_cut(open_agency: OpenAgency) -> None:
    agency = await open_agency(screens=screens)
    async with shortcut(agency.app) as cut:
        everything = Everything(agency, cut)
        await everything.furnish()
        await agency.execute("UPDATE users SET full_name = repeat('Я', 200)")
        await cut.say(everything.people[ANNA], '/open Deal:executor {"deal_id": 1}')
        labels = [label for one in cut.said for label in one.labels if "ЯЯ" in label]
    assert labels
    assert {(len(label), label[-1]) for label in labels} == {(64, "…")}


# --- one by one ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(max_size=300) | st.builds(lambda seed: hostile(random.Random(seed), 5000), st.integers()))  # noqa: S311
def test_a_text_in_a_template_is_shown_as_it_is_and_makes_no_entity(text: str) -> None:
    text = text.encode("utf-8", "replace").decode().replace("\r", "")
    shown, entities = parse_html(str(lines(html("<b>{a}</b> · {b}", a=text, b=text), text, Markup("<i>x</i>"))))
    assert shown == f"{text} · {text}\n{text}\nx"
    bold = [{"offset": 0, "length": utf16_len(text), "type": "bold"}] if text else []
    assert entities == [*bold, {"offset": utf16_len(shown) - 1, "length": 1, "type": "italic"}]


@settings(deadline=None)
@given(st.text(max_size=200) | st.builds(lambda seed: hostile(random.Random(seed), 5000), st.integers()))  # noqa: S311
def test_what_is_kept_is_what_was_written_without_what_cannot_be_seen(text: str) -> None:
    try:
        kept = clean_text(text, 10_000)
    except Unreadable:
        assert not "".join(text.translate(INVISIBLE).split())
        return
    visible = Counter("".join(text.replace("\r", "\n").translate(INVISIBLE).split()))
    assert Counter("".join(kept.split())) == visible
    assert clean_text(kept, 10_000) == kept
    kept.encode()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=400) | st.builds(lambda seed: hostile(random.Random(seed), 1000), st.integers()))  # noqa: S311
def test_a_picture_holds_every_letter_of_its_cells(text: str) -> None:
    text = clean(text)
    font = _font(30)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert "".join(_wrap(text, font, 330)).replace(" ", "") == "".join(text.replace("\n", " ").split(" "))


@pytest.mark.parametrize("seed", range(2))
def test_a_picture_of_hostile_words_is_one_that_telegram_takes(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same each time
    rows = [[Cell(clean(hostile(dice, dice.choice((20, 120, 500)))), good=n == 2) for n in range(7)] for _ in range(8)]
    heads = [clean(hostile(dice, 60)) for _ in range(7)]
    with Image.open(io.BytesIO(draw(clean(hostile(dice, 200)), clean(hostile(dice, 400)), heads, rows))) as picture:
        wide, high = picture.size
    assert wide + high <= 10_000
    assert max(wide / high, high / wide) <= 20


def clean(text: str) -> str:
    """As the services would have kept it."""
    try:
        return clean_text(text, 100_000)
    except Unreadable:
        return "x"
