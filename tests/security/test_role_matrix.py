"""Every service method × every kind of person × what is his, another's, closed, deleted and absent.

Made from the services themselves: a new method is in it by itself.
"""

import dataclasses
import inspect
import typing
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Any

import pytest

from models.enums import ClientKind, ExpenseKind, Role, TaskKind
from services.access import Actor, Service
from services.deals import DealDraft
from services.documents import Incoming
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.registry import Services
from services.rules.deal_line import ClientDraft
from services.rules.reading import Unreadable
from tests.security.rehearsal import rehearsing
from tests.services.conftest import Agency

ABSENT = 987_654_321
QUEUES = {"inbox", "outbox", "effects", "dialog_state", "alembic_version"}


def methods() -> list[tuple[str, str]]:
    found = []
    for field in dataclasses.fields(Services):
        assert isinstance(field.type, type)
        assert issubclass(field.type, Service)
        found += [
            (field.name, name)
            for name, member in vars(field.type).items()
            if inspect.iscoroutinefunction(member) and not name.startswith("_")
        ]
    return found


METHODS = methods()
NOBODY = Actor(user_id=ABSENT, roles=frozenset())


def policy_of(service: str, name: str) -> frozenset[Role] | None:
    field = next(field for field in dataclasses.fields(Services) if field.name == service)
    return getattr(getattr(field.type, name), "policy", None)


def guarded() -> list[tuple[str, str]]:
    return [(service, name) for service, name in METHODS if policy_of(service, name)]


def something(annotation: Any) -> Any:
    """A harmless value of a type; the absent id for every number."""
    options = typing.get_args(annotation) if typing.get_origin(annotation) in {UnionType, typing.Union} else ()
    if type(None) in options:
        return None
    kind = options[0] if options else typing.get_origin(annotation) or annotation
    made: dict[Any, Any] = {
        int: ABSENT,
        str: "x",
        bool: False,
        Decimal: Decimal(100),
        date: date(2026, 3, 3),
        datetime: datetime(2026, 3, 3, 12, tzinfo=Agency.zone),
        ClientDraft: ClientDraft("Некто", ClientKind.PERSON),
        DealDraft: DealDraft(line_id=1, title="x"),
        Incoming: Incoming("x.pdf", b"x", "application/pdf"),
        Mapping: {"premium": Decimal(1), "insurer_id": 1},
    }
    if kind in made:
        return made[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return next(iter(kind))
    if isinstance(kind, type) and issubclass(kind, (list, tuple, set, frozenset)):
        return kind()
    return made.get(kind, [])


def arguments(service: str, name: str, objects: Mapping[str, int]) -> dict[str, Any]:
    """Values for a method's parameters: the ids of `objects` where a name fits, something harmless elsewhere."""
    field = next(field for field in dataclasses.fields(Services) if field.name == service)
    method = getattr(field.type, name)
    original = inspect.unwrap(method)
    hints = typing.get_type_hints(original)
    names = [
        parameter for parameter in inspect.signature(original).parameters if parameter not in {"self", "tx", "actor"}
    ]
    given: dict[str, Any] = {}
    for parameter in names:
        default = inspect.signature(original).parameters[parameter].default
        if parameter in objects and hints[parameter] is not str:
            given[parameter] = objects[parameter]
        elif default is inspect.Parameter.empty:
            given[parameter] = DATES.get((service, parameter), something(hints[parameter]))
    return given


DATES = {
    ("deals", "on"): "2026-03-09",
    ("deals", "outcome"): "lost",
    ("deals", "reason"): "price",
    ("deals", "kind"): "other",
    ("deals", "field"): "title",
    ("clients", "field"): "name",
    ("tasks", "due_at"): "2026-03-04T18:00",
    ("documents", "kind"): "passport",
    ("reminders", "days"): 3,
}


async def call(agency: Agency, service: str, name: str, actor: Actor, objects: Mapping[str, int]) -> Any:
    return await getattr(getattr(agency.services, service), name)(actor, **arguments(service, name, objects))


async def everything(agency: Agency) -> dict[str, str]:
    """A fingerprint of every table that holds the agency's life."""
    names = await agency.rows_of("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    digest = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
    return {name: (await agency.rows_of(digest.format(name)))[0] for name in names if name not in QUEUES}


@pytest.fixture
async def annas(agency: Agency) -> dict[str, int]:
    """Ids of Анна's things, one of each kind, under the names that services give them."""
    services, anna, egor = agency.services, agency.anna, agency.egor
    deal_id = await agency.deal(anna)
    paper = await services.documents.file(anna, deal_id, Incoming("паспорт.pdf", b"1", "application/pdf"))
    parcel = await services.documents.keep(anna, "album", Incoming("стс.pdf", b"2", "application/pdf"))
    await services.deals.add_expense(anna, deal_id, ExpenseKind.CLIENT_DISCOUNT.value, percent="3")
    await services.tasks.give(anna, deal_id, TaskKind.CALCULATE, egor.user_id, "2026-03-04T18:00")
    added = await services.variants.add_lines(egor, deal_id, "РЕСО 54300 кв15\nИнгос 61000")
    await services.variants.hand_in(egor, deal_id)
    await services.variants.choose(anna, added["added"][0])
    issue = await services.tasks.give(anna, deal_id, TaskKind.ISSUE, egor.user_id, "2026-03-04T18:00")
    policy_id = await services.policies.register(
        anna, deal_id, number="ХХХ 1", insurer_id=await agency.insurer(), premium=Decimal(54300),
        starts_on=date(2026, 3, 3), ends_on=date(2027, 3, 2), plan="halves", variant_id=added["added"][0],
    )  # fmt: skip
    payment_id = await agency.number("SELECT min(id) FROM payments")
    move_id = await services.money.client_paid(anna, payment_id, Decimal(1000))
    income_id = await agency.number("SELECT min(id) FROM incomes")
    await services.money.commission_received(anna, income_id, Decimal(100))
    calls = await services.tasks.give(anna, deal_id, TaskKind.OTHER, egor.user_id, "2026-03-05T18:00", "позвонить")
    assert issue
    return {
        "deal_id": deal_id,
        "client_id": await agency.number("SELECT client_id FROM deals"),
        "from_id": await agency.number("SELECT client_id FROM deals"),
        "into_id": await agency.number("SELECT client_id FROM deals"),
        "number": await agency.number("SELECT number FROM deals"),
        "document_id": paper.document_id,
        "parcel_id": parcel.parcel_id,
        "task_id": calls,
        "variant_id": added["added"][1],
        "policy_id": policy_id,
        "previous_policy_id": policy_id,
        "payment_id": payment_id,
        "income_id": income_id,
        "expense_id": await agency.number("SELECT min(id) FROM expenses"),
        "entry_id": await agency.number("SELECT min(id) FROM journal_entries"),
        "reminder_id": await agency.number("SELECT min(id) FROM reminders WHERE deal_id IS NOT NULL"),
        "move_id": move_id,
    }


def test_every_public_method_declares_who_may_call_it() -> None:
    assert [f"{service}.{name}" for service, name in METHODS if policy_of(service, name) is None] == []


async def test_nobody_without_a_role_gets_anywhere(agency: Agency, annas: dict[str, int]) -> None:
    before = await everything(agency)
    for service, name in guarded():
        with pytest.raises(Forbidden):
            await call(agency, service, name, NOBODY, annas)
    assert await everything(agency) == before


@pytest.mark.parametrize("role", Role)
async def test_a_role_outside_the_policy_is_refused_before_anything_is_read(agency: Agency, role: Role) -> None:
    person = {Role.SELLER: agency.anna, Role.EXECUTOR: agency.egor, Role.ADMIN: agency.galina}[role]
    before = await everything(agency)
    for service, name in guarded():
        if role not in (policy_of(service, name) or ()):
            with pytest.raises(Forbidden):
                await call(agency, service, name, person, {})
    assert await everything(agency) == before


OBJECTS = {
    "deal_id", "client_id", "from_id", "number", "document_id", "parcel_id", "task_id", "variant_id", "policy_id",
    "payment_id", "income_id", "expense_id", "entry_id", "reminder_id", "move_id",
}  # fmt: skip


def parameters(service: str, name: str) -> set[str]:
    field = next(field for field in dataclasses.fields(Services) if field.name == service)
    return set(inspect.signature(inspect.unwrap(getattr(field.type, name))).parameters)


OWN_ONLY = [
    (service, name)
    for service, name in guarded()
    if policy_of(service, name) != frozenset({Role.ADMIN}) and parameters(service, name) & OBJECTS
]


@pytest.mark.parametrize("outsider", ["boris", "faina"])
async def test_another_persons_things_are_not_found_and_not_changed(
    agency: Agency, annas: dict[str, int], outsider: str
) -> None:
    """A seller with another's deal, and an executor with nobody's: whatever they claim, they get nothing."""
    person = getattr(agency, outsider)
    before = await everything(agency)
    for service, name in OWN_ONLY:
        try:
            answer = await call(agency, service, name, person, annas)
        except (Forbidden, NotFound, Invalid, AlreadyDone, Unreadable):
            pass
        else:
            assert not answer or answer in (([], 0), (0, 0)), f"{service}.{name} told {outsider} {answer!r}"
        assert await everything(agency) == before, f"{service}.{name} changed something for {outsider}"


WORKING: dict[tuple[str, str], Any] = {
    ("policies", "number"): "ХХХ 2", ("deals", "percent"): "3", ("deals", "executor_id"): None,
    ("deals", "outcome"): "ended", ("deals", "reason"): "other", ("money", "status"): "disputed",
}  # fmt: skip


def values(service: str, name: str, objects: Mapping[str, int]) -> dict[str, Any]:
    """Arguments with which a method may come to its end."""
    given = arguments(service, name, objects)
    known = {
        parameter: WORKING[service, parameter]
        for parameter in parameters(service, name)
        if (service, parameter) in WORKING
    }
    return given | known


def those_who_have_it(agency: Agency) -> list[Actor]:
    """Its seller, its executor, and the admin."""
    return [agency.anna, agency.egor, agency.galina]


WITH_OBJECTS = [(service, name) for service, name in guarded() if parameters(service, name) & OBJECTS]

ON_CLOSED = {
    # the client stays a client
    "clients.change", "deals.open", "deals.reopen",
    "journal.add", "documents.asked", "documents.cache", "documents.file", "documents.set_kind", "documents.settle",
    # what was earned, and what was written wrongly
    "money.commission_received", "money.commission_returned", "money.expense_paid", "money.remove_expense",
    "money.set_expected", "money.set_income_status", "money.set_rate", "money.undo", "policies.correct",
}  # fmt: skip
"""What may still be done about a closed deal: papers and money come late."""

DELETED = {"document_id", "variant_id", "policy_id", "client_id", "from_id", "into_id"}
"""Things that can be deleted; what belongs to a deal goes with it and is never deleted by itself."""


async def test_a_blocked_person_gets_nowhere_with_what_is_his_own(agency: Agency, annas: dict[str, int]) -> None:
    await agency.services.people.block(agency.galina, agency.egor.user_id)
    assert await agency.services.people.identify(201) is None
    blocked = Actor(user_id=agency.anna.user_id, roles=frozenset())
    async with rehearsing(agency) as rehearsal:
        how = {(await rehearsal.call(*method, blocked, **values(*method, annas))).how for method in guarded()}
    assert how == {"forbidden"}


async def test_of_what_is_closed_only_what_is_declared_can_be_changed(agency: Agency, annas: dict[str, int]) -> None:
    for (payment_id,) in await agency.sql("SELECT id FROM payments ORDER BY id"):
        await agency.services.money.waive(agency.galina, payment_id, "не будет")
    await agency.services.deals.close(agency.anna, annas["deal_id"], "ended", "other", "всё")
    changed, locked_out = set(), set()
    async with rehearsing(agency) as rehearsal:
        for service, name in WITH_OBJECTS:
            for person in those_who_have_it(agency):
                outcome = await rehearsal.call(service, name, person, **values(service, name, annas))
                if outcome.how == "done":
                    changed.add(f"{service}.{name}")
                if outcome.how == "forbidden" and person.is_admin and Role.ADMIN in (policy_of(service, name) or ()):
                    locked_out.add(f"{service}.{name}")
    assert changed == ON_CLOSED
    assert locked_out == set()


async def test_what_was_deleted_is_gone_for_its_owner_and_the_admin_too(agency: Agency, annas: dict[str, int]) -> None:
    for name in ("documents", "variants", "policies", "clients"):
        await agency.execute(f"UPDATE {name} SET deleted_at = now()")  # noqa: S608
    absent = annas | dict.fromkeys(DELETED & annas.keys(), ABSENT)
    different = set()
    async with rehearsing(agency) as rehearsal:
        for service, name in WITH_OBJECTS:
            if not parameters(service, name) & DELETED:
                continue
            for person in those_who_have_it(agency):
                found = [
                    await rehearsal.call(service, name, person, **values(service, name, ids)) for ids in (annas, absent)
                ]
                if found[0].how != found[1].how:
                    different.add(f"{service}.{name}")
    assert different == set()


async def test_what_is_absent_is_absent_for_the_admin_too(agency: Agency, annas: dict[str, int]) -> None:
    absent = dict.fromkeys(annas, ABSENT)
    wrong = []
    async with rehearsing(agency) as rehearsal:
        for service, name in WITH_OBJECTS:
            for person in those_who_have_it(agency):
                outcome = await rehearsal.call(service, name, person, **values(service, name, absent))
                if outcome.how == "done" or (
                    outcome.how == "told" and outcome.answer not in (None, False, [], 0, "", ([], 0), (0, 0))
                ):
                    wrong.append(f"{service}.{name} for {person.name}: {outcome}")
    assert wrong == []


async def test_what_is_refused_to_an_outsider_reads_like_what_does_not_exist(
    agency: Agency, annas: dict[str, int]
) -> None:
    absent = dict.fromkeys(annas, ABSENT)
    different = []
    for service, name in OWN_ONLY:
        answers = []
        for objects in (annas, absent):
            try:
                answers.append(repr(await call(agency, service, name, agency.boris, objects)))
            except Exception as error:  # noqa: BLE001 the kind of answer is what is compared
                answers.append(f"{type(error).__name__} {getattr(error, 'msgid', '')}")
        if answers[0] != answers[1]:
            different.append(f"{service}.{name}: {answers}")
    assert different == []


async def test_the_owner_is_not_locked_out_by_the_same_matrix(agency: Agency, annas: dict[str, int]) -> None:
    """The matrix could pass by refusing everybody: reading methods answer their owner."""
    for service, name in (
        ("deals", "card"), ("documents", "get"), ("tasks", "card"), ("policies", "card"),
        ("money", "card"), ("variants", "get"), ("clients", "card"), ("journal", "page"),
    ):  # fmt: skip
        assert await call(agency, service, name, agency.anna, annas | {"limit": 5, "offset": 0})


async def test_the_day_after_his_role_was_taken_an_executor_has_nothing(agency: Agency, annas: dict[str, int]) -> None:
    await agency.services.people.set_roles(agency.galina, agency.egor.user_id, [Role.SELLER.value])
    agency.clock.advance(timedelta(days=1))
    actor = await agency.services.people.identify(201)
    assert actor is not None
    before = await everything(agency)
    for service, name in OWN_ONLY:
        try:
            answer = await call(agency, service, name, actor, annas)
        except (Forbidden, NotFound, Invalid, AlreadyDone, Unreadable):
            continue
        assert not answer or answer in (([], 0), (0, 0)), f"{service}.{name} told {answer!r}"
    assert await everything(agency) == before
