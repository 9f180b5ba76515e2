"""`python -m tests.web.pictures`: the documentation's pictures, taken anew from a fresh sandbox.

Three people walk the main line on the chat page, with real clicks and real typing; on the way the screens are kept in
docs/images/. The demo begins on a morning of its own, so that two runs differ by minutes, not by dates.
"""

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, cast

from PIL import Image
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from sandbox.demo import scan
from tests.web.page_stage import ARGUMENTS, chat, rows, say

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "images"
BEGINS: Final = "2026-11-23T08:40"
"""A Monday, twenty minutes before the day's reminders."""

ANNA, EGOR, GALINA = 1001, 2001, 3001
LARGEST: Final = 150 * 1024
EXACT, FAR = 24, 56
"""So many of a picture's commonest colours are kept to the bit: white stays white. So many are far from all others."""

SHARP: Final = 2
"""Pixels of a picture for each of the page, so that text stays readable on a good screen."""

DESK: Final = {"width": 1560, "height": 940}
PHONE: Final = {"width": 390, "height": 844}
CLIENT: Final = "Смирнова"
HINT: Final = "Напишите имя, телефон, госномер"
PATIENCE: Final = 120_000
LONGEST: Final = 1800

expect.set_options(timeout=PATIENCE)


# --- the stage --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_sandbox() -> AsyncIterator[str]:
    """A fresh demo in a folder that is gone afterwards; its address."""
    folder = Path(tempfile.mkdtemp(prefix="polisdesk-"))
    folder.chmod(0o755)  # the database's own user has to pass
    known = {"PATH", "HOME", "VIRTUAL_ENV", "LANG", "PG_BINDIR"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--port", "0", "--begin", BEGINS),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name in known} | {"DATA_DIR": str(folder)},
        stdout=PIPE,
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line.decode()):
                yield found[0]
                return
        raise SystemExit("the sandbox did not start; its own words are above")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def chromium() -> str:
    """The path of the system's Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise SystemExit("Chromium is not installed")


async def open_page(browser: Browser, url: str, size: dict[str, int], *, dark: bool = False) -> Page:
    phone = size is PHONE
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=SHARP,
        locale="ru-RU",
        timezone_id="Europe/Moscow",
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
    )
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator(".person")).not_to_have_count(0)
    return page


# --- what is kept -----------------------------------------------------------------------------------------------------


def keep(name: str, shot: bytes | Image.Image) -> None:
    """Write a picture with as many colours as fit the limit, and fewer pixels only if that is not enough."""
    image = (shot if isinstance(shot, Image.Image) else Image.open(BytesIO(shot))).convert("RGB")
    while True:
        for colours in (256, 192, 128):
            buffer = BytesIO()
            image.quantize(palette=palette(image, colours), dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            if buffer.tell() <= LARGEST:
                FOLDER.mkdir(parents=True, exist_ok=True)
                (FOLDER / f"{name}.png").write_bytes(buffer.getvalue())
                print(f"{name}.png  {image.width}x{image.height}  {buffer.tell() // 1024} KB", flush=True)  # noqa: T201
                return
        image = image.resize((image.width * 19 // 20, image.height * 19 // 20), Image.Resampling.LANCZOS)


def palette(image: Image.Image, colours: int) -> Image.Image:
    """The commonest colours as they are, some that are far from all others, for the little signs; the rest shared out
    so that what there is much of, the wallpaper, gets more than the circles and does not get all.
    """
    counted = sorted(cast("list[tuple[int, tuple[int, int, int]]]", image.getcolors(1 << 24) or []), reverse=True)
    pixels = b"".join(bytes(colour) * round(many**0.5) for many, colour in counted)
    spread = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    found = [part for _many, colour in counted[:EXACT] for part in colour]
    rest = colours - EXACT - FAR
    for number, method in ((FAR, Image.Quantize.MAXCOVERAGE), (rest, Image.Quantize.MEDIANCUT)):
        found += (spread.quantize(number, method, dither=Image.Dither.NONE).getpalette() or [])[: number * 3]
    holder = Image.new("P", (1, 1))
    holder.putpalette(found + found[-3:] * (256 - len(found) // 3))
    return holder


def side_by_side(shots: Sequence[bytes], gap: int = 40) -> Image.Image:
    images = [Image.open(BytesIO(shot)).convert("RGB") for shot in shots]
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return sheet


ALONE: Final = """(column, [n, words]) => {
  const all = [...column.querySelectorAll('.row')]
  const says = (row) => words.every((word) => row.textContent.includes(word))
  const typed = n > 1 ? all.filter((row) => row.classList.contains('mine')).slice(1 - n) : []
  const shown = words.length ? [...typed, ...all.filter(says).slice(-1)] : all.slice(-n)
  for (const row of all) if (!shown.includes(row)) row.style.display = 'none'
  const around = column.clientHeight - column.querySelector('.stage').clientHeight
  return [around + column.querySelector('.messages').scrollHeight + 8, shown.length]
}"""
"""Hides all other messages; how high the chat has to be for those that stay, and how many they are."""


@dataclass
class Desk:
    """The page with three chats side by side, and what people do on it."""

    page: Page

    def said(self, person: int, *words: str) -> Locator:
        """The newest message of the bot that says all this."""
        found = chat(self.page, person).locator(".row.theirs")
        for word in words:
            found = found.filter(has_text=word)
        return found.last

    async def sees(self, person: int, *words: str) -> None:
        await expect(self.said(person, *words)).to_be_attached()

    async def say(self, person: int, text: str) -> None:
        await say(self.page, person, text)

    async def tap(self, person: int, label: str, *words: str) -> None:
        """Press a button of the newest message that has it (and says these words)."""
        await self.said(person, label, *words).locator(".key", has_text=label).first.click()

    async def reply(self, person: int, words: Sequence[str], text: str) -> None:
        row = self.said(person, *words)
        await row.hover()
        await row.get_by_role("button", name="Ответить", exact=True).click()
        await self.say(person, text)

    async def attach(self, person: int, *names: str) -> None:
        """Send papers as files, through the paper clip."""
        column = chat(self.page, person)
        await column.get_by_role("button", name="Прикрепить").click()
        async with self.page.expect_file_chooser() as chooser:
            await self.page.get_by_role("menuitem", name="Файл").click()
        files = [{"name": n, "mimeType": "image/png", "buffer": scan(f"{len(n)}")} for n in names]
        await (await chooser.value).set_files(files)  # type: ignore[arg-type]
        await self.page.get_by_role("dialog").get_by_role("button", name="Отправить", exact=True).click()

    async def travel(self, button: str) -> None:
        """Move the demo's clock by the page's own control."""
        moment = self.page.locator(".moment")
        was = await moment.text_content()
        await self.page.get_by_role("button", name=button).first.click()
        await expect(moment).not_to_have_text(was or "")

    async def rest(self) -> None:
        """Pictures show no passing notes, no pressed buttons and nothing half-drawn."""
        await self.page.mouse.move(5, 5)
        await expect(self.page.locator(".toast")).to_have_count(0)
        await expect(self.page.locator(".key.busy")).to_have_count(0)
        await expect(self.page.locator(".ticks path[d^='M4']")).to_have_count(0)
        # Those out of sight are loaded when somebody scrolls to them, and are not waited for.
        await self.page.evaluate(
            """() => Promise.all([...document.images].filter((image) => {
              const { top, bottom } = image.getBoundingClientRect()
              return bottom > 0 && top < innerHeight
            }).map((image) => image.decode().catch(() => null)))"""
        )

    async def shot(self, person: int, *words: str, messages: int = 1) -> bytes:
        """One chat in a window of the height of what is shown: its newest messages, or the newest of the bot that says
        these words, after what the person has typed.
        """
        column = chat(self.page, person)
        while True:
            tall, shown = await column.evaluate(ALONE, [messages, words])
            top = await column.evaluate("(column) => column.getBoundingClientRect().top")
            await self.page.set_viewport_size({"width": DESK["width"], "height": max(tall + int(top), 360)})
            await column.locator(".scroll").evaluate("(e) => { e.scrollTop = e.scrollHeight }")
            await self.rest()
            picture = await column.screenshot(animations="disabled")
            # A message that came meanwhile would stand in it.
            alone = await column.locator(".row:visible").count() == shown
            await column.evaluate(
                "(column) => column.querySelectorAll('.row').forEach((r) => { r.style.display = '' })"
            )
            await self.page.set_viewport_size({"width": DESK["width"], "height": DESK["height"]})
            if alone:
                return picture

    async def keep(self, name: str, person: int, *words: str, messages: int = 1) -> None:
        await expect(rows(self.page, person).last).to_contain_class("theirs")
        keep(name, await self.shot(person, *words, messages=messages))

    async def whole(self, *, sharp: bool = False) -> bytes:
        await self.rest()
        return await self.page.screenshot(animations="disabled", scale="device" if sharp else "css")


# --- the story --------------------------------------------------------------------------------------------------------


async def open_deal(desk: Desk) -> None:
    """Анна opens a deal in one line, files its papers and writes what matters."""
    await desk.say(ANNA, "/menu")
    await expect(chat(desk.page, ANNA).locator(".row.theirs", has_text=HINT)).to_have_count(2)
    await desk.keep("menu", ANNA, HINT)
    await desk.say(ANNA, "/new Смирнова Алла Викторовна 8 912 345-67-89 каско Hyundai Creta к555ом77")
    await desk.sees(ANNA, "проверьте", CLIENT)
    await desk.keep("new-deal", ANNA, "проверьте", messages=2)
    await desk.tap(ANNA, "✅ Открыть сделку")
    await desk.sees(ANNA, "сбор документов", CLIENT)
    await desk.attach(ANNA, "СТС.png", "паспорт.png")
    await desk.sees(ANNA, CLIENT, "📎 документы: 2")
    await desk.say(ANNA, "Просит звонить после 18, важен ремонт у дилера")
    await desk.tap(ANNA, "📝 Записать в журнал")
    await desk.sees(ANNA, CLIENT, "Анна Серова: Просит звонить")
    await desk.keep("deal-card", ANNA)
    await desk.tap(ANNA, "📎 Документы · 2")
    await desk.sees(ANNA, "Пришлите файл", "паспорт.png")
    await desk.keep("papers", ANNA, messages=1)
    await desk.tap(ANNA, "‹ Назад", "паспорт.png")
    await desk.sees(ANNA, CLIENT, "сбор документов")


async def ask_for_a_calculation(desk: Desk) -> None:
    """The task goes to Егор, his question comes back and is answered by a reply."""
    await desk.tap(ANNA, "🧮 Дать задачу на расчёт")
    await desk.sees(ANNA, "Новая задача: расчёт")
    await desk.tap(ANNA, "👤", "Новая задача: расчёт")
    await desk.sees(ANNA, "Кому поручить?")
    await desk.tap(ANNA, "Егор Лисин", "Кому поручить?")
    await desk.sees(ANNA, "Новая задача: расчёт", "🙋 Егор Лисин")
    await desk.say(ANNA, "завтра 15:00")
    await desk.sees(ANNA, "Новая задача: расчёт", "15:00")
    await desk.say(ANNA, "Нужны РЕСО и Ингосстрах")
    await desk.sees(ANNA, "Новая задача: расчёт", "💬 Нужны РЕСО")
    await desk.keep("give-task", ANNA, messages=1)
    await desk.tap(ANNA, "✅ Дать задачу")
    await desk.sees(EGOR, "Новый расчёт", CLIENT)
    await desk.sees(ANNA, CLIENT, "на расчёте")
    await desk.keep("task-card", EGOR)
    await desk.tap(EGOR, "✅ Принять", CLIENT)
    await desk.sees(EGOR, CLIENT, "Внести варианты")
    await desk.reply(EGOR, [CLIENT, "Внести варианты"], "Сколько водителей и какой стаж?")
    await desk.sees(ANNA, "Вопрос по задаче", CLIENT, "Сколько водителей")
    asked = await desk.shot(ANNA)
    await desk.reply(ANNA, ["Вопрос по задаче", CLIENT], "Двое, стаж 10 и 3 года")
    await desk.sees(ANNA, "Ответ у исполнителя")
    await desk.sees(EGOR, "Ответ на вопрос", "стаж 10 и 3 года")
    keep("question", side_by_side([asked, await desk.shot(EGOR)]))


async def offer_variants(desk: Desk) -> None:
    """Егор types lines, one of them wrong; Анна gets the comparison and what the client may see."""
    await desk.tap(EGOR, "📝 Внести варианты", "Ответ на вопрос", CLIENT)
    await desk.sees(EGOR, "Пишите варианты", CLIENT)
    await desk.say(EGOR, "РЕСО 54300 фр15 сс1.2м рассрочка 2\nИнгосстрах 61,2к без фр сс1.2м\nРоссо 50000")
    await desk.sees(EGOR, "внесено 2 варианта")
    await desk.keep("variants", EGOR, "внесено 2 варианта", messages=2)
    await desk.tap(EGOR, "📨 Сдать продавцу")
    await desk.sees(ANNA, "Варианты готовы", CLIENT)
    await desk.tap(ANNA, "🖼 Картинкой", "Варианты готовы", CLIENT)
    await desk.sees(ANNA, "Варианты для клиента", CLIENT)
    await desk.tap(ANNA, "✉️ Текст клиенту", "Варианты готовы", CLIENT)
    await desk.sees(ANNA, "варианты страхования", "Первый взнос")
    await desk.say(GALINA, "/stats")
    await desk.sees(GALINA, "Показатели дня")
    keep("desk", await desk.whole())
    await desk.keep("comparison", ANNA, messages=3)
    await desk.page.get_by_role("button", name="Тёмная тема").click()
    keep("dark", await desk.whole())
    await desk.page.get_by_role("button", name="Светлая тема").click()


async def issue(desk: Desk) -> None:
    """The client has chosen: the issue task, the policy in one line, the first instalment paid."""
    await desk.tap(ANNA, "🎯 Клиент выбрал В1", "Варианты готовы", CLIENT)
    await desk.tap(ANNA, "📝 Дать задачу на оформление", "Варианты готовы", CLIENT)
    await desk.sees(ANNA, "Новая задача: оформление полиса")
    await desk.tap(ANNA, "✅ Дать задачу")
    await desk.sees(EGOR, "Новое оформление", CLIENT)
    await desk.tap(EGOR, "✅ Принять", "Новое оформление", CLIENT)
    await desk.tap(EGOR, "📜 Зарегистрировать полис", CLIENT)
    await desk.sees(EGOR, "Новый полис", CLIENT)
    await desk.say(EGOR, "ХХХ 0123456789 с 25.11")
    await desk.sees(EGOR, "Номер: ХХХ0123456789")
    await desk.keep("policy", EGOR, "Номер: ХХХ0123456789", messages=2)
    await desk.tap(EGOR, "✅ Зарегистрировать полис")
    await desk.sees(EGOR, "Файла полиса ещё нет")
    await desk.attach(EGOR, "полис ХХХ0123456789.png")
    await desk.sees(EGOR, "1 файл полиса")
    await desk.sees(ANNA, "Полис зарегистрирован", CLIENT)
    await desk.tap(ANNA, "📜 Открыть полис", "Полис зарегистрирован", CLIENT)
    await desk.tap(ANNA, "✅ Взнос 1 оплачен", CLIENT)
    await desk.sees(ANNA, "Взнос 1 из 2", "оплачен")
    await desk.keep("payment", ANNA)


async def let_in(desk: Desk) -> None:
    """Галина invites a new executor, who comes in by the link; then she looks at the people and the rates."""
    await desk.say(GALINA, "/invite")
    await desk.sees(GALINA, "Приглашение", "Выберите роли")
    await desk.tap(GALINA, "исполнитель", "Выберите роли")
    await desk.tap(GALINA, "🔗 Создать ссылку")
    await desk.sees(GALINA, "Приглашение в бот агентства")
    await desk.keep("invite", GALINA, messages=3)
    page = desk.page
    await page.get_by_role("button", name="Новый человек").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Подставить последнюю ссылку").click()
    await dialog.get_by_role("button", name="Добавить").click()
    await expect(
        page.locator(".column", has_text="Глеб Новиков").locator(".row", has_text="Ваша роль")
    ).to_be_attached()
    await page.locator(".person", has_text="Галина").get_by_role("button").first.click()
    await desk.say(GALINA, "/people")
    await desk.sees(GALINA, "Сотрудники", "Глеб Новиков")
    await desk.tap(GALINA, "Анна Серова", "Сотрудники")
    await desk.sees(GALINA, "Передать работу")
    await desk.keep("person", GALINA)
    await desk.say(GALINA, "/menu")
    await desk.tap(GALINA, "💯 Ставки", "Меню")
    await desk.tap(GALINA, "Ренессанс", "Ставки КВ")
    await desk.sees(GALINA, "💯 Ренессанс")
    await desk.say(GALINA, "каско 16% с 01.12")
    await desk.sees(GALINA, "💯 Ренессанс", "16 %")
    await desk.keep("rates", GALINA, "💯 Ренессанс", messages=2)


async def begin_the_day(desk: Desk) -> None:
    """The clock goes on to nine: reminders come and are answered where they stand, the day is walked card by card."""
    await desk.travel("К напоминанию")
    ends = ("Полис заканчивается через 7 дней", "Ларина")
    await desk.sees(ANNA, "Ваш день")
    await desk.sees(ANNA, *ends)
    await desk.keep("digest", ANNA, "Ваш день")
    asked = await desk.shot(ANNA, *ends)
    await desk.tap(ANNA, "Думает +3", *ends)
    await desk.sees(ANNA, "Клиент думает", "Ларина")
    keep("reminder", side_by_side([asked, await desk.shot(ANNA, "Клиент думает", "Ларина")]))
    await desk.tap(ANNA, "▶️ Начать", "Ваш день")
    await desk.sees(ANNA, "1 из")
    await desk.keep("today", ANNA, "☀️ 1 из")


async def phones(browser: Browser, url: str) -> None:
    """Three screens of a telephone, the last one at night."""
    for name, dark, person, command, words in (
        ("phone-deals", False, ANNA, "/deals", "Все открытые"),
        ("phone-tasks", False, EGOR, "/tasks", "По сроку"),
        ("phone-night", True, ANNA, "/today", "1 из"),
    ):
        page = await open_page(browser, url, PHONE, dark=dark)
        desk = Desk(page)
        await page.locator(f".person[data-person='{person}']").get_by_role("button").first.click()
        await desk.say(person, command)
        await desk.sees(person, words)
        await expect(rows(page, person).last).to_contain_class("theirs")
        await expect(rows(page, person).last).to_be_in_viewport()
        keep(name, await desk.whole(sharp=True))
        await page.context.close()


async def take() -> None:
    began = time.monotonic()
    async with open_sandbox() as url, async_playwright() as playwright, asyncio.timeout(LONGEST):
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        desk = Desk(await open_page(browser, url, DESK))
        for person in (ANNA, EGOR, GALINA):
            await desk.sees(person, "Здравствуйте")
        await open_deal(desk)
        await ask_for_a_calculation(desk)
        await offer_variants(desk)
        await issue(desk)
        await let_in(desk)
        await phones(browser, url)
        await begin_the_day(desk)
        await browser.close()
    print(f"{time.monotonic() - began:.0f} s", flush=True)  # noqa: T201


def main() -> None:
    argparse.ArgumentParser(prog="./run pictures", description="Take the pictures of docs/images anew.").parse_args()
    asyncio.run(take())


if __name__ == "__main__":
    main()
