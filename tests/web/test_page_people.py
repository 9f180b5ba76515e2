"""Several people at once: who is seen, who is new, who is told what."""

from playwright.async_api import Page, expect

from tests.web.page_stage import ANNA, IGOR, OLGA, OpenPage, Stage, chat, rows, say


async def test_three_people_are_seen_at_once_with_their_roles(page: Page) -> None:
    await expect(page.locator(".column")).to_have_count(3)
    await expect(chat(page, ANNA)).to_contain_text("seller")
    await expect(chat(page, OLGA)).to_contain_text("executor")
    await expect(chat(page, IGOR)).to_contain_text("main admin")


async def test_what_the_bot_tells_another_person_appears_beside(page: Page, stage: Stage) -> None:
    await say(page, ANNA, "give it to Olga")
    await expect(rows(page, ANNA)).to_have_count(2)
    await stage.bot.send_message(OLGA, "A task from Anna")
    await expect(rows(page, OLGA)).to_contain_text("A task from Anna")
    await expect(rows(page, IGOR)).to_have_count(0)


async def test_a_message_in_a_chat_that_is_not_seen_is_counted_until_it_is_opened(
    open_page: OpenPage, stage: Stage
) -> None:
    page = await open_page(width=800)
    await expect(page.locator(".column")).to_have_count(2)
    await stage.bot.send_message(IGOR, "one")
    await stage.bot.send_message(IGOR, "two")
    igor = page.locator(f".person[data-person='{IGOR}']")
    await expect(igor.locator(".badge")).to_have_text("2")
    await expect(page).to_have_title("(2) Polisdesk · sandbox")
    await igor.get_by_role("button").first.click()
    await expect(rows(page, IGOR)).to_have_count(2)
    await expect(igor.locator(".badge")).to_have_count(0)


async def test_a_stranger_comes_by_the_latest_invite(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(IGOR, "Invite: https://t.me/polisdesk_bot?start=inv_1")
    await expect(rows(page, IGOR)).to_have_count(1)
    await page.get_by_role("button", name="New person").click()
    await page.get_by_label("First name").fill("Gleb")
    await page.get_by_role("button", name="Use the latest link").click()
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator(".person")).to_have_count(4)
    await expect(page.locator(".column", has_text="Gleb").locator(".row").nth(1)).to_contain_text("Heard: /start inv_1")


async def test_a_link_to_the_bot_is_opened_by_the_person_who_sees_it(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(ANNA, "Open <a href='https://t.me/polisdesk_bot?start=deal_7'>the deal</a>")
    await rows(page, ANNA).get_by_role("link", name="the deal").click()
    await expect(rows(page, ANNA).last).to_contain_text("Heard: /start deal_7")
    assert stage.echo.heard[-1].chat.id == ANNA


async def test_a_link_can_be_opened_as_somebody_else(page: Page, stage: Stage) -> None:
    await stage.bot.send_message(IGOR, "Invite: https://t.me/polisdesk_bot?start=inv_2")
    await rows(page, IGOR).click(button="right")
    await page.get_by_role("menuitem", name="Open link as").click()
    await page.get_by_role("menuitem", name="Ольга Белкина").click()
    await expect(rows(page, OLGA).last).to_contain_text("Heard: /start inv_2")


async def test_who_has_not_started_sees_only_start(page: Page, stage: Stage) -> None:
    stage.world.person(104, "Павел")
    await page.locator(".person", has_text="Павел").get_by_role("button").first.click()
    await expect(chat(page, 104).get_by_role("textbox")).to_be_hidden()
    await chat(page, 104).get_by_role("button", name="Start", exact=True).click()
    await expect(rows(page, 104).last).to_contain_text("Heard: /start")
    await expect(chat(page, 104).get_by_role("textbox")).to_be_visible()


async def test_blocking_the_bot_and_letting_it_back(page: Page, stage: Stage) -> None:
    await chat(page, ANNA).locator(".chat-head").get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Block the bot").click()
    await expect(chat(page, ANNA).get_by_role("button", name="Unblock the bot")).to_be_visible()
    assert stage.world.people[ANNA].blocked
    await chat(page, ANNA).get_by_role("button", name="Unblock the bot").click()
    await expect(chat(page, ANNA).get_by_role("textbox")).to_be_visible()
    assert not stage.world.people[ANNA].blocked


async def test_the_keyboard_moves_between_people(page: Page) -> None:
    await page.keyboard.press("Alt+2")
    await expect(chat(page, OLGA).get_by_role("textbox")).to_be_focused()
    await page.keyboard.press("Alt+ArrowRight")
    await expect(chat(page, IGOR).get_by_role("textbox")).to_be_focused()


async def test_a_draft_waits_while_another_person_is_looked_at(open_page: OpenPage) -> None:
    page = await open_page(width=390, height=844, phone=True)
    await page.locator(".person").first.get_by_role("button").first.click()
    await chat(page, ANNA).get_by_role("textbox").fill("half a thou")
    await chat(page, ANNA).get_by_role("button", name="Ольга Белкина").click()
    await chat(page, OLGA).get_by_role("button", name="Анна Соколова").click()
    await expect(chat(page, ANNA).get_by_role("textbox")).to_have_value("half a thou")
