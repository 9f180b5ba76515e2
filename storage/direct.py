"""The short way to Postgres: one statement, prepared once, run by asyncpg itself, a transaction of its own.

What runs on every tap goes this way (docs/adr/0010 says what that won); everything else goes through the session.
Its statements are either plain SQL with $1 … or made `ready` from the same expressions as the others.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg
import orjson
from sqlalchemy import ClauseElement, ColumnElement, Enum, Select, SQLColumnExpression, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

PLANNED_ONCE: Final = "SET plan_cache_mode = force_generic_plan"
"""What is the code's own stands in the text of these statements, so that one plan is as good as another; left to itself
Postgres makes five before it keeps the sixth, and for a deal's card each takes six times what the answer does.
"""

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]

RowT = TypeVar("RowT", bound=DeclarativeBase)


def given(place: int, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value that is given with each call, by its place from 1."""
    return cast(literal_column(f"${place}"), kind)


def ready(statement: ClauseElement) -> str:
    """The text of a statement of SQLAlchemy's, compiled once: what is not `given` stands in it, so that the plan may
    count on it.
    """
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
    return str(compiled.string)


class Shape(Generic[RowT]):
    """Makes rows of a table from what a direct statement has fetched: for reading, outside any session.

    Only what was fetched is there: any other attribute fails, as an unloaded one does on a row that has left its
    session.
    """

    def __init__(self, model: type[RowT], *only: str, entity: Any = None, without: Collection[str] = ()) -> None:
        """`only` these columns, or all `without` those. What nobody shows costs as much as what everybody does."""
        keys = only or [column.key for column in model.__mapper__.column_attrs if column.key not in without]
        columns = [getattr(entity or model, key) for key in keys]
        self._model, self._names = model, tuple(keys)
        self._readers = [(place, read) for place, column in enumerate(columns) if (read := _reader(column.type))]
        self.columns: list[ColumnElement[Any]] = [
            # Postgres hands out a row inside a row without saying what its lists and documents are made of.
            cast(func.to_json(column), Text) if isinstance(column.type, ARRAY | JSONB) else column
            for column in columns
        ]

    def __len__(self) -> int:
        return len(self._names)

    def place(self, name: str) -> int:
        """Where a column stands among the others."""
        return self._names.index(name)

    def row(self, values: Sequence[Any], **related: Any) -> RowT:
        """One row from its columns' values in order, with the rows that it leads to."""
        found = list(values)
        for place, read in self._readers:
            if found[place] is not None:
                found[place] = read(found[place])
        made = object.__new__(self._model)
        made.__dict__.update(zip(self._names, found, strict=True), **related)
        return made

    def joined(self, values: Sequence[Any], **others: "Shape[Any] | Joined[Any] | Several[Any]") -> RowT:
        """A row and the rows that it leads to, whose columns follow its own; one that is not there is None."""
        place, related = len(self), {}
        for name, other in others.items():
            own = values[place : place + len(other)]
            related[name] = None if own[0] is None else other.row(own)
            place += len(other)
        return self.row(values[: len(self)], **related)


class Joined(Generic[RowT]):
    """A shape with those of the rows that its rows lead to, and these with theirs: their columns follow its own."""

    def __init__(self, shape: Shape[RowT], **others: "Shape[Any] | Joined[Any] | Several[Any]") -> None:
        self._shape, self._others = shape, others
        self.columns: list[ColumnElement[Any]] = [*shape.columns, *(c for one in others.values() for c in one.columns)]

    def __len__(self) -> int:
        return len(self.columns)

    def row(self, values: Sequence[Any]) -> RowT:
        return self._shape.joined(values, **self._others)


class Several(Generic[RowT]):
    """All the rows of a statement of their own in one column."""

    def __init__(self, rows: Select[Any], shape: Shape[RowT] | Joined[RowT]) -> None:
        self._shape = shape
        self.columns: list[ColumnElement[Any]] = [in_one_column(rows, shape.columns)]

    def __len__(self) -> int:
        return len(self.columns)

    def row(self, values: Sequence[Any]) -> list[RowT]:
        return [self._shape.row(row) for row in values[0]]


def in_one_column(rows: Select[Any], columns: Sequence[SQLColumnExpression[Any]]) -> ColumnElement[Any]:
    """A list of rows, each with these columns."""
    return func.array(rows.with_only_columns(func.row(*columns), maintain_column_froms=True).scalar_subquery())


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, Enum) and kind.enum_class:
        return {each.value: each for each in kind.enum_class}.__getitem__
    return orjson.loads if isinstance(kind, ARRAY | JSONB) else None


class Direct:
    """Up to `size` connections, each with what it has prepared; a call is one round trip and nothing around it."""

    def __init__(self, url: str, size: int, settings: dict[str, str]) -> None:
        self._url, self._settings = url, settings
        self._free: list[asyncpg.Connection] = []
        self._room = asyncio.Semaphore(size)
        self._closed = False

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self._run(lambda line: line.fetch(statement, *values))
        return found

    async def row(self, statement: str, *values: Any) -> asyncpg.Record | None:
        return await self._run(lambda line: line.fetchrow(statement, *values))

    async def value(self, statement: str, *values: Any) -> Any:
        return await self._run(lambda line: line.fetchval(statement, *values))

    async def _run(self, work: Callable[[asyncpg.Connection], Any]) -> Any:
        async with self._room:
            line = await self._line()
            try:
                result = await work(line)
            except asyncpg.PostgresError:
                self._give_back(line)
                raise
            except BaseException:
                # Cut off in the middle: what comes over this connection next may be the answer to something else.
                line.terminate()
                raise
            self._give_back(line)
            return result

    async def _line(self) -> asyncpg.Connection:
        while self._free:
            line = self._free.pop()
            if not line.is_closed():
                return line
        line = await asyncpg.connect(self._url, server_settings=self._settings, statement_cache_size=200)
        try:
            await line.execute(PLANNED_ONCE)
            await line.set_type_codec(
                "jsonb", schema="pg_catalog", encoder=_json_out, decoder=_json_in, format="binary"
            )
        except BaseException:
            line.terminate()  # nobody has it yet who would close it
            raise
        return line

    def _give_back(self, line: asyncpg.Connection) -> None:
        if self._closed:
            line.terminate()
        elif not line.is_closed():
            self._free.append(line)

    async def close(self) -> None:
        self._closed = True
        while self._free:
            await self._free.pop().close()


def _json_out(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value, default=str)  # the version of the binary format


def _json_in(value: bytes) -> Any:
    return orjson.loads(memoryview(value)[1:])
