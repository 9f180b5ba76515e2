"""Names that a person can read on a disk, and what may not be filed at all."""

import re
import unicodedata

from models.enums import DocumentKind
from services.errors import N_, Invalid
from services.rules.contents import PROGRAM, Bomb, type_of
from services.rules.reading import INVISIBLE

DOWNLOAD_LIMIT = 20 * 1024 * 1024
"""Bytes: getFile of the Bot API gives no larger file."""

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
_EXECUTABLE_NAMES = re.compile(
    r"\.(exe|msi|com|scr|pif|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|jar|apk|app|dmg|deb|rpm|sh|lnk|reg|dll|cpl|iso)$",
    re.IGNORECASE,
)
_CLAIMS = re.compile(r"\.(pdf|jpe?g|png|gif|bmp|tiff?|webp|heic|docx?|xlsx?|rtf|txt|csv)$", re.IGNORECASE)
"""Endings of what people open without a thought."""

_KINDS = (
    (DocumentKind.PASSPORT, r"паспорт|passport"),
    (DocumentKind.DRIVER_LICENCE, r"\bву\b|водит|права|licen[cs]e"),
    (DocumentKind.VEHICLE, r"\bстс\b|\bптс\b|\bэптс\b|техпаспорт|\bvin\b"),
    (DocumentKind.RECEIPT, r"чек|квитанц|платеж|платёж|receipt"),
    (DocumentKind.QUOTE, r"расч[её]т|котировк|\bкп\b|quote"),
    (DocumentKind.POLICY, r"полис|policy"),
)
_BY_TYPE = {
    "photo": DocumentKind.PHOTO,
    "voice": DocumentKind.VOICE,
    "audio": DocumentKind.VOICE,
    "video": DocumentKind.VIDEO,
    "video_note": DocumentKind.VIDEO,
}


def safe_name(name: str, limit: int = 120) -> str:
    """A name for one level of a folder tree: no separators, nothing invisible, at most `limit` bytes, never empty.

    The ending survives the cut, so that the file still opens by a double click.
    """
    clean = unicodedata.normalize("NFC", name.translate(INVISIBLE))
    clean = re.sub(r"\s+", " ", _FORBIDDEN.sub(" ", clean)).strip(" .")
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    stem, dot, ending = clean.rpartition(".")
    if not dot or len(ending) > 8:
        stem, dot, ending = clean, "", ""
    room = limit - len(f"{dot}{ending}".encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return f"{stem}{dot}{ending}" if stem or ending else "_"


def numbered(path: str, attempt: int) -> str:
    """The path for another file of the same name: `паспорт (2).pdf`."""
    if attempt == 1:
        return path
    folder, _slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    return f"{folder}/{stem} ({attempt}){dot}{ending}" if dot else f"{folder}/{name} ({attempt})"


def check_fileable(name: str, content: bytes) -> str:
    """Refuse what is empty, too big, can be executed, is not what its name says, or is a bomb; give the MIME type.

    Raises Invalid.
    """
    shown = safe_name(name)
    if not content:
        raise Invalid(N_("«{name}» is empty: 0 bytes came. Send it once more."), name=shown)
    if len(content) > DOWNLOAD_LIMIT:
        raise too_big(name)
    try:
        found = type_of(content)
    except Bomb:
        raise Invalid(N_("«{name}» unpacks to more than a computer can hold. It is not filed."), name=shown) from None
    if found == PROGRAM or _EXECUTABLE_NAMES.search(shown):
        raise Invalid(N_("«{name}» is a program. Only documents are filed: PDF, photos, scans, tables."), name=shown)
    if found in {"text/html", "image/svg+xml"} and _CLAIMS.search(shown):
        raise Invalid(N_("«{name}» is a web page inside and not what its name says. It is not filed."), name=shown)
    return found


def too_big(name: str) -> Invalid:
    """The refusal of a file that Telegram does not let a bot download."""
    return Invalid(
        N_("«{name}» is larger than 20 MB: Telegram does not give it to bots. Send it in parts or as a photo."),
        name=safe_name(name),
    )


def kind_of(name: str, caption: str, telegram_type: str, *, for_policy: bool = False) -> DocumentKind:
    """Guess what a paper is from its name and caption; a person can change it."""
    if for_policy and telegram_type == "document":
        return DocumentKind.POLICY
    words = f"{name} {caption}".lower()
    for kind, pattern in _KINDS:
        if re.search(pattern, words):
            return kind
    return _BY_TYPE.get(telegram_type, DocumentKind.OTHER)
