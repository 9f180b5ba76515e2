"""The documentation names only what exists, and leaves out no command of the bot."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.menu import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "user-guide.ru.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# ![picture](there), [link](there) and <img src="there">
NAMED = re.compile(r"""\]\(([^)\s]+)\)|\bsrc="([^"]+)\"""")


def named(page: Path) -> Iterator[str]:
    """What a page points to inside this repository."""
    for match in NAMED.finditer(page.read_text(encoding="utf-8")):
        target = match[1] or match[2]
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in links."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_picture_and_every_link_of_a_page_is_there(page: Path) -> None:
    for target in named(page):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_picture_is_shown_somewhere_and_is_small() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in named(page)}
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture in shown, picture.name
        assert picture.stat().st_size <= 150 * 1024, picture.name


def test_the_guide_tells_of_every_command_of_the_menu() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name, _, _ in COMMANDS if f"`/{name}`" not in text] == []


def labels() -> list[re.Pattern[str]]:
    """Every Russian text of the bot that says something by itself, with anything where its gaps are filled."""
    found = []
    for catalogue in (ROOT / "locales" / "ru").glob("*.po"):
        for text in re.findall(r'^msgstr(?:\[\d\])? "(.+)"$', catalogue.read_text(encoding="utf-8"), re.MULTILINE):
            pieces = re.split(r"\{\w+\}", text)
            if any(re.search(r"[+\w]", piece) for piece in pieces):
                found.append(re.compile(".+".join(map(re.escape, pieces))))
    return found


def test_every_button_that_the_guide_names_is_one_of_the_bot() -> None:
    known = labels()
    named_there = set(re.findall(r"«([^»\w]{1,3} [^»]+)»", GUIDE.read_text(encoding="utf-8")))
    assert len(named_there) > 40
    # A label may be shown by its beginning: «✅ Взнос 1 оплачен» of «✅ Взнос {n} оплачен: {sum}».
    unknown = {
        label
        for label in named_there
        if not any(one.match(f"{label.rstrip('…')}{end}") for one in known for end in ("", ": 1", " · 1", " (1)", " 1"))
        and not any(one.pattern.startswith(re.escape(label.rstrip("…"))) for one in known)
    }
    assert unknown == set()
