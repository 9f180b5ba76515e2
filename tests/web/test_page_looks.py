"""How it looks and holds: contrast, phone width, two languages, long chats, a lost connection, no mouse."""

import re
from pathlib import Path

import pytest
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup
from playwright.async_api import Page, expect

from tests.web.page_stage import ANNA, IGOR, OLGA, OpenPage, Stage, chat, rows, say

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")


async def fill(stage: Stage) -> None:
    """One of everything, so that every colour is on the screen."""
    url = InlineKeyboardButton(text="Site", url="https://example.org")
    styles = [InlineKeyboardButton(text=s, callback_data=s, style=s) for s in ("primary", "success", "danger")]
    rich = (
        "<b>Deal</b> <a href='https://example.org'>link</a> <code>АА 1</code> +7 916 204-11-35 #tag\n"
        "<blockquote>quote</blockquote><pre><code class='language-py'>x = 1</code></pre>"
    )
    sent = await stage.bot.send_message(ANNA, rich, reply_markup=InlineKeyboardMarkup(inline_keyboard=[[url], styles]))
    await stage.bot.edit_message_text(
        "edited", chat_id=ANNA, message_id=(await stage.bot.send_message(ANNA, "x")).message_id
    )
    mine = await stage.world.say(ANNA, "my reply https://example.org", reply_to=sent.message_id)
    await stage.world.edit(ANNA, mine.id, "my reply, https://example.org")
    await stage.bot.send_message(OLGA, "👍")
    await stage.world.forward_text(ANNA, "can I pay in two parts?", author="Maria")
    await stage.world.react(ANNA, sent.message_id, "👍")
    await stage.bot.pin_chat_message(ANNA, sent.message_id)
    keyboard = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Deals")]])
    await stage.bot.send_message(OLGA, "Choose", reply_markup=keyboard)
    stage.world.person(104, "Павел")


async def read(page: Page) -> None:
    too_faint = await page.evaluate(CONTRAST)
    assert too_faint == [], "\n".join(too_faint)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_has_the_contrast_of_wcag_aa(open_page: OpenPage, stage: Stage, theme: str) -> None:
    await fill(stage)
    page = await open_page(theme=theme)
    await expect(rows(page, ANNA)).to_have_count(6)
    await page.get_by_role("button", name="+1 day").click()
    await page.get_by_role("button", name="Requests of the bot and updates").click()
    await expect(page.locator(".entry").first).to_be_visible()
    await chat(page, OLGA).get_by_role("button", name="Commands").click()
    await read(page)
    await page.get_by_role("button", name="New person").first.click()
    await read(page)


async def test_digits_and_spaces_are_letters_of_the_text_and_not_emoji(open_page: OpenPage, stage: Stage) -> None:
    # Where none of the named fonts is, "sans-serif" alone has let the emoji font draw them, an em wide.
    await stage.bot.send_message(ANNA, "0 000 000 000")
    page = await open_page()
    text = rows(page, ANNA).last.locator(".text").first
    size = float((await text.evaluate("e => getComputedStyle(e).fontSize")).removesuffix("px"))
    measure = """e => { const range = document.createRange(); range.selectNodeContents(e);
        return range.getClientRects()[0].width; }"""
    assert await text.evaluate(measure) < 13 * 0.75 * size


async def test_on_a_phone_one_thing_is_seen_at_a_time_and_nothing_sticks_out(open_page: OpenPage, stage: Stage) -> None:
    await fill(stage)
    page = await open_page(width=390, height=844, phone=True)
    await expect(page.locator(".column")).to_be_hidden()
    await page.locator(".person").first.get_by_role("button").first.click()
    await expect(chat(page, ANNA)).to_be_visible()
    await expect(page.locator(".persons")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await chat(page, ANNA).locator(".scroll").evaluate("e => e.scrollWidth <= e.clientWidth")
    await chat(page, ANNA).get_by_role("button", name="Back to people").click()
    await expect(page.locator(".persons")).to_be_visible()


async def test_the_language_and_the_theme_are_switched_and_remembered(page: Page) -> None:
    await page.get_by_role("button", name="Язык: русский").click()
    await expect(page.get_by_role("button", name="Новый человек")).to_be_visible()
    await page.get_by_role("button", name="Тёмная тема").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()
    await expect(page.get_by_role("button", name="Новый человек")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_both_languages_have_the_same_words(page: Page) -> None:
    words = "import('/page/static/strings.js').then((m) => Object.values(m.DICTIONARIES).map(Object.keys))"
    keys = await page.evaluate(words)
    assert keys[0] == keys[1]


async def test_nothing_comes_from_outside(open_page: OpenPage, stage: Stage) -> None:
    page = await open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    await expect(page.locator(".person").first).to_be_visible()
    assert [url for url in asked if not url.startswith((stage.telegram.url, "blob:", "data:"))] == []


async def test_in_a_chat_of_two_hundred_a_new_message_touches_no_other(page: Page, stage: Stage) -> None:
    for n in range(200):
        stage.world.post(ANNA, {"text": f"message {n}\nsecond line"})
    await expect(rows(page, ANNA)).to_have_count(200)
    await page.evaluate(
        """() => {
          window.touched = []
          const rows = [...document.querySelector('.column').querySelectorAll('.row')].slice(0, -1)
          const watch = new MutationObserver((changes) => {
            touched.push(...changes.filter((c) => rows.some((r) => r.contains(c.target))).map((c) => c.type))
          })
          const everything = {childList: true, subtree: true, attributes: true, characterData: true}
          watch.observe(document.querySelector('.messages'), everything)
        }"""
    )
    stage.world.post(ANNA, {"text": "the newest"})
    await expect(rows(page, ANNA)).to_have_count(201)
    assert await page.evaluate("touched") == []
    assert await chat(page, ANNA).locator(".scroll").evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 3")


async def test_scrolling_through_a_thousand_messages_draws_none_of_them_anew(page: Page, stage: Stage) -> None:
    for n in range(1000):
        stage.world.post(ANNA, {"text": f"message {n}\nsecond line"})
    await expect(rows(page, ANNA)).to_have_count(1000)
    drawn = await page.evaluate(
        """async () => {
          const box = document.querySelector('.scroll')
          let drawn = 0
          const watch = new MutationObserver((changes) => { drawn += changes.length })
          watch.observe(document.querySelector('.messages'), {childList: true, subtree: true, characterData: true})
          for (let n = 0; n < 60; n += 1) {
            box.scrollTop -= 600
            await new Promise(requestAnimationFrame)
          }
          return drawn
        }"""
    )
    assert drawn == 0


async def test_a_days_name_lies_over_the_messages_only_while_somebody_scrolls(page: Page, stage: Stage) -> None:
    for n in range(60):
        stage.world.post(ANNA, {"text": f"message {n}"})
    await expect(rows(page, ANNA)).to_have_count(60)
    name, scroll = chat(page, ANNA).locator(".date span"), chat(page, ANNA).locator(".scroll")
    await expect(name).to_have_css("opacity", "0")
    await scroll.evaluate("e => { e.scrollTop = 0 }")
    await expect(name).to_have_css("opacity", "1")


async def test_menus_stay_inside_the_window(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(IGOR, "at the right edge")
    await rows(page, IGOR).click(button="right")
    menu = page.get_by_role("menu")
    await expect(menu).to_be_visible()
    box = await menu.evaluate(
        "e => [e.offsetLeft, e.offsetTop, e.offsetLeft + e.offsetWidth, e.offsetTop + e.offsetHeight]"
    )
    assert box[0] >= 0
    assert box[1] >= 0
    assert box[2] <= 1440 - 8
    assert box[3] <= 900 - 8


async def test_who_reads_above_is_not_dragged_down_but_told(page: Page, stage: Stage) -> None:
    for n in range(60):
        stage.world.post(ANNA, {"text": f"message {n}"})
    await expect(rows(page, ANNA)).to_have_count(60)
    box = chat(page, ANNA).locator(".scroll")
    await expect(chat(page, ANNA).get_by_role("button", name="To the latest message")).to_be_hidden()
    await box.evaluate("e => { e.scrollTop = 200 }")
    await expect(chat(page, ANNA).get_by_role("button", name="To the latest message")).to_be_visible()
    stage.world.post(ANNA, {"text": "news"})
    await expect(chat(page, ANNA).locator(".to-bottom .badge")).to_have_text("1")
    assert await box.evaluate("e => e.scrollTop") == 200
    await chat(page, ANNA).get_by_role("button", name="To the latest message").click()
    await expect(chat(page, ANNA).locator(".to-bottom")).to_be_hidden()
    await expect(rows(page, ANNA).last).to_be_in_viewport()


async def test_who_is_at_the_bottom_stays_there_when_a_message_above_shrinks(page: Page, stage: Stage) -> None:
    for n in range(30):
        stage.world.post(ANNA, {"text": f"message {n}\n\n\n\nlast line"})
    await expect(rows(page, ANNA)).to_have_count(30)
    box = chat(page, ANNA).locator(".scroll")
    for message in stage.world.chat(ANNA)[20:29]:
        stage.world.change(message, {"text": "short"}, None)
    stage.world.post(ANNA, {"text": "news\n\n\n\n\n\nlast line"})
    await expect(rows(page, ANNA)).to_have_count(31)
    await expect(rows(page, ANNA).nth(28)).to_contain_text("short")
    assert await box.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 3")
    await expect(chat(page, ANNA).locator(".to-bottom")).to_be_hidden()


async def test_older_messages_come_when_one_scrolls_up(open_page: OpenPage, stage: Stage) -> None:
    for n in range(400):
        stage.world.post(ANNA, {"text": f"message {n}"})
    page = await open_page()
    await expect(rows(page, ANNA)).to_have_count(150)
    await chat(page, ANNA).locator(".scroll").evaluate("e => { e.scrollTop = 50 }")
    await expect(rows(page, ANNA)).to_have_count(300)
    await expect(rows(page, ANNA).first).to_contain_text("message 100")


async def test_after_a_lost_connection_it_catches_up_by_itself(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "before")
    await expect(rows(page, ANNA)).to_have_count(2)
    await page.context.set_offline(True)
    await stage.chat_page._hang_up(stage.telegram.app)
    await expect(page.get_by_role("alert").filter(has_text="Connection to the sandbox lost")).to_be_visible()
    await stage.bot.send_message(ANNA, "said meanwhile")
    await page.context.set_offline(False)
    await expect(rows(page, ANNA).last).to_contain_text("said meanwhile")
    await expect(rows(page, ANNA)).to_have_count(3)
    await expect(page.locator(".lost")).to_be_hidden()


async def test_a_restarted_server_finds_what_was_half_typed(page: Page, stage: Stage) -> None:
    await chat(page, ANNA).get_by_role("textbox").fill("half a thought")
    before = await chat(page, ANNA).element_handle()
    stage.chat_page._boot = "another"
    stage.chat_page._send_state()
    await page.wait_for_function("column => !column.isConnected", arg=before)
    await expect(chat(page, ANNA).get_by_role("textbox")).to_have_value("half a thought")


async def test_a_conversation_is_led_without_a_mouse(page: Page) -> None:
    await page.keyboard.press("Alt+1")
    await page.keyboard.type("/me")
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA)).to_have_count(2)
    await page.keyboard.press("ArrowUp")
    await expect(rows(page, ANNA).last).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(chat(page, ANNA).get_by_role("status")).to_contain_text("Done, it is on your list")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await page.keyboard.type("a reply")
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA).nth(2).locator(".quote")).to_contain_text("Menu")


async def test_three_chats_become_fewer_when_there_is_no_room(page: Page) -> None:
    await expect(page.locator(".column")).to_have_count(3)
    await page.set_viewport_size({"width": 1000, "height": 800})
    await expect(page.locator(".column")).to_have_count(2)
    await page.set_viewport_size({"width": 1440, "height": 800})
    await expect(page.locator(".column")).to_have_count(3)
    await expect(chat(page, IGOR)).to_be_visible()


def test_the_page_is_plain_files_without_a_build_step() -> None:
    folder = Path(__file__).parents[2] / "sandbox" / "page"
    assert {path.suffix for path in folder.iterdir()} == {".html", ".js", ".css", ".svg"}
    for path in folder.glob("*.js"):
        sources = re.findall(r"^import .* from '(.*)'", path.read_text("utf-8"), re.MULTILINE)
        assert all(source.startswith("./") for source in sources)
