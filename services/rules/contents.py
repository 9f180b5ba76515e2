"""What a file is, told by its bytes: its name and what Telegram calls it are only claims.

Nothing that people send is unpacked or drawn by the bot; a bomb is refused for the sake of the colleague who opens it.
"""

import re
import struct
import zipfile
from io import BytesIO
from typing import Final

MOST_PIXELS: Final = 500_000_000
"""Twice the largest photo of a telephone."""

MOST_UNPACKED: Final = 1024 * 1024 * 1024
_SUSPICIOUS, _RATIO = 100 * 1024 * 1024, 100
_LONGEST_LIST = 1024 * 1024
"""Bytes of a zip's own list of files: some fifteen thousand names. Reading a longer one would take its time."""

UNKNOWN: Final = "application/octet-stream"
PROGRAM: Final = "application/x-executable"
_ZIP: Final = "application/zip"

_STARTS: Final = (
    (b"MZ", PROGRAM), (b"\x7fELF", PROGRAM), (b"#!", PROGRAM), (b"\xca\xfe\xba\xbe", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM), (b"\xce\xfa\xed\xfe", PROGRAM), (b"\xfe\xed\xfa", PROGRAM),
    (b"L\x00\x00\x00\x01\x14\x02", PROGRAM), (b"dex\n", PROGRAM), (b"\x00asm", PROGRAM), (b"ITSF", PROGRAM),
    (b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"), (b"BM", "image/bmp"), (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"),
    (b"PK\x03\x04", _ZIP), (b"PK\x05\x06", _ZIP), (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"\x1f\x8b", "application/gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"), (b"{\\rtf", "application/rtf"),
    (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"fLaC", "audio/flac"),
)  # fmt: skip
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(?:!doctype\s+(?:html|svg)|html|head|body|svg|script|iframe|meta|link|img|a\s)",
    re.IGNORECASE | re.DOTALL,
)
_OFFICE = (
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_CODE_INSIDE = re.compile(r"(?:META-INF/MANIFEST\.MF|AndroidManifest\.xml|classes\.dex)|.*\.class", re.IGNORECASE)


class Bomb(Exception):
    """What is inside is too much for anybody's machine."""


def type_of(content: bytes) -> str:
    """The MIME type by the first bytes, and by what a zip says it holds. Raises Bomb."""
    for start, found in _STARTS:
        if content.startswith(start):
            if found == _ZIP:
                return _type_of_zip(content)
            if found.startswith("image/") and _pixels(content) > MOST_PIXELS:
                raise Bomb
            return found
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12], UNKNOWN)
    if content[4:8] == b"ftyp":
        return "image/heic" if content[8:12] in {b"heic", b"heix", b"mif1", b"heif"} else "video/mp4"
    head = content[:4096].removeprefix(b"\xef\xbb\xbf")
    if _MARKUP.match(_as_bytes(head)):
        return "image/svg+xml" if re.search(rb"<svg", _as_bytes(head), re.IGNORECASE) else "text/html"
    # Readers of PDF forgive what stands before its first words.
    if b"%PDF-" in content[:1024]:
        return "application/pdf"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A letter may be cut in two by the end of what was looked at.
        return "text/plain" if len(content) > 4096 and error.start > len(head) - 4 else UNKNOWN
    return UNKNOWN if b"\x00" in head else "text/plain"


def _as_bytes(head: bytes) -> bytes:
    """Markup in UTF-16 as one byte a letter."""
    return head[2:].replace(b"\x00", b"") if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else head


def _type_of_zip(content: bytes) -> str:
    end = content.rfind(b"PK\x05\x06", -65_557)
    if end < 0 or len(content) < end + 22:
        return _ZIP  # not whole: nothing opens it
    files, length = struct.unpack("<10xHI", content[end : end + 16])
    if files == 0xFFFF or length > _LONGEST_LIST:
        raise Bomb
    try:
        inside = zipfile.ZipFile(BytesIO(content)).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError):
        return _ZIP
    unpacked = sum(one.file_size for one in inside)
    if unpacked > MOST_UNPACKED or (unpacked > _SUSPICIOUS and unpacked > len(content) * _RATIO):
        raise Bomb
    names = [one.filename for one in inside]
    if any(_CODE_INSIDE.fullmatch(name) for name in names):
        return PROGRAM
    if "[Content_Types].xml" in names:
        for folder, found in _OFFICE:
            if any(name.startswith(folder) for name in names):
                return found
    return _ZIP


def _pixels(content: bytes) -> int:
    """How many points a picture says it has; 0 where it does not say so in its head."""
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
    elif content.startswith(b"GIF8") and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
    elif content.startswith(b"BM") and len(content) >= 26:
        width, height = map(abs, struct.unpack("<ii", content[18:26]))
    elif content.startswith(b"\xff\xd8"):
        width, height = _size_of_jpeg(content)
    else:
        return 0
    return int(width) * int(height)


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        kind, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7])
        at += 2 + max(length, 2)
    return 0, 0
