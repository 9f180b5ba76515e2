"""What an installation can set, read once from the environment and `.env`, refused early and by name."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout: relative paths in settings count from here, not from wherever the shell stands."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SettingsError(Exception):
    """A setting is wrong; the text is one line that names the variable and says what it wants."""


def _absolute(path: Path) -> Path:
    return ROOT / path.expanduser()


def _bot_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d+:[\w-]{30,}", value.get_secret_value(), re.ASCII):
        raise ValueError
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return value.rstrip("/")


def _webhook_url(value: str) -> str:
    # Plain http is for a local Telegram only: the real one refuses it.
    parts = urlsplit(_http_url(value))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError
    return value.rstrip("/")


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value.get_secret_value()):
        raise ValueError
    return value


def _database_url(value: SecretStr) -> SecretStr:
    """Whatever spelling a hosting panel hands out becomes the one that SQLAlchemy's async engine takes."""
    scheme, separator, rest = value.get_secret_value().partition("://")
    if scheme not in {"postgres", "postgresql", "postgresql+asyncpg"} or not separator or not rest:
        raise ValueError
    urlsplit(f"//{rest}").port  # noqa: B018 - raises where the port is not a number
    return SecretStr(f"postgresql+asyncpg://{rest}")


def _redis_url(value: SecretStr) -> SecretStr:
    if not re.match(r"(rediss?|unix)://.", value.get_secret_value()):
        raise ValueError
    return value


def _ids(value: Any) -> Any:
    """`1, 2 3` as people write it."""
    return tuple(part for part in re.split(r"[\s,;]+", value) if part) if isinstance(value, str) else value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (LookupError, OSError) as error:  # the name of a folder of zones is found, and is no file
        raise ValueError from error
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
WANTS_PORT: Final = "a port number from 0 to 65535"


class _Concern(BaseSettings):
    """One group of variables. A field's description ends the sentence "… wants …" in the error."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        env_file_encoding="utf-8",
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class TelegramSettings(_Concern):
    """Which Telegram, and who the bot is there."""

    bot_token: Annotated[SecretStr, AfterValidator(_bot_token)] | None = Field(
        None, description="the token that @BotFather gives, digits:letters"
    )
    telegram_api_url: Annotated[str, AfterValidator(_http_url)] = Field(
        "https://api.telegram.org", description="the http(s) address of a Bot API server"
    )


class WebhookSettings(_Concern):
    """How updates come in: a webhook where there is an address, long polling where there is none."""

    webhook_url: Annotated[str, AfterValidator(_webhook_url)] | None = Field(
        None, description="the public https address that Telegram calls"
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = Field(
        None, description="1-256 letters, digits, _ or -, needed whenever WEBHOOK_URL is set"
    )
    http_host: str = Field("127.0.0.1", description="the address to listen on for the webhook")
    http_port: Port = Field(8080, description=WANTS_PORT)

    @model_validator(mode="after")
    def _a_webhook_has_a_secret(self) -> Self:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("WEBHOOK_SECRET wants 1-256 letters, digits, _ or -, because WEBHOOK_URL is set")
        return self


class StorageSettings(_Concern):
    """Where things are kept."""

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = Field(
        None, description="postgresql://user:password@host:port/name"
    )
    pg_bindir: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="the folder with postgres and initdb for the embedded database"
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = Field(
        None, description="redis://host:port/number, rediss://… or unix://…"
    )
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(ROOT / "var", description="a folder")
    documents_url: Annotated[str, Field(pattern=r"^s3://[^/\s]+(/\S*)?$")] | None = Field(
        None, description="s3://bucket or s3://bucket/prefix"
    )

    @property
    def documents_dir(self) -> Path:
        """Where papers lie when no object store is named."""
        return self.data_dir / "documents"


class BackupSettings(_Concern):
    """Where backups go, how many stay, and when one is made by itself."""

    backup_dir: Annotated[Path, AfterValidator(_absolute)] | None = Field(None, description="a folder")
    backup_at: Annotated[int, Field(ge=0, le=23)] | None = Field(None, description="an hour from 0 to 23")
    backup_keep: Annotated[int, Field(ge=1)] = Field(14, description="a number of backups, 1 or more")
    backup_keep_days: Annotated[int, Field(ge=1)] | None = Field(None, description="a number of days, 1 or more")
    backup_passphrase: Annotated[SecretStr, Field(min_length=12)] | None = Field(
        None, description="at least 12 characters"
    )


class TeamSettings(_Concern):
    """Whose agency this is."""

    admin_ids: Annotated[tuple[Annotated[int, Field(gt=0)], ...], NoDecode, BeforeValidator(_ids)] = Field(
        (), description="Telegram ids as numbers, separated by commas"
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "Europe/Moscow", description="a time zone such as Europe/Moscow"
    )
    currency: Annotated[str, BeforeValidator(_upper), Field(pattern=r"^[A-Z]{3}$")] = Field(
        "RUB", description="a currency code of three letters such as RUB"
    )
    locale: Literal["ru", "en"] = Field("ru", description="ru or en")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class LogSettings(_Concern):
    """How much is told, and to whom."""

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "console"] = Field("console", description="json or console")


class HealthSettings(_Concern):
    """Where /healthz, /readyz and /metrics answer; loopback unless somebody opens it on purpose."""

    health_host: str = Field("127.0.0.1", description="the address to listen on for health checks and metrics")
    health_port: Port = Field(8081, description=WANTS_PORT)


class ClockSettings(_Concern):
    """Time travel for the sandbox."""

    clock_offset_file: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="a file that holds the seconds to add to the real time"
    )


@dataclass(frozen=True)
class Settings:
    """Everything that was set, one attribute per concern."""

    telegram: TelegramSettings
    webhook: WebhookSettings
    storage: StorageSettings
    backup: BackupSettings
    team: TeamSettings
    logs: LogSettings
    health: HealthSettings
    clock: ClockSettings

    @property
    def backup_dir(self) -> Path:
        """The folder of backups: beside the data where no better place is named."""
        return self.backup.backup_dir or self.storage.data_dir / "backups"


CONCERNS: Final[tuple[type[_Concern], ...]] = (
    TelegramSettings,
    WebhookSettings,
    StorageSettings,
    BackupSettings,
    TeamSettings,
    LogSettings,
    HealthSettings,
    ClockSettings,
)


def variables() -> list[str]:
    """The names of all variables, in the order in which `.env.example` tells of them."""
    return [name.upper() for concern in CONCERNS for name in concern.model_fields]


def load(env_file: Path | None = ROOT / ".env") -> Settings:
    """Read the settings; the environment wins over the file."""
    try:
        return Settings(
            telegram=TelegramSettings(_env_file=env_file),
            webhook=WebhookSettings(_env_file=env_file),
            storage=StorageSettings(_env_file=env_file),
            backup=BackupSettings(_env_file=env_file),
            team=TeamSettings(_env_file=env_file),
            logs=LogSettings(_env_file=env_file),
            health=HealthSettings(_env_file=env_file),
            clock=ClockSettings(_env_file=env_file),
        )
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    """Name the first wrong variable and what it wants; the value stays out, it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    if not first["loc"]:
        return first["msg"].removeprefix("Value error, ")
    name = str(first["loc"][0])
    concern = next(concern for concern in CONCERNS if concern.__name__ == error.title)
    return f"{name.upper()} wants {concern.model_fields[name.lower()].description}"
