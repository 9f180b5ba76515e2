"""Policies with what surrounds them: their deals, payments and files."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload

from models.enums import DocumentKind, IncomeStatus, VariantStatus
from models.scope import Scope
from models.tables import Deal, DealExpense, Document, Income, Payment, Policy, Variant
from models.values.at_least import AtLeast
from storage import policy_card, policy_list
from storage.listing import listed
from storage.repository import (
    Repository,
    among,
    far_enough,
    may_see_deal,
    number,
    of_live_policy,
    up_to,
    up_to_many,
)


def visible_policies(scope: Scope) -> Select[Policy]:
    """The base of every statement about policies: they are seen with their deals."""
    return select(Policy).join(Policy.deal).where(may_see_deal(scope), Policy.deleted_at.is_(None))


_UNKNOWN = (Income.expected_amount.is_(None), Income.status == IncomeStatus.EXPECTED)


def without_commission(scope: Scope) -> Select[int]:
    """Policies with a commission that nobody knows the size of, as often as they have one."""
    return (
        select(Payment.policy_id)
        .join(Income, Income.payment_id == Payment.id)
        .where(
            *_UNKNOWN,
            among(Payment.deal_id, scope),
            of_live_policy(scope),
        )
    )


_WITH_DEAL = (
    joinedload(Policy.deal).joinedload(Deal.client),
    joinedload(Policy.insurer),
    joinedload(Policy.line),
)


class Policies(Repository):
    async def get(self, scope: Scope, policy_id: int) -> Policy | None:
        """One policy with its insurer, line, deal and client: for reading, outside any session."""
        found = await self.direct(policy_card.heading(replace(scope, user_id=0)), policy_id, scope.user_id)
        return policy_card.POLICY.row(found[0]) if found else None

    async def card(self, scope: Scope, policy_id: int) -> policy_card.PolicyCard | None:
        """What a policy's card shows, in one round trip; never commission."""
        found = await self.direct(policy_card.statement(replace(scope, user_id=0)), policy_id, scope.user_id)
        return policy_card.read(found[0]) if found else None

    async def deal_of(self, scope: Scope, policy_id: int) -> int | None:
        return await self.one(visible_policies(scope).with_only_columns(Policy.deal_id).where(Policy.id == policy_id))

    async def lock(self, policy_id: int) -> Policy | None:
        """One policy with its insurer and line, held until the end; lock and check its deal first."""
        return await self.one(
            select(Policy)
            .where(Policy.id == policy_id, Policy.deleted_at.is_(None))
            .options(joinedload(Policy.insurer), joinedload(Policy.line))
            .with_for_update(of=Policy)
        )

    async def of_deal(self, deal_id: int, offset: int = 0, limit: int | None = None) -> list[Policy]:
        """The policies of a deal with insurer, line and payments, the latest first."""
        return await self.many(
            select(Policy)
            .where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
            .order_by(Policy.ends_on.desc(), Policy.id.desc())
            .offset(offset)
            .limit(limit)
            .options(joinedload(Policy.insurer), joinedload(Policy.line), selectinload(Policy.payments))
        )

    async def count_of_deal(self, deal_id: int) -> int:
        return await self.count(select(Policy.id).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None)))

    async def by_number(self, number: str) -> Policy | None:
        """Whoever's policy it is: numbers are unique across the agency."""
        return await self.one(select(Policy).where(Policy.number == number, Policy.deleted_at.is_(None)))

    async def add(self, policy: Policy) -> bool:
        """Insert a policy; False when another deal got its number first."""
        self.session.add(policy)
        return await self.flush_number()

    async def flush_number(self) -> bool:
        """Write what has changed; False when a number turned out to be taken, and then nothing more can be done."""
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "uq_policies_number" not in str(error.orig):
                raise
            return False
        return True

    async def ending(
        self, scope: Scope, until: date | None, short_days: int, offset: int, limit: int
    ) -> tuple[list[Policy], int]:
        """A page of policies with no outcome, nearest end first (so what has ended is on top), and the total."""
        theirs, far = replace(scope, user_id=0), far_enough(offset)
        text = policy_list.statement(theirs, short_days, limit, far, bounded=until is not None)
        more = () if until is None else (until,)
        return await listed(self, text, policy_list.SHAPE, scope.user_id, offset, *more)

    async def expired_count(self, scope: Scope, today: date, short_days: int) -> int:
        text = policy_list.number_until(replace(scope, user_id=0), short_days, far_enough(0))
        return number((await self.direct(text, scope.user_id, today - timedelta(days=1)))[0][0])

    async def payments(self, policy_id: int) -> list[Payment]:
        """The payments of a policy with incomes and expenses, as the database has them now."""
        return await self.many(
            select(Payment)
            .where(Payment.policy_id == policy_id)
            .order_by(Payment.seq)
            .options(selectinload(Payment.incomes), selectinload(Payment.expenses))
            .execution_options(populate_existing=True)
        )

    async def agreed_expenses(self, deal_id: int) -> list[DealExpense]:
        return await self.many(select(DealExpense).where(DealExpense.deal_id == deal_id).order_by(DealExpense.id))

    async def unlinked_files(self, deal_id: int) -> list[Document]:
        """Policy files of the deal that belong to no policy yet."""
        return await self.many(
            select(Document).where(
                Document.deal_id == deal_id,
                Document.kind == DocumentKind.POLICY,
                Document.policy_id.is_(None),
                Document.deleted_at.is_(None),
            )
        )

    async def without_file(self, deal_id: int) -> list[int]:
        """Policies of the deal that no end has come to and no file belongs to."""
        filed = select(Document.id).where(Document.policy_id == Policy.id, Document.deleted_at.is_(None))
        return await self.many(
            select(Policy.id).where(
                Policy.deal_id == deal_id, Policy.outcome.is_(None), Policy.deleted_at.is_(None), ~filed.exists()
            )
        )

    @staticmethod
    def _issued(deal_id: int) -> Select[*tuple[Any, ...]]:
        """A variant that already became a policy is last year's: it is not offered again and keeps its status."""
        return select(Policy.variant_id).where(
            Policy.deal_id == deal_id, Policy.variant_id.is_not(None), Policy.deleted_at.is_(None)
        )

    async def variant(self, deal_id: int, variant_id: int) -> Variant | None:
        return await self.one(
            select(Variant)
            .where(Variant.id == variant_id, Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
            .options(joinedload(Variant.insurer))
        )

    async def chosen_variant(self, deal_id: int) -> Variant | None:
        """What the client picked and nobody has issued yet."""
        return await self.one(
            select(Variant)
            .where(
                Variant.deal_id == deal_id,
                Variant.status == VariantStatus.CHOSEN,
                Variant.deleted_at.is_(None),
                Variant.id.not_in(self._issued(deal_id)),
            )
            .order_by(Variant.chosen_at.desc().nulls_last(), Variant.id.desc())
            .limit(1)
            .options(joinedload(Variant.insurer))
        )

    async def unselect_others(self, deal_id: int, variant_id: int) -> None:
        """What was offered beside the variant that became a policy was not selected."""
        await self.session.execute(
            update(Variant)
            .where(
                Variant.deal_id == deal_id,
                Variant.id != variant_id,
                Variant.status.in_([VariantStatus.OFFERED, VariantStatus.CHOSEN]),
                Variant.id.not_in(self._issued(deal_id)),
            )
            .values(status=VariantStatus.NOT_SELECTED)
        )

    async def next_variant_number(self, deal_id: int) -> int:
        """Numbers of deleted variants are not given again; the deal must be locked."""
        last = await self.one(select(func.max(Variant.number)).where(Variant.deal_id == deal_id))
        return (last or 0) + 1

    async def without_rate(self, scope: Scope, offset: int, limit: int) -> tuple[list[Policy], int]:
        """A page of policies with a commission that nobody knows the size of, by their first such payment (which is
        the order in which they were registered), and the total.
        """
        past = 2 * offset
        while True:
            row = await self.session.execute(_unrated(scope, past, offset, limit))
            ids, found, looked_at = row.one()
            # The page beyond is to be known of, or nobody could turn to it.
            if looked_at >= 0 or found > offset + limit:
                break
            past = -2 * looked_at
        place = {policy_id: n for n, policy_id in enumerate(ids)}
        rows = await self.many(select(Policy).where(Policy.id.in_(ids)).options(*_WITH_DEAL)) if ids else []
        rows.sort(key=lambda policy: place[policy.id])
        return rows, AtLeast(found) if looked_at < 0 else found


def _unrated(scope: Scope, past: int, offset: int, limit: int) -> Select[*tuple[Any, ...]]:
    """Ids of a page of policies without a rate; how many there are among the first commissions that are looked at; and
    how many these are, below nothing where there are more.

    Everybody's are looked for in the order of their payments, so that what is found among the first stays where it is
    when more are looked at. A person's are all found, from his deals.
    """
    every = select(Income.payment_id).where(*_UNKNOWN)
    looked_at: ColumnElement[int] = literal_column("0", Integer)
    if scope.everything:
        looked_at = up_to_many(every, past, everybodys=True)
        every = every.order_by(Income.payment_id).limit(func.abs(looked_at))
    unknown = every.subquery()
    found = (
        select(Payment.policy_id, func.min(Payment.id).label("first"))
        .join(unknown, unknown.c.payment_id == Payment.id)
        .where(among(Payment.deal_id, scope), of_live_policy(scope))
        .group_by(Payment.policy_id)
        .cte()
    )
    page = select(found.c.policy_id).order_by(found.c.first).offset(offset).limit(up_to(limit))
    return select(
        func.array(page.scalar_subquery()), select(func.count()).select_from(found).scalar_subquery(), looked_at
    )
