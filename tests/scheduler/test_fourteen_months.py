"""Fourteen months of an agency, day by day: what the clock said is exactly what the domain promises."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from models.enums import CloseReason, DealOutcome, DealStage, PolicyOutcome
from models.tables import LineOfBusiness
from services.access import SYSTEM, Actor
from tests.scheduler.conftest import Agency
from tests.scheduler.oracle import Deal, Said

MOSCOW = ZoneInfo("Europe/Moscow")
BEGINS, ENDS = date(2026, 3, 2), date(2027, 5, 2)
YEAR = (date(2026, 3, 2), date(2027, 3, 1))
NEXT_YEAR = (date(2027, 3, 2), date(2028, 3, 1))


def months(start: date, *ahead: int) -> list[date]:
    return [date(start.year + (start.month - 1 + n) // 12, (start.month - 1 + n) % 12 + 1, start.day) for n in ahead]


class Year:
    """An owner who works at noon: what he does, he does to the product and to the oracle."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.people: dict[str, Actor] = {"anna": agency.anna, "boris": agency.boris, "admin": agency.galina}
        self.deals: dict[str, Deal] = {}
        self.ids: dict[str, int] = {}
        self.diary: dict[date, list[Callable[[], Awaitable[None]]]] = {}

    # --- what the owner does -----------------------------------------------------------------------------------------

    async def open(self, name: str, seller: str, line: str, ladder: str, steps: tuple[int, ...] | None = None) -> None:
        self.deals[name] = Deal(name, seller, ladder, steps)
        self.ids[name] = await self.agency.deal(self.people[seller], line=line, title=name)

    def seller(self, deal: str) -> Actor:
        return self.people[self.deals[deal].seller]

    async def register(
        self, deal: str, name: str, term: tuple[date, date], plan: str = "full", *, dues: list[date], **more: Any
    ) -> None:
        insurer = more.pop("insurer", "РЕСО-Гарантия")
        renews = more.pop("renews", "")
        if renews:
            more["previous_policy_id"] = self.ids[renews]
        self.ids[name] = await self.agency.services.policies.register(
            self.seller(deal),
            self.ids[deal],
            number=f"N-{len(self.ids)}",
            insurer_id=await self.agency.insurer(insurer),
            premium=Decimal(12000),
            starts_on=term[0],
            ends_on=term[1],
            plan=plan,
            **more,
        )
        rows = await self.agency.sql("SELECT seq, id, due_on FROM payments WHERE policy_id = :p", p=self.ids[name])
        assert sorted(due for _seq, _id, due in rows) == dues
        self.ids |= {f"{name}/{seq}": payment_id for seq, payment_id, _due in rows}
        self.deals[deal].register(self.agency.today, name, *term, dues, renews)

    async def pay(self, deal: str, payment: str) -> None:
        await self.agency.services.money.client_paid(self.seller(deal), self.ids[payment])
        self.deals[deal].pay(self.agency.today, payment)

    async def promise(self, deal: str, payment: str, on: date) -> None:
        await self.agency.services.money.promise(self.seller(deal), self.ids[payment], on)
        self.deals[deal].promise(self.agency.today, payment, on)

    async def think(self, deal: str, policy: str, days: int) -> None:
        await self.agency.services.reminders.thinking(self.seller(deal), self.ids[policy], days)
        self.deals[deal].think(self.agency.today, policy, days)

    async def calculate(self, deal: str, policy: str) -> None:
        await self.agency.services.policies.start_renewal(self.seller(deal), self.ids[policy])
        self.deals[deal].calculate(self.agency.today, policy)

    async def lose(self, deal: str, policy: str) -> None:
        await self.agency.services.policies.set_outcome(
            self.seller(deal), self.ids[policy], PolicyOutcome.LOST, CloseReason.PRICE
        )
        self.deals[deal].lose(self.agency.today, policy)

    async def next_event(self, deal: str) -> None:
        await self.agency.services.deals.to_next_event(self.seller(deal), self.ids[deal])
        self.deals[deal].next_event(self.agency.today)

    async def postpone(self, deal: str, on: date) -> None:
        await self.agency.services.deals.postpone(self.seller(deal), self.ids[deal], on.isoformat())
        self.deals[deal].postpone(self.agency.today, on)

    async def close(self, deal: str) -> None:
        await self.agency.services.deals.close(
            self.seller(deal), self.ids[deal], DealOutcome.ENDED.value, CloseReason.FINISHED.value
        )
        self.deals[deal].close()

    async def hand_over(self, deal: str, to: str) -> None:
        await self.agency.services.people.hand_over_deal(self.people["admin"], self.ids[deal], self.people[to].user_id)
        self.deals[deal].hand_over(to)

    # --- the diary: what happens on which day ------------------------------------------------------------------------

    def on(self, day: date, act: Callable[..., Awaitable[None]], *given: Any, **more: Any) -> None:
        async def later() -> None:
            await act(*given, **more)

        self.diary.setdefault(day, []).append(later)

    async def open_agency(self) -> None:
        """One deal of each kind of fate."""
        gap = await self.agency.line("gap")
        async with self.agency.database.writing() as session:
            (await session.get_one(LineOfBusiness, gap)).steps = [60, 10]
            await session.commit()
        await self.osago_is_renewed_after_a_thought()
        await self.kasko_is_paid_in_quarters_and_forgotten()
        await self.a_flat_is_paid_monthly_and_refused()
        await self.a_company_moves_after_a_handover()
        await self.a_late_entry_is_renewed()
        await self.a_trip_is_short()
        await self.a_deal_is_closed()
        await self.a_line_has_its_own_ladder()

    async def osago_is_renewed_after_a_thought(self) -> None:
        await self.open("осаго", "anna", "osago", "osago")
        self.on(BEGINS, self.register, "осаго", "О1", YEAR, dues=[YEAR[0]])
        self.on(BEGINS, self.pay, "осаго", "О1/1")
        self.on(date(2027, 1, 15), self.think, "осаго", "О1", 7)
        self.on(date(2027, 1, 29), self.calculate, "осаго", "О1")
        self.on(date(2027, 2, 18), self.register, "осаго", "О2", NEXT_YEAR, dues=[NEXT_YEAR[0]], renews="О1")
        self.on(date(2027, 2, 26), self.pay, "осаго", "О2/1")

    async def kasko_is_paid_in_quarters_and_forgotten(self) -> None:
        await self.open("каско", "anna", "kasko", "kasko")
        self.on(BEGINS, self.register, "каско", "К1", YEAR, "quarters", dues=months(YEAR[0], 0, 3, 6, 9))
        self.on(BEGINS, self.pay, "каско", "К1/1")
        self.on(date(2026, 5, 26), self.pay, "каско", "К1/2")
        self.on(date(2026, 8, 19), self.promise, "каско", "К1/3", date(2026, 9, 7))
        self.on(date(2026, 9, 7), self.pay, "каско", "К1/3")
        self.on(date(2026, 12, 22), self.pay, "каско", "К1/4")

    async def a_flat_is_paid_monthly_and_refused(self) -> None:
        term = (date(2026, 3, 16), date(2027, 3, 15))
        dues = months(term[0], *range(12))
        await self.open("квартира", "boris", "home", "personal")
        self.on(BEGINS, self.register, "квартира", "Д1", term, "monthly:12", dues=dues)
        for number, due in enumerate(dues, 1):
            self.on(due - timedelta(days=3), self.pay, "квартира", f"Д1/{number}")
        self.on(date(2027, 3, 1), self.lose, "квартира", "Д1")
        self.on(date(2027, 3, 3), self.close, "квартира")

    async def a_company_moves_after_a_handover(self) -> None:
        await self.open("дмс", "boris", "dms", "corporate")
        self.on(BEGINS, self.register, "дмс", "М1", YEAR, "halves", dues=months(YEAR[0], 0, 6))
        self.on(BEGINS, self.pay, "дмс", "М1/1")
        self.on(date(2026, 8, 10), self.hand_over, "дмс", "anna")
        self.on(date(2026, 9, 2), self.pay, "дмс", "М1/2")
        self.on(date(2026, 10, 30), self.think, "дмс", "М1", 14)
        self.on(date(2026, 12, 1), self.next_event, "дмс")
        self.on(date(2026, 12, 30), self.calculate, "дмс", "М1")
        self.on(date(2027, 1, 15), self.postpone, "дмс", date(2027, 1, 31))
        moved = {"insurer": "Ингосстрах", "renews": "М1"}
        self.on(date(2027, 2, 17), self.register, "дмс", "М2", NEXT_YEAR, dues=[NEXT_YEAR[0]], **moved)
        self.on(date(2027, 3, 4), self.pay, "дмс", "М2/1")

    async def a_late_entry_is_renewed(self) -> None:
        last, this = (date(2025, 5, 1), date(2026, 4, 30)), (date(2026, 5, 1), date(2027, 4, 30))
        await self.open("поздний", "anna", "kasko", "kasko")
        entered = date(2026, 4, 10)
        self.on(entered, self.register, "поздний", "П1", last, dues=[last[0]])
        self.on(entered, self.pay, "поздний", "П1/1")
        self.on(date(2026, 4, 24), self.register, "поздний", "П2", this, dues=[this[0]], renews="П1")
        self.on(date(2026, 4, 24), self.pay, "поздний", "П2/1")
        self.on(date(2027, 3, 16), self.think, "поздний", "П2", 14)
        self.on(date(2027, 4, 16), self.think, "поздний", "П2", 14)

    async def a_trip_is_short(self) -> None:
        term = (date(2026, 5, 4), date(2026, 5, 13))
        await self.open("поездка", "boris", "travel", "personal")
        self.on(date(2026, 4, 28), self.register, "поездка", "В1", term, dues=[term[0]])
        self.on(date(2026, 4, 28), self.pay, "поездка", "В1/1")
        self.on(date(2026, 5, 15), self.close, "поездка")

    async def a_deal_is_closed(self) -> None:
        await self.open("закрытая", "boris", "osago", "osago")
        self.on(BEGINS, self.register, "закрытая", "З1", YEAR, dues=[YEAR[0]])
        self.on(BEGINS, self.pay, "закрытая", "З1/1")
        self.on(date(2026, 10, 5), self.close, "закрытая")

    async def a_line_has_its_own_ladder(self) -> None:
        await self.open("gap", "anna", "gap", "kasko", (60, 10))
        self.on(BEGINS, self.register, "gap", "Г1", YEAR, dues=[YEAR[0]])
        self.on(BEGINS, self.pay, "gap", "Г1/1")
        self.on(date(2026, 12, 30), self.next_event, "gap")
        self.on(date(2027, 2, 19), self.next_event, "gap")

    # --- the year goes by --------------------------------------------------------------------------------------------

    async def tick(self, day: date, hour: int, minute: int = 0) -> None:
        self.agency.clock.set(datetime(day.year, day.month, day.day, hour, minute, tzinfo=MOSCOW))
        await self.agency.services.reminders.fire_due(SYSTEM, 100)

    async def live(self) -> list[Said]:
        """Live through it; returns what the oracle expects to be heard."""
        expected: list[Said] = []
        day = BEGINS
        while day <= ENDS:
            await self.tick(day, 9, 5)
            expected += self.heard_by_now(day)
            self.agency.clock.set(datetime(day.year, day.month, day.day, 12, tzinfo=MOSCOW))
            for act in self.diary.pop(day, []):
                await act()
            await self.tick(day, 18)
            expected += self.heard_by_now(day)
            day += timedelta(days=1)
        assert not self.diary
        return expected

    def heard_by_now(self, day: date) -> list[Said]:
        return [line for deal in self.deals.values() if deal.touch is not None for line in deal.say(day)]

    async def heard(self) -> list[Said]:
        """What the product has sent, in the oracle's words."""
        rows = await self.agency.sql(
            "SELECT sent_at, recipient_id, kind, object_id, step FROM reminders WHERE sent_at IS NOT NULL"
        )
        who = {actor.user_id: name for name, actor in self.people.items()}
        names = {
            ("review" if n in self.deals else "payment" if "/" in n else "policy_end", i): n
            for n, i in self.ids.items()
        }
        return [
            (sent_at.astimezone(MOSCOW).date(), who[recipient], kind, names[kind, object_id], step)
            for sent_at, recipient, kind, object_id, step in rows
        ]


async def test_everything_that_is_said_in_fourteen_months_is_what_the_domain_promises(agency: Agency) -> None:
    year = Year(agency)
    await year.open_agency()
    expected, heard = await year.live(), await year.heard()
    assert sorted(set(heard) - set(expected)) == [], "said, though nobody promised it"
    assert sorted(set(expected) - set(heard)) == [], "promised, and never said"
    assert sorted(heard) == sorted(expected), "said twice"
    # Each has its message, once.
    messages = await agency.sql("SELECT count(*), count(DISTINCT dedup_key) FROM outbox WHERE kind = 'reminder'")
    assert messages == [(len(heard), len(heard))]
    assert_that_the_year_was_worth_telling(heard)
    # Renewed policies point to the old ones, whose outcome says what became of them.
    chain = await agency.sql(
        "SELECT old.outcome FROM policies new JOIN policies old ON old.id = new.previous_policy_id ORDER BY new.id"
    )
    assert chain == [("renewed",), ("moved",), ("renewed",)]
    stages = dict(await agency.sql("SELECT title, stage FROM deals"))
    assert stages["осаго"] == DealStage.IN_FORCE.value


def assert_that_the_year_was_worth_telling(heard: list[Said]) -> None:
    """A few facts counted by hand, in case the oracle and the product were wrong in the same way."""
    by = {(kind, name, who): [] for _day, who, kind, name, _step in heard}  # type: ignore[var-annotated]
    for day, who, kind, name, step in sorted(heard):
        by[kind, name, who].append((day.isoformat(), step))
    assert by["policy_end", "О1", "anna"] == [("2027-01-15", -45), ("2027-01-29", -30)]
    assert by["policy_end", "К1", "anna"] == [
        ("2027-01-15", -45), ("2027-01-29", -30), ("2027-02-15", -14), ("2027-02-22", -7), ("2027-02-26", -1),
        ("2027-03-02", 1), ("2027-03-05", 7), ("2027-03-31", 30),
    ]  # fmt: skip
    assert by["payment", "К1/4", "anna"] == [
        ("2026-11-18", -14), ("2026-11-25", -7), ("2026-11-27", -3), ("2026-12-02", 0), ("2026-12-03", 1),
        ("2026-12-04", 3), ("2026-12-09", 7), ("2026-12-16", 14),
    ]  # fmt: skip
    assert by["payment", "К1/4", "admin"] == [("2026-12-09", 7), ("2026-12-16", 14)]
    assert by["payment", "К1/3", "anna"] == [("2026-08-19", -14), ("2026-09-07", 0)]
    assert not [day for day, _step in by["review", "каско", "anna"] if "2026-08-19" < day < "2026-11-19"]
    assert by["policy_end", "П1", "anna"][:2] == [("2026-04-10", -30), ("2026-04-16", -14)]
    assert by["policy_end", "Г1", "anna"][:2] == [("2026-12-30", -60), ("2027-02-19", -10)]
    assert ("policy_end", "В1", "boris") not in by
    assert ("policy_end", "З1", "boris") not in by
    assert ("payment", "М1/2", "boris") not in by
    assert by["policy_end", "М1", "anna"] == [
        ("2026-10-30", -120),
        ("2026-12-01", -90),
        ("2026-12-30", -60),
        ("2027-02-15", -14),
    ]
