"""Structured logs: one line an event, the update's id in each, and nothing that is secret or about a person."""

import logging
import logging.config
import re
from typing import Any, Final

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from bot.settings import LogSettings

HIDDEN: Final = "***"

_PRIVATE_KEY = re.compile(r"(?:^|_)(?:text|phone|name|token|password|secret)$", re.IGNORECASE)

_WORDS_OF_PEOPLE: Final = "name|text|title|phone|phone_number|caption|bio|address|email|note|query|data|payload"

_PRIVATE_TEXT: Final = (
    (re.compile(r"\d+:[\w-]{30,}", re.ASCII), HIDDEN),  # a bot token, most often inside an address
    (re.compile(r"(://[^:/@\s]*:)[^@/\s]+@"), rf"\g<1>{HIDDEN}@"),  # a password inside an address
    # Errors of the database and of validation quote the row or the value at fault.
    (re.compile(r"DETAIL:.*"), f"DETAIL: {HIDDEN}"),
    (re.compile(r"\[parameters: .*"), f"[parameters: {HIDDEN}]"),
    (re.compile(r"input_value=.*?(?=, input_type=)"), f"input_value={HIDDEN}"),
    # Libraries print the objects of Telegram whole.
    (re.compile(rf"""\b(\w*(?:{_WORDS_OF_PEOPLE}))=(?:'[^']*'|"[^"]*")"""), rf"\g<1>={HIDDEN}"),
    (re.compile(r"(?<![\w.])(?:\+\d|[78])[\s(-]{0,2}\d{3}[\s)-]{0,2}\d{3}[\s-]?\d\d[\s-]?\d\d(?!\d)"), HIDDEN),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), HIDDEN),
    # We ourselves speak English here: any other word is somebody's.
    (re.compile(r"\w*[^\W\x00-\x7f]\w*"), HIDDEN),
)
"""What is hidden wherever it stands, by what it looks like."""

_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
_OF_A_TRACEBACK = (" ", "Traceback", "The above exception", "During handling")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets and people out of a line: by the name of the value, and by what a text looks like."""
    return {key: _without_secrets(key, value) for key, value in event.items()}


def _without_secrets(key: str, value: Any) -> Any:
    if value is not None and _PRIVATE_KEY.search(key):
        return HIDDEN
    if key == "exception" and isinstance(value, str):
        value = _without_quotes(value)
    match value:
        case str():
            for pattern, instead in _PRIVATE_TEXT:
                value = pattern.sub(instead, value)
            return value
        case dict():
            return {inner: _without_secrets(str(inner), item) for inner, item in value.items()}
        case list() | tuple():
            return [_without_secrets("", item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            # Whatever else would be turned into text later, behind our back.
            return _without_secrets("", str(value))


def _without_quotes(traceback: str) -> str:
    """A traceback without what its errors quote: the value that was none of what it should have been."""
    lines = traceback.split("\n")
    return "\n".join(line if line.startswith(_OF_A_TRACEBACK) else _QUOTED.sub(f"'{HIDDEN}'", line) for line in lines)


def _json(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(settings: LogSettings) -> None:
    """Send structlog and the standard library's logging down one road."""
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    # Redaction comes when the traceback is a text already: addresses with a token in them live there.
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        renderer,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *first,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "one": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [*first, structlog.stdlib.ExtraAdder()],
                    "processors": last,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "one"}},
            "root": {"handlers": ["stderr"], "level": settings.log_level},
            # A line for each tick or health check says nothing. What fails in a window is answered as a refusal, or is
            # logged by whoever handles the update: not as an error each time that somebody may not see something.
            "loggers": {name: {"level": "WARNING"} for name in ("apscheduler", "aiohttp.access", "alembic")}
            | {"aiogram_dialog.window": {"level": "CRITICAL"}, "aiogram_dialog.manager": {"level": "INFO"}},
        }
    )
    logging.captureWarnings(capture=True)
