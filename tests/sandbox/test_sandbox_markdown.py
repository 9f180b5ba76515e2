"""Both Markdowns are read as Telegram reads them, with their errors; what the errors say is from tdlib's parser."""

import pytest

from sandbox.html import ParseError
from sandbox.markdown import parse_markdown, parse_markdown_v2


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("*bold text*", "bold text", [("bold", 0, 9)]),
        ("_italic_ `code`", "italic code", [("italic", 0, 6), ("code", 7, 4)]),
        ("```\nblock\n```", "block\n", [("pre", 0, 6)]),
        ("[inline URL](http://www.example.com/)", "inline URL", [("text_link", 0, 10)]),
        ("[you](tg://user?id=123456789)", "you", [("text_mention", 0, 3)]),
        # "Entities must not be nested, use parse mode MarkdownV2 instead."
        ("*a_b*", "a_b", [("bold", 0, 3)]),
        # "To escape characters '_', '*', '`', '[' outside of an entity, prepend the characters '\' before them."
        (r"snake\_case \*x\* \. 1.5-2", r"snake_case *x* \. 1.5-2", []),
        # "Escaping inside entities is not allowed, so entity must be closed first and reopened again"
        (r"_snake_\__case_", "snake_case", [("italic", 0, 5), ("italic", 6, 4)]),
        ("😀*ж*", "😀ж", [("bold", 2, 1)]),
        ("[no link](http://localhost/)", "no link", []),
        ("**", "", []),
    ],
)
def test_the_old_markdown_has_no_nesting_and_four_characters_to_escape(
    source: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    plain, found = parse_markdown(source)
    assert plain == text
    assert [(one["type"], one["offset"], one["length"]) for one in found] == entities


def test_the_block_of_the_old_markdown_knows_its_language() -> None:
    """ "```python … pre-formatted fixed-width code block written in the Python programming language ```"."""
    plain, found = parse_markdown("```python\nx = 1\n```")
    assert (plain, found) == ("x = 1\n", [{"type": "pre", "offset": 0, "length": 6, "language": "python"}])


@pytest.mark.parametrize(
    ("source", "offset"), [("*x", 0), ("ж_x", 2), ("a `b", 2), ("[x", 0), ("```x``", 0), ("snake_case", 5)]
)
def test_an_open_entity_of_the_old_markdown_is_an_error_with_its_place(source: str, offset: int) -> None:
    with pytest.raises(ParseError) as raised:
        parse_markdown(source)
    assert str(raised.value) == f"Can't find end of the entity starting at byte offset {offset}"


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        # "_italic *bold*_ … *bold _italic bold ~italic bold strikethrough ||spoiler||~ __underline__ bold_ bold*"
        ("*b _i_ __u__*", "b i u", [("bold", 0, 5), ("italic", 2, 1), ("underline", 4, 1)]),
        ("||s|| ~x~", "s x", [("spoiler", 0, 1), ("strikethrough", 2, 1)]),
        # "Inside pre and code entities, all '`' and '\' characters must be escaped": and no other
        (r"`a*b.c\`d`", "a*b.c`d", [("code", 0, 7)]),
        # ">Block quotation started \n>Block quotation continued"
        (">a\n>b\nc", "a\nb\nc", [("blockquote", 0, 4)]),
        # "the last line of the quotation ends with the expandability mark ||"
        (">a\n>b||", "a\nb", [("expandable_blockquote", 0, 3)]),
        ("![👍](tg://emoji?id=5368324170671202286)", "👍", [("custom_emoji", 0, 2)]),
        ("[x](tg://user?id=5)", "x", [("text_mention", 0, 1)]),
        # "In case of ambiguity between italic and underline entities __ is always greadily treated … as underline"
        ("__u__", "u", [("underline", 0, 1)]),
        (r"1\.5 \> \- \!", "1.5 > - !", []),
    ],
)
def test_markdown_v2_nests_and_quotes(source: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    plain, found = parse_markdown_v2(source)
    assert plain == text
    assert [(one["type"], one["offset"], one["length"]) for one in found] == entities


@pytest.mark.parametrize("char", list("-.!|>#+={}()]"))
def test_markdown_v2_wants_every_reserved_character_escaped(char: str) -> None:
    """ "In all other places characters '_', '*', '[', ']', '(', ')', '~', '`', '>', '#', '+', '-', '=', '|', '{',
    '}', '.', '!' must be escaped with the preceding character '\\'." """
    with pytest.raises(ParseError) as raised:
        parse_markdown_v2(f"a{char}b")
    assert str(raised.value) == f"Character '{char}' is reserved and must be escaped with the preceding '\\'"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("ж*b", "Can't find end of Bold entity at byte offset 2"),
        ("_a *b_", "Can't find end of Italic entity at byte offset 5"),
        ("__a", "Can't find end of Underline entity at byte offset 0"),
        ("```py\nx", "Can't find end of PreCode entity at byte offset 0"),
        ("[x](http://a.ru", "Can't find end of a URL at byte offset 4"),
        ("![x]y", "The entity must contain a tg://emoji or tg://time URL"),
        ("![x](http://a.ru)", "Invalid tg://emoji or tg://time URL specified"),
        (">*a\nb", "Can't find end of Bold entity at byte offset 1"),
    ],
)
def test_what_is_no_markdown_v2_is_an_error_with_its_place(source: str, error: str) -> None:
    with pytest.raises(ParseError) as raised:
        parse_markdown_v2(source)
    assert str(raised.value) == error
