"""Insurers, lines of business, commission rates and the agency's settings."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from models.enums import DealStage, RateScope
from models.tables import CommissionRate, Deal, Insurer, LineOfBusiness, Policy, TeamSetting
from storage.repository import Repository


class Dictionaries(Repository):
    async def lines(self, *, switched_off: bool = False) -> list[LineOfBusiness]:
        statement = select(LineOfBusiness).order_by(
            LineOfBusiness.active.desc(), LineOfBusiness.position, LineOfBusiness.name
        )
        return await self.many(statement if switched_off else statement.where(LineOfBusiness.active))

    async def line(self, line_id: int) -> LineOfBusiness | None:
        return await self.one(select(LineOfBusiness).where(LineOfBusiness.id == line_id))

    async def lock_line(self, line_id: int) -> LineOfBusiness | None:
        return await self.one(
            select(LineOfBusiness).where(LineOfBusiness.id == line_id).with_for_update(key_share=True)
        )

    async def insurers(self, *, switched_off: bool = False) -> list[Insurer]:
        statement = select(Insurer).order_by(Insurer.active.desc(), Insurer.name)
        return await self.many(statement if switched_off else statement.where(Insurer.active))

    async def insurer(self, insurer_id: int) -> Insurer | None:
        return await self.one(select(Insurer).where(Insurer.id == insurer_id))

    async def lock_insurer(self, insurer_id: int) -> Insurer | None:
        return await self.one(select(Insurer).where(Insurer.id == insurer_id).with_for_update(key_share=True))

    async def lock_names(self) -> None:
        """Let one change of names and aliases be made at a time: two of them could take the same alias."""
        await self.session.execute(select(func.pg_advisory_xact_lock(4715002)))

    async def usage(self, *, insurer_id: int | None = None, line_id: int | None = None) -> int:
        """How many policies an insurer or a line has."""
        mine = Policy.insurer_id == insurer_id if insurer_id is not None else Policy.line_id == line_id
        return await self.count(select(Policy.id).where(mine, Policy.deleted_at.is_(None)), everybodys=True)

    async def last_position(self) -> int:
        return (await self.session.execute(select(func.max(LineOfBusiness.position)))).scalar_one() or 0

    async def undecided(self, line_id: int, after_id: int, today: date, limit: int) -> list[tuple[int, int]]:
        """Policies of a line that nobody has decided about, as (policy, deal), a batch in the order of ids.

        What ended long ago is reminded of no more, whatever the ladder.
        """
        rows = await self.session.execute(
            select(Policy.id, Policy.deal_id)
            .join(Deal, Deal.id == Policy.deal_id)
            .where(
                Policy.line_id == line_id,
                Policy.id > after_id,
                Policy.outcome.is_(None),
                Policy.deleted_at.is_(None),
                Policy.ends_on >= today - timedelta(days=45),
                Deal.stage != DealStage.CLOSED,
            )
            .order_by(Policy.id)
            .limit(limit)
        )
        return [(policy_id, deal_id) for policy_id, deal_id in rows.all()]

    # --- rates ----------------------------------------------------------------------------------------------------

    async def rates(self, insurer_id: int) -> list[CommissionRate]:
        return await self.many(select(CommissionRate).where(CommissionRate.insurer_id == insurer_id))

    async def rate_counts(self) -> dict[int, int]:
        """How many rates each insurer has."""
        rows = await self.session.execute(
            select(CommissionRate.insurer_id, func.count()).group_by(CommissionRate.insurer_id)
        )
        return dict(rows.all())

    async def lock_rate(self, rate_id: int) -> CommissionRate | None:
        return await self.one(select(CommissionRate).where(CommissionRate.id == rate_id).with_for_update())

    async def same_rate(
        self, insurer_id: int, line_id: int | None, scope: RateScope, valid_from: date
    ) -> CommissionRate | None:
        """The rate for just these sales from just this day, held."""
        return await self.one(
            select(CommissionRate)
            .where(
                CommissionRate.insurer_id == insurer_id,
                CommissionRate.line_id.is_not_distinct_from(line_id),
                CommissionRate.scope == scope,
                CommissionRate.valid_from == valid_from,
            )
            .with_for_update()
        )

    # --- settings -------------------------------------------------------------------------------------------------

    async def setting(self, key: str) -> Any:
        """The stored value of a team setting, or None where nobody set it."""
        return await self.one(select(TeamSetting.value).where(TeamSetting.key == key))

    async def settings(self) -> dict[str, Any]:
        """Every team setting that somebody set."""
        return dict((await self.session.execute(select(TeamSetting.key, TeamSetting.value))).all())

    async def set_setting(self, key: str, value: Any) -> None:
        statement = insert(TeamSetting).values(key=key, value=value)
        await self.session.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
        )
