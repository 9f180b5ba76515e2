"""`./run audit`: whether every audit record is as it was written, and none is gone."""

import asyncio
import sys
from collections.abc import Sequence

from bot.clock import clock_from
from bot.settings import Settings
from services.access import SYSTEM
from services.audit import AuditService
from services.ports import Clock
from storage.audit import HEADS, Chain, Head, kept_heads
from storage.embedded import resolve_database
from storage.engine import Database
from storage.uow import Transactions


def main(settings: Settings, given: Sequence[str]) -> int:
    """Print one line; 0 when the chain is whole. Raises ValueError for a head that is none."""
    heads = [Head.read(one) for one in given]
    file = settings.backup_dir / HEADS
    if file.exists():
        heads += kept_heads(file)
    with resolve_database(settings.storage) as url:
        chain = asyncio.run(_walk(url, clock_from(settings.clock.clock_offset_file), heads))
    if chain.trouble is not None:
        sys.stdout.write(f"bad audit records: the chain is {chain.trouble}\n")
        return 1
    end = f"; it ends in {chain.head}" if chain.head else ""
    sys.stdout.write(f"ok {chain.records} audit records, the chain is whole, kept heads met: {len(heads)}{end}\n")
    return 0


async def _walk(url: str, clock: Clock, heads: Sequence[Head]) -> Chain:
    database = Database(url, pool_size=1)
    try:
        return await AuditService(Transactions(database), clock).verify(SYSTEM, heads)
    finally:
        await database.close()
