"""What a log line holds, and what it must not."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from aiogram.types import Chat, Document, Message, User
from structlog.contextvars import bound_contextvars

from bot.clock import clock_from
from bot.logs import configure
from bot.settings import LogSettings

TOKEN = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_1234"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _put_logging_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    as_it_was = structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.configure(**as_it_was)  # not structlog's own: other tests of this process have chosen theirs


def json_lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Turn JSON logs on, within the test itself: pytest gives the test another stderr than its fixtures."""
    configure(LogSettings(_env_file=None, log_format="json", log_level="INFO"))
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(words: str) -> NoReturn:
    raise ConnectionError(words)


def test_both_loggers_write_the_update_s_id_into_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines(capsys)
    with bound_contextvars(update_id=77):
        structlog.get_logger("ours").info("opened", deal_id=5)
        logging.getLogger("theirs").warning("slow: %s s", 3)
    ours, theirs = lines()
    assert (ours["event"], ours["deal_id"], ours["update_id"], ours["level"]) == ("opened", 5, 77, "info")
    assert (theirs["event"], theirs["update_id"], theirs["logger"]) == ("slow: 3 s", 77, "theirs")


@pytest.mark.parametrize("key", ["text", "phone", "name", "token", "password", "first_name", "bot_token", "Phone"])
def test_values_that_are_a_person_or_a_secret_are_left_out(capsys: pytest.CaptureFixture[str], key: str) -> None:
    lines = json_lines(capsys)
    structlog.get_logger().info("saved", **{key: "Иванов"}, nested={"rows": [{key: "Иванов"}]})
    (line,) = lines()
    assert "Иванов" not in json.dumps(line, ensure_ascii=False)
    assert line[key] == "***"


def test_a_token_is_taken_out_wherever_it_turns_up(capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines(capsys)
    address = f"https://api.telegram.org/bot{TOKEN}/getMe"
    structlog.get_logger().info(f"calling {address}", url=address, error=ValueError(address))
    logging.getLogger("aiohttp").error("cannot reach %s", address)
    try:
        fail(address)
    except ConnectionError:
        structlog.get_logger().exception("failed")
    shown = lines()
    assert len(shown) == 3
    assert TOKEN not in json.dumps(shown)
    assert "ConnectionError" in shown[2]["exception"]


def test_a_password_inside_an_address_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines(capsys)
    logging.getLogger("db").error("cannot reach postgresql://bot:hunter2@db:5432/polisdesk")
    (line,) = lines()
    assert line["event"] == "cannot reach postgresql://bot:***@db:5432/polisdesk"


def test_what_an_error_of_the_database_quotes_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines(capsys)
    words = "duplicate key\nDETAIL:  Key (phone)=(+79161234567) already exists.\n[parameters: ('Иванов',)]"
    try:
        fail(words)
    except ConnectionError:
        logging.getLogger("db").exception("refused")
    (line,) = lines()
    assert "+79161234567" not in line["exception"]
    assert "Иванов" not in line["exception"]


@pytest.mark.parametrize(
    "words",
    [
        "Ivanov", "Иванов", "+79161234567", "8 916 123-45-67", "8(916)123-45-67", "7 916 1234567", "ivan@example.org",
        "паспорт Smith.pdf",
    ],
)  # fmt: skip
def test_whatever_an_error_quotes_is_taken_out(capsys: pytest.CaptureFixture[str], words: str) -> None:
    lines = json_lines(capsys)
    nothing: dict[str, str] = {}
    faults: list[Callable[[], object]] = [
        lambda: int(words),
        lambda: nothing[words],
        lambda: fail(f"not a date: {words!r}"),
    ]
    for fault in faults:
        try:
            fault()
        except (ValueError, LookupError, ConnectionError):
            logging.getLogger("ours").exception("failed")
    shown = json.dumps(lines(), ensure_ascii=False)
    assert [word for word in words.split() if len(word) > 3 and word in shown] == []
    assert "ConnectionError: not a date" in shown


def test_the_objects_of_telegram_are_printed_without_those_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    lines = json_lines(capsys)
    user = User(id=5, is_bot=False, first_name="Ivan", last_name="Ivanov", username="ivan_1980")
    message = Message(
        message_id=1, date=datetime.now(UTC), chat=Chat(id=5, type="private", first_name="Ivan"), from_user=user,
        text="Call Mr Smith", document=Document(file_id="1", file_unique_id="2", file_name="passport.pdf"),
    )  # fmt: skip
    logging.getLogger("theirs").warning("got %s from %r of %s", message, user, message.chat)
    (line,) = lines()
    assert [word for word in ("Ivan", "ivan", "Smith", "passport.pdf") if word in line["event"]] == []
    assert "message_id=1" in line["event"]


def test_the_console_shows_the_same_and_hides_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(_env_file=None, log_format="console", log_level="INFO"))
    with bound_contextvars(update_id=90817263):
        structlog.get_logger("ours").info("opened", phone="+79161234567")
        try:
            fail(TOKEN)
        except ConnectionError:
            logging.getLogger("theirs").exception("failed")
    shown = capsys.readouterr().err
    assert shown.count("90817263") == 2
    assert "+79161234567" not in shown
    assert TOKEN not in shown


def test_the_level_that_was_set_holds_for_both_loggers(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(_env_file=None, log_format="json", log_level="WARNING"))
    structlog.get_logger("ours").info("chatter")
    logging.getLogger("theirs").info("chatter")
    assert capsys.readouterr().err == ""


def test_the_sandbox_clock_runs_ahead_by_what_the_file_says_and_follows_it(tmp_path: Path) -> None:
    file = tmp_path / "offset"
    clock = clock_from(file)

    def ahead() -> timedelta:
        return clock.now() - datetime.now(UTC)

    assert abs(ahead()) < timedelta(seconds=5)
    file.write_text("86400")
    assert abs(ahead() - timedelta(days=1)) < timedelta(seconds=5)
    file.write_text("half-writ")
    assert abs(ahead()) < timedelta(seconds=5)
    assert clock_from(None).now().tzinfo is UTC
