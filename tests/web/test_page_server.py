"""What the page's server promises without a browser: who may ask, what a client would send."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from sandbox.page import SandboxClock, albums, split_text, step
from sandbox.world import SandboxError, Upload
from tests.web.page_stage import ANNA, Stage

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "polisdesk.example.org"}, 403),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_only_the_page_itself_is_answered(stage: Stage, headers: dict[str, str], status: int) -> None:
    url = f"{stage.telegram.url}/page/state"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == status


async def test_a_foreign_site_cannot_speak_for_a_person(stage: Stage) -> None:
    url = f"{stage.telegram.url}/page/people/{ANNA}/say"
    headers = {"Origin": "https://evil.example.org"}
    async with aiohttp.ClientSession() as session, session.post(url, json={"text": "hi"}, headers=headers) as answer:
        assert answer.status == 403
    assert stage.world.chat(ANNA) == []


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("people/999/say", {"text": "hi"}, "there is no person 999"),
        (f"people/{ANNA}/say", {"text": "  "}, "Telegram sends no empty messages"),
        (f"people/{ANNA}/say", {}, "missing 'text'"),
        (f"people/{ANNA}/press", {"message_id": 12345, "data": "x"}, "there is no message 12345"),
        ("people", {"first_name": " "}, "a person has a first name"),
        ("clock", {"to": "someday"}, "the clock goes to"),
        ("faults", {"gremlins": 1}, "no such fault: gremlins"),
    ],
)
async def test_what_cannot_happen_is_refused_with_its_reason(
    stage: Stage, path: str, body: dict[str, object], reason: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stage.telegram.url}/page/{path}", json=body) as answer,
    ):
        assert answer.status == 400
        assert reason in (await answer.json())["error"]


async def test_the_static_folder_has_no_way_out(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name in ("..%2fpage.py", "%2e%2e/page.py", "nothing.js"):
            async with session.get(f"{stage.telegram.url}/page/static/{name}") as answer:
                assert answer.status == 404


def test_a_month_from_the_31st_is_the_last_of_february() -> None:
    here = datetime(2027, 1, 31, 9, 30, tzinfo=MOSCOW)
    assert step(here, "+month", MOSCOW) == datetime(2027, 2, 28, 9, 30, tzinfo=MOSCOW)


def test_a_month_from_december_is_next_year() -> None:
    here = datetime(2026, 12, 5, 9, 30, tzinfo=MOSCOW)
    assert step(here, "+month", MOSCOW) == datetime(2027, 1, 5, 9, 30, tzinfo=MOSCOW)


def test_a_moment_without_a_zone_is_in_the_agencys() -> None:
    here = datetime(2026, 12, 5, tzinfo=MOSCOW)
    assert step(here, "2027-03-01T10:00", MOSCOW) == datetime(2027, 3, 1, 10, tzinfo=MOSCOW)
    with pytest.raises(SandboxError):
        step(here, "soon", MOSCOW)


def test_a_text_is_cut_by_utf16_units_and_never_through_a_character() -> None:
    parts = split_text("🚗" * 4100)
    assert [len(part.encode("utf-16-le")) // 2 for part in parts] == [4096, 4096, 8]
    assert "".join(parts) == "🚗" * 4100


def test_papers_and_pictures_go_in_albums_of_their_own_ten_to_each() -> None:
    pictures = [Upload(f"{n}.jpg", b"", kind="photo") for n in range(11)]
    papers = [Upload("a.pdf", b""), Upload("b.pdf", b"")]
    moving = [Upload(f"{n}.gif", b"", kind="animation") for n in range(2)]
    assert [len(album) for album in albums([*pictures, *papers, *moving])] == [10, 1, 2, 1, 1]


def test_a_demo_that_begins_on_a_day_of_its_own_comes_back_to_it(tmp_path: Path) -> None:
    begins = datetime(2026, 11, 23, 8, 40, tzinfo=MOSCOW)
    clock = SandboxClock(tmp_path / "offset", begins)
    clock.move(timedelta(days=30))
    assert round(clock.ahead) == timedelta(days=30).total_seconds()
    clock.home()
    assert clock.ahead == 0
    assert timedelta() <= clock.now() - begins < timedelta(minutes=1)
