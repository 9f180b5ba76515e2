"""Formatted text is read as Telegram reads it, with its errors."""

import pytest

from sandbox.html import ParseError, clean, find_entities, merge_found, parse_html
from sandbox.links import checked_link
from sandbox.markdown import parse_markdown_v2

CYRILLIC_B = "ж"  # two bytes in UTF-8, one unit in UTF-16


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>bold</b>, <strong>bold</strong>", "bold, bold", [("bold", 0, 4), ("bold", 6, 4)]),
        ("<i>italic</i>, <em>italic</em>", "italic, italic", [("italic", 0, 6), ("italic", 8, 6)]),
        ("<u>u</u> <ins>u</ins>", "u u", [("underline", 0, 1), ("underline", 2, 1)]),
        ("<s>s</s><strike>s</strike><del>s</del>", "sss", [("strikethrough", i, 1) for i in range(3)]),
        ('<span class="tg-spoiler">s</span><tg-spoiler>s</tg-spoiler>', "ss", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<b>bold <i>both</i></b>", "bold both", [("bold", 0, 9), ("italic", 5, 4)]),
        ("<code>x</code><pre>y</pre>", "xy", [("code", 0, 1), ("pre", 1, 1)]),
        ("<blockquote>q</blockquote>", "q", [("blockquote", 0, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("😀<b>ж</b>", "😀ж", [("bold", 2, 1)]),
        ("<B>b</B>", "b", [("bold", 0, 1)]),
        ("<b></b>x", "x", []),
    ],
)
def test_the_tags_of_the_documentation_become_entities_in_utf16_units(
    source: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    """ "offset: Offset in UTF-16 code units to the start of the entity"."""
    plain, found = parse_html(source)
    assert plain == text
    assert [(one["type"], one["offset"], one["length"]) for one in found] == entities


def test_a_code_block_knows_its_language() -> None:
    """ "Use nested pre and code tags, to define programming language for pre entity." """
    _, found = parse_html('<pre><code class="language-python">x = 1</code></pre>')
    assert found == [{"offset": 0, "length": 5, "type": "pre", "language": "python"}]


def test_links_keep_their_address_and_user_links_become_mentions() -> None:
    """ "<a href="tg://user?id=123456789">inline mention of a user</a>"."""
    _, found = parse_html('<a href="https://example.com/?a=1&amp;b=2">x</a><a href="tg://user?id=5">y</a>')
    assert found[0]["url"] == "https://example.com/?a=1&b=2"
    assert (found[1]["type"], found[1]["_user_id"]) == ("text_mention", 5)


def test_a_link_to_a_host_without_a_dot_is_plain_text() -> None:
    plain, found = parse_html('<a href="http://localhost:8080/">x</a>')
    assert (plain, found) == ("x", [])
    assert checked_link("http://localhost:8080/") is None
    assert checked_link("example.com/a") == "http://example.com/a"
    assert checked_link("tg://resolve?domain=x") is not None


def test_all_numerical_and_only_four_named_references_are_decoded() -> None:
    """ "The API currently supports only the following named HTML entities: &lt;, &gt;, &amp; and &quot;." """
    assert parse_html("&lt;&gt;&amp;&quot;&#1078;&#x436;&nbsp;&laquo;")[0] == '<>&"жж&nbsp;&laquo;'


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("12345<br>", 'Unsupported start tag "br" at byte offset 5'),
        ("ж<p>x</p>", 'Unsupported start tag "p" at byte offset 2'),
        ("x<br/>", 'Unsupported start tag "br/" at byte offset 1'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <", "Unclosed start tag at byte offset 2"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ('<span class="x">y</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<tg-emoji emoji-id="x">y</tg-emoji>', "Invalid custom emoji identifier specified"),
        ('<a ="x">y</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=x/y>z</a>", "Unexpected end of name token at byte offset 8"),
    ],
)
def test_what_is_no_telegram_html_is_an_error_with_its_place_in_bytes(source: str, error: str) -> None:
    """ "All <, > and & symbols that are not a part of a tag or an HTML entity must be replaced"."""
    with pytest.raises(ParseError) as raised:
        parse_html(source)
    assert str(raised.value) == error


def test_markdown_makes_the_same_entities() -> None:
    plain, found = parse_markdown_v2("*b* _i_ __u__ ~s~ ||p|| `c` [l](https://example.com/a\\)b) \\.")
    assert plain == "b i u s p c l ."
    kinds = ["bold", "italic", "underline", "strikethrough", "spoiler", "code", "text_link"]
    assert [one["type"] for one in found] == kinds
    assert found[-1]["url"] == "https://example.com/a)b"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1.5", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("ж*b", "Can't find end of Bold entity at byte offset 2"),
    ],
)
def test_markdown_wants_its_characters_escaped(source: str, error: str) -> None:
    """ "must be escaped with the preceding character '\\'"."""
    with pytest.raises(ParseError) as raised:
        parse_markdown_v2(source)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("/start abc", [("bot_command", 0, 6)]),
        ("😀 /new@polisdesk_bot", [("bot_command", 3, 18)]),
        ("и/или", []),
        ("см. https://example.com/x, там", [("url", 4, 21)]),
        ("a@example.com", [("email", 0, 13)]),
        ("@anna_s и #осаго", [("mention", 0, 7), ("hashtag", 10, 6)]),
        ("звони +7 912 345-67-89", [("phone_number", 6, 16)]),
        ("54300 фр15 30.06.2026", []),
    ],
)
def test_entities_are_found_in_plain_text(text: str, kinds: list[tuple[str, int, int]]) -> None:
    assert [(one["type"], one["offset"], one["length"]) for one in find_entities(text)] == kinds


def test_nothing_is_found_inside_code_and_links() -> None:
    code = [{"type": "code", "offset": 0, "length": 6}]
    assert merge_found("/start /new", code) == [*code, {"type": "bot_command", "offset": 7, "length": 4}]


def test_white_space_around_a_text_is_cut_and_entities_move_along() -> None:
    bold = [{"type": "bold", "offset": 2, "length": 4}]
    assert clean("  \nx\n ", [])[0] == "x"
    assert clean("  xx  ", bold) == ("xx", [{"type": "bold", "offset": 0, "length": 2}])
