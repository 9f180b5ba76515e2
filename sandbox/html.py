"""Formatted text as Telegram reads it: HTML and MarkdownV2 with their errors, entities found in plain text.

The HTML parser follows `parse_html` of tdlib step by step, on bytes, because its errors name byte offsets. All
offsets and lengths of entities are in UTF-16 code units.
"""

import re
from collections.abc import Iterator
from typing import Any

Entity = dict[str, Any]

TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "tg-emoji": "custom_emoji", "tg-time": "date_time", "a": "text_link",
    "pre": "pre", "code": "code", "blockquote": "blockquote",
}  # fmt: skip
_LITERALS = {b"lt": "<", b"gt": ">", b"amp": "&", b"quot": '"'}
_SPACE = b" \t\r\n\x00\x0b"
_END = 0  # what lies after the last byte, as in a C string


class ParseError(ValueError):
    """The text is not valid markup; the message is Telegram's."""


def utf16_len(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The plain text and entities of a text with parse_mode=HTML."""
    return _Html(source.encode()).parse()


class _Html:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.text: list[str] = []
        self.length = 0
        self.open: list[tuple[str, str, int, int]] = []  # tag, argument, start in UTF-16 units, start in self.text
        self.entities: list[Entity] = []

    def byte(self, at: int | None = None) -> int:
        at = self.at if at is None else at
        return self.data[at] if at < len(self.data) else _END

    def is_space(self) -> bool:
        return self.byte() in _SPACE

    def skip_space(self) -> None:
        while self.at < len(self.data) and self.is_space():
            self.at += 1

    def put(self, text: str) -> None:
        self.text.append(text)
        self.length += utf16_len(text)

    def parse(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.data):
            char = self.byte()
            if char == ord("&") and (decoded := self.reference()) is not None:
                self.put(decoded)
            elif char != ord("<"):
                end = self.at + 1
                while end < len(self.data) and self.data[end] not in b"&<":
                    end += 1
                self.put(self.data[self.at : end].decode())
                self.at = end
            elif self.byte(self.at + 1) == ord("/"):
                self.end_tag()
            else:
                self.start_tag()
        if self.open:
            raise ParseError(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        return "".join(self.text), sort_entities([{k: v for k, v in e.items() if k != "_class"} for e in self.entities])

    def reference(self) -> str | None:
        """A character reference at the ampersand; None (and nothing consumed) where there is no such thing."""
        if found := re.compile(rb"&#(?:x([0-9a-fA-F]*)|([0-9]*));?").match(self.data, self.at):
            digits, base = (found[1], 16) if found[1] is not None else (found[2], 10)
            code = int(digits or b"0", base)
            if code == 0 or code >= 0x10FFFF or len(found[0].rstrip(b";")) >= 10:
                return None
            if 0xD800 <= code <= 0xDFFF:
                raise ParseError(
                    "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched "
                    "surrogate code units"
                )
            self.at = found.end()
            return chr(code)
        found = re.compile(rb"&([a-zA-Z]*);?").match(self.data, self.at)
        if found is None or found[1] not in _LITERALS:
            return None
        self.at = found.end()
        return _LITERALS[found[1]]

    def start_tag(self) -> None:
        begin = self.at
        self.at += 1
        while not self.is_space() and self.byte() != ord(">"):
            self.at += 1
        if self.at >= len(self.data):
            raise ParseError(f"Unclosed start tag at byte offset {begin}")
        tag = self.data[begin + 1 : self.at].lower().decode()
        if tag not in TAGS:
            raise ParseError(f'Unsupported start tag "{tag}" at byte offset {begin}')
        argument = ""
        for name, value in self.attributes(tag, begin):
            argument = self.argument(tag, name, value, argument)
        self.at += 1
        if tag == "span" and argument != "spoiler":
            raise ParseError(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
        self.open.append((tag, argument, self.length, len(self.text)))

    def attributes(self, tag: str, begin: int) -> Iterator[tuple[str, str | None]]:
        unclosed = ParseError(f'Unclosed start tag "{tag}" at byte offset {begin}')
        while self.byte() != ord(">"):
            self.skip_space()
            if self.byte() == ord(">"):
                return
            start = self.at
            while not self.is_space() and self.byte() not in b"=>/\"'":
                self.at += 1
            name = self.data[start : self.at].decode()
            if not name:
                raise ParseError(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
            self.skip_space()
            if self.byte() != ord("="):
                if self.at >= len(self.data):
                    raise unclosed
                yield name, None
                continue
            self.at += 1
            self.skip_space()
            if self.at >= len(self.data):
                raise unclosed
            value = self.value()
            if self.at >= len(self.data):
                raise ParseError(f"Unclosed start tag at byte offset {begin}")
            yield name, value

    def value(self) -> str:
        quote = self.byte()
        if quote not in b"'\"":
            start = self.at
            while chr(self.byte()).isascii() and (chr(self.byte()).isalnum() or self.byte() in b".-"):
                self.at += 1
            if not self.is_space() and self.byte() != ord(">"):
                raise ParseError(f"Unexpected end of name token at byte offset {start}")
            return self.data[start : self.at].lower().decode()
        self.at += 1
        parts: list[bytes] = []
        while self.at < len(self.data) and self.byte() != quote:
            if self.byte() == ord("&") and (decoded := self.reference()) is not None:
                parts.append(decoded.encode())
            else:
                parts.append(self.data[self.at : self.at + 1])
                self.at += 1
        if self.byte() == quote:
            self.at += 1
        return b"".join(parts).decode()

    @staticmethod
    def argument(tag: str, name: str, value: str | None, old: str) -> str:
        if tag == "blockquote" and name == "expandable":
            return "1"
        if value is None:
            return old
        match tag, name:
            case ("a", "href") | ("tg-emoji", "emoji-id") | ("tg-time", "unix"):
                return value
            case "code", "class":
                return value.removeprefix("language-") if value.startswith("language-") else old
            case "span", "class":
                return value.removeprefix("tg-") if value.startswith("tg-") else old
        return old

    def end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise ParseError(f"Unexpected end tag at byte offset {begin}")
        self.at += 1
        while not self.is_space() and self.byte() != ord(">"):
            self.at += 1
        found = self.data[begin + 2 : self.at].lower().decode()
        self.skip_space()
        if self.byte() != ord(">"):
            raise ParseError(f"Unclosed end tag at byte offset {begin}")
        self.at += 1
        tag, argument, start, start_text = self.open.pop()
        if found and found != tag:
            raise ParseError(f'Unmatched end tag at byte offset {begin}, expected "</{tag}>", found "</{found}>"')
        if self.length > start:
            self.close(tag, argument, start, "".join(self.text[start_text:]))

    def close(self, tag: str, argument: str, start: int, inner: str) -> None:
        entity: Entity = {"offset": start, "length": self.length - start, "type": TAGS[tag]}
        last = self.entities[-1] if self.entities else {}
        same_place = last.get("offset") == start and last.get("length") == entity["length"]
        if tag == "a":
            if not _as_link(entity, argument or inner):
                return
        elif tag == "tg-emoji":
            if not argument.isdecimal() or int(argument) == 0:
                raise ParseError("Invalid custom emoji identifier specified")
            entity["custom_emoji_id"] = argument
        elif tag == "tg-time":
            if not argument.isdecimal() or int(argument) <= 0:
                return
            entity["unix_time"] = int(argument)
        elif tag == "pre" and same_place and last["type"] == "code" and last.get("_class"):
            last |= {"type": "pre", "language": last["_class"]}
            return
        elif tag == "code" and same_place and last["type"] == "pre" and argument:
            last["language"] = argument
            return
        elif tag == "code":
            entity["_class"] = argument
        elif tag == "blockquote" and argument:
            entity["type"] = "expandable_blockquote"
        self.entities.append(entity)


def _as_link(entity: Entity, url: str) -> bool:
    """Turn the entity into a link or mention; a URL that is none is dropped silently, the text stays."""
    if found := re.fullmatch(r"tg://user\?id=(\d+)", url):
        entity |= {"type": "text_mention", "_user_id": int(found[1])}
        return True
    checked = checked_link(url)
    if checked is None:
        return False
    entity["url"] = checked
    return True


def checked_link(url: str) -> str | None:
    """The URL as Telegram stores it, or None where it is no link (no dot in the host, a foreign scheme)."""
    url = url.strip()
    if re.match(r"(?i)(tg|ton|tonsite)://?[\w-]", url):
        return url
    found = re.fullmatch(
        r"(?i)(?:(https?|ftp)://)?(?:[^/?#@\s]*@)?(\[[0-9a-f:]+\]|[^/?#:@\s]+)(:\d{1,5})?([/?#]\S*)?", url
    )
    if found is None:
        return None
    host = found[2]
    if "." not in host.strip(".") or re.search(r"[^\w.-]", host):
        return None
    whole = url if found[1] else f"http://{url}"
    return whole if found[4] else f"{whole}/"


# MarkdownV2: what must be escaped outside of entities, says the documentation, formatting options.
_MARKDOWN = (
    (re.compile(r"```"), "pre"), (re.compile(r"\|\|"), "spoiler"), (re.compile(r"__"), "underline"),
    (re.compile(r"\*"), "bold"), (re.compile(r"_"), "italic"), (re.compile(r"~"), "strikethrough"),
    (re.compile(r"`"), "code"),
)  # fmt: skip
_RESERVED = set("_*[]()~`>#+-=|{}.!")


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """The plain text and entities of a text with parse_mode=MarkdownV2 (without custom emoji and quotations)."""
    out: list[str] = []
    entities: list[Entity] = []
    stack: list[tuple[str, int, int]] = []  # kind, start in UTF-16 units, byte offset
    at = 0

    def length() -> int:
        return utf16_len("".join(out))

    def offset() -> int:
        return len(source[:at].encode())

    while at < len(source):
        char = source[at]
        inside = stack[-1][0] if stack else ""
        raw = inside in ("code", "pre")
        if char == "\\" and at + 1 < len(source) and source[at + 1].isascii() and ord(source[at + 1]) <= 126:
            out.append(source[at + 1])
            at += 2
            continue
        marker = next(((rx, kind) for rx, kind in _MARKDOWN if rx.match(source, at)), None)
        if marker and (not raw or marker[1] == inside):
            kind, width = marker[1], len(marker[0].pattern.replace("\\", ""))
            if inside == kind:
                start = stack.pop()[1]
                if length() > start:
                    entities.append({"type": kind, "offset": start, "length": length() - start})
            elif any(kind == one[0] for one in stack):
                raise ParseError(f"Can't find end of {_title(inside)} entity at byte offset {stack[-1][2]}")
            else:
                stack.append((kind, length(), offset()))
            at += width
            if kind == "pre" and inside != "pre" and (language := re.compile(r"(\w+)\n").match(source, at)):
                at = language.end()
        elif char == "[" and not raw:
            stack.append(("text_link", length(), offset()))
            at += 1
        elif char == "]" and inside == "text_link":
            start = stack.pop()[1]
            at += 1
            url = ""
            if found := re.compile(r"\(((?:[^)\\]|\\.)*)\)").match(source, at):
                url, at = re.sub(r"\\(.)", r"\1", found[1]), found.end()
            entity: Entity = {"type": "text_link", "offset": start, "length": length() - start}
            if entity["length"] and url and _as_link(entity, url):
                entities.append(entity)
        elif char in _RESERVED and not raw:
            raise ParseError(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")
        else:
            out.append(char)
            at += 1
    if stack:
        raise ParseError(f"Can't find end of {_title(stack[-1][0])} entity at byte offset {stack[-1][2]}")
    return "".join(out), sort_entities(entities)


def _title(kind: str) -> str:
    return {"text_link": "TextUrl", "pre": "Pre", "code": "Code"}.get(kind, kind.capitalize())


_FOUND = (
    ("url", re.compile(r"(?i)\bhttps?://[^\s<>\"«»]+|(?<![\w@.-])(?:[\w-]+\.)+(?:ru|com|org|net|рф|io|me|su)(?:/[^\s<>\"«»]*)?(?![\w-])")),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("bot_command", re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")),
    ("mention", re.compile(r"(?<![\w`@/])@[A-Za-z][A-Za-z0-9_]{2,31}(?!\w)")),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,256}(?![\w#])")),
    ("phone_number", re.compile(r"(?<![\w+])\+\d(?:[\s()-]?\d){9,13}(?!\d)")),
)  # fmt: skip


def find_entities(text: str) -> list[Entity]:
    """Entities that Telegram finds in plain text by itself: commands, links, e-mails, mentions, hashtags, phones."""
    entities: list[Entity] = []
    for kind, pattern in _FOUND:
        for found in pattern.finditer(text):
            value = found[0].rstrip(".,:;!?)'") if kind == "url" else found[0]
            entity = {"offset": utf16_len(text[: found.start()]), "length": utf16_len(value), "type": kind}
            if not any(_overlap(entity, other) for other in entities):
                entities.append(entity)
    return sort_entities(entities)


def merge_found(text: str, entities: list[Entity]) -> list[Entity]:
    """Add the entities found in plain text where none of the given ones lies (bold and the like may be shared)."""
    soft = {"bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote"}
    hard = [entity for entity in entities if entity["type"] not in soft]
    found = [one for one in find_entities(text) if not any(_overlap(one, other) for other in hard)]
    return sort_entities(entities + found)


def trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut the white space around the text as Telegram does, and move the entities along."""
    text = re.sub(r"[\x00-\x09\x0b\x0c\x0e-\x1f]", " ", text).replace("\r", "")
    right = text.rstrip(" \n")
    stripped = right.lstrip(" \n")
    cut, end = len(right) - len(stripped), utf16_len(stripped)
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        stop = min(end, entity["offset"] + entity["length"] - cut)
        if stop > start:
            kept.append(entity | {"offset": start, "length": stop - start})
    return stripped, kept


def sort_entities(entities: list[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])
