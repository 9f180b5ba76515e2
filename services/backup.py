"""Backups: ordered by an admin or due by the clock, made by one replica, told to whom it concerns.

An order and the day's backup are states of the team, not tasks of a process: one that died over a backup is followed by
whoever looks next, as the lock it held is free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.enums import Role
from models.tables import TeamSetting
from services.access import ADMINS, Actor, Service, command, query, steps
from services.errors import Invalid
from services.ports import Clock
from storage.backup import ORDER, SCHEDULE, BackupError, Backups, Kept, Made
from storage.uow import Transaction, Transactions

TRIES: Final = 3
AGAIN: Final = timedelta(minutes=30)
REPORT_EACH: Final = 3.0
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What makes the backups, and from which hour of the zone the day's one is due; no hour: only by hand."""

    backups: Backups
    at: int | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class BackupList:
    """The latest backups in the folder, how many there are in all, and from which hour the next is made by itself."""

    folder: Path
    latest: list[Kept]
    total: int
    at: int | None


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be done: for whom (nobody: the clock), and the state that is kept of it."""

    key: str
    state: dict[str, Any]


def due_day(now: datetime, at: int, zone: ZoneInfo) -> date:
    """The day whose backup should be there now: today's from that hour on, before it yesterday's."""
    local = now.astimezone(zone)
    return local.date() if local.hour >= at else local.date() - timedelta(days=1)


class BackupService(Service):
    """Backups from the admin's side."""

    def __init__(self, transactions: Transactions, clock: Clock, plan: BackupPlan | None = None) -> None:
        super().__init__(transactions, clock)
        self._plan = plan

    @command(ADMINS)
    async def order(self, tx: Transaction, actor: Actor) -> None:
        """Have a backup made; the admin is told how it goes. Raises Invalid while an ordered one is under way."""
        if self._plan is None:
            raise Invalid("This bot makes no backups.")
        row = await _locked(tx, ORDER)
        if row.value.get("status") in {"waiting", "running"}:
            raise Invalid("A backup is being made already.")
        number = int(row.value.get("id", 0)) + 1
        row.value = {"id": number, "by": actor.user_id, "status": "waiting", "tries": 0}
        tx.audit("backup.ordered", "backup", number)
        self._report(tx, _Job(ORDER, row.value), stage="waiting")

    @steps(ADMINS)
    async def recent(self, actor: Actor) -> BackupList:  # noqa: ARG002 - the role is all that matters
        """The latest backups."""
        if self._plan is None:
            raise Invalid("This bot makes no backups.")
        kept = await asyncio.to_thread(self._plan.backups.kept)
        return BackupList(self._plan.backups.folder, kept[:SHOWN], len(kept), self._plan.at)

    @steps(ADMINS)
    async def work(self, actor: Actor) -> bool:
        """Make the backup that is wanted, if one is and no other replica is at it; returns whether one was made.

        Raises what went wrong when everybody concerned has been told.
        """
        if self._plan is None or not await self._is_wanted(actor):
            return False
        async with self._plan.backups.alone() as alone:
            claimed = await self._claim(actor) if alone else None
            if claimed is None:
                return False
            job = _Job(**claimed)
            try:
                made = await self._plan.backups.make(self.clock.now(), _Teller(partial(self._tell, actor, job)))
            except Exception as error:
                await self._failed(actor, job, error.code if isinstance(error, BackupError) else "unexpected")
                raise
            await self._done(actor, job, made)
        return True

    # --- what is wanted -------------------------------------------------------------------------------------------

    @query(ADMINS)
    async def _is_wanted(self, tx: Transaction, actor: Actor) -> bool:  # noqa: ARG002
        stored = {key: await tx.dictionaries.setting(key) or {} for key in (ORDER, SCHEDULE)}
        return self._wanted(stored, tx.now) is not None

    @command(ADMINS)
    async def _claim(self, tx: Transaction, actor: Actor) -> dict[str, Any] | None:  # noqa: ARG002
        """Take the job; under the lock of all backups, so what says "running" was left by a process that died."""
        rows = {key: await _locked(tx, key) for key in (ORDER, SCHEDULE)}
        job = self._wanted({key: row.value for key, row in rows.items()}, tx.now)
        if job is None:
            return None
        if job.state["tries"] >= TRIES:
            await self._give_up(tx, job, "interrupted")
            return None
        rows[job.key].value = job.state | {"status": "running", "tries": job.state["tries"] + 1}
        return {"key": job.key, "state": rows[job.key].value}

    def _wanted(self, stored: dict[str, dict[str, Any]], now: datetime) -> _Job | None:
        order, today = stored[ORDER], stored[SCHEDULE]
        if order.get("status") in {"waiting", "running"}:
            return _Job(ORDER, order)
        if self._plan is None or self._plan.at is None:
            return None
        day = due_day(now, self._plan.at, self._plan.zone).isoformat()
        if today.get("day") != day:
            return _Job(SCHEDULE, {"day": day, "status": "waiting", "tries": 0})
        if today["status"] == "running":
            return _Job(SCHEDULE, today)
        if today["status"] == "failed" and today["tries"] < TRIES and now >= datetime.fromisoformat(today["again_at"]):
            return _Job(SCHEDULE, today)
        return None

    # --- what became of it ----------------------------------------------------------------------------------------

    @command(ADMINS)
    async def _tell(self, tx: Transaction, actor: Actor, job: _Job, stage: str, done: int, of: int) -> None:  # noqa: ARG002
        self._report(tx, job, stage=stage, done=done, of=of)

    @command(ADMINS)
    async def _failed(self, tx: Transaction, actor: Actor, job: _Job, code: str) -> None:  # noqa: ARG002
        await self._give_up(tx, job, code)

    @command(ADMINS)
    async def _done(self, tx: Transaction, actor: Actor, job: _Job, made: Made) -> None:  # noqa: ARG002
        row = await _locked(tx, job.key)
        row.value = job.state | {"status": "done"}
        tx.audit(
            "backup.made", "backup", job.state.get("id"), name=made.path.name, size=made.size, documents=made.documents
        )
        result = {
            "name": made.path.name,
            "folder": str(made.path.parent),
            "size": made.size,
            "rows": made.rows,
            "counts": {name: made.tables.get(name, 0) for name in ("clients", "deals", "policies", "payments")},
            "documents": made.documents,
            "missing": len(made.missing),
            "damaged": len(made.damaged),
            "broken_audit": made.broken_audit,
            "encrypted": made.encrypted,
            "forgotten": made.forgotten,
        }
        unsound = made.missing or made.damaged or made.broken_audit is not None
        if job.key == ORDER:
            self._report(tx, job, stage="done", result=result)
        elif unsound or job.state.get("told"):
            # Nobody is told that all is well, unless he has been told that it is not.
            for admin in await tx.people.with_role(Role.ADMIN):
                tx.notify(admin.id, "backup", stage="done", result=result)

    async def _give_up(self, tx: Transaction, job: _Job, code: str) -> None:
        row = await _locked(tx, job.key)
        row.value = job.state | {"status": "failed", "told": True, "again_at": (tx.now + AGAIN).isoformat()}
        tx.audit("backup.failed", "backup", job.state.get("id"), reason=code)
        if job.key == ORDER:
            self._report(tx, job, stage="failed", code=code)
        elif not job.state.get("told"):
            for admin in await tx.people.with_role(Role.ADMIN):
                tx.notify(admin.id, "backup", stage="failed", code=code, day=job.state["day"])

    @staticmethod
    def _report(tx: Transaction, job: _Job, **told: Any) -> None:
        """Let the card of who ordered it say how far it is; the clock orders nothing and is told nothing."""
        if job.key == ORDER:
            card = f"backup:{job.state['id']}"
            tx.notify(job.state["by"], "backup", card_key=card, edits_card=True, **told)


class _Teller:
    """Says each new stage at once, and what goes on within it every few seconds."""

    def __init__(self, say: Callable[[str, int, int], Awaitable[None]]) -> None:
        self._say, self._stage, self._at = say, "", 0.0

    async def __call__(self, stage: str, done: int, of: int) -> None:
        if stage != self._stage or time.monotonic() - self._at >= REPORT_EACH:
            self._stage, self._at = stage, time.monotonic()
            await self._say(stage, done, of)


async def _locked(tx: Transaction, key: str) -> TeamSetting:
    """The state kept under the key, held; made where there is none."""
    row = await tx.session.get(TeamSetting, key, with_for_update=True, populate_existing=True)
    if row is None:
        await tx.dictionaries.set_setting(key, {})
        row = await tx.session.get_one(TeamSetting, key, with_for_update=True)
    return row
