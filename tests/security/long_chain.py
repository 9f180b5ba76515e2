"""Walk a long chain of audit records after each kind of tampering: `python -m tests.security.long_chain`.

Prints the figures of docs/reliability.md: by default a million records, each written past the trigger that chains them.
"""

import argparse
import asyncio
import random
import sys
import time

from storage.backup import audit_state
from tests.conftest import own_agency
from tests.security.chain import RECORDS, SHIFT, TAMPERINGS, connected, ids, past_the_bot, tamper, verify

_WRITE = """
    INSERT INTO audit_records (at, actor_id, action, object_type, object_id, changes)
    SELECT '2026-01-01Z'::timestamptz + n * interval '1 minute', 1 + n % 50, 'deal.changed', 'deal', n,
        jsonb_build_object('title', jsonb_build_array('Kia Rio ' || n, 'Kia Ceed ' || n), 'note', repeat('а', 60))
    FROM generate_series(1, $1::int) n
"""


async def long_chain(url: str, *, records: int, seed: int) -> bool:
    """Write the chain, walk it whole, and tamper with it in a place of chance; returns whether all was as it should."""
    began = time.monotonic()
    async with connected(url) as connection:
        await connection.execute(_WRITE, records)
        size = await connection.fetchval("SELECT pg_size_pretty(pg_total_relation_size('audit_records'))")
    _tell(f"{records} records written in {time.monotonic() - began:.0f} s, {size}")
    began = time.monotonic()
    chain = await verify(url)
    whole = (chain.records, chain.trouble) == (records, None)
    _tell(f"walked in {time.monotonic() - began:.1f} s: {'whole' if whole else chain.trouble}")
    known = await ids(url)
    slowest, missed = 0.0, 0
    for how, (statements, first) in TAMPERINGS.items():
        at = 0 if "first" in how else random.Random(f"{seed} {how}").randrange(records - RECORDS)  # noqa: S311
        here = known[at : at + RECORDS]
        wanted = here[first] + (SHIFT if how == "put in" else 0)
        async with connected(url) as connection:
            change = connection.transaction()
            await change.start()
            await tamper(connection, *(statement.format(*here) for statement in statements))
            began = time.monotonic()
            found = (await audit_state(connection))["broken"]
            seconds = time.monotonic() - began
            await change.rollback()
        slowest, missed = max(slowest, seconds), missed + (found != wanted)
        _tell(f"{how}: first bad {found}, wanted {wanted}, {seconds:.1f} s")
    if chain.head is not None:
        await past_the_bot(url, f"DELETE FROM audit_records WHERE id > {known[-10]}")  # noqa: S608
        cut = await verify(url, chain.head)
        missed += cut.unmet != chain.head
        _tell(f"cut off: {cut.trouble}")
    _tell(f"kinds of tampering {len(TAMPERINGS) + 1}, missed {missed}, slowest walk {slowest:.1f} s")
    return whole and not missed


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with own_agency() as (server, _folder):

        async def run() -> bool:
            return await long_chain(server.url, records=given.records, seed=given.seed)

        return int(not asyncio.run(run()))


if __name__ == "__main__":
    sys.exit(main())
