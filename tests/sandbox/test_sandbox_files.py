"""Files: what may go up, what comes down, and albums."""

import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InputMediaDocument, InputMediaPhoto

from sandbox.api import LocalTelegram
from sandbox.world import Person, Upload, World

Refused = Callable[..., Awaitable[str]]
MIB = 1024 * 1024


async def test_what_a_person_sends_can_be_downloaded(bot: Bot, world: World, anna: Person) -> None:
    """ "The file can then be downloaded via the link https://api.telegram.org/file/bot<token>/<file_path>"."""
    (sent,) = await world.send_files(anna.id, [Upload("паспорт.pdf", b"%PDF-1.7 ...", "application/pdf")], "мой")
    document = sent.body["document"]
    assert (document["file_name"], document["mime_type"], document["file_size"]) == (
        "паспорт.pdf",
        "application/pdf",
        12,
    )
    file = await bot.get_file(document["file_id"])
    assert file.file_path is not None
    found = await bot.download_file(file.file_path)
    assert found is not None
    assert found.read() == b"%PDF-1.7 ..."


async def test_files_of_more_than_20_mb_cannot_be_downloaded(refused: Refused, world: World, anna: Person) -> None:
    """ "For the moment, bots can download files of up to 20MB in size." """
    (sent,) = await world.send_files(anna.id, [Upload("фильм.mp4", b"x", kind="video", size=20 * MIB + 1)])
    said = await refused("getFile", file_id=sent.body["video"]["file_id"])
    assert said == "Bad Request: file is too big"
    assert await refused("getFile", file_id="nonsense") == "Bad Request: invalid file_id"


async def test_a_photo_comes_in_sizes_the_largest_last(
    bot: Bot, world: World, anna: Person, png: Callable[[int, int], bytes]
) -> None:
    """ "photo: Array of PhotoSize. Message is a photo, available sizes of the photo"."""
    (sent,) = await world.send_files(anna.id, [Upload("дом.png", png(300, 200), kind="photo")])
    small, large = sent.body["photo"]
    assert (large["width"], large["height"]) == (300, 200)
    assert (small["width"], small["height"]) == (90, 60)
    assert small["file_id"] != large["file_id"]


async def test_a_file_is_sent_again_by_its_id(bot: Bot, world: World, anna: Person) -> None:
    """ "If the file is already stored somewhere on the Telegram servers, you don't need to reupload it"."""
    (hers,) = await world.send_files(anna.id, [Upload("птс.pdf", b"x")])
    sent = await bot.send_document(anna.id, hers.body["document"]["file_id"], caption="ПТС")
    assert sent.document is not None
    assert (sent.document.file_name, sent.caption) == ("птс.pdf", "ПТС")


async def test_a_file_is_sent_again_only_as_what_it_is(
    world: World, refused: Refused, anna: Person, png: Callable[[int, int], bytes]
) -> None:
    """ "It is not possible to change the file type when resending by file_id." """
    (hers,) = await world.send_files(anna.id, [Upload("дом.png", png(9, 9), kind="photo")])
    said = await refused("sendDocument", chat_id=anna.id, document=hers.body["photo"][-1]["file_id"])
    assert said == "Bad Request: can't use file of type Photo as Document"
    said = await refused("sendDocument", chat_id=anna.id)
    assert said == "Bad Request: there is no document in the request"


async def test_uploads_have_at_most_50_mb(telegram: LocalTelegram, http: aiohttp.ClientSession, anna: Person) -> None:
    """ "Bots can currently send files of any type of up to 50 MB in size, this limit may be changed in the future." """
    form = aiohttp.FormData({"chat_id": str(anna.id)})
    form.add_field("document", BytesIO(bytes(52 * MIB)), filename="big.bin")
    async with http.post(f"{telegram.url}/bot{telegram.token}/sendDocument", data=form) as answer:
        found = await answer.json()
    assert found == {"ok": False, "error_code": 413, "description": "Request Entity Too Large"}
    assert telegram.world.calls[-1].verdict == 413


async def test_photos_have_at_most_10_mb_and_are_pictures(
    bot: Bot, anna: Person, png: Callable[[int, int], bytes]
) -> None:
    """ "The photo must be at most 10 MB in size. The photo's width and height must not exceed 10000 in total. Width
    and height ratio must be at most 20." """
    assert await bot.send_photo(anna.id, BufferedInputFile(png(100, 5), "x.png"))
    too_big = png(9, 9) + bytes(10 * MIB)
    for data, error in (
        (too_big, "too big for a photo"),
        (png(101, 5), "PHOTO_INVALID_DIMENSIONS"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (b"no picture", "IMAGE_PROCESS_FAILED"),
    ):
        with pytest.raises(TelegramBadRequest, match=error):
            await bot.send_photo(anna.id, BufferedInputFile(data, "x.png"))


async def test_an_empty_file_is_refused(bot: Bot, anna: Person) -> None:
    with pytest.raises(TelegramBadRequest, match="file must be non-empty"):
        await bot.send_document(anna.id, BufferedInputFile(b"", "x.txt"))


async def test_captions_have_at_most_1024_characters(bot: Bot, anna: Person) -> None:
    """ "Document caption (may also be used when resending documents by file_id), 0-1024 characters after entities
    parsing"."""
    file = BufferedInputFile(b"x", "x.txt")
    assert await bot.send_document(anna.id, file, caption="<b>" + "ж" * 1024 + "</b>", parse_mode="HTML")
    with pytest.raises(TelegramBadRequest, match="message caption is too long"):
        await bot.send_document(anna.id, file, caption="ж" * 1025)


async def test_an_album_of_the_bot_has_2_to_10_items(bot: Bot, world: World, anna: Person, png: Any) -> None:
    """ "A JSON-serialized array describing messages to be sent, must include 2-10 items"."""

    def documents(count: int) -> list[InputMediaDocument]:
        return [InputMediaDocument(media=BufferedInputFile(b"x", f"{n}.txt"), caption=str(n)) for n in range(count)]

    sent = await bot.send_media_group(anna.id, documents(10))  # type: ignore[arg-type]
    assert len({message.media_group_id for message in sent}) == 1
    assert [m.text for m in world.chat(anna.id)[-10:]] == [str(n) for n in range(10)]
    for count in (0, 1, 11):
        with pytest.raises(TelegramBadRequest):
            await bot.send_media_group(anna.id, documents(count))  # type: ignore[arg-type]


async def test_documents_make_albums_only_among_themselves(bot: Bot, anna: Person, png: Any) -> None:
    """ "Documents and audio files can be only grouped in an album with messages of the same type." """
    mixed = [
        InputMediaDocument(media=BufferedInputFile(b"x", "x.txt")),
        InputMediaPhoto(media=BufferedInputFile(png(9, 9), "x.png")),
    ]
    with pytest.raises(TelegramBadRequest, match="document can't be mixed with other media types"):
        await bot.send_media_group(anna.id, mixed)  # type: ignore[arg-type]


async def test_a_persons_album_comes_as_separate_updates_of_one_group(bot: Bot, world: World, anna: Person) -> None:
    """ "media_group_id: The unique identifier inside this chat of a media message group this message belongs to"."""
    uploads = [Upload(f"{n}.pdf", b"x%d" % n) for n in range(3)]
    await world.send_files(anna.id, uploads, "Документы")
    updates = await bot.get_updates()
    messages = [update.message for update in updates if update.message and update.message.document]
    assert [m.document.file_name for m in messages if m.document] == ["0.pdf", "1.pdf", "2.pdf"]
    assert len({m.media_group_id for m in messages}) == 1
    assert messages[0].media_group_id is not None
    assert [m.caption for m in messages] == ["Документы", None, None]


async def test_attached_files_are_found_by_name(
    telegram: LocalTelegram, http: aiohttp.ClientSession, anna: Person
) -> None:
    """ "pass “attach://<file_attach_name>” to upload a new one using multipart/form-data under <file_attach_name>
    name."""
    media = [{"type": "document", "media": "attach://a"}, {"type": "document", "media": "attach://missing"}]
    for last, ok in (("attach://b", True), ("attach://missing", False)):
        media[1]["media"] = last
        form = aiohttp.FormData({"chat_id": str(anna.id), "media": json.dumps(media)})
        for name in ("a", "b"):
            form.add_field(name, name.encode(), filename=f"{name}.txt")
        async with http.post(f"{telegram.url}/bot{telegram.token}/sendMediaGroup", data=form) as answer:
            assert (await answer.json())["ok"] is ok


async def test_a_download_needs_the_token(telegram: LocalTelegram, http: aiohttp.ClientSession, anna: Person) -> None:
    (sent,) = await telegram.world.send_files(anna.id, [Upload("x.txt", b"x")])
    path = telegram.world.files[sent.body["document"]["file_id"]].path
    async with http.get(f"{telegram.url}/file/bot1:wrong/{path}") as answer:
        assert answer.status == 401
    async with http.get(f"{telegram.url}/file/bot{telegram.token}/nothing/here") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("nonsense", "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"),
        ("not an id", "wrong remote file identifier specified: Wrong character in the string"),
        ("nonsens", "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"),
        ("nonse", "wrong remote file identifier specified: Wrong string length"),
        ("BQACAgI" + "x" * 53, "wrong file identifier/HTTP URL specified"),
        ("ftp://example.com/x.pdf", "invalid file HTTP URL specified: Unsupported URL protocol"),
        ("https://example.com/x.pdf", "failed to get HTTP URL content"),
        ("attach://nothing", "there is no document in the request"),
    ],
)
async def test_what_leads_to_no_file_is_refused_by_how_wrong_it_is(
    file: str, error: str, refused: Refused, anna: Person
) -> None:
    """ "each file object has a file_id field, simply pass this file_id as a parameter instead of uploading"; the words
    are those of tdlib's FileManager."""
    assert await refused("sendDocument", chat_id=anna.id, document=file) == f"Bad Request: {error}"


async def test_captions_of_an_album_stand_on_one_side(bot: Bot, anna: Person, png: Any) -> None:
    """ "show_caption_above_media: Pass True, if the caption must be shown above the message media"."""
    pictures = [
        InputMediaPhoto(media=BufferedInputFile(png(9, 9), "x.png"), caption="x", show_caption_above_media=above)
        for above in (True, False)
    ]
    with pytest.raises(TelegramBadRequest, match="show_caption_above_media must be the same for all messages"):
        await bot.send_media_group(anna.id, pictures)  # type: ignore[arg-type]


async def test_a_person_who_sends_many_files_sends_several_albums(world: World, anna: Person) -> None:
    sent = await world.send_files(anna.id, [Upload(f"{n}.pdf", b"x") for n in range(11)])
    assert len({one.body.get("media_group_id") for one in sent[:10]}) == 1
    assert "media_group_id" not in sent[10].body
