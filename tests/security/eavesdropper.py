"""What the bot says about itself while people work and everything goes wrong, searched for them and for secrets.

`python -m tests.security.eavesdropper` listens to a whole first day of work; the suite listens to its morning.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp

from bot.pace import AT_ONCE
from models.enums import Role
from models.values.phone import pretty
from sandbox.people import VirtualUser
from sandbox.world import World
from storage.engine import Database
from tests.bot import by_buttons
from tests.bot.conftest import Agency, settings_for
from tests.bot.steps import PDF, Office
from tests.conftest import free_port, own_agency
from tests.faults.fleet import HASTY, SECRET, Bot, Fleet, open_fleet
from tests.security.house import SECRETS

WAITING = """
    SELECT (SELECT count(*) FROM inbox WHERE status = 'pending')
         + (SELECT count(*) FROM outbox WHERE status = 'pending')
         + (SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= :now)
"""
PERSONAL = """
    SELECT full_name FROM users UNION SELECT username FROM users UNION SELECT e164 FROM client_phones
    UNION SELECT inn FROM clients UNION SELECT substring(e164 from 3) FROM client_phones
"""


@dataclass
class Traveller:
    """A clock that a process of the bot reads from a file."""

    file: Path

    def __post_init__(self) -> None:
        self._ahead = datetime(2026, 3, 2, 9, tzinfo=UTC) - datetime.now(UTC)
        self.advance(timedelta())

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by
        self.file.write_text(str(self._ahead.total_seconds()))


@dataclass
class Window:
    """What is seen of a bot that is another process: its database."""

    database: Database
    agency: "Outside"

    async def tick(self) -> None:
        await self.agency.quiet()


class Outside(Agency):
    """An agency whose bot is a process of its own, so that everything it says ends up in one file."""

    def __init__(self, fleet: Fleet, database_url: str, folder: Path, clock: Traveller) -> None:
        super().__init__(fleet.telegram, settings_for(fleet.telegram, database_url, folder), clock, None, AT_ONCE)
        self.app = Window(Database(database_url), self)  # type: ignore[assignment]

    async def quiet(self) -> None:
        await self.world.delivery.empty()
        async with asyncio.timeout(60):
            while await self.value(WAITING, now=self.clock.now()):  # noqa: ASYNC110 - the bot is another process
                await asyncio.sleep(0.02)


def spellings(secret: str) -> set[str]:
    """How a text may look in a log."""
    return {
        secret, secret.lower(), secret.upper(), json.dumps(secret)[1:-1], quote(secret), repr(secret.encode())[2:-1],
        secret.replace("\u00a0", " "),
    }  # fmt: skip


def found(secrets: Iterable[str], said: str) -> list[tuple[str, str]]:
    """Which secrets stand in a text, with the line of each."""
    lines = said.splitlines()
    return [
        (secret, next(line for line in lines if spelling in line)[:300])
        for secret in secrets
        for spelling in spellings(secret)
        if spelling in said
    ]


async def asked(bot: Bot) -> str:
    """What the bot tells whoever asks how it is."""
    told = []
    async with aiohttp.ClientSession() as http:
        for page in ("healthz", "readyz", "metrics"):
            async with http.get(f"http://127.0.0.1:{bot.health}/{page}") as answer:
                told.append(await answer.text())
    return "\n".join(told)


async def a_bad_day(office: Office, marfa: VirtualUser) -> None:
    """Things are done while Telegram fails, and while the database refuses them; how they end is not the point."""
    world = office.agency.world
    world.faults.set(reset_before_rate=0.2, reset_after_rate=0.1, error_rate=0.2, too_many_rate=0.1, retry_after=1)
    for words in (
        "Устрицын Савва осаго 89035550011 А001АА77",
        "/find Устрицын",
        "/new Каско Лисицын Фрол 8 903 555-00-22 frol@example.org",
        "/start wrong-invitation-code",
        "заметка: ключ под ковриком",
    ):
        await world.say(marfa.id, words)
    await world.share_contact(marfa.id, "+79035550033")
    await world.forward_text(marfa.id, "мой паспорт 4509 123456", author="Пелагея Тихонова")
    await marfa.send_file("справка Устрицына.pdf", PDF + b"certificate")
    await office.agency.quiet()
    world.faults.clear()
    for damage in (
        "ALTER TABLE clients ADD CONSTRAINT c CHECK (name NOT LIKE 'Журавлёв%') NOT VALID",
        "CREATE UNIQUE INDEX u ON client_phones (e164)",
        "ALTER TABLE documents ADD CONSTRAINT d CHECK (name NOT LIKE 'выписка%') NOT VALID",
    ):
        await office.agency.execute(damage)
    for line in ("Журавлёв Прокоп осаго 8 903 555-00-44", "Тетерин Клим осаго +7 916 123-45-67"):
        await marfa.say(f"/new {line}")
        for label in ("ОСАГО", "✅ Открыть сделку", "✅ Всё равно открыть"):
            with suppress(AssertionError):
                await marfa.tap(label)
    await marfa.say("/find Skoda")
    await marfa.send_file("выписка Журавлёва.pdf", PDF + b"statement")
    await office.agency.execute("ALTER TABLE deals RENAME COLUMN title TO heading")
    await marfa.say("/find Журавлёв")
    await marfa.say("Журавлёв Прокоп 9035550044")
    await office.agency.execute("ALTER TABLE deals RENAME COLUMN heading TO title")


TYPED = [
    "Устрицын", "Савва", "9035550011", "А001АА77", "Лисицын", "555-00-22", "frol@example.org", "wrong-invitation-code",
    "ключ под ковриком", "9035550033", "4509 123456", "Пелагея", "справка", "certificate", "Журавлёв", "Прокоп",
    "555-00-44", "9035550044", "Тетерин", "выписка", "Марфа", "marfa_secret", "Неизвестнова",
]  # fmt: skip


Chapter = Callable[[Office], Awaitable[None]]
MORNING: tuple[Chapter, ...] = (by_buttons.the_deal_is_opened, by_buttons.the_journal_is_kept)
WHOLE_DAY: tuple[Chapter, ...] = (by_buttons.the_first_days_work,)


@dataclass
class Overheard:
    """What was said, and what of it should not have been."""

    lines: int = 0
    failures: int = 0
    debug: int = 0
    secrets: int = 0
    leaks: list[tuple[str, str]] = field(default_factory=list)


async def listen(database_url: str, folder: Path, chapters: Sequence[Chapter]) -> Overheard:
    """Let people work with a bot that tells everything: on a good day by polling, on a bad one by webhook."""
    clock = Traveller(folder / "clock")
    async with open_fleet(database_url, folder, world=World(now=clock.now)) as fleet:
        agency = Outside(fleet, database_url, folder, clock)
        talkative = {"LOG_LEVEL": "DEBUG", "CLOCK_OFFSET_FILE": str(clock.file)}
        bot = await (await fleet.start(HASTY, LOG_FORMAT="json", **talkative)).ready()
        office = await Office(agency).open()
        for chapter in chapters:
            await chapter(office)
        told = await asked(bot)
        bot.terminate()
        await bot.code()
        port = free_port()
        bot = await (await fleet.start(HASTY, LOG_FORMAT="console", **talkative, **fleet.webhook(port, port))).ready()
        marfa = await agency.person("Марфа Неизвестнова", Role.SELLER, Role.ADMIN)
        marfa.person.username = "marfa_secret"
        await a_bad_day(office, marfa)
        told += await asked(bot)
        bot.terminate()
        await bot.code()
        secrets = {str(one) for (one,) in await office.rows(SECRETS + " UNION " + PERSONAL) if one} | set(TYPED)
        secrets |= {pretty(one) for one in secrets if re.fullmatch(r"\+\d+", one)}
        secrets |= {word for one in secrets for word in one.split()}
        secrets |= {agency.telegram.token, SECRET, str(agency.app.database.engine.url.password)}
        await agency.app.database.close()
        said = bot.log.read_text()
    secrets = {one for one in secrets if len(one) > 4}
    return Overheard(
        len(said.splitlines()),
        said.count("an update failed"),
        said.lower().count("debug"),
        len(secrets),
        found(sorted(secrets), said + told),
    )


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with own_agency() as (server, folder):

        async def run() -> Overheard:
            return await listen(server.url, folder, WHOLE_DAY)

        began = time.monotonic()
        heard = asyncio.run(run())
    sys.stdout.write(
        f"{heard.lines} lines of log ({heard.debug} at DEBUG, {heard.failures} failures with tracebacks) and the pages"
        f" of health and metrics, searched for {heard.secrets} names, phones, texts, file names and secrets:"
        f" found {len(heard.leaks)}, {time.monotonic() - began:.0f} s\n"
    )
    return int(bool(heard.leaks))


if __name__ == "__main__":
    sys.exit(main())
