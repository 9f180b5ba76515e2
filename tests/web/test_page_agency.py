"""The demo agency on its page: three people walk the main line in real Chromium, and a year later it comes back."""

import re
from contextlib import suppress
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from models.enums import Ladder
from services.rules.ladders import end_steps, plan_policy_reminders
from tests.web.page_stage import Start, address, chat, drop, rows, say

ANNA, EGOR, GALINA = 1001, 2001, 3001
PATIENCE = 150_000  # a second a message is Telegram's limit, and a year holds many


CLIENT = "Незнамов"


def card(page: Page, person: int, *words: str) -> Locator:
    """The newest message of the bot about our client that says all this; the news of the day come in between."""
    found = chat(page, person).locator(".row.theirs").filter(has_text=CLIENT)
    for word in words:
        found = found.filter(has_text=word)
    return found.last


async def tap(page: Page, person: int, label: str) -> None:
    """Press the newest button with this label under a message about our client."""
    await card(page, person, label).locator(".key", has_text=label).first.click()


async def sees(page: Page, person: int, *words: str) -> None:
    await expect(card(page, person, *words)).to_be_attached(timeout=30_000)


async def travel(page: Page, *steps: str) -> None:
    for step in steps:
        moment = await page.locator(".moment").text_content()
        await page.get_by_role("button", name=step).click()
        await expect(page.locator(".moment")).not_to_have_text(moment or "")


async def travel_to(page: Page, days: int) -> None:
    """As near to so many days from today as months and days lead."""
    while left := days - await ahead(page):
        await travel(page, "+1 месяц" if left > 31 else "+1 день")


async def ahead(page: Page) -> int:
    if not await page.locator(".ahead").is_visible():
        return 0
    return int(re.sub(r"[^0-9]", "", await page.locator(".ahead").text_content() or "") or 0)


@pytest.mark.timeout(480)
async def test_three_people_walk_the_line_and_a_year_later_the_renewal_comes(start: Start, chromium: Browser) -> None:
    url = await address(await start("--port", "0"))
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, locale="ru-RU", color_scheme="light")
    page = await context.new_page()
    await page.goto(url)
    for person in (ANNA, EGOR, GALINA):
        await expect(rows(page, person).filter(has_text="Здравствуйте")).to_be_attached(timeout=60_000)

    # Анна opens a deal with one line, drops the photos of the car on it and gives the calculation to Егор.
    await say(page, ANNA, "/new Незнамов Фома Лукич 8 903 777-12-34 каско Kia Ceed о001оо799")
    await tap(page, ANNA, "✅ Открыть сделку")
    await sees(page, ANNA, "Незнамов Фома Лукич", "документы: 0")
    await drop(page, ANNA, "front.png", "side.png", "back.png", photos=True)
    await page.get_by_role("button", name="Отправить").last.click()
    await expect(rows(page, ANNA).locator(".album.n3 img")).to_have_count(3)
    await expect(chat(page, ANNA).locator(".key", has_text="Документы · 3").last).to_be_visible(timeout=30_000)
    await tap(page, ANNA, "Дать задачу на расчёт")
    await tap(page, ANNA, "👤 Фаина Орлова")
    await tap(page, ANNA, "Егор Лисин")
    await sees(page, ANNA, "🙋 Егор Лисин")
    await tap(page, ANNA, "✅ Дать задачу")

    # The card lands beside, as it happens.
    await sees(page, EGOR, "Новый расчёт", "Незнамов")
    await tap(page, EGOR, "✅ Принять")
    await tap(page, EGOR, "📝 Внести варианты")
    await sees(page, EGOR, "Пишите варианты")
    await say(page, EGOR, "РЕСО 54300 фр15 сс1.2м рассрочка 2 кв15\nАльфа 49,9к фр30")
    await sees(page, EGOR, "внесено 2 варианта")
    await tap(page, EGOR, "📨 Сдать продавцу")
    await sees(page, ANNA, "Варианты готовы", "РЕСО-Гарантия")
    await tap(page, ANNA, "Клиент выбрал В1")
    await tap(page, ANNA, "📝 Дать задачу на оформление")
    await sees(page, ANNA, "Новая задача: оформление полиса")
    await tap(page, ANNA, "✅ Дать задачу")
    await sees(page, EGOR, "Новое оформление", "Незнамов")
    await tap(page, EGOR, "✅ Принять")
    await tap(page, EGOR, "📜 Зарегистрировать полис")
    await sees(page, EGOR, "Новый полис")
    await say(page, EGOR, "ХХХ 0123456789")
    await sees(page, EGOR, "Номер: ХХХ0123456789")
    await tap(page, EGOR, "✅ Зарегистрировать полис")
    await sees(page, ANNA, "Полис зарегистрирован", "ХХХ0123456789")

    # The end of the policy is near, and the reminder is answered where it stands. The journey ends the day before it
    # comes: what it leaves hours behind is told with everything else that is late.
    told = await card(page, ANNA, "Полис зарегистрирован").text_content() or ""
    days = re.findall(r"(\d\d)\.(\d\d)\.(\d{4})", told)
    ends_on = max(date(int(year), int(month), int(day)) for day, month, year in days)
    today = datetime.now(ZoneInfo("Europe/Moscow")).date()
    first = plan_policy_reminders(today, ends_on, today, end_steps(Ladder.KASKO))[0].on
    await travel_to(page, (first - today).days - 1)
    reminder = rows(page, ANNA).filter(has_text="Полис заканчивается").filter(has_text="ХХХ0123456789").last
    # When this test runs at night, the quiet hours have to pass first: what was due waits for the morning.
    for patience in (5_000, 20_000, 20_000, 20_000, PATIENCE):
        with suppress(AssertionError):
            await expect(reminder).to_be_attached(timeout=patience)
            break
        await page.get_by_role("button", name="К напоминанию").click()
    await expect(reminder).to_be_attached()
    await reminder.get_by_role("button", name="Считаем").click()
    await expect(reminder).to_contain_text("🧮 Считаем", timeout=30_000)
    await sees(page, ANNA, "Новая задача: расчёт")

    # After a year the policy has ended and nobody has decided: red.
    await travel_to(page, (ends_on - today).days + 2)
    await tap(page, ANNA, "📜 Открыть полис")
    await sees(page, ANNA, "ХХХ0123456789", "🔴 закончился без исхода")
    await context.close()


@pytest.mark.timeout(300)
async def test_the_agency_fits_a_phone(start: Start, chromium: Browser) -> None:
    url = await address(await start("--port", "0"))
    for theme in ("light", "dark"):
        context = await chromium.new_context(
            viewport={"width": 390, "height": 844}, locale="ru-RU", color_scheme="dark" if theme == "dark" else "light",
            device_scale_factor=2, is_mobile=True, has_touch=True,
        )  # fmt: skip
        page = await context.new_page()
        await page.goto(url)
        await expect(page.locator(".person")).to_have_count(5)
        await page.locator(".person", has_text="Анна Серова").get_by_role("button").first.click()
        await say(page, ANNA, "/deals")
        await expect(rows(page, ANNA).filter(has_text="Все открытые").last).to_be_attached()
        await expect(rows(page, ANNA).last).to_be_in_viewport()
        assert await chat(page, ANNA).locator(".scroll").evaluate("e => e.scrollWidth <= e.clientWidth")
        await context.close()
