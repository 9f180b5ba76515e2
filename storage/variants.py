"""Variants of calculations."""

from datetime import datetime

from sqlalchemy import BigInteger, Select, any_, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import joinedload

from models.enums import VariantStatus
from models.scope import Scope
from models.tables import Deal, Document, Insurer, Policy, Variant
from storage.direct import Shape, given, ready
from storage.repository import Repository, may_see_deal


def visible_variants(scope: Scope) -> Select[Variant]:
    """The base of every statement about variants: those of the deals that a person may see."""
    return (
        select(Variant)
        .join(Deal, Deal.id == Variant.deal_id)
        .where(may_see_deal(scope), Variant.deleted_at.is_(None))
        .options(joinedload(Variant.insurer))
    )


_variant, _insurer = Shape(Variant), Shape(Insurer, "id", "name")
_DEAL = given(1, BigInteger())
_OF_DEAL = (Variant.deal_id == _DEAL, Variant.deleted_at.is_(None))
_PAGE = ready(
    select(*_variant.columns, *_insurer.columns)
    .join(Insurer, Insurer.id == Variant.insurer_id)
    .where(*_OF_DEAL)
    .order_by(Variant.number.desc())
    .offset(given(2, BigInteger()))
    .limit(given(3, BigInteger()))
)
_COUNTS = ready(select(Variant.status, func.count()).where(*_OF_DEAL).group_by(Variant.status))
_FILES = ready(
    select(Document.variant_id, func.count())
    .where(Document.variant_id == any_(given(1, ARRAY(BigInteger))), Document.deleted_at.is_(None))
    .group_by(Document.variant_id)
)
_WITH_POLICY = ready(
    select(Policy.variant_id).where(
        Policy.deal_id == _DEAL, Policy.deleted_at.is_(None), Policy.variant_id.is_not(None)
    )
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

    async def page(self, deal_id: int, *, offset: int, limit: int) -> list[Variant]:
        """A deal's variants with their insurers from the newest, a page of them, outside any session; the deal has been
        checked already.
        """
        found = await self.direct(_PAGE, deal_id, offset, limit)
        return [_variant.joined(row, insurer=_insurer) for row in found]

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
        return {VariantStatus(status): count for status, count in await self.direct(_COUNTS, deal_id)}

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
        """How many papers are filed with each variant that has any."""
        return dict(map(tuple, await self.direct(_FILES, variant_ids)))

    async def document(self, deal_id: int, document_id: int) -> Document | None:
        """A paper of the deal, held until the transaction ends."""
        return await self.one(
            select(Document)
            .where(Document.id == document_id, Document.deal_id == deal_id, Document.deleted_at.is_(None))
            .with_for_update(of=Document)
        )

    async def with_policy(self, deal_id: int) -> set[int]:
        """The variants from which a policy has been registered: they are history."""
        return {row[0] for row in await self.direct(_WITH_POLICY, deal_id)}

    async def last_policy_at(self, deal_id: int) -> datetime | None:
        """When a policy was registered on the deal last: what was calculated before belongs to the past."""
        return await self.one(
            select(func.max(Policy.created_at)).where(Policy.deal_id == deal_id, Policy.deleted_at.is_(None))
        )
