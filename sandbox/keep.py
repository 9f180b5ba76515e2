"""The local Telegram's memory between two runs: people, chats, files and commands, in a folder.

The demo's database remembers message ids and update ids, so a Telegram that forgot them would contradict it.
"""

import itertools
import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sandbox.world import JSON, Message, Person, StoredFile, World

REMEMBERED: Final = 1000
"""Messages of a chat that are kept; a real client would load the rest, a demo does without."""

SKIPPED: Final = 1000
"""Ids left out after loading: what happened between the last save and a sudden end may have used some."""


def save(world: World, folder: Path) -> None:
    """Write everything down; the old memory stands until the new one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for stored in world.files.values():
        place = files / stored.unique_id
        if "of" not in stored.meta and not place.exists():
            place.write_bytes(stored.data)
    memory = {
        "token": world.token,
        "username": world.username,
        "name": world.bot_name,
        "people": [_person(one) for one in world.people.values()],
        "files": [_without(asdict(one), "data") for one in world.files.values()],
        "commands": [[*scope, commands] for scope, commands in world.commands.items()],
        "profile": [[*key, words] for key, words in world.profile.items()],
        "menu_button": world.menu_button,
    }
    fresh = folder / "world.new"
    fresh.write_text(json.dumps(memory, ensure_ascii=False), encoding="utf-8")
    fresh.replace(folder / "world.json")


def load(folder: Path) -> World | None:
    """The world as it was saved; None where nothing was, or nothing that can be read."""
    try:
        memory: JSON = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        world = World(token=memory["token"], username=memory["username"], name=memory["name"])
        world.people = {one["id"]: _read_person(one) for one in memory["people"]}
        world.files = {one["file_id"]: _read_file(one, folder / "files") for one in memory["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for stored in world.files.values():
        if of := stored.meta.get("of"):  # a thumbnail has the bytes of its picture
            stored.data = world.files[of].data
    world.commands = {(scope, chat_id, language): found for scope, chat_id, language, found in memory["commands"]}
    world.profile = {(kind, language): words for kind, language, words in memory["profile"]}
    world.menu_button = memory["menu_button"]
    last = max((m for person in world.people.values() for m in person.messages), default=0)
    world._message_ids = itertools.count(last + SKIPPED)  # noqa: SLF001 - this module is the world's own memory
    continue_update_ids(world)
    return world


def continue_update_ids(world: World) -> None:
    """Number updates by the seconds of our era, so that no run repeats those of an earlier one."""
    world.delivery._ids = itertools.count(int(time.time()) - 1_200_000_000)  # noqa: SLF001


def _person(person: Person) -> JSON:
    found = _without(vars(person), "messages")
    return found | {"messages": [_message(one) for one in list(person.messages.values())[-REMEMBERED:]]}


def _message(message: Message) -> JSON:
    return vars(message) | {"date": message.date.isoformat()}


def _read_person(found: JSON) -> Person:
    messages = [Message(**one | {"date": datetime.fromisoformat(one["date"])}) for one in found["messages"]]
    return Person(**_without(found, "messages"), messages={one.id: one for one in messages})


def _read_file(found: JSON, folder: Path) -> StoredFile:
    place = folder / found["unique_id"]
    return StoredFile(**found, data=b"" if "of" in found["meta"] else place.read_bytes())


def _without(values: dict[str, Any], *names: str) -> JSON:
    return {key: value for key, value in values.items() if key not in names}
