"""The two Markdowns of Telegram with their errors, after `parse_markdown` and `parse_markdown_v2` of tdlib.

Both work on bytes, because their errors name byte offsets; offsets of entities are in UTF-16 code units. Beyond the
last byte lies a NUL, as in a C string.
"""

import re
from dataclasses import dataclass

from sandbox.html import Entity, ParseError, as_link, sort_entities

_SPACE = b" \t\r\n\x00\x0b"


class _Reader:
    def __init__(self, source: str) -> None:
        self.data = source.encode()
        self.at = 0
        self.out = bytearray()
        self.units = 0
        self.entities: list[Entity] = []

    def byte(self, at: int) -> int:
        return self.data[at] if at < len(self.data) else 0

    def copy(self) -> None:
        """Take one byte of the text over."""
        char = self.byte(self.at)
        if char & 0xC0 != 0x80:  # the first byte of a letter; four bytes are two UTF-16 units
            self.units += 1 + (char >= 0xF0)
        self.out.append(char)
        self.at += 1

    def starts(self, marker: bytes) -> bool:
        return self.data.startswith(marker, self.at)

    def language(self) -> str:
        """What stands after the opening ``` of a block, together with the line break that follows."""
        end = self.at
        while self.byte(end) not in _SPACE and self.byte(end) != ord("`"):
            end += 1
        name = ""
        if end != self.at and end < len(self.data) and self.byte(end) != ord("`"):
            name, self.at = self.data[self.at : end].decode(), end
        if self.byte(self.at) in b"\r\n":
            pair = self.byte(self.at + 1) in b"\r\n" and self.byte(self.at) != self.byte(self.at + 1)
            self.at += 2 if pair else 1
        return name

    def add(self, kind: str, start: int, **more: object) -> None:
        self.entities.append({"type": kind, "offset": start, "length": self.units - start} | more)

    def add_link(self, start: int, url: str) -> None:
        entity: Entity = {"type": "text_link", "offset": start, "length": self.units - start}
        if as_link(entity, url):
            self.entities.append(entity)

    def found(self) -> tuple[str, list[Entity]]:
        return self.out.decode(), sort_entities(self.entities)


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """The plain text and entities of a text with parse_mode=Markdown, the one without nesting."""
    read = _Reader(source)
    while read.at < len(read.data):
        char = read.byte(read.at)
        if char == ord("\\") and read.byte(read.at + 1) in b"_*`[":
            read.at += 1
            read.copy()
        elif char not in b"_*`[":
            read.copy()
        else:
            _legacy_entity(read, chr(char))
    return read.found()


def _legacy_entity(read: _Reader, char: str) -> None:
    begin, block = read.at, read.starts(b"```")
    end = b"```" if block else b"]" if char == "[" else char.encode()
    read.at += len(end)
    language = read.language() if block else ""
    start, inner = read.units, read.at
    while read.at < len(read.data) and not read.starts(end):
        read.copy()
    if read.at >= len(read.data):
        raise ParseError(f"Can't find end of the entity starting at byte offset {begin}")
    inside = read.data[inner : read.at].decode()
    read.at += len(end)
    if char == "[":
        url = inside
        if read.starts(b"("):
            closing = read.data.find(b")", read.at)
            closing = closing if closing >= 0 else len(read.data)
            url, read.at = read.data[read.at + 1 : closing].decode(), closing + 1
        if read.units > start:
            read.add_link(start, url)
    elif read.units > start:
        kinds = {"_": "italic", "*": "bold", "`": "pre" if block else "code"}
        read.add(kinds[char], start, **({"language": language} if language else {}))


@dataclass
class _Open:
    """An entity of MarkdownV2 that has begun and not ended."""

    kind: str
    start: int
    byte_offset: int
    out_at: int
    language: str = ""


# Markers of MarkdownV2, the longer before those that begin like them.
_MARKERS = (
    (b"```", "pre"), (b"__", "underline"), (b"||", "spoiler"), (b"![", "custom_emoji"), (b"_", "italic"),
    (b"*", "bold"), (b"~", "strikethrough"), (b"`", "code"), (b"[", "text_link"),
)  # fmt: skip
_ENDS = {kind: marker for marker, kind in _MARKERS} | {"text_link": b"]", "custom_emoji": b"]"}
_TITLES = {"text_link": "TextUrl", "custom_emoji": "CustomEmoji", "blockquote": "BlockQuote"}


def parse_markdown_v2(source: str) -> tuple[str, list[Entity]]:
    """The plain text and entities of a text with parse_mode=MarkdownV2."""
    return _MarkdownV2(source).parse()


class _MarkdownV2(_Reader):
    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.open: list[_Open] = []
        self.quoted = False
        self.line_begins = True  # a quotation may start here

    def parse(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.data):
            char = self.byte(self.at)
            if char == ord("\\") and 0 < self.byte(self.at + 1) <= 126:
                self.at += 1
                if self.byte(self.at) != ord("\r"):
                    self.line_begins = self.byte(self.at) == ord("\n")
                self.copy()
            elif char not in (b"`" if self._raw() else b"_*[]()~`>#+-=|{}.!\n"):
                if char & 0xC0 != 0x80 and char != ord("\r"):
                    self.line_begins = False
                self.copy()
            elif self._ends():
                self._end()
            else:
                self._begin()
        if self.quoted:
            self._end_of_text_ends_quotation()
        if self.open:
            raise self._unclosed()
        return self.found()

    def _raw(self) -> bool:
        return bool(self.open) and self.open[-1].kind in ("code", "pre")

    def _unclosed(self) -> ParseError:
        last = self.open[-1]
        title = "PreCode" if last.language else _TITLES.get(last.kind, last.kind.capitalize())
        return ParseError(f"Can't find end of {title} entity at byte offset {last.byte_offset}")

    def _reserved(self) -> ParseError:
        char = chr(self.byte(self.at))
        return ParseError(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")

    def _ends(self) -> bool:
        if not self.open:
            return False
        if self.quoted and self.starts(b"\n") and self.byte(self.at + 1) != ord(">"):
            return True
        kind = self.open[-1].kind
        if kind == "italic":
            return self.starts(b"_") and not self.starts(b"__")
        return kind != "blockquote" and self.starts(_ENDS[kind])

    def _begin(self) -> None:
        if self.starts(b"\n"):
            self.copy()
            self.line_begins = True
            return
        if self.starts(b">"):
            if not self.line_begins:
                raise self._reserved()
            if not self.quoted:
                self.quoted = True
                self.open.append(_Open("blockquote", self.units, self.at, len(self.out)))
            self.at += 1
            return
        marker, kind = next((one for one in _MARKERS if self.starts(one[0])), (b"", ""))
        if not kind:
            raise self._reserved()
        begin = self.at
        self.at += len(marker)
        language = self.language() if kind == "pre" else ""
        self.open.append(_Open(kind, self.units, begin, len(self.out), language))

    def _end(self) -> None:
        if self.starts(b"\n"):
            self._end_quotation()
            return
        last = self.open.pop()
        self.at += len(_ENDS[last.kind])
        if last.kind == "text_link":
            url = self._url() if self.starts(b"(") else self.out[last.out_at :].decode()
            if self.units > last.start:
                self.add_link(last.start, url)
        elif last.kind == "custom_emoji":
            if not self.starts(b"("):
                raise ParseError("The entity must contain a tg://emoji or tg://time URL")
            kind, more = _of_tg_url(self._url())
            if self.units > last.start:
                self.add(kind, last.start, **more)
        elif self.units > last.start:
            self.add(last.kind, last.start, **({"language": last.language} if last.language else {}))

    def _end_quotation(self) -> None:
        """A line that ends, with a quotation open; an empty spoiler at its end makes it expandable."""
        kind, last = "blockquote", self.open[-1]
        if last.kind != "blockquote":
            at_end = self.at - 2 - self.out.endswith(b"\r") <= last.byte_offset
            if last.kind != "spoiler" or not at_end:
                raise self._unclosed()
            self.open.pop()
            kind, last = "expandable_blockquote", self.open[-1]
            if last.kind != "blockquote":
                raise self._unclosed()
        self.open.pop()
        self.quoted, self.line_begins = False, True
        self.copy()
        self.add(kind, last.start)

    def _end_of_text_ends_quotation(self) -> None:
        kind = "blockquote"
        if self.open[-1].kind == "spoiler" and self.open[-1].byte_offset == len(self.data) - 2:
            self.open.pop()
            kind = "expandable_blockquote"
        if self.open[-1].kind == "blockquote":
            start = self.open.pop().start
            if self.units > start:
                self.add(kind, start)

    def _url(self) -> str:
        """What stands in the parentheses that open here."""
        self.at += 1
        begin, url = self.at, bytearray()
        while self.at < len(self.data) and not self.starts(b")"):
            if self.starts(b"\\") and 0 < self.byte(self.at + 1) <= 126:
                self.at += 1
            url.append(self.byte(self.at))
            self.at += 1
        if self.at >= len(self.data):
            raise ParseError(f"Can't find end of a URL at byte offset {begin}")
        self.at += 1
        return url.decode()


def _of_tg_url(url: str) -> tuple[str, dict[str, object]]:
    found = re.fullmatch(r"(?i)tg:(?://)?(emoji|time)/?\?([^#]*)(?:#.*)?", url)
    values = dict(one.partition("=")[::2] for one in found[2].split("&")) if found else {}
    if found and found[1].lower() == "emoji" and values.get("id", "").isdecimal() and int(values["id"]):
        return "custom_emoji", {"custom_emoji_id": values["id"]}
    if found and found[1].lower() == "time" and values.get("unix", "").isdecimal() and int(values["unix"]):
        return "date_time", {"unix_time": int(values["unix"])}
    raise ParseError("Invalid tg://emoji or tg://time URL specified")
