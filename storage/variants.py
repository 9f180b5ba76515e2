"""Variants of calculations."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from models.enums import VariantStatus
from models.scope import Scope
from models.tables import Deal, Document, Policy, Variant
from storage.repository import Repository, may_see_deal


def visible_variants(scope: Scope) -> Select[Variant]:
    """The base of every statement about variants: those of the deals that a person may see."""
    return (
        select(Variant)
        .join(Deal, Deal.id == Variant.deal_id)
        .where(may_see_deal(scope), Variant.deleted_at.is_(None))
        .options(joinedload(Variant.insurer))
    )


class Variants(Repository):
    async def get(self, scope: Scope, variant_id: int) -> Variant | None:
        """One variant with its insurer."""
        return await self.one(visible_variants(scope).where(Variant.id == variant_id))

    async def lock(self, variant_id: int) -> Variant | None:
        """One variant that is not deleted, held; its deal has been locked and checked already."""
        return await self.one(
            select(Variant).where(Variant.id == variant_id, Variant.deleted_at.is_(None)).with_for_update(of=Variant)
        )

    async def lock_all(self, deal_id: int) -> list[Variant]:
        """Every variant of a deal with its insurer, by number, held until the transaction ends."""
        return await self.many(
            select(Variant)
            .where(Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
            .options(joinedload(Variant.insurer))
            .order_by(Variant.number)
            .with_for_update(of=Variant)
        )

    async def page(self, deal_id: int, *, offset: int, limit: int) -> tuple[list[Variant], int]:
        """A deal's variants from the newest, a page of them, and how many; the deal has been checked already."""
        base = select(Variant).where(Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
        rows = await self.many(
            base.options(joinedload(Variant.insurer)).order_by(Variant.number.desc()).offset(offset).limit(limit)
        )
        return rows, await self.count(base.with_only_columns(Variant.id))

    async def since(self, deal_id: int, moment: datetime | None) -> list[Variant]:
        """Variants entered after a moment (all where there is none), the cheapest first."""
        statement = select(Variant).where(Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
        if moment is not None:
            statement = statement.where(Variant.created_at > moment)
        return await self.many(statement.options(joinedload(Variant.insurer)).order_by(Variant.premium, Variant.number))

    async def last_number(self, deal_id: int) -> int:
        """The highest number ever given on the deal, deleted variants included: numbers are not used twice."""
        statement = select(func.coalesce(func.max(Variant.number), 0)).where(Variant.deal_id == deal_id)
        return (await self.session.execute(statement)).scalar_one()

    async def counts(self, deal_id: int) -> dict[VariantStatus, int]:
        """How many variants of the deal are in each stored status."""
        rows = await self.session.execute(
            select(Variant.status, func.count())
            .where(Variant.deal_id == deal_id, Variant.deleted_at.is_(None))
            .group_by(Variant.status)
        )
        return dict(rows.all())

    async def any_handed_in(self, deal_id: int) -> bool:
        """Whether the seller has been given a variant that is still there."""
        handed_in = select(Variant.id).where(
            Variant.deal_id == deal_id, Variant.offered_at.is_not(None), Variant.deleted_at.is_(None)
        )
        return await self.one(handed_in.limit(1)) is not None

    async def caption(self, variant_id: int) -> Variant | None:
        """One variant with its insurer, deleted or not, for a card that names it."""
        return await self.one(select(Variant).where(Variant.id == variant_id).options(joinedload(Variant.insurer)))

    async def files(self, variant_ids: list[int]) -> dict[int, int]:
        """How many papers are filed with each variant."""
        rows = await self.session.execute(
            select(Document.variant_id, func.count())
            .where(Document.variant_id.in_(variant_ids), Document.deleted_at.is_(None))
            .group_by(Document.variant_id)
        )
        return {variant_id: count for variant_id, count in rows.all() if variant_id is not None}

    async def document(self, deal_id: int, document_id: int) -> Document | None:
        """A paper of the deal, held until the transaction ends."""
        return await self.one(
            select(Document)
            .where(Document.id == document_id, Document.deal_id == deal_id, Document.deleted_at.is_(None))
            .with_for_update(of=Document)
        )

    async def with_policy(self, deal_id: int) -> set[int]:
        """The variants from which a policy has been registered: they are history."""
        rows = await self.session.execute(
            select(Policy.variant_id).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
        )
        return {variant_id for variant_id in rows.scalars() if variant_id is not None}

    async def last_policy_at(self, deal_id: int) -> datetime | None:
        """When a policy was registered on the deal last: what was calculated before belongs to the past."""
        return await self.one(
            select(func.max(Policy.created_at)).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
        )
