"""What screens ask of the database, with arguments that find something in an agency made by bench.data.

The test of plans asks all of it and fails where a service's query is not asked; the bench measures it.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from models.enums import Role, TaskFilter, TaskKind
from services.access import Actor
from services.money import PaymentFilter
from services.registry import Services
from services.rules.deal_line import ClientDraft

FAR = 99
"""The hundredth page, from 0."""

_KNOWN = """
    SELECT d.id AS deal, d.number, d.client_id AS client, d.vin, d.plate, d.line_id AS line, d.seller_id AS seller,
           d.executor_id AS executor, split_part(c.name, ' ', 1) AS surname, c.name, c.inn, phone.e164 AS phone,
           policy.id AS policy, policy.number AS policy_number, policy.insurer_id AS insurer,
           (SELECT id FROM payments WHERE policy_id = policy.id ORDER BY seq DESC LIMIT 1) AS payment,
           (SELECT id FROM variants WHERE deal_id = d.id ORDER BY id LIMIT 1) AS variant,
           (SELECT id FROM documents WHERE deal_id = d.id ORDER BY id LIMIT 1) AS document,
           (SELECT id FROM journal_entries WHERE deal_id = d.id ORDER BY id LIMIT 1) AS entry,
           (SELECT id FROM reminders WHERE deal_id = d.id AND kind = 'review' LIMIT 1) AS reminder,
           (SELECT message_id FROM outbox WHERE recipient_id = d.seller_id LIMIT 1) AS message,
           (SELECT min(id) FROM commission_rates) AS rate,
           (SELECT t.id FROM tasks t JOIN deals o ON o.id = t.deal_id
            WHERE t.status = 'queued' AND o.seller_id = 2 ORDER BY t.id LIMIT 1) AS task
    FROM deals d JOIN clients c ON c.id = d.client_id JOIN client_phones phone ON phone.client_id = c.id
         JOIN policies policy ON policy.deal_id = d.id
    WHERE d.seller_id = 2 AND d.stage = 'in_force' AND c.kind = 'person' AND d.plate IS NOT NULL
          AND policy.outcome IS NULL
    ORDER BY d.id OFFSET $1 LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One reading of one screen; `method` is `service.name` as the registry has it, `label` tells it from others."""

    method: str
    label: str
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.label}".strip()

    def is_for(self, actor: Actor) -> bool:
        """Whether the policy of the method lets this person ask."""
        service, _dot, name = self.method.partition(".")
        fields: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(Services)}
        # A reminder is answered to nobody but whom it was sent to.
        return bool(actor.roles & getattr(fields[service], name).policy) and (
            self.method != "reminders.view" or Role.SELLER in actor.roles
        )

    async def ask(self, services: Services, actor: Actor) -> Any:
        """Ask it, as a getter of the screen does."""
        service, _dot, name = self.method.partition(".")
        return await getattr(getattr(services, service), name)(actor, **self.arguments)


async def known(connection: asyncpg.Connection, skip: int = 0) -> dict[str, Any]:
    """One deal of the first seller and of the first executor, with what belongs to it."""
    return dict(await connection.fetchrow(_KNOWN, skip))


def people(found: dict[str, Any]) -> dict[str, Actor]:
    """The admin, the first seller and the first executor, by the names of their roles."""
    ids = {Role.SELLER: found["seller"], Role.EXECUTOR: found["executor"], Role.ADMIN: 1}
    return {role.value: Actor(user_id, frozenset({role})) for role, user_id in ids.items()}


def misspelt(name: str) -> str:
    """A name with one letter wrong in the middle of its first word."""
    middle = min(len(name), name.find(" ") if " " in name else len(name)) // 2
    return name[:middle] + ("о" if name[middle] != "о" else "и") + name[middle + 1 :]


def questions(found: dict[str, Any], now: datetime, *, far: int = FAR) -> Iterator[Question]:
    """Everything that is asked, of `known` rows; `far` is the page, from 0, that is called the hundredth."""
    today = now.astimezone(UTC).date()
    deal, policy = {"deal_id": found["deal"]}, {"policy_id": found["policy"]}
    for method, label, arguments in (*_lists(found, today, far), *_cards(found, deal, policy), *_lookups(found, deal)):
        yield Question(method, label, arguments)


def _lists(found: dict[str, Any], today: date, far: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for filter_ in ("mine", "overdue", "today", "in_force", "closed", "all"):
        yield "deals.page", filter_, {"filter_": filter_, "offset": 0, "limit": 8}
    yield "deals.page", "mine, page 100", {"filter_": "mine", "offset": 8 * far, "limit": 8}
    yield "clients.page", "", {"offset": 0, "limit": 8}
    yield "clients.page", "page 100", {"offset": 8 * far, "limit": 8}
    for filter_ in TaskFilter:
        yield "tasks.mine", filter_.value, {"which": filter_}
    for which in PaymentFilter:
        yield "money.due", which.value, {"which": which}
    yield "money.due", "all, page 100", {"which": PaymentFilter.ALL, "page": far}
    yield "policies.ending", "soon", {}
    yield "policies.ending", "all", {"everything": True}
    yield "policies.ending", "all, page 100", {"everything": True, "page": far}
    yield "policies.without_rate", "", {}
    yield "policies.expired_count", "", {}
    yield "money.overdue_count", "", {}
    yield "audit.page", "", {}
    yield "audit.page", "page 100", {"page": far}
    yield "audit.page", "of a person", {"person_id": found["seller"]}
    yield "audit.page", "of a deal", {"deal_number": found["number"]}
    yield "audit.page", "of a day", {"day": today - timedelta(days=1)}
    yield "audit.page", "of a person's day", {"day": today - timedelta(days=1), "person_id": found["seller"]}
    yield "audit.head", "", {}
    yield "stats.day", "today", {}
    yield "stats.day", "a year ago", {"on": today - timedelta(days=365)}
    for given_up in ("dead_updates", "dead_messages", "failing_reminders"):
        yield f"stats.{given_up}", "", {}
    yield "digest.day", "", {}
    yield "digest.next_item", "", {}
    yield "digest.next_item", "walked", {"seen_deals": [found["deal"]], "seen_tasks": [found["task"]]}
    yield "deals.desk", "", {}
    yield "documents.likely_deals", "", {}
    yield "people.page", "", {}
    yield "people.invites", "", {}
    for role in ("seller", "executor"):
        yield "people.successors", role, {"roles": [role], "besides": found["seller"]}


def _cards(
    found: dict[str, Any], deal: dict[str, Any], policy: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method in (
        "deals.card",
        "deals.heading",
        "money.totals",
        "policies.prefill",
        "variants.of_deal",
        "variants.edits",
        "variants.compare",
    ):
        yield method, "", deal
    yield "tasks.of_deal", "", deal
    yield "journal.page", "", {**deal, "offset": 0, "limit": 5}
    yield "journal.get", "", {**deal, "entry_id": found["entry"]}
    yield "documents.of_deal", "", {**deal, "page": 0}
    yield "documents.get", "", {"document_id": found["document"]}
    yield "policies.of_deal", "", deal
    yield "policies.card", "", policy
    yield "money.of", "a deal", deal
    yield "money.of", "a policy", policy
    yield "money.card", "", {"payment_id": found["payment"]}
    yield "clients.card", "", {"client_id": found["client"]}
    yield "tasks.card", "", {"task_id": found["task"]}
    yield "tasks.candidates", "", deal
    yield "tasks.proposal", "", {**deal, "kind": TaskKind.CALCULATE}
    yield "tasks.proposed_executor", "", {"line_id": found["line"]}
    yield "variants.get", "", {"variant_id": found["variant"]}
    yield "reminders.view", "", {"reminder_id": found["reminder"]}
    yield "people.card", "", {"user_id": found["seller"]}
    yield "people.reload", "", {}
    yield "people.colleague", "", {"user_id": found["seller"]}
    yield "settings.mine", "", {}
    yield "settings.team", "", {}
    yield "deals.executors", "", {"offset": 0, "limit": 8}
    for method in ("deals.lines", "policies.insurers", "variants.insurers", "dictionaries.insurers"):
        yield method, "", {}
    yield "dictionaries.lines", "", {}
    yield "dictionaries.insurer", "", {"insurer_id": found["insurer"]}
    yield "dictionaries.line", "", {"line_id": found["line"]}
    yield "dictionaries.rate_counts", "", {}
    yield "dictionaries.rates", "", {"insurer_id": found["insurer"]}
    yield "dictionaries.rate", "", {"rate_id": found["rate"]}
    yield "dictionaries.read_rate", "", {"text": "каско 15%"}
    yield "reminders.next_due", "", {}
    yield "reminders.missed", "", {"on": "2026-03-02"}
    yield "tasks.about_message", "", {"message_id": found["message"]}


def _lookups(found: dict[str, Any], deal: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    surname, phone = found["surname"].lower(), found["phone"]
    typed = {
        "two letters": surname[:2],
        "three letters": surname[:3],
        "a surname": surname,
        "a surname with a typo": misspelt(surname),
        "a full name with a typo": misspelt(found["name"].lower()),
        "a common name": "анна",
        "what a fifth of clients bear": "ооо",
        "a surname of hardly any": "петренко",
        "a name of nobody": "петренко зинаида",
        "an ending that many have": "пономаренко",
        "a title": "toyota camry",
        "a title with a typo": "тоета camri",
        "what is not there": "щцфыва",
        "a long line": "нужно каско на новую машину для клиента из конторы напротив",
        "a phone": phone,
        "a part of a phone": phone[-6:],
        "four digits": phone[-4:],
        "a number": str(found["number"]),
        "a plate": found["plate"],
        "a part of a plate": found["plate"][1:4],
        "a VIN": found["vin"],
        "the end of a VIN": found["vin"][-6:],
        "a policy": found["policy_number"],
        "a part of a policy": found["policy_number"][-6:],
    }
    for label, text in typed.items():
        yield "search.find", label, {"text": text, "offset": 0, "limit": 8}
        if label not in {"a number", "a plate", "a part of a plate", "a VIN", "the end of a VIN"}:
            yield "clients.find_like", label, {"text": text}
    draft = ClientDraft(found["name"], phones=(phone,), inn="7700000001")
    yield "clients.duplicates", "", {"draft": draft}
    yield "clients.duplicates", "of a stranger", {"draft": ClientDraft("Пономаренко Зинаида Сергеевна")}
    yield "clients.duplicates", "of a newcomer", {"draft": ClientDraft(f"{misspelt(found['surname'])} Зинаида Львовна")}
    yield "deals.find_number", "", {"number": found["number"]}
    yield "policies.check_number", "", {**deal, "number": "ХХХ0000000000"}
    yield "policies.insurer_named", "", {"text": "ресо"}
