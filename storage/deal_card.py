"""Everything that a deal's card shows, in one round trip: the screen that is looked at most (docs/adr/0010)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, func, select, true
from sqlalchemy.orm import aliased

from models.enums import VariantStatus
from models.scope import Scope
from models.tables import (
    Client,
    ClientPhone,
    Deal,
    DealExpense,
    Document,
    Expense,
    Income,
    Insurer,
    JournalEntry,
    LineOfBusiness,
    Payment,
    Policy,
    Task,
    User,
    Variant,
)
from storage.direct import Shape, given, in_one_column, ready
from storage.money import OF_EXPENSES, OF_INCOMES, OF_PREMIUM
from storage.repository import OPEN_TASK, UNPAID, may_see_deal


@dataclass(frozen=True, slots=True)
class DealTotals:
    """What is counted and summed on a deal. The client's premium, our commission and our expenses stay apart."""

    documents: int
    variants: int
    offered: int
    policies: int
    unpaid: int
    premium: Decimal
    premium_paid: Decimal
    commission: Decimal
    commission_received: Decimal
    rates_missing: int
    expenses: Decimal
    expenses_paid: Decimal


@dataclass(frozen=True, slots=True)
class DealCard:
    """The rows of a card, outside any session: a deal with what it leads to, and the first few of what hangs on it.

    Of what hangs on it there is what cards show and no more.
    """

    deal: Deal
    totals: DealTotals
    chosen: Variant | None
    policies: list[Policy]
    unpaid: list[Payment]
    tasks: list[Task]
    agreed: list[DealExpense]
    journal: list[JournalEntry]
    journal_total: int


_EXECUTOR, _AUTHOR, _ASSIGNEE = aliased(User), aliased(User), aliased(User)
_INSURER, _LINE = aliased(Insurer), aliased(LineOfBusiness)
_deal = Shape(Deal, without=("title_key", "words"))
_client = Shape(Client, without=("name_key", "words"))
_line = Shape(LineOfBusiness, "code", "name")
_seller, _executor, _author, _assignee = (
    Shape(User, "id", "full_name", entity=entity) for entity in (None, _EXECUTOR, _AUTHOR, _ASSIGNEE)
)
_phone = Shape(ClientPhone, "e164")
_variant, _insurer = Shape(Variant, "number", "premium"), Shape(Insurer, "name", entity=_INSURER)
_policy = Shape(Policy, "id", "number", "starts_on", "ends_on", "outcome")
_of_policy_line = Shape(LineOfBusiness, "name", "ladder", "steps", entity=_LINE)
_payment = Shape(Payment, "id", "due_on", "amount", "paid_amount", "promised_on")
_task = Shape(Task, "id", "kind", "status", "due_at")
_expense, _entry = Shape(DealExpense), Shape(JournalEntry, "id", "created_at", "text", "event", "params")
_HEADING = (_deal, _client, _line, _seller, _executor)
_TOTALS = 12


def _phones() -> ColumnElement[Any]:
    """The phones of the deal's client, by age."""
    return _some(select(ClientPhone).where(ClientPhone.client_id == Deal.client_id).order_by(ClientPhone.id), _phone)


def _some(rows: Select[Any], *shapes: Shape[Any]) -> ColumnElement[Any]:
    """A list of rows in one column, each with the columns of these shapes."""
    return in_one_column(rows, [column for shape in shapes for column in shape.columns])


@cache
def statement(everything: bool, as_seller: bool, as_executor: bool, policies: int, payments: int, journal: int) -> str:
    """The statement for what such a person may see; the deal ($1) and who he is ($2) are given with each call."""
    deal_id, viewer = given(1, BigInteger()), given(2, BigInteger())
    scope = Scope(everything=everything, as_seller=as_seller, as_executor=as_executor)
    live_policies = select(Policy.id).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
    documents = select(func.count()).where(Document.deal_id == deal_id, Document.deleted_at.is_(None))
    variants = (
        select(func.count().label("all"), func.count().filter(Variant.status == VariantStatus.OFFERED).label("offered"))
        .where(Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
        .subquery()
    )
    instalments = (
        select(func.count().filter(UNPAID).label("unpaid"), *OF_PREMIUM)
        .where(Payment.deal_id == deal_id, Payment.policy_id.in_(live_policies))
        .subquery()
    )
    incomes = select(*OF_INCOMES).where(Income.deal_id == deal_id).subquery()
    expenses = select(*OF_EXPENSES).where(Expense.deal_id == deal_id).subquery()
    of_deal = select(Policy).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
    return ready(
        select(
            *(column for shape in (_deal, _client, _line, _seller, _executor) for column in shape.columns),
            documents.scalar_subquery(),
            *variants.c,
            live_policies.with_only_columns(func.count()).scalar_subquery(),
            *instalments.c,
            *incomes.c,
            *expenses.c,
            _phones(),
            _some(
                select(Variant)
                .join(_INSURER, _INSURER.id == Variant.insurer_id)
                .where(
                    Variant.deal_id == deal_id,
                    Variant.status == VariantStatus.CHOSEN,
                    Variant.deleted_at.is_(None),
                )
                .order_by(Variant.chosen_at.desc().nulls_last(), Variant.id.desc())
                .limit(1),
                _variant,
                _insurer,
            ),
            _some(
                of_deal.join(_INSURER, _INSURER.id == Policy.insurer_id)
                .join(_LINE, _LINE.id == Policy.line_id)
                # Undecided ones by their end, then decided ones, the latest first.
                .order_by(
                    Policy.outcome.is_not(None),
                    case((Policy.outcome.is_(None), Policy.ends_on)),
                    Policy.ends_on.desc(),
                    Policy.id.desc(),
                )
                .limit(policies),
                _policy,
                _insurer,
                _of_policy_line,
            ),
            _some(
                select(Payment)
                .join(Policy, Policy.id == Payment.policy_id)
                .where(Payment.deal_id == deal_id, UNPAID, Policy.deleted_at.is_(None))
                .order_by(Payment.due_on, Payment.id)
                .limit(payments),
                _payment,
            ),
            _some(
                select(Task)
                .join(_ASSIGNEE, _ASSIGNEE.id == Task.assignee_id)
                .where(Task.deal_id == deal_id, OPEN_TASK)
                .order_by(Task.due_at, Task.id),
                _task,
                _assignee,
            ),
            _some(select(DealExpense).where(DealExpense.deal_id == deal_id).order_by(DealExpense.id), _expense),
            _some(
                select(JournalEntry)
                .outerjoin(_AUTHOR, _AUTHOR.id == JournalEntry.author_id)
                .where(JournalEntry.deal_id == deal_id)
                .order_by(JournalEntry.id.desc())
                .limit(journal),
                _entry,
                _author,
            ),
            select(func.count()).where(JournalEntry.deal_id == deal_id).scalar_subquery(),
        )
        .select_from(Deal)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        .join(User, User.id == Deal.seller_id)
        .outerjoin(_EXECUTOR, _EXECUTOR.id == Deal.executor_id)
        .join(variants, true())
        .join(instalments, true())
        .join(incomes, true())
        .join(expenses, true())
        # Whoever sees everything is given as well, so that there is one way to call it.
        .where(Deal.id == deal_id, viewer.is_not(None), may_see_deal(scope, viewer))
    )


def headed(scope: Scope, viewer: ColumnElement[int], *before: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Deals that such a person may see, with those whom they are about, for `read_heading`; `before` comes first."""
    return (
        select(*before, *(column for shape in _HEADING for column in shape.columns), _phones())
        .select_from(Deal)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        .join(User, User.id == Deal.seller_id)
        .outerjoin(_EXECUTOR, _EXECUTOR.id == Deal.executor_id)
        .where(viewer.is_not(None), may_see_deal(scope, viewer))
    )


@cache
def heading_statement(everything: bool, as_seller: bool, as_executor: bool) -> str:
    """The statement for a deal and those whom it is about, with arguments as those of the card's."""
    scope = Scope(everything=everything, as_seller=as_seller, as_executor=as_executor)
    return ready(headed(scope, given(2, BigInteger())).where(Deal.id == given(1, BigInteger())))


def read_heading(found: Sequence[Any]) -> Deal:
    """A deal with its client, line and people, from a row of such a statement."""
    *heading, phones = found
    deal: Deal = _deal.joined(heading, client=_client, line=_line, seller=_seller, executor=_executor)
    deal.client.__dict__["phones"] = [_phone.row(row) for row in phones]
    return deal


def read(found: Any) -> DealCard:
    """The card from the one row that the statement has fetched."""
    values = list(found)
    place = 0

    def of(shape: Shape[Any]) -> list[Any]:
        nonlocal place
        place += len(shape)
        return values[place - len(shape) : place]

    deal, client, line, seller, executor = (of(shape) for shape in (_deal, _client, _line, _seller, _executor))
    totals = DealTotals(*values[place : place + _TOTALS])
    phones, chosen, policies, unpaid, tasks, agreed, journal, journal_total = values[place + _TOTALS :]
    return DealCard(
        deal=_deal.row(
            deal,
            client=_client.row(client, phones=[_phone.row(row) for row in phones]),
            line=_line.row(line),
            seller=_seller.row(seller),
            executor=None if executor[0] is None else _executor.row(executor),
        ),
        totals=totals,
        chosen=next((_variant.joined(row, insurer=_insurer) for row in chosen), None),
        policies=[_policy.joined(row, insurer=_insurer, line=_of_policy_line) for row in policies],
        unpaid=[_payment.row(row) for row in unpaid],
        tasks=[_task.joined(row, assignee=_assignee) for row in tasks],
        agreed=[_expense.row(row) for row in agreed],
        journal=[_entry.joined(row, author=_author) for row in journal],
        journal_total=journal_total,
    )
