"""Every explanation that a rule can give has its Russian, with the same placeholders."""

import ast
import string
from pathlib import Path

from babel.messages.pofile import read_po

REFUSALS = {"Unreadable", "NoSuchDay"}
ROOT = Path(__file__).resolve().parents[2]


def explanations() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "services" / "rules").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                (msgid,) = node.args
                assert isinstance(msgid, ast.Constant), f"{path.name}:{node.lineno}: the text must be one literal"
                assert isinstance(msgid.value, str)
                given = {keyword.arg for keyword in node.keywords}
                assert given == fields(msgid.value), f"{path.name}:{node.lineno}: parameters do not fit the text"
                found.add(msgid.value)
    return found


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_explanation_of_the_rules_is_said_in_russian() -> None:
    with (ROOT / "locales" / "ru" / "rules.po").open("rb") as file:
        russian = {str(message.id): str(message.string) for message in read_po(file, locale="ru") if message.id}
    assert set(russian) == explanations()
    assert all(russian.values())
    assert {msgid for msgid, text in russian.items() if fields(msgid) != fields(text)} == set()
