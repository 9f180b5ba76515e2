"""What people send is kept under the root whatever it is called, is what its bytes say, and is given back to few."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from models.enums import TaskKind
from services.access import Actor
from services.documents import DocumentService, Incoming
from services.errors import Invalid, NotFound
from services.rules.contents import Bomb, type_of
from services.rules.file_names import check_fileable, safe_name
from storage.files import DiskFiles
from tests.conftest import ROOT
from tests.services.conftest import Agency

SEPARATORS = ("/", "\\", "\u2215", "\u2044", "\uff0f", "\uff3c", "\u29f5", "%2f", "%5c", "..%c0%af", ":", "\u0338")
WORDS = (
    "..", "...", ".", "~", "CON", "con.pdf", "NUL", "nul.tar.gz", "AUX.txt", "COM1", "com¹.txt", "LPT9.doc", "CLOCK$",
    "desktop.ini",
    "паспорт.pdf", "паспорт.pdf", "Паспорт.PDF", "й.jpg", "й.jpg", "é.pdf", "e\u0301.pdf", "ﬁle.pdf", "\u212b.pdf",
    "x" * 300 + ".pdf", "ы" * 300 + ".pdf", "👨‍👩‍👧‍👦" * 60 + ".jpg", "a" * 250, ".bashrc", ".ssh", "...pdf",
    " лид.pdf ", "конец.pdf . . ",
    "отчёт\u202efdp.exe.pdf", "\u200b\u200d\u2060", "\u202e", "\ufeff.pdf", "a\x00.pdf", "a\nb.pdf", "a\tb",
    "\x7f\x1b[31m.pdf", "<b>.pdf",
    "{{7*7}}.pdf", "%s%n.pdf", "{0}.pdf", "$(reboot).pdf", "`id`.pdf", "; rm -rf ~.pdf", "-rf", "--help", "|cat",
    "a'b\"c.pdf", "*?.pdf",
    "файл.pdf:stream", "C:\\Windows\\system32\\x.pdf", "\\\\сервер\\доля\\x.pdf", "file:///etc/passwd", "/etc/passwd",
    "_до восстановления",
    "😀.pdf", "\ud800.pdf", "\U0010ffff.pdf", "\u0300" * 200, "Z̷̢̛a̵͇͝l̶̰̈g̸͓̽o̷.pdf", "(2).pdf", "x (2).pdf", "",
    " ", ".pdf", "pdf.", "a..b..pdf",
)  # fmt: skip


def names() -> list[str]:
    """At least 200 of them: each word, and each of the ways out of a folder before and behind some."""
    dice = random.Random(1)  # noqa: S311 - the same ones each time
    found = list(WORDS)
    for mark in SEPARATORS:
        found += [f"..{mark}..{mark}..{mark}etc{mark}passwd", f"{mark}etc{mark}passwd", f"a{mark}..{mark}b.pdf"]
        found += [f"..{mark}", mark * 5, f"..{mark}{dice.choice(WORDS)}", f"{dice.choice(WORDS)}{mark}..{mark}x"]
    while len(found) < 210:
        found.append("".join(dice.choices([*SEPARATORS, *WORDS, ".", " ", "\u202e"], k=3))[:400])
    return found


HOSTILE = names()


@pytest.fixture
def papers(agency: Agency, tmp_path: Path) -> DocumentService:
    """The documents of the agency on a disk; what lies beside the root is somebody else's."""
    (tmp_path / "beside.txt").write_bytes(b"theirs")
    return DocumentService(agency.transactions, agency.clock, DiskFiles(tmp_path / "root"))


async def test_two_hundred_hostile_names_stay_under_the_root_and_give_their_bytes_back(
    agency: Agency, papers: DocumentService, tmp_path: Path
) -> None:
    assert len(HOSTILE) >= 200
    dice = random.Random(2)  # noqa: S311 - the same ones each time
    given: dict[int, bytes] = {}
    for number, name in enumerate(HOSTILE):
        if number % 20 == 0:
            # Folders are named after the client and the deal, whose names people type.
            clean = [word.encode("utf-8", "ignore").decode().replace("\x00", "") for word in dice.choices(HOSTILE, k=2)]
            client = await agency.client(agency.anna, (clean[0] or "x")[:200], f"+7912345{number:04}")
            deal = await agency.deal(agency.anna, title=(clean[1] or "x")[:200], client_id=client)
        content = f"%PDF-1.4 {number}".encode()
        if safe_name(name).lower().endswith(".exe"):
            continue
        if number % 3:
            filed = await papers.file(agency.anna, deal, Incoming(name, content, "application/pdf"))
        else:
            waiting = await papers.keep(agency.anna, f"album {number}", Incoming(name, content, "application/pdf"))
            (filed,) = await papers.settle(agency.anna, waiting.parcel_id, deal)
        given[filed.document_id] = content
    root = (tmp_path / "root").resolve()
    kept = [place for place in root.rglob("*") if place.is_file()]
    assert len(kept) == len(given) >= 200
    for place in kept:
        parts = place.relative_to(root).parts
        assert len(parts) == 3
        for part in parts:
            assert len(part.encode()) <= 255
            assert part == part.strip()
            assert not part.startswith(".")
            assert not part.endswith(".")
            assert safe_name(part) == part or "(" in part
            assert not set(part) & set('\\/:*?"<>|\x00\n\t\u202e\u200b')
    for document_id, content in given.items():
        assert await papers.content(agency.anna, document_id) == content
    outside = [place for place in tmp_path.rglob("*") if place.is_file() and root not in place.parents]
    assert [(place.name, place.read_bytes()) for place in outside] == [("beside.txt", b"theirs")]


@pytest.mark.parametrize("path", ["../beside.txt", "/etc/passwd", "a/../../beside.txt", "", ".", "a/..", "root/../.."])
async def test_no_path_leads_out_of_the_root_even_when_a_row_says_so(papers: DocumentService, path: str) -> None:
    with pytest.raises(ValueError, match="outside the documents root"):
        await papers.files.get(path)
    with pytest.raises(ValueError, match="outside the documents root"):
        await papers.files.put(path, b"mine")
    with pytest.raises(ValueError, match="outside the documents root"):
        await papers.files.delete(path)


async def test_a_link_that_leads_out_of_the_root_is_not_followed(papers: DocumentService, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="outside the documents root"):
        await papers.files.get("link/beside.txt")


async def test_a_paper_is_given_to_those_who_may_see_its_deal_and_to_nobody_else(
    agency: Agency, papers: DocumentService
) -> None:
    deal = await agency.deal(agency.anna)
    filed = await papers.file(agency.anna, deal, Incoming("паспорт.pdf", b"%PDF-1.4 x", "application/pdf"))

    async def gets(person: Actor) -> bool:
        found = []
        for attempt in (
            papers.content(person, filed.document_id),
            papers.get(person, filed.document_id),
            papers.of_deal(person, deal, 0),
        ):
            try:
                found.append(bool(await attempt))
            except NotFound:
                found.append(False)
        assert len(set(found)) == 1
        return found[0]

    assert [await gets(p) for p in (agency.anna, agency.galina)] == [True, True]
    assert [await gets(p) for p in (agency.boris, agency.egor, agency.faina)] == [False, False, False]
    task = await agency.services.tasks.give(
        agency.anna, deal, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-04T18:00"
    )
    assert [await gets(p) for p in (agency.egor, agency.faina, agency.boris)] == [True, False, False]
    await agency.services.tasks.cancel(agency.anna, task, "не нужно")
    assert not await gets(agency.faina)


# --- by content ---------------------------------------------------------------------------------------------------


def zipped(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))


def jpeg(width: int, height: int) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x04ab" + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(12)


OFFICE = ("[Content_Types].xml", b"<Types/>")
TYPES = {
    "application/pdf": (b"%PDF-1.7\n", b"\r\n junk %PDF-1.4 junk"),
    "image/png": (png(1000, 1000),),
    "image/jpeg": (jpeg(4000, 3000), b"\xff\xd8\xff\xe0"),
    "image/webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 ",),
    "image/heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",),
    "video/mp4": (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00",),
    "audio/ogg": (b"OggS\x00",),
    "text/html": (b"<!DOCTYPE html><script>", b"\xef\xbb\xbf \n<HTML>", b"<!-- x -->\n<body onload=x>",
    "<html>".encode("utf-16")),
    "image/svg+xml": (b'<?xml version="1.0"?>\n<svg onload="x">', b"<svg/>"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (zipped(OFFICE, ("word/document.xml",
    b"x")),),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (zipped(OFFICE, ("xl/workbook.xml", b"x")),),
    "application/zip": (zipped(("a.txt", b"x")), b"PK\x03\x04 cut off", zipped(("a.txt", b"x"))[:-5]),
    "application/x-ole-storage": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),),
    "text/plain": ("Полис ХХХ".encode(), ("ё" * 3000).encode(), b"a < b"),
    "application/octet-stream": (bytes(50), b"\xfe\xed\x00\x00"),
    "application/x-executable": (
        b"MZ\x90\x00", b"\x7fELF\x02", b"#!/bin/sh\n", b"\xca\xfe\xba\xbe", b"L\x00\x00\x00\x01\x14\x02\x00",
        b"MZ %PDF-1.4",
        zipped(("META-INF/MANIFEST.MF", b"x"), ("A.class", b"x")), zipped(("AndroidManifest.xml", b"x"),
        ("classes.dex", b"x")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("wanted", TYPES)
def test_a_file_is_what_its_bytes_say(wanted: str) -> None:
    assert [type_of(content) for content in TYPES[wanted]] == [wanted] * len(TYPES[wanted])


@pytest.mark.parametrize(
    "name", ["полис.pdf", "фото.jpg", "скан.PNG", "анкета.docx", "расчёт.xlsx", "a", "a.pdf\u202e", "a.pdf."]
)
def test_a_program_is_refused_whatever_it_is_called(name: str) -> None:
    for content in TYPES["application/x-executable"]:
        with pytest.raises(Invalid, match="is a program"):
            check_fileable(name, content)


@pytest.mark.parametrize(
    "name", ["полис.exe", "фото.jpg.scr", "a.js", "a.EXE ", "a.exe.", "a.e\u200bxe", "a.lnk", "a.iso", "a.jar"]
)
def test_the_name_of_a_program_is_refused_whatever_is_in_it(name: str) -> None:
    with pytest.raises(Invalid, match="is a program"):
        check_fileable(name, b"%PDF-1.4")


@pytest.mark.parametrize("name", ["фото.jpg", "скан.png", "полис.pdf", "анкета.docx", "a.PDF ", "a.txt"])
def test_a_web_page_under_another_name_is_refused(name: str) -> None:
    for content in (*TYPES["text/html"], *TYPES["image/svg+xml"], b"<html>%PDF-1.4", b"<script>\xff\xd8\xff"):
        with pytest.raises(Invalid, match="is a web page inside"):
            check_fileable(name, content)


async def test_the_type_that_is_kept_is_that_of_the_bytes(agency: Agency, papers: DocumentService) -> None:
    deal = await agency.deal(agency.anna)
    filed = await papers.file(agency.anna, deal, Incoming("a.pdf", png(10, 10), "application/pdf"))
    assert (await papers.get(agency.anna, filed.document_id)).mime == "image/png"


# --- bombs --------------------------------------------------------------------------------------------------------


def many_files() -> bytes:
    """A zip whose list of files alone is as long as a file may be."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number:05}", b"")
    return out.getvalue()


def overlapping() -> bytes:
    """A thousand names for one lump of zeros: small, and a gigabyte and a half when it is unpacked."""
    one = zipped(("x", bytes(1_500_000)))
    end = one.rfind(b"PK\x05\x06")
    start = struct.unpack("<I", one[end + 16 : end + 20])[0]
    listed = one[start:end] * 1000
    return one[:start] + listed + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1000, 1000, len(listed), start, 0)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zipped(("x", bytes(120 * 1024 * 1024))),
    "docx": lambda: zipped(OFFICE, ("word/document.xml", b"<w>" + bytes(120 * 1024 * 1024))),
    "xlsx": lambda: zipped(OFFICE, ("xl/sharedStrings.xml", bytes(120 * 1024 * 1024))),
    "overlapping": overlapping,
    "many files": many_files,
    "png": lambda: png(60_000, 60_000),
    "png beyond all": lambda: png(2**31 - 1, 2**31 - 1),
    "jpeg": lambda: jpeg(65_535, 65_535),
    "gif": lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535),
    "bmp": lambda: b"BM" + bytes(16) + struct.pack("<ii", 65_000, -65_000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_unopened(kind: str) -> None:
    content = BOMBS[kind]()
    with pytest.raises(Bomb):
        type_of(content)
    with pytest.raises(Invalid, match="unpacks to more than a computer can hold"):
        check_fileable("x.pdf", content)


def test_broken_archives_and_pictures_are_only_files() -> None:
    dice = random.Random(3)  # noqa: S311 - the same ones each time
    whole = [
        zipped(OFFICE, ("word/document.xml", b"x" * 500)),
        png(5, 5),
        jpeg(5, 5),
        b"GIF89a" + bytes(20),
        overlapping()[:3000],
    ]
    for _ in range(2000):
        raw = bytearray(dice.choice(whole))
        for _ in range(dice.randrange(1, 6)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        try:
            type_of(bytes(raw[: dice.randrange(1, len(raw) + 1)]))
        except Bomb:
            continue


def test_nothing_that_people_send_is_opened_by_the_product() -> None:
    """Pictures, tables and texts are kept as they came; whoever adds a reader has to limit it and say so here."""
    openers = ("Image.open", "pypdfium", "calamine", "openpyxl", "pdfminer", "extractall", "lxml", "ElementTree")
    found = [
        (path.relative_to(ROOT).as_posix(), word)
        for room in ("bot", "handlers", "fsm", "services", "storage", "scheduler", "models")
        for path in (ROOT / room).rglob("*.py")
        for word in openers
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
