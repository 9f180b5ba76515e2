"""What can be seen of a file's bytes without any library: its type, and the size of a picture."""

import mimetypes
import struct
from pathlib import PurePath
from typing import Any

FOLDERS = {
    "photo": "photos", "document": "documents", "voice": "voice", "video": "videos", "audio": "music",
    "animation": "animations", "video_note": "video_notes", "sticker": "stickers",
}  # fmt: skip
PREFIXES = {
    "photo": "AgACAgI", "document": "BQACAgI", "voice": "AwACAgI", "video": "BAACAgI", "audio": "CQACAgI",
    "animation": "CgACAgI", "video_note": "DQACAgI", "sticker": "CAACAgI",
}  # fmt: skip
MEASURES = ("width", "height", "duration", "length")
_MIMES = {"photo": "image/jpeg", "voice": "audio/ogg", "video": "video/mp4", "audio": "audio/mpeg"}
_MIMES |= {"animation": "video/mp4", "video_note": "video/mp4", "sticker": "image/webp"}


def mime_of(name: str, kind: str) -> str:
    return mimetypes.guess_type(name)[0] or _MIMES.get(kind, "application/octet-stream")


def extension(name: str, mime: str) -> str:
    return PurePath(name).suffix or mimetypes.guess_extension(mime) or ""


def measure(kind: str, data: bytes) -> dict[str, Any]:
    """Width and height of pictures as they are; films and sounds get plausible figures."""
    if kind == "photo":
        width, height = picture_size(data) or (1280, 960)
        return {"width": width, "height": height}
    if kind in ("video", "animation"):
        return {"width": 640, "height": 360, "duration": 1}
    if kind == "video_note":
        return {"length": 240, "duration": 1}
    if kind == "sticker":
        return {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False}
    return {"duration": 1} if kind in ("voice", "audio") else {}


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Size of a PNG, GIF, WebP or JPEG picture; None where the bytes are no such picture."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start-of-frame segment
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
