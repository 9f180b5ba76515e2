"""A pytest plugin: at the end of each story of tests/bot everything that it has shown is pressed by four outsiders.

For `python -m tests.security.campaign --stories`, which adds up what it writes to the file named by REPLAY_REPORT.
"""

import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiogram_dialog.setup import collect_dialogs

from fsm.states import Menu
from models.enums import Role
from sandbox.world import Subscription

_INVITATION = re.compile(r"[?&]start=([\w-]+)")


@dataclass
class Replayed:
    """What a story has shown, and what came of showing it to others."""

    story: str
    buttons: int = 0
    links: int = 0
    inline: int = 0
    replayed: int = 0
    effects: int = 0
    exceptions: int = 0
    foreign_bytes: int = 0
    details: list[str] = field(default_factory=list)


@dataclass
class Shown:
    """Buttons by their data, invitations by their codes, inline results."""

    buttons: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    inline: int = 0

    def look(self, seen: Subscription) -> None:
        for event in seen.so_far():
            if event.kind == "inline":
                self.inline += len(event.data["results"])
            if event.kind in ("message", "edited") and event.data["out"]:
                body = event.data["message"]
                self.codes |= set(_INVITATION.findall(json.dumps(body)))
                rows = (body.get("reply_markup") or {}).get("inline_keyboard", [])
                self.buttons |= {str(b["callback_data"]) for row in rows for b in row if "callback_data" in b}


class _Watcher:
    def __init__(self, agencies: Any) -> None:
        self.story, self.over = "", False
        self._told: set[str] = set()
        self._seen: dict[int, Subscription] = {}
        opened, closed = agencies.open, agencies.close

        async def open_(agency: Any) -> None:
            if id(agency.world) not in self._seen:
                self._seen[id(agency.world)] = agency.world.subscribe(1_000_000)
            await opened(agency)

        async def close(agency: Any) -> None:
            seen = self._seen.pop(id(agency.world), None) if self.over else None
            try:
                if seen is not None and _is_the_product(agency):
                    self._told.add(self.story)
                    _write(asdict(await _replay(agency, seen, self.story)))
            finally:
                await closed(agency)

        agencies.open, agencies.close = open_, close

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.story, self.over = item.nodeid, False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        # A story may stop its bot and start it again; only the last time nothing comes after.
        self.over = True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        _write({"without": sorted({item.nodeid for item in session.items} - self._told)})


def _is_the_product(agency: Any) -> bool:
    """Not the notebook of the front door's tests; a product with a door of a test beside it is one."""
    return any(dialog.states_group() is Menu for dialog in collect_dialogs(agency.app.dispatcher))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Not before: what pytest has not rewritten yet must not be imported here."""
    session.config.pluginmanager.register(_Watcher(sys.modules["tests.bot.conftest"].Agency))


async def _replay(agency: Any, seen: Subscription, story: str) -> Replayed:
    # Here for the same reason.
    from tests.bot.steps import Office, plain
    from tests.security.claims import marked, without_repeats
    from tests.security.house import House
    from tests.security.shortcut import foreign, shortcut

    shown, report = Shown(), Replayed(story)
    shown.look(seen)
    seen.close()
    house = House(Office(agency))
    boris = await agency.person("Борис Посторонний", Role.SELLER)
    faina = await agency.person("Фаина Посторонняя", Role.EXECUTOR)
    klim = await agency.person("Клим Закрытый", Role.SELLER, Role.ADMIN)
    eva = agency.stranger("Ева")
    eva.person.started = True
    await agency.execute("UPDATE users SET active = false WHERE telegram_id = :t", t=klim.id)
    used = {code for code in shown.codes if not await _is_open(agency, code)}
    buttons = without_repeats(shown.buttons)
    async with shortcut(agency.app) as cut:
        house.examples = ""
        for words in ("/start", "/help", "/menu"):
            await cut.say(boris, words)
        house.examples = plain(" ".join(one.words for one in cut.said))
        secrets = await house.secrets()
        # What the clock does for people who are new it does now, and what is due to others reaches them now.
        await agency.app.tick()
        if (backing_up := agency.app._ticker.backing_up) is not None:
            await backing_up
        with suppress(TimeoutError):  # a story may have left something that waits for ever
            await agency.app.quiet(patience=10)
        cut.forget()
        before = await _state(house.office)
        for person in (boris, faina, klim, eva):
            marks = await cut.marks(person) if person in (boris, faina) else []
            replays = [*buttons, *(marked(data, mark) for mark in marks for data in buttons)]
            await cut.press_all(person, replays)
            for code in used:
                await cut.say(person, f"/start {code}")
            report.replayed += len(replays) + len(used)
        after = await _state(house.office)
        changed = sorted(name for name in after if after[name] != before[name])
        report.foreign_bytes, leaked = foreign(cut, secrets)
        report.details = [*(f"changed: {name}" for name in changed), *leaked, *cut.failures][:20]
        report.effects, report.exceptions = len(changed), len(cut.failures)
    report.buttons, report.links, report.inline = len(buttons), len(shown.codes), shown.inline
    return report


async def _state(office: Any) -> dict[str, str]:
    return {**await office.contents(), "outbox": str(await office.value("SELECT count(*) FROM outbox"))}


async def _is_open(agency: Any, code: str) -> bool:
    """Whether an invitation still lets its bearer in: then that is what it is for, and no replay."""
    found = await agency.rows(
        "SELECT 1 FROM invites WHERE code_hash = sha256(:code) AND used_at IS NULL AND revoked_at IS NULL"
        " AND expires_at > :now",
        code=code.encode(), now=agency.clock.now(),
    )  # fmt: skip
    return bool(found)


def _write(line: dict[str, Any]) -> None:
    with Path(os.environ["REPLAY_REPORT"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
