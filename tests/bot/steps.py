"""Small verbs for stories: an agency with its people, what they tap and write, and what the database says of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models.enums import RateKind, RateScope, Role
from models.tables import Base, CommissionRate, Insurer
from sandbox.people import VirtualUser
from sandbox.world import Call, Message
from tests.bot.conftest import Agency

NO_BREAK = "\u00a0"
RATE = Decimal(10)
JPEG = b"\xff\xd8\xff\xe0"
PDF = b"%PDF-1.4 "

MACHINERY = frozenset({"inbox", "effects", "outbox", "dialog_state", "alembic_version"})
"""Tables that say how the work was done, not what was done."""


def plain(text: str) -> str:
    """Text with plain spaces in its sums."""
    return text.replace(NO_BREAK, " ")


def screen(person: VirtualUser) -> str:
    """What the person looks at."""
    return plain(person.screen)


def heard(person: VirtualUser) -> str:
    """Everything that the person has been told and shows now."""
    return plain(person.transcript)


@dataclass
class Office:
    """Анна sells, Егор calculates and issues, Галина is the admin.

    `press` is a tap that changes something; in an office where everybody's thumb trembles it is two.
    """

    agency: Agency
    trembling: bool = False
    album: list[Message] = field(default_factory=list)
    anna: VirtualUser = field(init=False)
    egor: VirtualUser = field(init=False)
    galina: VirtualUser = field(init=False)

    async def open(self) -> "Office":
        """Let everybody in and agree on the commission that the agency gets."""
        self._events = self.agency.world.subscribe(1_000_000)
        self.anna = await self.agency.person("Анна Серова", Role.SELLER)
        self.egor = await self.agency.person("Егор Лисин", Role.EXECUTOR)
        self.galina = await self.agency.person("Галина Маркова", Role.ADMIN)
        async with self.agency.app.database.writing() as session:
            insurers = (await session.execute(select(Insurer))).scalars().all()
            session.add_all(
                CommissionRate(
                    insurer_id=one.id, line_id=None, scope=RateScope.ANY, kind=RateKind.PERCENT, value=RATE,
                    valid_from=date(2026, 1, 1),
                )
                for one in insurers
            )  # fmt: skip
            await session.commit()
        return self

    @property
    def people(self) -> list[VirtualUser]:
        return [self.anna, self.egor, self.galina]

    def card(self, person: VirtualUser, words: str) -> Message:
        """The newest message of the bot with these words and with buttons."""
        fits = [m for m in person.received if plain(words) in plain(m.text) and m.buttons]
        assert fits, f"{person.name} sees no {words!r} with buttons:\n{heard(person)}"
        return fits[-1]

    def screens(self, person: VirtualUser | None = None) -> list[Message]:
        """Every message with buttons that anybody (or this person) has had, as it looked each time, oldest first."""
        for event in self._events.so_far():
            if event.kind in ("message", "edited") and event.data["out"]:
                body = event.data["message"]
                self.album.append(
                    Message(body["chat"]["id"], body["message_id"], True, body, self.agency.clock.now(), None)
                )
        return [one for one in self.album if one.buttons and (person is None or one.chat_id == person.id)]

    # --- what people do -----------------------------------------------------------------------------------------------

    async def press(self, person: VirtualUser, label: str, *, message: Message | None = None) -> None:
        """Tap a button that changes something."""
        if self.trembling:
            await person.double_tap(label, message=message)
        else:
            await person.tap(label, message=message)

    async def days_pass(self, days: int = 0, *, hours: int = 0, minutes: int = 0) -> None:
        """Let time go by and the bot look what is due."""
        self.agency.clock.advance(timedelta(days=days, hours=hours, minutes=minutes))  # type: ignore[attr-defined]
        await self.look_at_the_clock()

    async def until(self, day: date, hour: int = 12) -> None:
        """Let time go by until that hour in Moscow, with one look at the clock."""
        now = self.agency.clock.now()
        then = datetime(day.year, day.month, day.day, hour - 3, tzinfo=now.tzinfo)
        self.agency.clock.advance(then - now)  # type: ignore[attr-defined]
        await self.look_at_the_clock()

    async def look_at_the_clock(self) -> None:
        await self.agency.app.tick()
        await self.agency.quiet()

    # --- what the database says ---------------------------------------------------------------------------------------

    async def value(self, query: str, **values: Any) -> Any:
        return await self.agency.value(query, **values)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        return await self.agency.rows(query, **values)

    async def counts(self, *, besides: frozenset[str] = MACHINERY) -> dict[str, int]:
        """How many rows each table has."""
        names = [name for name in Base.metadata.tables if name not in besides]
        union = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names)  # noqa: S608
        return dict(await self.rows(union))

    async def contents(self) -> dict[str, str]:
        """A checksum of all that each table of the business holds."""
        found = {}
        for name in sorted(set(Base.metadata.tables) - MACHINERY):
            row = "to_jsonb(t) - 'last_seen_at' - 'updated_at'" if name == "users" else "to_jsonb(t)"
            found[name] = await self.value(
                f"SELECT coalesce(md5(string_agg(({row})::text, E'\\n' ORDER BY ({row})::text)), '') FROM {name} t"  # noqa: S608
            )
        return found

    def told(self, person: VirtualUser, since: int = 0) -> list[Call]:
        """Every request of the bot to this person after the one with this number: messages, edits, answers to taps."""
        world = self.agency.world
        taps = {tap.id for tap in world.taps.values() if tap.person_id == person.id}
        return [
            call
            for call in world.calls
            if call.number > since
            and (str(call.params.get("chat_id")) == str(person.id) or call.params.get("callback_query_id") in taps)
        ]

    def now(self) -> int:
        """The number of the newest request of the bot."""
        return max((call.number for call in self.agency.world.calls), default=0)

    async def events(self, deal: int = 1001) -> list[str]:
        """What happened to a deal by its journal, oldest first; what people wrote stands as it is."""
        return [
            event or text
            for event, text in await self.rows(
                "SELECT e.event, e.text FROM journal_entries e JOIN deals d ON d.id = e.deal_id"
                " WHERE d.number = :n ORDER BY e.id",
                n=deal,
            )
        ]

    async def audited(self) -> Counter[str]:
        """How often each thing was done, by the audit."""
        return Counter(dict(await self.rows("SELECT action, count(*) FROM audit_records GROUP BY 1")))

    async def touch(self, deal: int = 1001) -> tuple[str, date, str]:
        """Stage, next touch and its reason."""
        found = await self.rows("SELECT stage, review_on, review_reason FROM deals WHERE number = :n", n=deal)
        return found[0]  # type: ignore[no-any-return]

    async def nothing_went_wrong(self) -> None:
        """No update was given up or has failed, no message stayed unsent."""
        assert (
            await self.rows("SELECT update_id, status, error FROM inbox WHERE status <> 'done' OR error IS NOT NULL")
            == []
        )
        assert (
            await self.rows("SELECT id, kind, status, error FROM outbox WHERE status <> 'done' OR error IS NOT NULL")
            == []
        )
