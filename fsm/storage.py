"""The state of dialogs as aiogram wants it, kept so that an update changes it all at once or not at all.

aiogram and its dialogs read and write several records an update, some of them before the handler has finished. Here
they work on a copy: it is loaded once when the update begins and saved once when the update has been handled. An update
that fails leaves the state as it was, and can be tried again from there.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import orjson
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, StateType, StorageKey
from aiogram_dialog.api.entities import stack


class Kept(Protocol):
    """What a store keeps of a chat."""

    @property
    def records(self) -> dict[str, Any]: ...
    @property
    def written_by(self) -> str | None: ...


class Store(Protocol):
    """Where the state of a chat lies: Postgres or Redis. `reads_with_updates`: the inbox hands it out with updates.

    `lease` is the update and the attempt that saves. Postgres keeps nothing of an attempt that has lost its update, and
    marks the update done in the same moment: then `save` says whether more of the person waits, and None otherwise.
    """

    reads_with_updates: bool

    async def load(self, bot_id: int, chat_id: int) -> Kept: ...
    async def save(
        self,
        bot_id: int,
        chat_id: int,
        records: dict[str, Any],
        written_by: str | None,
        lease: tuple[int, int] | None = None,
    ) -> bool | None: ...
    async def close(self) -> None: ...


class ChatState:
    """The working copy of a chat's state during one update."""

    def __init__(self, bot_id: int, chat_id: int, kept: Kept, update_key: str | None = None) -> None:
        self.bot_id, self.chat_id, self.update_key = bot_id, chat_id, update_key
        self.screens_opened = 0
        self.written_by = kept.written_by
        self.records = kept.records
        self.changed = False
        self.more: bool | None = None
        """Once it is saved: whether more of the person waits; None if the inbox does not know yet that he is served."""

    def get(self, key: StorageKey, part: str) -> Any:
        value = self.records.get(_name(key), {}).get(part)
        return None if value is None else orjson.loads(orjson.dumps(value))

    def set(self, key: StorageKey, part: str, value: Any) -> None:
        name = _name(key)
        record = self.records.get(name, {})
        if record.get(part) == value:
            return
        # Through JSON and back: what is not of JSON types fails here, in the handler that put it in, and not on the
        # next press; and nobody holds a reference into the copy.
        record = {**record, part: orjson.loads(orjson.dumps(value, option=_STRICT))}
        self.records = {**self.records, name: {k: v for k, v in record.items() if v not in (None, {})}}
        self.changed = True

    def kept_records(self) -> dict[str, Any]:
        """What is worth keeping: without emptied records, and without contexts that no stack leads to any more."""
        stacks = [record.get("data", {}) for name, record in self.records.items() if name.startswith(_STACK)]
        alive = {f"{_CONTEXT}{intent}" for stack in stacks for intent in stack.get("intents", ())}
        return {
            name: record
            for name, record in self.records.items()
            if record and (not name.startswith(_CONTEXT) or name in alive)
        }


_STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_STACK, _CONTEXT = "aiogd:stack:", "aiogd:context:"
_current: ContextVar[ChatState | None] = ContextVar("chat_state", default=None)


def _name(key: StorageKey) -> str:
    """The record's name inside its chat; in a private chat (the only kind this bot talks in) it is the destiny."""
    parts = [key.destiny]
    if key.user_id != key.chat_id:
        parts.append(f"user{key.user_id}")
    if key.thread_id is not None:
        parts.append(f"thread{key.thread_id}")
    if key.business_connection_id is not None:
        parts.append(key.business_connection_id)
    return "|".join(parts)


class StateStorage(BaseStorage):
    """aiogram's storage over a store of whole chats."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def during(
        self,
        bot_id: int,
        chat_id: int,
        update_key: str | None,
        *,
        seen: Kept | None = None,
        lease: tuple[int, int] | None = None,
    ) -> AsyncIterator[ChatState]:
        """Work on a copy of the chat's state; it is saved when the block ends well and forgotten when it fails.

        `update_key` is remembered as the writer; without one the last writer stays remembered. `seen` is what the
        inbox has read with the update, if that is still so.
        """
        if seen is None or not self._store.reads_with_updates:
            seen = await self._store.load(bot_id, chat_id)
        state = ChatState(bot_id, chat_id, seen, update_key)
        token = _current.set(state)
        try:
            yield state
        finally:
            _current.reset(token)
        if state.changed:
            by = update_key or state.written_by
            state.more = await self._store.save(bot_id, chat_id, state.kept_records(), by, lease)

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        await self._set(key, "state", state.state if isinstance(state, State) else state)

    async def get_state(self, key: StorageKey) -> str | None:
        value: str | None = await self._get(key, "state")
        return value

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        await self._set(key, "data", dict(data))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        return await self._get(key, "data") or {}

    async def close(self) -> None:
        await self._store.close()

    async def _get(self, key: StorageKey, part: str) -> Any:
        state = _current.get()
        if state is None or (state.bot_id, state.chat_id) != (key.bot_id, key.chat_id):
            state = ChatState(key.bot_id, key.chat_id, await self._store.load(key.bot_id, key.chat_id))
        return state.get(key, part)

    async def _set(self, key: StorageKey, part: str, value: Any) -> None:
        state = _current.get()
        if state is not None and (state.bot_id, state.chat_id) == (key.bot_id, key.chat_id):
            state.set(key, part, value)
            return
        async with self.during(key.bot_id, key.chat_id, None) as other:
            other.set(key, part, value)


def _screen_id() -> str:
    """The mark of a newly opened dialog, by which its buttons are known.

    It comes from the update: when an attempt dies with its screen shown and its state not saved, the next attempt opens
    the same dialog under the same mark, and the buttons that are on the screen already go on working. (The library's
    own are the second and two digits by chance: one in a hundred of two dialogs opened at once would share one.)
    """
    state = _current.get()
    if state is None or state.update_key is None:
        number = secrets.randbits(64)
    else:
        state.screens_opened += 1
        key = f"{state.update_key}/{state.screens_opened}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())
    return stack.id_to_str(number % 62**6)


stack.new_id = _screen_id
