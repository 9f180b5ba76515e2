"""The clock, the inspector, the faults and the reset."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiogram.exceptions import TelegramBadRequest
from playwright.async_api import Page, expect

from tests.web.page_stage import ANNA, IGOR, OLGA, Stage, chat, rows, say


def offset(tmp_path: Path) -> timedelta:
    """What the bot's process would read."""
    return timedelta(seconds=float((tmp_path / "offset").read_text(encoding="ascii")))


async def test_a_day_and_a_month_forward_and_back_to_now(page: Page, stage: Stage, tmp_path: Path) -> None:
    await page.get_by_role("button", name="+1 day").click()
    await expect(page.locator(".ahead")).to_have_text("+1 d")
    assert offset(tmp_path) == timedelta(days=1)
    await page.get_by_role("button", name="+1 month").click()
    await expect(page.locator(".ahead")).not_to_have_text("+1 d")
    assert timedelta(days=29) <= offset(tmp_path) <= timedelta(days=32)
    assert stage.world.now() - datetime.now(UTC) > timedelta(days=28)
    await page.get_by_role("button", name="Now", exact=True).click()
    await expect(page.locator(".ahead")).to_be_hidden()
    assert offset(tmp_path) == timedelta()


async def test_the_clock_goes_to_the_next_reminder(page: Page, stage: Stage) -> None:
    stage.due.append(datetime.now(UTC) + timedelta(days=3, hours=4))
    await page.get_by_role("button", name="Next reminder").click()
    await expect(page.locator(".ahead")).to_have_text("+3 d 4 h")
    assert stage.due[0] < stage.world.now() < stage.due[0] + timedelta(minutes=1)


async def test_without_a_reminder_the_clock_stays_and_says_so(page: Page) -> None:
    await page.get_by_role("button", name="Next reminder").click()
    await expect(page.get_by_text("The bot is waiting for nothing")).to_be_visible()
    await expect(page.locator(".ahead")).to_be_hidden()


async def test_days_of_a_chat_are_named_by_the_demo_clock(page: Page) -> None:
    await say(page, ANNA, "written today")
    await expect(rows(page, ANNA)).to_have_count(2)  # its answer must not come a day later
    await expect(chat(page, ANNA).locator(".date")).to_have_text("Today")
    await page.get_by_role("button", name="+1 day").click()
    await expect(chat(page, ANNA).locator(".date")).to_have_text("Yesterday")
    await say(page, ANNA, "and tomorrow")
    await expect(chat(page, ANNA).locator(".date")).to_have_text(["Yesterday", "Today"])


async def test_the_inspector_shows_requests_with_their_verdict_and_updates(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "before it is open")
    await expect(rows(page, ANNA)).to_have_count(2)
    await page.get_by_role("button", name="Requests of the bot and updates").click()
    log = page.get_by_role("list", name="Inspector")
    await expect(log.locator(".entry.update", has_text="before it is open")).to_contain_text("delivered")
    await expect(log.locator(".entry.call", has_text="Heard: before it is open")).to_contain_text("200")
    with pytest.raises(TelegramBadRequest):
        await stage.bot.send_message(ANNA, "")
    await page.get_by_role("button", name="Refusals only").click()
    refused = log.locator(".entry:visible")
    await expect(refused).to_have_count(1)
    await expect(refused).to_contain_text("message text is empty")
    await refused.locator("summary").click()
    await expect(refused).to_contain_text('"chat_id"')


async def test_a_switched_on_fault_troubles_the_bot_and_shows_in_the_header(page: Page, stage: Stage) -> None:
    await page.get_by_role("button", name="Faults").click()
    await page.get_by_role("switch", name="Outage").check()
    await page.get_by_role("button", name="OK").click()
    await expect(page.get_by_role("button", name="Faults")).to_contain_class("alarm")
    assert stage.world.faults.outage
    await page.get_by_role("button", name="Faults").click()
    await page.get_by_role("button", name="All off").click()
    await expect(page.get_by_role("button", name="Faults")).not_to_contain_class("alarm")
    assert not stage.world.faults.outage


async def test_the_demo_starts_afresh(page: Page, stage: Stage) -> None:
    async def seed() -> None:
        stage.world.reset()
        for person in (ANNA, 104, OLGA, IGOR):  # as they come one by one, one of each role takes the room
            stage.chat_page.labels[104] = "продавец"
            stage.world.person(person, f"Person {person}")

    stage.chat_page.on_reset = seed
    await say(page, ANNA, "soon forgotten")
    await page.get_by_role("button", name="+1 day").click()
    await page.locator(".top").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Start the demo afresh").click()
    await page.get_by_role("button", name="Start afresh").click()
    await expect(page.locator(".person")).to_have_count(4)
    await expect(page.locator(".column .role")).to_have_text(["seller", "executor", "main admin"])
    await expect(page.locator(".row")).to_have_count(0)
    await expect(page.locator(".ahead")).to_be_hidden()
