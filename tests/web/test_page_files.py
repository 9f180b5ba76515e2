"""Files: dropped, pasted, chosen; shown, opened, taken away."""

import aiohttp
from aiogram.types import BufferedInputFile, InputMediaPhoto
from playwright.async_api import FilePayload, Page, expect

from tests.web.page_stage import ANNA, OLGA, Stage, base64, chat, drop, picture, rows

PASTE = """({person, base64}) => {
  const data = new DataTransfer()
  data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'image.png', {type: 'image/png'}))
  const field = document.querySelector(`.column[data-person="${person}"] textarea`)
  field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))
}"""


async def test_an_album_is_sent_by_drag_and_drop(page: Page, stage: Stage) -> None:
    await drop(page, ANNA, "front.png", "side.png", "back.png", photos=True)
    await page.get_by_role("textbox", name="Caption").fill("The car")
    await page.keyboard.press("Enter")
    await expect(rows(page, ANNA)).to_have_count(1)
    await expect(rows(page, ANNA).locator(".album img")).to_have_count(3)
    await expect(rows(page, ANNA)).to_contain_text("The car")
    sent = stage.world.chat(ANNA)
    assert [m.content for m in sent] == ["photo", "photo", "photo"]
    assert len({m.body["media_group_id"] for m in sent}) == 1
    assert [m.text for m in sent] == ["The car", "", ""]


async def test_dropped_on_the_other_half_they_go_as_files(page: Page, stage: Stage) -> None:
    await drop(page, ANNA, "scan.png", photos=False)
    await page.get_by_role("button", name="Send").last.click()
    await expect(rows(page, ANNA)).to_contain_text("scan.png")
    assert stage.world.chat(ANNA)[0].content == "document"


async def test_a_pasted_picture_is_a_photo(page: Page, stage: Stage) -> None:
    await page.evaluate(PASTE, {"person": OLGA, "base64": base64(picture())})
    await page.get_by_role("button", name="Send").last.click()
    await expect(rows(page, OLGA).get_by_role("button", name="Open photo")).to_be_visible()
    assert stage.world.chat(OLGA)[0].content == "photo"


async def test_a_file_is_chosen_and_taken_back_before_sending(page: Page, stage: Stage) -> None:
    files: list[FilePayload] = [
        {"name": "policy.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"},
        {"name": "wrong.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"},
    ]
    await chat(page, ANNA).locator("input[type=file]").set_input_files(files)
    await page.get_by_role("button", name="Delete: wrong.pdf").click()
    await page.get_by_role("button", name="Send").last.click()
    await expect(rows(page, ANNA)).to_have_count(1)
    assert [m.body["document"]["file_name"] for m in stage.world.chat(ANNA)] == ["policy.pdf"]


async def test_a_document_of_the_bot_is_downloaded_under_its_name(page: Page, stage: Stage) -> None:
    await stage.bot.send_document(ANNA, BufferedInputFile(b"premium;54300", "Расчёт № 1042.csv"))
    async with page.expect_download() as downloading:
        await rows(page, ANNA).get_by_role("link").click()
    download = await downloading.value
    assert download.suggested_filename == "Расчёт № 1042.csv"
    assert (await download.path()).read_bytes() == b"premium;54300"


async def test_a_photo_opens_large_and_the_arrows_walk_the_album(page: Page, stage: Stage) -> None:
    pictures = [BufferedInputFile(picture((50, 80 + 60 * n, 90)), f"{n}.png") for n in range(2)]
    media = [InputMediaPhoto(media=one, caption=f"variant {n}") for n, one in enumerate(pictures)]
    await stage.bot.send_media_group(ANNA, media)  # type: ignore[arg-type]
    await rows(page, ANNA).get_by_role("button", name="Open photo 1").click()
    await expect(page.get_by_role("dialog")).to_contain_text("variant 0")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("dialog")).to_contain_text("variant 1")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_sent_web_page_is_only_ever_a_download(stage: Stage) -> None:
    await stage.bot.send_document(ANNA, BufferedInputFile(b"<script>alert(1)</script>", "evil.html"))
    file_id = stage.world.chat(ANNA)[0].body["document"]["file_id"]
    async with aiohttp.ClientSession() as session, session.get(f"{stage.telegram.url}/page/files/{file_id}") as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_player_gets_the_part_it_asks_for(stage: Stage) -> None:
    await stage.bot.send_voice(ANNA, BufferedInputFile(b"OggS0123456789", "v.ogg"))
    file_id = stage.world.chat(ANNA)[0].body["voice"]["file_id"]
    url, part = f"{stage.telegram.url}/page/files/{file_id}", {"Range": "bytes=4-7"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=part) as answer:
        assert answer.status == 206
        assert await answer.read() == b"0123"
        assert answer.headers["Content-Range"] == "bytes 4-7/14"
