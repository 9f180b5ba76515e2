"""Insurers, lines of business, commission rates and the agency's settings."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from models.tables import CommissionRate, Insurer, LineOfBusiness, TeamSetting
from storage.repository import Repository


class Dictionaries(Repository):
    async def lines(self) -> list[LineOfBusiness]:
        return await self.many(
            select(LineOfBusiness).where(LineOfBusiness.active).order_by(LineOfBusiness.position, LineOfBusiness.name)
        )

    async def line(self, line_id: int) -> LineOfBusiness | None:
        return await self.one(select(LineOfBusiness).where(LineOfBusiness.id == line_id))

    async def insurers(self) -> list[Insurer]:
        return await self.many(select(Insurer).where(Insurer.active).order_by(Insurer.name))

    async def insurer(self, insurer_id: int) -> Insurer | None:
        return await self.one(select(Insurer).where(Insurer.id == insurer_id))

    async def rates(self, insurer_id: int) -> list[CommissionRate]:
        return await self.many(select(CommissionRate).where(CommissionRate.insurer_id == insurer_id))

    async def setting(self, key: str) -> Any:
        """The stored value of a team setting, or None where nobody set it."""
        return await self.one(select(TeamSetting.value).where(TeamSetting.key == key))

    async def set_setting(self, key: str, value: Any) -> None:
        statement = insert(TeamSetting).values(key=key, value=value)
        await self.session.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
        )
