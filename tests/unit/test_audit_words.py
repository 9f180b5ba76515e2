"""What the audit shows an admin: every action has its words, every change can be read."""

import ast
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fsm.i18n import use_language
from handlers.audit.words import ACTION, change, record
from models.enums import MoneyMoveKind, TaskStatus, VariantStatus
from models.tables import AuditRecord
from services.audit import AuditLine

SERVICES = Path(__file__).resolve().parents[2] / "services"
MOSCOW = ZoneInfo("Europe/Moscow")
NAMES = {1: "Анна", 2: "Борис"}
TODAY = dt.date(2026, 3, 2)


def actions() -> Iterator[str]:
    """Every action that a service writes as a plain text."""
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "audit":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def test_every_action_has_its_words() -> None:
    composed = [f"task.{status}" for status in TaskStatus] + [f"money.{kind}" for kind in MoneyMoveKind]
    composed += [f"variant.{status}" for status in VariantStatus]
    assert sorted({*actions(), *composed} - ACTION.keys()) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("stage", ["collecting", "calculating"], "стадия: сбор документов → на расчёте"),
        ("roles", [["seller"], ["seller", "admin"]], "роли: продавец → продавец, главный админ"),
        ("roles", ["seller", "admin"], "роли: продавец, главный админ"),
        ("executor", [None, 2], "исполнитель: — → Борис"),
        ("premium", "54300.50", "премия: 54 300,50 ₽"),
        ("review_on", ["2026-03-02", "2026-03-05"], "следующее касание: 02.03.2026 → 05.03.2026"),
        ("days", [[45, 30], [60]], "дней до окончания: 45, 30 → 60"),
        ("active", [True, False], "включено: да → нет"),
        ("title", ["<b>Kia</b>", "Rio"], "объект: <b>Kia</b> → Rio"),
        ("sha256", "00ff", None),
        ("premium", "много", "премия: много"),
    ],
)
def test_a_change_is_read_in_words(field: str, value: object, said: str | None) -> None:
    with use_language("ru"):
        got = change(field, value, NAMES, MOSCOW, TODAY)
    assert (got.replace("\u00a0", " ") if got else got) == said


def test_what_people_wrote_cannot_break_the_screen() -> None:
    row = AuditRecord(
        at=dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
        actor_id=1,
        action="deal.changed",
        object_type="deal",
        object_id=5,
        changes={"title": ["<b>", "x" * 500]},
    )
    with use_language("ru"):
        shown = str(record(AuditLine(row, "Анна <script>", 1001), NAMES, MOSCOW, TODAY))
    assert "Анна &lt;script&gt;: объект исправлен · №1001" in shown
    assert "&lt;b&gt; → xxx" in shown
    assert len(shown) < 400


@pytest.mark.parametrize(("year", "said"), [(2026, "<b>02.03 12:00</b>"), (2025, "<b>02.03.2025 12:00</b>")])
def test_a_record_of_another_year_says_its_year(year: int, said: str) -> None:
    at = dt.datetime(year, 3, 2, 9, tzinfo=dt.UTC)
    row = AuditRecord(at=at, actor_id=1, action="deal.opened", object_type="deal", object_id=5, changes={})
    with use_language("ru"):
        assert said in str(record(AuditLine(row, "Анна", 1001), NAMES, MOSCOW, TODAY))
