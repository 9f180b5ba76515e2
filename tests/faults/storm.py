"""Send many messages through a Telegram that has a bad day, with senders that die: `python -m tests.faults.storm`.

5 % of the sends are answered 500, 3 % are accepted and the answer is lost, 5 % are answered 429, and one person in a
hundred has blocked the bot.
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sqlalchemy import text

from models.enums import Role
from models.tables import User
from sandbox.world import Call, World
from storage.engine import Database
from tests.conftest import own_agency
from tests.faults.crew import Crew, Seller
from tests.faults.fleet import HASTY, open_fleet

ERRORS, RESETS, REFUSALS = 0.05, 0.03, 0.049  # the last one differs, to be told from the first
PEOPLE = 100
PACE = replace(HASTY, messages_at_once=64, lease=3.0)
PLACES = ("message.before", "message.after", "message.sent")

_WRITE = """
    INSERT INTO outbox (recipient_id, kind, params, edits_card, status, attempts)
    SELECT u.id, 'update_died', jsonb_build_object('person', 'Кто-то', 'reference', 'R' || n), false, 'pending', 0
    FROM generate_series(1, :each) n, users u WHERE u.full_name LIKE 'Слушатель%' ORDER BY n, u.id
"""


@dataclass
class Outcome:
    """What became of the messages."""

    messages: int = 0
    kills: int = 0
    refused: int = 0
    lost: int = 0
    repeated: int = 0
    ambiguous: int = 0
    out_of_order: int = 0
    too_early: int = 0
    unheard: int = 0
    """Early calls of a bot whose predecessor died before it could write the refusal down."""
    unsettled: int = 0
    answers: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"messages {self.messages}, kills {self.kills}, 429s {self.refused}, {self.seconds:.0f} s\n"
            f"lost {self.lost}, repeated {self.repeated} (sends whose answer was lost: {self.ambiguous}),"
            f" chats out of order {self.out_of_order}, calls before their retry_after {self.too_early}"
            f" (and {self.unheard} by the successor of a bot that died before it wrote the refusal down),"
            f" messages neither sent nor given up {self.unsettled}\n"
            f"interactive answers meanwhile: {len(self.answers)}, slowest {max(self.answers, default=0):.2f} s"
        )


def _heard(world: World, person: int) -> list[int]:
    """The numbers of the messages in a chat, as they stand."""
    found = (re.search(r"R(\d+)$", message.text) for message in world.chat(person) if message.out)
    return [int(number[1]) for number in found if number]


async def storm(database_url: str, folder: Path, *, messages: int, kills: int, seed: int = 1) -> Outcome:
    """Let everything arrive that can, and compare what people have with what was to be sent."""
    outcome, began, chance = Outcome(messages), time.monotonic(), random.Random(seed)  # noqa: S311
    each, life = messages // PEOPLE, messages // (kills + 2)  # a life's most messages: no bot may run out of them
    database = Database(database_url)
    async with open_fleet(database_url, folder) as fleet:
        world = fleet.telegram.world
        crew = Crew(world, database, folder)
        await crew.hire(1)
        people = list(range(9001, 9001 + PEOPLE))
        for number in people:
            world.person(number, f"Слушатель {number}").started = True
            await crew.agency.save(User(telegram_id=number, full_name=f"Слушатель {number}", roles=[Role.EXECUTOR]))
        blocked = people[: PEOPLE // 100]
        for number in blocked:
            world.people[number].blocked = True
        async with database.writing() as session:
            await session.execute(text(_WRITE), {"each": each})
            await session.commit()
        _count_ambiguous(world, outcome)
        world.faults.set(
            error_rate=ERRORS, reset_after_rate=RESETS, too_many_rate=REFUSALS, retry_after=1, methods=["sendMessage"]
        )
        refusals = _Refusals(world, set(people), outcome)
        with crew.watch.open(), refusals:
            for _ in range(kills):
                bot = await fleet.start(PACE, FAULT_POINT=f"{chance.choice(PLACES)}:{chance.randint(1, life)}")
                refusals.life += 1
                await bot.code()
                outcome.kills += 1
                outcome.ambiguous += await _in_doubt(crew, people)
            await fleet.start(PACE)  # with messages that old it does not call itself ready
            refusals.life += 1
            await asyncio.gather(crew.settled(patience=600), _at_the_counter(crew.sellers[0], outcome))
        expected = list(range(1, each + 1))
        for number in people:
            heard = _heard(world, number)
            outcome.repeated += sum(n - 1 for n in Counter(heard).values())
            outcome.out_of_order += heard != sorted(heard)
            if number not in blocked:
                outcome.lost += len(set(expected) - set(heard))
        outcome.unsettled = await crew.agency.number(
            "SELECT count(*) FROM outbox o JOIN users u ON u.id = recipient_id"
            " WHERE status = 'pending' OR (status = 'dead' AND u.reachable)"
        )
    await database.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def _count_ambiguous(world: World, outcome: Outcome) -> None:
    """Count the sends that were accepted and whose answer was lost."""
    hits = world.faults.hits

    def counted(rate: float, method: str = "") -> bool:
        hit = hits(rate, method)
        outcome.ambiguous += hit and rate == RESETS
        return hit

    world.faults.hits = counted  # type: ignore[method-assign]


async def _in_doubt(crew: Crew, people: list[int]) -> int:
    """After a death: how many messages have arrived and are not marked as sent."""
    pending = await crew.agency.sql(
        "SELECT u.telegram_id, substr(o.params->>'reference', 2)::int FROM outbox o JOIN users u ON u.id = recipient_id"
        " WHERE status = 'pending' AND kind = 'update_died'"
    )
    heard = {person: set(_heard(crew.world, person)) for person in people}
    return sum(number in heard[person] for person, number in pending if person in heard)


class _Refusals:
    """Watches that nobody is called again before his retry_after is over."""

    def __init__(self, world: World, people: set[int], outcome: Outcome) -> None:
        self._world, self._people, self._outcome = world, people, outcome
        self._until: dict[int, tuple[float, int]] = {}
        self.life = 0

    def __enter__(self) -> None:
        self._record = self._world.record
        self._world.record = self._seen  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self._world.record = self._record  # type: ignore[method-assign]

    def _seen(self, call: Call) -> None:
        chat = int(call.params.get("chat_id", 0) or 0)
        if call.method == "sendMessage" and chat in self._people:
            now = time.monotonic()
            until, life = self._until.pop(chat, (0.0, 0))
            if now < until and life == self.life:
                self._outcome.too_early += 1
            elif now < until:
                self._outcome.unheard += 1
            if call.verdict == 429:
                self._outcome.refused += 1
                self._until[chat] = now + 0.95, self.life  # the answer was on its way for a moment
        self._record(call)


async def _at_the_counter(seller: Seller, outcome: Outcome) -> None:
    """Somebody works on while the others' messages wait."""
    loop = asyncio.get_running_loop()
    for _ in range(5):
        asked = loop.time()
        seller.since = (await seller.say("/menu")).id
        await seller.until(partial(seller.shown, ""), "the menu")
        outcome.answers.append(loop.time() - asked)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with own_agency() as (server, folder):

        async def run() -> Outcome:
            return await storm(server.url, folder, messages=given.messages, kills=given.kills, seed=given.seed)

        outcome = asyncio.run(run())
    print(outcome)  # noqa: T201
    broken = outcome.lost or outcome.out_of_order or outcome.too_early or outcome.unsettled
    return int(bool(broken or outcome.repeated > outcome.ambiguous))


if __name__ == "__main__":
    sys.exit(main())
