"""Formatted text as Telegram reads it: HTML with its errors, entities found in plain text, white space.

The HTML parser follows `parse_html` of tdlib step by step, on bytes, because its errors name byte offsets. All
offsets and lengths of entities are in UTF-16 code units.
"""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.links import checked_link, linked_user

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


class EntityError(ValueError):
    """An entity lies outside of the text; the message is Telegram's."""


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
            if not as_link(entity, argument or inner):
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


def as_link(entity: Entity, url: str) -> bool:
    """Turn the entity into a link or mention; a URL that is none is dropped silently, the text stays."""
    if user := linked_user(url):
        entity |= {"type": "text_mention", "_user_id": user}
        return True
    checked = checked_link(url)
    if checked is None:
        return False
    entity["url"] = checked
    return True


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


def clean(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """The text as it is stored: control characters are spaces, white space around it is cut, entities move along.

    White space on the left stays where an entity begins before the first letter.
    """
    dropped = [utf16_len(text[: found.start()]) for found in _DROPPED.finditer(text)]
    moved = [_moved(one, dropped) for one in entities]
    text = re.sub(r"[\x00-\x09\x0b\x0c\x0e-\x1f]", " ", _DROPPED.sub("", text)).rstrip(" \n")
    margin = len(text) - len(text.lstrip(" \n"))
    cut = min([margin, *(one["offset"] for one in moved if one["length"])])
    end = utf16_len(text) - cut
    kept = [one | {"offset": one["offset"] - cut} for one in moved]
    kept = [one | {"length": min(one["length"], end - one["offset"])} for one in kept]
    return text[cut:], [one for one in kept if one["length"] > 0]


_DROPPED = re.compile(r"\r|[\u2028-\u202e]|[\u0333\u033f\u030a]")


def _moved(entity: Entity, dropped: list[int]) -> Entity:
    before = sum(at < entity["offset"] for at in dropped)
    inside = sum(entity["offset"] <= at < entity["offset"] + entity["length"] for at in dropped)
    return entity | {"offset": entity["offset"] - before, "length": entity["length"] - inside}


def check_bounds(text: str, entities: list[Entity]) -> None:
    """Entities that a bot gives by hand may not leave the text nor cut a surrogate pair."""
    length, middles, at = utf16_len(text), {}, 0
    for number, char in enumerate(text):
        if char > "\uffff":
            middles[at + 1] = len(text[: number + 1].encode())
            at += 1
        at += 1
    for entity in entities:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        if begin in middles:
            raise EntityError(f"Entity begins in a middle of a UTF-16 symbol at byte offset {middles[begin]}")
        if begin > length:
            raise EntityError(f"Entity begins after the end of the text at UTF-16 offset {begin}")
        said = f"Entity beginning at UTF-16 offset {begin} ends"
        if end in middles:
            raise EntityError(f"{said} in a middle of a UTF-16 symbol at byte offset {middles[end]}")
        if end > length:
            raise EntityError(f"{said} after the end of the text at UTF-16 offset {end}")


def sort_entities(entities: list[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])
