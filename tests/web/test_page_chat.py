"""Talking: what is typed arrives, what the bot says is drawn as Telegram draws it."""

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, ReactionTypeEmoji
from playwright.async_api import Page, expect

from tests.web.page_stage import ANNA, OLGA, OpenPage, Stage, chat, rows, say


async def test_a_word_typed_is_answered_on_the_other_side(page: Page) -> None:
    await say(page, ANNA, "hello there")
    await expect(rows(page, ANNA).nth(0)).to_contain_class("mine")
    await expect(rows(page, ANNA).nth(1)).to_contain_class("theirs")
    await expect(rows(page, ANNA).nth(1)).to_contain_text("Heard: hello there")
    await expect(chat(page, ANNA).get_by_role("textbox")).to_have_value("")
    await expect(rows(page, ANNA).nth(0).locator(".ticks")).to_have_attribute("title", "Delivered to the bot")


async def test_entities_are_drawn_where_their_utf16_offsets_say(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(
        ANNA,
        "🚗👨‍👩‍👧 <b>bold <i>both</i></b> <code>АА 12</code> <a href='https://example.org/x'>link</a>\n"
        "<blockquote>quoted</blockquote><pre><code class='language-sql'>SELECT 1</code></pre>",
    )
    text = rows(page, ANNA).locator(".text")
    await expect(text.locator("strong")).to_have_text("bold both")
    await expect(text.locator("strong em")).to_have_text("both")
    await expect(text.locator("code").first).to_have_text("АА 12")
    await expect(text.locator("a")).to_have_attribute("href", "https://example.org/x")
    await expect(text.locator("blockquote")).to_have_text("quoted")
    await expect(text.locator("pre > code")).to_have_text("SELECT 1")


async def test_markup_in_a_text_stays_text(page: Page) -> None:
    await say(page, ANNA, "<img src=x onerror=\"document.title='owned'\"> & <b>no</b>")
    await expect(rows(page, ANNA).nth(1)).to_contain_text("Heard: <img src=x onerror=")
    assert await rows(page, ANNA).locator("img, .text b").count() == 0
    assert "owned" not in await page.title()


async def test_a_link_with_a_dangerous_scheme_is_no_link(page: Page, stage: Stage) -> None:
    entity = {"type": "text_link", "offset": 0, "length": 5, "url": "javascript:alert(1)"}
    stage.world.post(ANNA, {"text": "click me", "entities": [entity]})
    await expect(rows(page, ANNA)).to_contain_text("click me")
    assert await rows(page, ANNA).locator("a").count() == 0


async def test_a_spoiler_opens_by_a_press_and_a_folded_quote_unfolds(page: Page, stage: Stage) -> None:
    lines = "\n".join(f"line {n}" for n in range(9))
    text = f"<tg-spoiler>8 145</tg-spoiler>\n<blockquote expandable>{lines}</blockquote>"
    await stage.bot.send_message(ANNA, text)
    await rows(page, ANNA).get_by_role("button", name="Hidden text").click()
    await expect(rows(page, ANNA).locator(".spoiler")).to_contain_class("shown")
    folded = await rows(page, ANNA).locator("blockquote").bounding_box()
    await rows(page, ANNA).get_by_role("button", name="Expand").click()
    unfolded = await rows(page, ANNA).locator("blockquote").bounding_box()
    assert folded
    assert unfolded
    assert unfolded["height"] > folded["height"] * 2


async def test_a_short_folded_quote_has_nothing_to_unfold(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(ANNA, "<blockquote expandable>one line</blockquote>")
    await expect(rows(page, ANNA)).to_contain_text("one line")
    await expect(rows(page, ANNA).get_by_role("button", name="Expand")).to_be_hidden()


async def test_a_pressed_button_spins_until_the_bot_answers(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "/menu")
    slow = rows(page, ANNA).get_by_role("button", name="Slow")
    await slow.click()
    await expect(slow).to_have_attribute("aria-busy", "true")
    stage.echo.let_go.set()
    await expect(slow).not_to_have_attribute("aria-busy", "true")


async def test_a_toast_is_shown_and_an_alert_waits_for_ok(page: Page) -> None:
    await say(page, ANNA, "/menu")
    await rows(page, ANNA).get_by_role("button", name="Toast").click()
    await expect(chat(page, ANNA).get_by_role("status")).to_contain_text("Done, it is on your list")
    await rows(page, ANNA).get_by_role("button", name="Alert").click()
    await expect(chat(page, ANNA).get_by_role("alertdialog")).to_contain_text("This policy exists already")
    await page.keyboard.press("Enter")
    await expect(chat(page, ANNA).get_by_role("alertdialog")).to_have_count(0)


async def test_an_edit_changes_the_message_in_its_place(page: Page) -> None:
    await say(page, ANNA, "/menu")
    await expect(rows(page, ANNA)).to_have_count(2)  # or "after" may come before the answer
    await say(page, ANNA, "after")
    await expect(rows(page, ANNA)).to_have_count(4)
    untouched = await rows(page, ANNA).nth(3).element_handle()
    await rows(page, ANNA).nth(1).get_by_role("button", name="Next").click()
    await expect(rows(page, ANNA).nth(1)).to_contain_text("Menu: page 2")
    # Telegram's apps do not mark the edits of bots: they are screens at work.
    await expect(rows(page, ANNA).nth(1)).not_to_contain_text("edited")
    await expect(rows(page, ANNA)).to_have_count(4)
    assert await untouched.evaluate("row => row.isConnected")


async def test_focus_stays_on_the_button_that_redraws_its_message(page: Page) -> None:
    await say(page, ANNA, "/menu")
    button = rows(page, ANNA).get_by_role("button", name="Next")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA).nth(1)).to_contain_text("page 2")
    await expect(button).to_be_focused()


async def test_a_deleted_message_goes_away(page: Page, stage: Stage) -> None:
    sent = await stage.bot.send_message(ANNA, "for a moment")
    await expect(rows(page, ANNA)).to_have_count(1)
    await sent.delete()
    await expect(rows(page, ANNA)).to_have_count(0)


async def test_a_slash_offers_the_commands_and_the_arrows_choose(page: Page) -> None:
    field = chat(page, ANNA).get_by_role("textbox")
    await field.press_sequentially("/")
    await expect(chat(page, ANNA).get_by_role("option")).to_have_count(3)
    await field.press_sequentially("ke")
    await expect(chat(page, ANNA).get_by_role("option")).to_have_text(["/keysKeyboard"])
    await field.press("Enter")
    await expect(rows(page, ANNA).nth(1)).to_contain_text("Choose")


async def test_the_list_of_commands_closes_when_one_turns_elsewhere(page: Page) -> None:
    await chat(page, ANNA).get_by_role("button", name="Commands").click()
    await expect(chat(page, ANNA).get_by_role("listbox")).to_be_visible()
    await chat(page, OLGA).get_by_role("textbox").click()
    await expect(chat(page, ANNA).get_by_role("listbox")).to_be_hidden()


async def test_the_menu_button_lists_the_commands(page: Page) -> None:
    await chat(page, OLGA).get_by_role("button", name="Commands").click()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(chat(page, OLGA).locator("[aria-selected=true]")).to_contain_text("/new")
    await page.keyboard.press("Tab")
    await expect(chat(page, OLGA).get_by_role("textbox")).to_have_value("/new ")


async def test_a_reply_keyboard_says_its_text_and_leaves_when_it_is_for_once(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "/keys")
    await chat(page, ANNA).get_by_role("button", name="Deals").click()
    await expect(rows(page, ANNA).last).to_contain_text("Heard: Deals")
    await expect(chat(page, ANNA).get_by_role("button", name="Deals")).to_have_count(0)
    assert stage.echo.heard[-1].text == "Deals"


async def test_a_contact_is_shared_after_a_question(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "/keys")
    await chat(page, ANNA).get_by_role("button", name="My phone").click()
    await page.get_by_label("Phone").fill("+7 916 204-11-35")
    await page.get_by_role("button", name="Share").click()
    await expect(rows(page, ANNA).last).to_contain_text("+79162041135")
    contact = stage.world.chat(ANNA)[-1].body["contact"]
    assert contact["user_id"] == ANNA


async def test_a_reply_quotes_the_message_and_the_quote_leads_back(page: Page, stage: Stage) -> None:
    sent = await stage.bot.send_message(ANNA, "Which excess?")
    await rows(page, ANNA).first.hover()
    await rows(page, ANNA).first.get_by_role("button", name="Reply").click()
    await page.keyboard.type("15 thousand")
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA).nth(1).locator(".quote")).to_contain_text("Which excess?")
    await expect(rows(page, ANNA)).to_have_count(3)
    reply = stage.echo.heard[-1].reply_to_message
    assert reply is not None
    assert reply.message_id == sent.message_id
    await rows(page, ANNA).nth(1).locator(".quote").click()
    await expect(rows(page, ANNA).first).to_contain_class("found")


async def test_a_quote_leads_to_a_message_that_has_not_been_loaded_yet(open_page: OpenPage, stage: Stage) -> None:
    first = await stage.bot.send_message(ANNA, "Which excess?")
    for n in range(400):
        stage.world.post(ANNA, {"text": f"message {n}"})
    await stage.world.say(ANNA, "15 thousand", reply_to=first.message_id)
    page = await open_page()
    await rows(page, ANNA).filter(has_text="15 thousand").locator(".quote").click()
    await expect(rows(page, ANNA).first).to_contain_class("found")
    await expect(rows(page, ANNA).first).to_be_in_viewport()


async def test_reactions_go_both_ways(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "note this")
    await expect(rows(page, ANNA)).to_have_count(2)
    await stage.bot.set_message_reaction(ANNA, stage.world.chat(ANNA)[0].id, [ReactionTypeEmoji(emoji="👌")])
    await expect(rows(page, ANNA).first.locator(".reactions")).to_contain_text("👌")
    await rows(page, ANNA).nth(1).click(button="right")
    await page.get_by_role("button", name="🔥").click()
    await expect(rows(page, ANNA).nth(1).locator(".reactions button")).to_have_attribute("aria-pressed", "true")
    assert stage.world.chat(ANNA)[1].reactions == {str(ANNA): [{"type": "emoji", "emoji": "🔥"}]}


async def test_ones_own_message_is_edited_and_the_bot_learns_it(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "Kia Sportge")
    await expect(rows(page, ANNA)).to_have_count(2)
    await rows(page, ANNA).first.click(button="right")
    await page.get_by_role("menuitem", name="Edit").click()
    await chat(page, ANNA).get_by_role("textbox").fill("Kia Sportage")
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA).first).to_contain_text("Kia Sportage")
    await expect(rows(page, ANNA).first).to_contain_text("edited")
    assert stage.world.chat(ANNA)[0].text == "Kia Sportage"


async def test_what_a_client_wrote_elsewhere_is_forwarded_to_the_bot(page: Page, stage: Stage) -> None:
    await chat(page, ANNA).get_by_role("button", name="Attach").click()
    await page.get_by_role("menuitem", name="Forward from a client").click()
    await page.get_by_label("From", exact=True).fill("Maria")
    await page.get_by_label("Message text").fill("Can I pay in two parts?")
    await page.get_by_role("button", name="Forward", exact=True).click()
    await expect(rows(page, ANNA).first).to_contain_text("Forwarded from Maria")
    await expect(rows(page, ANNA).nth(1)).to_contain_text("Heard: Can I pay in two parts?")
    assert stage.echo.heard[-1].forward_origin is not None


async def test_typing_is_shown_until_the_message_comes(page: Page, stage: Stage) -> None:
    await stage.bot.send_chat_action(ANNA, "typing")
    await expect(chat(page, ANNA).locator(".sub")).to_contain_text("typing")
    await stage.bot.send_message(ANNA, "ready")
    await expect(chat(page, ANNA).locator(".sub")).not_to_contain_text("typing")


async def test_an_inline_search_is_typed_and_its_result_sent(page: Page) -> None:
    await chat(page, ANNA).get_by_role("textbox").press_sequentially("@polisdesk_bot 1042")
    await chat(page, ANNA).get_by_role("option", name="Deal 1042").click()
    await expect(rows(page, ANNA).first).to_contain_text("Card of 1042")


async def test_a_copy_button_copies(page: Page, stage: Stage) -> None:
    button = InlineKeyboardButton(text="Copy the number", copy_text={"text": "АА 106428331"})  # type: ignore[arg-type]
    await stage.bot.send_message(ANNA, "Policy", reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]))
    await rows(page, ANNA).get_by_role("button", name="Copy the number").click()
    await expect(chat(page, ANNA).get_by_role("status")).to_contain_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "АА 106428331"


async def test_a_long_text_is_cut_as_a_client_cuts_it(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "word " * 1200)
    await expect(chat(page, ANNA).locator(".row.mine")).to_have_count(2)
    parts = [m.text for m in stage.world.chat(ANNA) if not m.out]
    assert [len(part) <= 4096 for part in parts] == [True, True]
    assert " ".join(parts).split() == ["word"] * 1200


async def test_a_pinned_message_is_shown_on_top(page: Page, stage: Stage) -> None:
    sent = await stage.bot.send_message(ANNA, "The plan of the day")
    await stage.bot.pin_chat_message(ANNA, sent.message_id)
    await expect(chat(page, ANNA).locator(".pin")).to_contain_text("The plan of the day")
