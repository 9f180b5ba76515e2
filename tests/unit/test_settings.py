"""What an installation may set, and what it is told when it sets it wrong."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects.postgresql import asyncpg

from bot.settings import CONCERNS, ROOT, Settings, SettingsError, load, variables
from storage.engine import async_url

TOKEN = "123456:" + "A" * 35


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load(env_file=None)


def test_an_empty_environment_is_a_working_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch)
    assert settings.telegram.bot_token is None
    assert settings.telegram.telegram_api_url == "https://api.telegram.org"
    assert settings.webhook.webhook_url is None
    assert settings.storage.database_url is None
    assert settings.storage.data_dir == ROOT / "var"
    assert settings.storage.documents_dir == ROOT / "var" / "documents"
    assert (settings.team.timezone, settings.team.currency, settings.team.locale) == ("Europe/Moscow", "RUB", "ru")
    assert (settings.health.health_host, settings.health.health_port) == ("127.0.0.1", 8081)


def test_the_example_names_every_variable_and_no_other() -> None:
    named = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert named == variables()


def test_a_copy_of_the_example_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(ROOT / ".env.example") == given(monkeypatch)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("LOCALE=en\nCURRENCY=USD\nUNRELATED=1\n", encoding="utf-8")
    monkeypatch.setenv("LOCALE", "ru")
    settings = load(file)
    assert (settings.team.locale, settings.team.currency) == ("ru", "USD")


def test_every_field_says_what_it_wants() -> None:
    assert all(field.description for concern in CONCERNS for field in concern.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "wants"),
    [
        ("BOT_TOKEN", "my-token", "the token that @BotFather gives"),
        ("BOT_TOKEN", "123456:short", "the token that @BotFather gives"),
        ("TELEGRAM_API_URL", "api.telegram.org", "http(s) address"),
        ("WEBHOOK_URL", "http://example.org/hook", "public https address"),
        ("WEBHOOK_SECRET", "секрет", "1-256 letters"),
        ("HTTP_PORT", "http", "a port number"),
        ("HTTP_PORT", "70000", "a port number"),
        ("HEALTH_PORT", "-1", "a port number"),
        ("DATABASE_URL", "mysql://u:p@h/d", "postgresql://user:password@host:port/name"),
        ("DATABASE_URL", "postgresql://u:p@h:port/d", "postgresql://user:password@host:port/name"),
        ("DATABASE_URL", "localhost", "postgresql://user:password@host:port/name"),
        ("BACKUP_AT", "24", "an hour from 0 to 23"),
        ("BACKUP_KEEP", "0", "a number of backups, 1 or more"),
        ("BACKUP_KEEP_DAYS", "-7", "a number of days, 1 or more"),
        ("BACKUP_PASSPHRASE", "too short", "at least 12 characters"),
        ("REDIS_URL", "localhost:6379", "redis://host:port/number"),
        ("DOCUMENTS_URL", "/srv/papers", "s3://bucket"),
        ("ADMIN_IDS", "@ivanov", "Telegram ids as numbers"),
        ("ADMIN_IDS", "1,-5", "Telegram ids as numbers"),
        ("TIMEZONE", "Asia/Moskva", "a time zone such as Europe/Moscow"),
        ("TIMEZONE", "Asia", "a time zone such as Europe/Moscow"),
        ("TIMEZONE", "../etc", "a time zone such as Europe/Moscow"),
        ("CURRENCY", "roubles", "a currency code of three letters"),
        ("LOCALE", "de", "ru or en"),
        ("LOG_LEVEL", "loud", "DEBUG, INFO, WARNING or ERROR"),
        ("LOG_FORMAT", "xml", "json or console"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_what_it_wants(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wants: str
) -> None:
    with pytest.raises(SettingsError) as error:
        given(monkeypatch, **{name: value})
    line = str(error.value)
    assert line.startswith(f"{name} wants ")
    assert wants in line
    assert "\n" not in line
    assert value not in line.removeprefix(name), "the value may be a secret"


def test_a_webhook_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^WEBHOOK_SECRET wants .* because WEBHOOK_URL is set$"):
        given(monkeypatch, WEBHOOK_URL="https://example.org/hook")
    settings = given(monkeypatch, WEBHOOK_SECRET="s3cret_-")
    assert settings.webhook.webhook_secret is not None


def test_a_local_telegram_may_be_called_back_without_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, WEBHOOK_URL="http://127.0.0.1:8080/hook/", WEBHOOK_SECRET="s")
    assert settings.webhook.webhook_url == "http://127.0.0.1:8080/hook"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_any_spelling_of_a_postgres_address_is_taken(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = given(monkeypatch, DATABASE_URL=f"{scheme}://u:p@h:5432/d")
    assert settings.storage.database_url is not None
    assert settings.storage.database_url.get_secret_value() == "postgresql+asyncpg://u:p@h:5432/d"


def test_the_encryption_that_a_panel_asks_for_reaches_the_driver() -> None:
    dialect: Any = asyncpg.dialect
    arguments = dialect().create_connect_args(async_url("postgres://u:p@h/d?sslmode=require"))[1]
    assert arguments["ssl"] == "require"
    assert "sslmode" not in arguments


def test_admin_ids_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, ADMIN_IDS="1, 22 333;4444").team.admin_ids == (1, 22, 333, 4444)


def test_secrets_do_not_show_when_the_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        BOT_TOKEN=TOKEN,
        WEBHOOK_SECRET="hush-hush",
        DATABASE_URL="postgresql://u:pass-word@h/d",
        REDIS_URL="redis://:pass-word@h/0",
        BACKUP_PASSPHRASE="correct horse battery",
    )
    shown = repr(settings)
    assert not [secret for secret in (TOKEN, "hush-hush", "pass-word", "horse") if secret in shown]


def test_settings_do_not_change_while_the_bot_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch)
    with pytest.raises(ValueError, match="frozen"):
        settings.team.locale = "en"  # type: ignore[misc]


def test_relative_folders_count_from_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert given(monkeypatch, DATA_DIR="data").storage.data_dir == ROOT / "data"
    assert given(monkeypatch, DATA_DIR=str(tmp_path)).storage.data_dir == tmp_path
