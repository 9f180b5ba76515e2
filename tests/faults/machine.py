"""An agency at work in random order, with the power going at any transaction: after every step the laws hold.

What a person does is an update in the real inbox, handled under its effect mark by the real services over a real
Postgres; the clock is injected. `python -m tests.faults.machine` makes the figures of docs/reliability.md.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import handlers
from fsm.cards import CardContext, kinds, render
from fsm.i18n import use_language
from models.enums import Role
from services.access import SYSTEM, Actor, origin
from services.errors import Forbidden, NotFound, Refusal
from services.registry import Services
from services.rules.calendar import not_later_working_day
from services.rules.reading import Unreadable
from storage import schema
from storage.engine import Database
from storage.inbox import Inbox, RawUpdate, TakenUpdate
from storage.uow import Transaction, Transactions
from tests.conftest import Cluster, ManualClock, own_server
from tests.faults.acts import ACTS
from tests.faults.laws import GROWING, Books, Row, broken, day
from tests.services.conftest import Agency

T = TypeVar("T")
BATCH = 10
"""Examples under one seed: Hypothesis learns from each of them, and forgets with the next seed."""
BOT, NAME = 1, "machine"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DOMAIN = (
    "clients", "deals", "deal_expenses", "tasks", "variants", "policies", "payments", "incomes", "expenses",
    "money_moves", "documents", "users",
)  # fmt: skip
"""What changes only with an audit record beside it."""
NOTHING_NEW: dict[str, dict[int, Row]] = {table: {} for table in GROWING}
UNRECORDED = {"updated_at", "last_seen_at", "telegram_file_id", "telegram_type"}
SETS_EXPECTED = {"expect", "set_rate", "correct", "register"}
MOVES_RECEIVED = {"receive", "undo"}

assert handlers  # its import names the renderers of all cards


class PowerCut(BaseException):
    """The process is gone: nothing that waits for an ordinary error gets to see it."""


@dataclass
class Fate:
    """When the power goes: before or after the n-th transaction of what is done next."""

    place: str
    passages: int

    def strikes(self, place: str) -> bool:
        if self.place != place:
            return False
        self.passages -= 1
        return self.passages == 0


def _pass(fate: Fate | None, place: str) -> None:
    if fate is not None and fate.strikes(place):
        raise PowerCut


class Mortal(Transaction):
    fate: Fate | None = None

    async def commit(self) -> None:
        _pass(self.fate, "before")
        await super().commit()
        _pass(self.fate, "after")


class MortalTransactions(Transactions):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.fate: Fate | None = None

    @asynccontextmanager
    async def begin(self, actor_id: int | None, now: datetime) -> AsyncIterator[Transaction]:
        tx = Mortal(self._database.writing, actor_id, now, on_message=self.on_message)
        tx.fate = self.fate
        try:
            yield tx
        finally:
            await tx.close()


class Loop:
    """An event loop of the machine's own: Hypothesis calls from where pytest's may be running."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="machine", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def rights(b: Books, user: Row, whose: str, about: str, args: dict[str, Any]) -> bool:
    """Whether DOMAIN.md §6 gives a person this right on a thing, counted from the books alone."""
    roles = set(user["roles"]) if user["active"] else set()
    if whose == "oneself":
        return bool(roles)
    if Role.ADMIN in roles:
        return True
    if whose in {"admin", "seller"}:
        return whose in roles
    if about == "client":
        both = [b.clients[args[name]]["seller_id"] for name in ("client", "into") if name in args]
        return Role.SELLER in roles and set(both) == {user["id"]}
    deal = b.deals[deal_of(b, about, args)]
    owns = Role.SELLER in roles and deal["seller_id"] == user["id"]
    tasks = [task["assignee_id"] for task in b.open_tasks(deal["id"])]
    edits = Role.EXECUTOR in roles and (deal["executor_id"] == user["id"] or user["id"] in tasks)
    if whose == "works":
        return edits and b.tasks[args["task"]]["assignee_id"] == user["id"]
    if whose == "sender":
        sender = b.documents[args["document"]]["sent_by_id"]
        return (owns or edits) and user["id"] in {sender, deal["seller_id"]}
    if whose == "enterer":
        move = b.money_moves[args["move"]]
        return (owns or (edits and move["payment_id"] is not None)) and move["by_id"] == user["id"]
    return {"owner": owns, "edits": edits, "hands_in": owns or edits, "sees": owns or edits}[whose]


def deal_of(b: Books, about: str, args: dict[str, Any]) -> int:
    """The deal that an act is about."""
    if about == "deal":
        return int(args["deal"])
    if about == "move":
        move = b.money_moves[args["move"]]
        about = next(name for name in ("payment", "income", "expense") if move[f"{name}_id"] is not None)
        args = {about: move[f"{about}_id"]}
    table = {"policy": "policies"}.get(about, f"{about}s")
    return int(b.rows[table][args[about]]["deal_id"])


def changed_rows(before: Books, after: Books) -> list[tuple[str, Row]]:
    """Rows of the domain that are new, gone or other than they were."""
    found = []
    for table in DOMAIN:
        old, new = before.rows[table], after.rows[table]
        for id_ in old.keys() | new.keys():
            a, b = old.get(id_), new.get(id_)
            if a is None or b is None or any(a[key] != b[key] for key in a.keys() - UNRECORDED):
                found.append((table, b or a or {}))
    return found


def secrets(b: Books, deal_id: int) -> set[str]:
    """How the sums of our own money would look on a screen, those that cannot be there by chance."""
    sums = [row["expected_amount"] for row in b.of("incomes", deal_id=deal_id)]
    sums += [row["received_amount"] for row in b.of("incomes", deal_id=deal_id)]
    sums += [row["expected_amount"] for row in b.of("expenses", deal_id=deal_id)]
    return {f"{value:.2f}".replace(".", ",") for value in sums if value is not None and value > 100 and value % 1}


PICK = st.integers(0, 999)
WHO = st.integers(0, 9)
"""Up to 7: somebody who may; beyond: anybody at all."""
SUM = st.sampled_from([None, "1000.55", "12345.67", "54321.07", "99999999"])
DAYS = st.sampled_from([-30, -1, 0, 1, 2, 5, 14, 40, 200])


class Machine(RuleBasedStateMachine):
    """Two sellers, two executors, one who is both, two admins; what each step may do is one rule."""

    cluster: ClassVar[Cluster]
    template: ClassVar[str]
    loop: ClassVar[Loop]
    database: ClassVar[Database]
    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(START)
        # The same name each time: the engine keeps what it has compiled, which costs more than the database.
        self.cluster.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        self.cluster.execute(f'CREATE DATABASE "{NAME}" TEMPLATE "{self.template}" STRATEGY FILE_COPY')
        self.loop.run(self._begin())

    async def _begin(self) -> None:
        self.agency = Agency(self.database, self.clock)
        await self.agency.staff()
        await self.agency.person(401, "Ханна Боброва", Role.SELLER, Role.EXECUTOR)
        await self.agency.person(302, "Игорь Седов", Role.SELLER, Role.ADMIN)
        self.inbox = Inbox(self.database)
        self.lines = [await self.agency.line(code) for code in ("kasko", "osago", "dms")]
        self.insurers = [await self.agency.insurer(), *(await self.agency.rows_of("SELECT id FROM insurers LIMIT 2"))]
        self.fate: Fate | None = None
        self.last_update = 0
        self.numbers = 0
        self.last: dict[str, int] = {}
        self._restart()
        self.books = await self._read()
        await self._tick()
        for seller in (self.agency.anna, self.agency.boris):
            await self._send(
                "make", seller.user_id, name="Иванов Иван", phone=self._phone(), line=self.lines[0], title="Kia"
            )
        type(self).tally["examples"] += 1

    def _restart(self) -> None:
        """A new process: nothing that the old one had in memory is there."""
        self.transactions = MortalTransactions(self.database)
        self.services = Services.build(self.transactions, self.clock, self.agency.files)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.loop.run(self._look_back())
        finally:
            self.loop.run(self.database.close())

    async def _look_back(self) -> None:
        """At the end of the day: no paper without a row, the audit's chain is whole, nobody sees what is not his."""
        await self.services.documents.sweep(SYSTEM, older_than=0)
        rows = {row["path"] for row in [*self.books.of("documents"), *self.books.of("parcel_items")]}
        assert set(self.agency.files.kept) == rows, "papers and their rows are not the same"
        chain = await self.services.audit.verify(SYSTEM)
        assert chain.first_bad is None, f"the audit's chain is broken at {chain.first_bad}"
        for deal_id in list(self.books.deals)[-2:]:
            await self._look(deal_id)

    # --- the books ------------------------------------------------------------------------------------------------

    async def _read(self) -> Books:
        return await Books.open(self.database, self.clock.now(), self.last)

    def _turn_over(self, books: Books) -> None:
        """The books as they are now; what is new in the growing tables has been looked at."""
        for table in GROWING:
            self.last[table] = max([self.last.get(table, 0), *books.rows[table]])
        self.books = Books(books.rows | NOTHING_NEW, books.now)

    @invariant()
    def every_law_holds(self) -> None:
        breaches = broken(self.books)
        assert not breaches, "\n".join(breaches)
        for row in [*self.books.of("documents"), *self.books.of("parcel_items")]:
            assert row["path"] in self.agency.files.kept, row["path"]

    # --- one update -----------------------------------------------------------------------------------------------

    def somebody(self, name: str, pick: int, who: int, args: dict[str, Any]) -> int:
        """Who does it: mostly somebody who may, sometimes anybody."""
        act = ACTS[name]
        people = self.books.of("users")
        may = [user for user in people if user["active"] and rights(self.books, user, act.whose, act.about, args)]
        chosen = may if who < 8 and may else people
        return int(chosen[pick % len(chosen)]["id"])

    def send(self, name: str, pick: int, who: int, /, **args: Any) -> None:
        person = self.somebody(name, pick, who, args)
        self.loop.run(self._send(name, person, **args))

    async def _send(self, name: str, person: int, /, **args: Any) -> None:
        act, user, before = ACTS[name], self.books.users[person], self.books
        allowed = rights(before, user, act.whose, act.about, args)
        self.last_update += 1
        update = RawUpdate(self.last_update, user["telegram_id"], {"act": name, "args": args})
        people = [update.person_id]
        let_in, taken = await self.inbox.add(BOT, [update], self.clock.now(), at_once=people, lease_seconds=0)
        assert bool(let_in) == user["active"], "the door and the list of people do not agree"
        if not let_in:
            assert (await self._read()).rows == before.rows, "somebody shut out has changed something"
            return
        self.transactions.fate, self.fate = self.fate, None
        seen: Books | None = None
        struck = ""
        while True:
            taken = taken or await self.inbox.take(BOT, 5, lease_seconds=0)
            assert len(taken) == 1, "the update is not in the inbox"
            fate = self.transactions.fate
            try:
                _pass(fate, "taken")
                refusal = await self._handle(taken[0])
            except PowerCut:
                assert fate is not None
                struck = fate.place
                self.tally[f"killed {struck}"] += 1
                self._restart()
                taken, seen = [], await self._read()
                if struck != "after" and act.commits == 1:
                    assert seen.rows == before.rows, f"{name} died before its commit and has changed something"
                continue
            break
        await self.inbox.done(taken[0])
        self.transactions.fate = None
        after = await self._read()
        if struck == "after":
            assert refusal is None or act.commits > 1, f"{name} was done, and told {refusal!r} when it came again"
            if act.commits == 1 and seen is not None:
                assert seen.rows == after.rows, f"{name} was done twice"
        self.tally["refused" if refusal else "done"] += 1
        self.tally[f"{name}: {'refused' if refusal else 'done'}"] += 1
        self._judge(name, user, before, after, refusal, allowed=allowed)
        await self._told(after)
        self._turn_over(after)

    async def _handle(self, update: TakenUpdate) -> Exception | None:
        """What the worker and a handler do with an update; a refusal is what the person is told."""
        with origin(f"{update.bot_id}:{update.update_id}", retry=update.attempts > 1):
            actor = await self.services.people.identify(update.person_id)
            if actor is None:
                return Forbidden("a stranger")
            try:
                await ACTS[update.payload["act"]].do(self.services, actor, **update.payload["args"])
            except (Refusal, Unreadable) as refusal:
                return refusal
            return None

    def _judge(
        self, name: str, user: Row, before: Books, after: Books, refusal: Exception | None, *, allowed: bool
    ) -> None:
        """What one act may and may not have done."""
        act, changes = ACTS[name], changed_rows(before, after)
        records = after.of("audit_records")
        if refusal is not None and act.commits == 1:
            assert after.rows == before.rows, f"{name} was refused ({refusal!r}) and has changed {changes}"
        if refusal is None:
            assert allowed, f"{name} was not {user['full_name']}'s to do ({user['roles']}, active {user['active']})"
        elif allowed:
            assert not isinstance(refusal, Forbidden), f"{name} is {user['full_name']}'s to do: {refusal!r}"
        for record in records:
            assert record["actor_id"] == user["id"], f"{record['action']} of {name} is written to another's name"
        deals = {record["deal_id"] for record in records}
        things = {(record["object_type"], record["object_id"]) for record in records}
        for table, row in changes:
            if table == "clients" or name == "merge":
                recorded = bool(records)  # of a merger the record is the client's who is no more
            elif table == "users":
                recorded = ("user", row["id"]) in things
            else:
                # What is gone may have gone with what leads to its deal.
                books = after if row["id"] in after.rows[table] else before
                recorded = self._deal_of_row(books, table, row) in deals
            assert recorded, f"{name} has changed {table} {row['id']} with no audit record"
        self._money_apart(name, before, after)

    @staticmethod
    def _deal_of_row(b: Books, table: str, row: Row) -> int:
        if table != "money_moves":
            return int(row["id"] if table == "deals" else row["deal_id"])
        about = next(name for name in ("payment", "income", "expense") if row[f"{name}_id"] is not None)
        return deal_of(b, about, {about: row[f"{about}_id"]})

    @staticmethod
    def _money_apart(name: str, before: Books, after: Books) -> None:
        """What is expected changes when it is agreed anew, what has come when something comes."""
        for id_, row in after.incomes.items():
            old = before.incomes.get(id_)
            if old is None:
                continue
            if name not in SETS_EXPECTED:
                assert row["expected_amount"] == old["expected_amount"], f"{name} has changed what is expected"
            if name not in MOVES_RECEIVED:
                assert row["received_amount"] == old["received_amount"], f"{name} has changed what has come"

    # --- what people are told and see -----------------------------------------------------------------------------

    async def _told(self, after: Books) -> None:
        """Every new message goes to somebody who is here, can be shown, and says nothing that is not his."""
        for message in after.of("outbox"):
            user = after.users[message["recipient_id"]]
            assert user["active"], f"{message['kind']} for {user['full_name']}, who is blocked"
            assert message["kind"] in kinds()
            if message["kind"] == "digest" and message["id"] % 8:
                continue  # the dearest of all, and one a day for everybody
            actor = await self._actor(user["id"])
            assert actor is not None
            with use_language(actor.language):
                card = await render(message["kind"], CardContext(actor, self.services), message["params"])
            self.tally["messages rendered"] += 1
            deal_id = message["deal_id"]
            if card is None or deal_id is None:
                continue
            deal = after.deals[deal_id]
            if not (actor.is_admin or (Role.SELLER in actor.roles and deal["seller_id"] == user["id"])):
                self._no_secrets(str(card.text), after, deal_id, f"{message['kind']} for {user['full_name']}")

    @staticmethod
    def _no_secrets(said: str, b: Books, deal_id: int, where: str) -> None:
        plain = said.replace("\xa0", "").replace("\u202f", "").replace(" ", "")
        for secret in secrets(b, deal_id):
            assert secret not in plain, f"{where} says {secret}"

    async def _actor(self, user_id: int) -> Actor | None:
        return await self.services.people.identify(self.books.users[user_id]["telegram_id"])

    async def _look(self, deal_id: int) -> None:
        """Everybody opens the deal: it is there for whom it is, and our money for its owner alone."""
        on, b = self.services, await Books.open(self.database, self.clock.now())
        for user in b.of("users"):
            actor = await self._actor(user["id"])
            if actor is None:
                continue
            sees = rights(b, user, "sees", "deal", {"deal": deal_id})
            owner = rights(b, user, "owner", "deal", {"deal": deal_id})
            try:
                view = await on.deals.card(actor, deal_id)
            except NotFound:
                assert not sees, f"deal {deal_id} is hidden from {user['full_name']}"
                continue
            assert sees, f"deal {deal_id} is shown to {user['full_name']}"
            assert (view.own, view.sees_money) == (owner, owner)
            offered = await on.variants.compare(actor, deal_id)
            self._no_secrets(repr(offered.table), b, deal_id, "what the client is shown")
            page = await on.variants.of_deal(actor, deal_id)
            if owner:
                continue
            assert view.agreed == []
            assert (await on.money.totals(actor, deal_id)).commission is None
            assert all(row.commission_rate is None for row in [*page.rows, *offered.rows])
            for payment in b.of("payments", deal_id=deal_id)[:2]:
                card = await on.money.card(actor, payment["id"])
                assert (card.incomes, card.expenses) == ([], [])
                assert {move.payment_id for move, _name in card.moves} <= {payment["id"]}
            for policy in b.of("policies", deal_id=deal_id)[:2]:
                assert (await on.policies.card(actor, policy["id"])).money is None
            words = " ".join(str(row["params"]) for row in b.of("journal_entries", deal_id=deal_id))
            self._no_secrets(words.replace(".", ","), b, deal_id, "the journal")

    # --- the clock ------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        before = self.books
        self.transactions.fate, self.fate = self.fate, None
        for _round in range(60):
            try:
                fired = await self.services.reminders.fire_due(SYSTEM, 100)
            except PowerCut:
                self.tally["killed in a tick"] += 1
                self._restart()
                continue
            if fired < 100:
                break
        else:
            raise AssertionError("the clock never comes to an end")
        self.transactions.fate = None
        await self.services.reminders.ensure_digests(SYSTEM)
        after = await self._read()
        assert not changed_rows(before, after), "the clock has changed what only people change"
        for id_, row in after.reminders.items():
            old = before.reminders.get(id_)
            if old is not None and old["status"] != "planned":
                continue
            if row["status"] == "skipped":
                assert not self._silent(after, row), f"{row['kind']} of {row['object_id']} was told to nobody"
            if row["status"] != "sent":
                continue
            self.tally["reminders sent"] += 1
            assert after.waits(row), f"{row['kind']} of {row['object_id']} was said after its answer"
            promised = after.payments[row["object_id"]]["promised_on"] if row["kind"] == "payment" else None
            if promised is not None:
                assert not_later_working_day(day(promised)) <= after.today, "asked before the day that was promised"
        await self._told(after)
        self._turn_over(after)

    def _silent(self, books: Books, row: Row) -> bool:
        """Whether a seller could not be told, what it is about still waits, and an admin does not hear it instead."""
        if row["kind"] == "digest" or row["recipient_id"] != books.deals[row["deal_id"]]["seller_id"]:
            return False
        seller = books.users[row["recipient_id"]]
        hears = seller["active"] and seller["reachable"] and not {"seller", "admin"}.isdisjoint(seller["roles"])
        if hears or not books.waits(row):
            return False
        admins = {id_ for id_, user in books.users.items() if user["active"] and "admin" in user["roles"]}
        told = books.of("reminders", kind=row["kind"], object_id=row["object_id"], step=row["step"])
        self.tally["passed on to admins"] += 1
        return not {other["recipient_id"] for other in told} >= admins - {seller["id"]}

    def _phone(self) -> str:
        self.numbers += 1
        return f"+7912{self.numbers:07}"

    def _some(self, table: str, **sets: set[str] | None) -> list[Row]:
        """Rows whose values are among these; None asks for what is not set, an empty set for what is."""
        found = self.books.of(table)
        for key, values in sets.items():
            found = [
                row
                for row in found
                if (row[key] is None if values is None else row[key] is not None if not values else row[key] in values)
            ]
        return found

    def _one(self, pick: int, table: str, **sets: set[str] | None) -> Row:
        rows = self._some(table, **sets)
        return rows[pick % len(rows)]

    def _person(self, pick: int, role: str) -> int:
        """Mostly somebody who holds the role and is here."""
        people = self.books.of("users")
        good = [user for user in people if user["active"] and role in user["roles"]]
        chosen = good if good and pick % 8 else people
        return int(chosen[pick % len(chosen)]["id"])

    def _day(self, days: int) -> str:
        return (self.books.today + timedelta(days=days)).isoformat()

    def _due(self, hours: int) -> str:
        return (self.clock.now() + timedelta(hours=hours)).isoformat()


Rule = Callable[..., None]


def having(table: str, **sets: set[str] | None) -> Callable[[Rule], Rule]:
    """Only when there is such a row."""
    return precondition(lambda machine: bool(machine._some(table, **sets)))


LIVE = {"collecting", "calculating", "choosing", "issuing", "in_force"}


class Agencies(Machine):
    """The rules."""

    # --- what goes wrong by itself --------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 5, 16, 24, 24, 72, 7 * 24, 21 * 24, 100 * 24, 330 * 24]))
    def move_the_clock(self, hours: int) -> None:
        self.clock.advance(timedelta(hours=hours))
        self.loop.run(self._tick())

    @rule(days=st.integers(1, 3))
    def live_some_days(self, days: int) -> None:
        for _half in range(days * 2):
            self.clock.advance(timedelta(hours=12))
            self.loop.run(self._tick())

    @rule(place=st.sampled_from(["taken", "before", "after", "after"]), passages=st.sampled_from([1, 1, 1, 2]))
    def kill(self, place: str, passages: int) -> None:
        """The power goes in what is done next, whoever does it."""
        self.fate = Fate(place, 1 if place == "taken" else passages)

    @precondition(lambda self: self.last_update > 0)
    @rule(pick=PICK)
    def redeliver(self, pick: int) -> None:
        """Telegram brings an update that was handled long ago once more."""

        async def again() -> None:
            rows = await self.agency.sql("SELECT update_id, person_id, payload FROM inbox ORDER BY update_id")
            update = RawUpdate(*rows[pick % len(rows)])
            _in, taken = await self.inbox.add(BOT, [update], self.clock.now(), at_once=[update.person_id])
            taken += await self.inbox.take(BOT, 5, lease_seconds=0)
            assert taken == [], "an update that was done is taken again"
            assert (await self._read()).rows == self.books.rows, "an update that was brought again has had an effect"

        self.loop.run(again())

    @rule(pick=PICK)
    def look(self, pick: int) -> None:
        self.loop.run(self._look(self._one(pick, "deals")["id"]))

    # --- deals ----------------------------------------------------------------------------------------------------

    @rule(pick=PICK, who=WHO)
    def make(self, pick: int, who: int) -> None:
        line = self.lines[pick % len(self.lines)]
        self.send("make", pick, who, name="Петров Пётр", phone=self._phone(), line=line, title="Lada")

    @rule(pick=PICK, who=WHO)
    def make_again(self, pick: int, who: int) -> None:
        client = self._one(pick, "clients", deleted_at=None)
        self.send("make_again", pick, who, client=client["id"], line=self.lines[pick % 3], title="Volvo")

    @rule(pick=PICK, who=WHO, days=DAYS)
    def postpone(self, pick: int, who: int, days: int) -> None:
        self.send("postpone", pick, who, deal=self._one(pick, "deals")["id"], day=self._day(days))

    @rule(pick=PICK, who=WHO)
    def to_next_event(self, pick: int, who: int) -> None:
        self.send("to_next_event", pick, who, deal=self._one(pick, "deals")["id"])

    @having("deals", stage=LIVE)
    @rule(pick=PICK, who=WHO, outcome=st.sampled_from(["lost", "cancelled", "ended", "ended"]))
    def close(self, pick: int, who: int, outcome: str) -> None:
        self.send("close", pick, who, deal=self._one(pick, "deals", stage=LIVE)["id"], outcome=outcome)

    @having("deals", stage={"closed"})
    @rule(pick=PICK, who=WHO)
    def reopen(self, pick: int, who: int) -> None:
        self.send("reopen", pick, who, deal=self._one(pick, "deals", stage={"closed"})["id"])

    @rule(pick=PICK, who=WHO)
    def set_executor(self, pick: int, who: int) -> None:
        person = self._person(pick, "executor") if pick % 5 else None
        self.send("set_executor", pick, who, deal=self._one(pick, "deals")["id"], person=person)

    @rule(pick=PICK, who=WHO, title=st.sampled_from(["Kia Rio", "Audi", ""]))
    def correct_object(self, pick: int, who: int, title: str) -> None:
        self.send("correct_object", pick, who, deal=self._one(pick, "deals")["id"], title=title)

    @rule(pick=PICK, who=WHO)
    def agree_expense(self, pick: int, who: int) -> None:
        self.send("agree_expense", pick, who, deal=self._one(pick, "deals")["id"], percent="3.21")

    @rule(pick=PICK, who=WHO)
    def write(self, pick: int, who: int) -> None:
        self.send("write", pick, who, deal=self._one(pick, "deals")["id"], words="called, no answer")

    @rule(pick=PICK, who=WHO, content=st.sampled_from(["%PDF one", "%PDF two", ""]))
    def file(self, pick: int, who: int, content: str) -> None:
        name = "полис.pdf" if pick % 2 else "passport.pdf"
        self.send("file", pick, who, deal=self._one(pick, "deals")["id"], name=name, content=content)

    @having("documents", deleted_at=None)
    @rule(pick=PICK, who=WHO)
    def put_away(self, pick: int, who: int) -> None:
        self.send("put_away", pick, who, document=self._one(pick, "documents", deleted_at=None)["id"])

    @rule(pick=PICK, into=PICK, who=WHO)
    def merge(self, pick: int, into: int, who: int) -> None:
        client, other = self._one(pick, "clients", deleted_at=None), self._one(into, "clients", deleted_at=None)
        self.send("merge", pick, who, client=client["id"], into=other["id"])

    # --- tasks ----------------------------------------------------------------------------------------------------

    @having("deals", stage=LIVE)
    @rule(pick=PICK, who=WHO, to=PICK, kind=st.sampled_from(["calculate", "calculate", "issue", "other"]))
    def assign(self, pick: int, who: int, to: int, kind: str) -> None:
        deal = self._one(pick, "deals", stage=LIVE)
        due = self._due([-1, 3, 30, 200][to % 4])
        self.send("assign", pick, who, deal=deal["id"], kind=kind, person=self._person(to, "executor"), due=due)

    def _on_task(self, name: str, pick: int, who: int, /, *status: str, **more: Any) -> None:
        """Mostly on a task in a status where it makes sense."""
        sensible = self._some("tasks", status=set(status)) if who != 7 else []
        tasks = sensible or self._some("tasks")
        self.send(name, pick, who, task=tasks[pick % len(tasks)]["id"], **more)

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def accept(self, pick: int, who: int) -> None:
        self._on_task("accept", pick, who, "queued", "returned")

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def ask(self, pick: int, who: int) -> None:
        self._on_task("ask", pick, who, "queued", "accepted", "returned", "waiting_insurer")

    @having("tasks", status={"question"})
    @rule(pick=PICK, who=WHO)
    def answer(self, pick: int, who: int) -> None:
        self._on_task("answer", pick, who, "question")

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def wait(self, pick: int, who: int) -> None:
        self._on_task("wait", pick, who, "queued", "accepted")

    @having("tasks", status={"question", "waiting_insurer"})
    @rule(pick=PICK, who=WHO)
    def resume(self, pick: int, who: int) -> None:
        self._on_task("resume", pick, who, "question", "waiting_insurer")

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def refuse(self, pick: int, who: int) -> None:
        self._on_task("refuse", pick, who, "queued", "accepted", "question")

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def finish(self, pick: int, who: int) -> None:
        self._on_task("finish", pick, who, "queued", "accepted")

    @having("tasks", status={"done", "accepted"})
    @rule(pick=PICK, who=WHO)
    def return_(self, pick: int, who: int) -> None:
        self._on_task("return_", pick, who, "done", "accepted")

    @having("tasks")
    @rule(pick=PICK, who=WHO)
    def call_off(self, pick: int, who: int) -> None:
        self._on_task("call_off", pick, who, "queued", "accepted", "question", "returned", "waiting_insurer")

    @having("tasks")
    @rule(pick=PICK, who=WHO, to=PICK)
    def reassign(self, pick: int, who: int, to: int) -> None:
        self._on_task(
            "reassign", pick, who, "queued", "accepted", "question", "returned", person=self._person(to, "executor")
        )

    # --- variants -------------------------------------------------------------------------------------------------

    @having("deals", stage=LIVE)
    @rule(pick=PICK, who=WHO, both=st.booleans(), plan=st.sampled_from(["", " 50/50", " 4 кв", " до 20.03"]))
    def enter(self, pick: int, who: int, both: bool, plan: str) -> None:
        asked = [deal for deal in self._some("deals", stage=LIVE) if deal["executor_id"] is not None]
        deals = asked or self._some("deals", stage=LIVE)
        name = "enter_and_hand_in" if both else "enter"
        lines = f"РЕСО 54321,07{plan}\nбез суммы\nАльфа 61234,56 кв17.13"
        self.send(name, pick, who, deal=deals[pick % len(deals)]["id"], lines=lines)

    @having("variants", status={"draft"})
    @rule(pick=PICK, who=WHO)
    def hand_in(self, pick: int, who: int) -> None:
        self.send("hand_in", pick, who, deal=self._one(pick, "variants", status={"draft"})["deal_id"])

    @having("variants", deleted_at=None)
    @rule(pick=PICK, who=WHO)
    def drop_variant(self, pick: int, who: int) -> None:
        self.send("drop_variant", pick, who, variant=self._one(pick, "variants", deleted_at=None)["id"])

    @having("variants", status={"offered", "not_selected"}, deleted_at=None)
    @rule(pick=PICK, who=WHO, to=PICK, both=st.booleans())
    def choose(self, pick: int, who: int, to: int, both: bool) -> None:
        variant = self._one(pick, "variants", status={"offered", "not_selected"}, deleted_at=None)
        if both:
            self.send(
                "choose_and_assign", pick, who, variant=variant["id"], deal=variant["deal_id"],
                person=self._person(to, "executor"), due=self._due(30),
            )  # fmt: skip
        else:
            self.send("choose", pick, who, variant=variant["id"])

    @having("variants", deleted_at=None)
    @rule(pick=PICK, who=WHO)
    def decline(self, pick: int, who: int) -> None:
        self.send("decline", pick, who, variant=self._one(pick, "variants", deleted_at=None)["id"])

    # --- policies -------------------------------------------------------------------------------------------------

    @rule(
        pick=PICK,
        who=WHO,
        since=st.sampled_from([-350, -330, -200, -10, 0, 1, 20]),
        length=st.sampled_from([9, 90, 364, 364, 364]),
        plan=st.sampled_from(["full", "halves", "quarters", "monthly:7", "nonsense"]),
    )
    def register(self, pick: int, who: int, since: int, length: int, plan: str) -> None:
        deals = self._some("deals", stage=LIVE) or self._some("deals")
        deal = deals[pick % len(deals)]
        chosen = self.books.of("variants", deal_id=deal["id"], status="chosen", deleted_at=None)
        self.numbers += pick % 9 > 0  # the ninth time the same number once more
        self.send(
            "register", pick, who, deal=deal["id"], number=f"ААА {self.numbers}", insurer=self.insurers[pick % 3],
            premium=["54321.07", "100.03", "12345.67"][pick % 3], starts=self._day(since),
            ends=self._day(since + length), plan=plan, variant=chosen[-1]["id"] if chosen else None,
        )  # fmt: skip

    @having("policies")
    @rule(pick=PICK, who=WHO, what=st.sampled_from(["premium", "plan", "starts", "ends"]))
    def correct(self, pick: int, who: int, what: str) -> None:
        policy = self._one(pick, "policies")
        value = {
            "premium": "60000.01", "plan": ["full", "halves", "monthly:3"][pick % 3],
            "starts": (day(policy["starts_on"]) + timedelta(days=pick % 9 - 4)).isoformat(),
            "ends": (day(policy["ends_on"]) + timedelta(days=pick % 90 - 20)).isoformat(),
        }[what]  # fmt: skip
        self.send("correct", pick, who, policy=policy["id"], **{what: value})

    @having("policies", outcome=None)
    @rule(pick=PICK, who=WHO)
    def renew(self, pick: int, who: int) -> None:
        self.send("renew", pick, who, policy=self._one(pick, "policies", outcome=None)["id"])

    @having("policies", outcome=None)
    @rule(pick=PICK, who=WHO)
    def lose(self, pick: int, who: int) -> None:
        self.send("lose", pick, who, policy=self._one(pick, "policies", outcome=None)["id"])

    @having("policies", outcome=set())
    @rule(pick=PICK, who=WHO)
    def change_mind(self, pick: int, who: int) -> None:
        self.send("change_mind", pick, who, policy=self._one(pick, "policies", outcome=set())["id"])

    @having("policies")
    @rule(pick=PICK, who=WHO)
    def cancel_policy(self, pick: int, who: int) -> None:
        self.send("cancel_policy", pick, who, policy=self._one(pick, "policies")["id"])

    @having("policies")
    @rule(pick=PICK, who=WHO, days=st.sampled_from([0, 1, 3, 7, 30, 90]))
    def think(self, pick: int, who: int, days: int) -> None:
        self.send("think", pick, who, policy=self._one(pick, "policies")["id"], days=days)

    # --- money ----------------------------------------------------------------------------------------------------

    @having("payments")
    @rule(pick=PICK, who=WHO, amount=SUM, days=st.sampled_from([None, None, 0, -3, 1]))
    def pay(self, pick: int, who: int, amount: str | None, days: int | None) -> None:
        payment = self._one(pick, "payments")
        if amount == "99999999" and pick % 2:
            amount = str(Decimal(payment["amount"]) / 4 + Decimal("0.001"))
        day_ = None if days is None else self._day(days)
        self.send("pay", pick, who, payment=payment["id"], amount=amount, day=day_)

    @having("payments", settled_on=None)
    @rule(pick=PICK, who=WHO)
    def pay_and_move_on(self, pick: int, who: int) -> None:
        payment = self._one(pick, "payments", settled_on=None)
        self.send("pay_and_move_on", pick, who, payment=payment["id"], deal=payment["deal_id"])

    @having("payments", settled_on=set())
    @rule(pick=PICK, who=WHO)
    def confirm(self, pick: int, who: int) -> None:
        self.send("confirm", pick, who, payment=self._one(pick, "payments", settled_on=set())["id"])

    @having("payments")
    @rule(pick=PICK, who=WHO, days=DAYS)
    def promise(self, pick: int, who: int, days: int) -> None:
        self.send("promise", pick, who, payment=self._one(pick, "payments")["id"], day=self._day(days))

    @having("payments")
    @rule(pick=PICK, who=WHO, days=DAYS)
    def shift(self, pick: int, who: int, days: int) -> None:
        self.send("shift", pick, who, payment=self._one(pick, "payments")["id"], day=self._day(days))

    @having("payments")
    @rule(pick=PICK, who=WHO, days=st.sampled_from([1, 3, 7, 30, 91]))
    def put_off(self, pick: int, who: int, days: int) -> None:
        self.send("put_off", pick, who, payment=self._one(pick, "payments")["id"], days=days)

    @having("payments")
    @rule(pick=PICK, who=WHO)
    def waive(self, pick: int, who: int) -> None:
        self.send("waive", pick, who, payment=self._one(pick, "payments")["id"])

    @having("payments", waived_at=set())
    @rule(pick=PICK, who=WHO)
    def restore(self, pick: int, who: int) -> None:
        self.send("restore", pick, who, payment=self._one(pick, "payments", waived_at=set())["id"])

    @having("incomes")
    @rule(pick=PICK, who=WHO, amount=st.sampled_from([None, None, "876.54", "8765.43", "99999999"]))
    def receive(self, pick: int, who: int, amount: str | None) -> None:
        self.send("receive", pick, who, income=self._one(pick, "incomes")["id"], amount=amount)

    @having("incomes")
    @rule(pick=PICK, who=WHO, amount=st.sampled_from(["0", "1234.56", "7654.32"]))
    def expect(self, pick: int, who: int, amount: str) -> None:
        self.send("expect", pick, who, income=self._one(pick, "incomes")["id"], amount=amount)

    @having("policies")
    @rule(pick=PICK, who=WHO, percent=st.sampled_from(["0", "17.13", "21.7"]))
    def set_rate(self, pick: int, who: int, percent: str) -> None:
        self.send("set_rate", pick, who, policy=self._one(pick, "policies")["id"], percent=percent)

    @having("payments")
    @rule(pick=PICK, who=WHO)
    def add_expense(self, pick: int, who: int) -> None:
        self.send("add_expense", pick, who, payment=self._one(pick, "payments")["id"], amount="777.77")

    @having("expenses")
    @rule(pick=PICK, who=WHO)
    def remove_expense(self, pick: int, who: int) -> None:
        self.send("remove_expense", pick, who, expense=self._one(pick, "expenses")["id"])

    @having("expenses")
    @rule(pick=PICK, who=WHO, amount=st.sampled_from([None, "300.33", "777.77", "99999"]))
    def pay_out(self, pick: int, who: int, amount: str | None) -> None:
        self.send("pay_out", pick, who, expense=self._one(pick, "expenses")["id"], amount=amount)

    @having("money_moves", undone_at=None)
    @rule(pick=PICK, who=WHO)
    def undo(self, pick: int, who: int) -> None:
        self.send("undo", pick, who, move=self._one(-1 - pick % 3, "money_moves", undone_at=None)["id"])

    # --- people ---------------------------------------------------------------------------------------------------

    @rule(pick=PICK, who=WHO, roles=st.sampled_from([["seller"], ["executor"], ["seller", "executor"], ["admin"]]))
    def demote(self, pick: int, who: int, roles: list[str]) -> None:
        self.send("set_roles", pick, who, person=self._one(pick, "users")["id"], roles=roles)

    @rule(pick=PICK, who=WHO)
    def block(self, pick: int, who: int) -> None:
        self.send("block", pick, who, person=self._one(pick, "users")["id"])

    @precondition(lambda self: any(not user["active"] for user in self.books.of("users")))
    @rule(pick=PICK, who=WHO)
    def unblock(self, pick: int, who: int) -> None:
        blocked = [user for user in self.books.of("users") if not user["active"]]
        self.send("unblock", pick, who, person=blocked[pick % len(blocked)]["id"])

    @rule(pick=PICK, to=PICK, who=WHO, role=st.sampled_from(["seller", "executor"]))
    def hand_over(self, pick: int, to: int, who: int, role: str) -> None:
        self.send("hand_over", pick, who, person=self._one(pick, "users")["id"], to=self._person(to, role), role=role)

    @rule(pick=PICK, to=PICK, who=WHO)
    def hand_over_deal(self, pick: int, to: int, who: int) -> None:
        self.send("hand_over_deal", pick, who, deal=self._one(pick, "deals")["id"], to=self._person(to, "seller"))

    @rule(pick=PICK)
    def stop_the_bot(self, pick: int) -> None:
        self.send("stop_the_bot", pick, 0)

    @precondition(lambda self: any(not user["reachable"] and user["active"] for user in self.books.of("users")))
    @rule(pick=PICK)
    def start_the_bot(self, pick: int) -> None:
        gone = [user for user in self.books.of("users") if not user["reachable"] and user["active"]]
        self.loop.run(self._send("start_the_bot", gone[pick % len(gone)]["id"]))


RULES = sum(hasattr(member, "hypothesis_stateful_rule") for member in vars(Agencies).values())


# --- running it ---------------------------------------------------------------------------------------------------


def run(
    cluster: Cluster, template: str, *, examples: int, steps: int, number: int | None = None, shrink: bool = False
) -> Counter[str]:
    """Let so many agencies work so many steps each; with a seed at random, without one always the same ones."""
    Machine.cluster, Machine.template, Machine.loop = cluster, template, Loop()
    Machine.tally = Counter()
    Machine.database = Database(cluster.url_of(NAME), pool_size=2)
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=number is None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        print_blob=False,
    )
    machine = Agencies if number is None else seed(number)(Agencies)
    try:
        run_state_machine_as_test(machine, settings=wanted)
    finally:
        Machine.loop.close()
    return Machine.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600, help="begin no new ten examples after so many")
    parser.add_argument("--shrink", action="store_true", help="look for the shortest story of a breach (minutes)")
    given = parser.parse_args()
    began, tally = time.monotonic(), Counter[str]()
    with own_server() as server:
        cluster = Cluster(server.url)
        cluster.execute("CREATE DATABASE machine_template")
        asyncio.run(schema.upgrade(cluster.url_of("machine_template")))
        try:
            while tally["examples"] < given.examples and time.monotonic() - began < given.minutes * 60:
                tally += run(
                    cluster,
                    "machine_template",
                    examples=min(BATCH, given.examples),
                    steps=given.steps,
                    number=given.seed + tally["examples"] // BATCH,
                    shrink=given.shrink,
                )
        finally:
            # After a breach too: what was tried until then was tried.
            for name, count in sorted(tally.items()):
                print(f"{name}: {count}")  # noqa: T201
            print(f"rules {RULES}, {time.monotonic() - began:.0f} s")  # noqa: T201
            cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
