"""Papers of a deal: filed at once, under names a person can read, recognised when they come twice."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from models.enums import DealStage, DocumentKind
from models.tables import Deal, Document, JournalEntry, LineOfBusiness, ParcelItem, Policy
from services.access import ADMINS, ANYBODY, Actor, Service, command, query, steps
from services.errors import AlreadyDone, NotFound, Refusal
from services.ports import Clock, FileStore
from services.rules.file_names import check_fileable, kind_of, numbered, safe_name
from services.rules.reading import clean_text
from storage.files import ASIDE
from storage.uow import Transaction, Transactions

PAGE = 8
LIKELY_DEALS = 3
JOURNAL_LIMIT = 4000
CAPTION_LIMIT = 1024
SETTLED_AFTER = 3600.0
"""Seconds after which a file has its row, or never will."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file as Telegram gave it; `telegram_type` is the method that its cached id is good for."""

    name: str
    content: bytes
    mime: str
    telegram_file_id: str | None = None
    telegram_type: str = "document"
    caption: str = ""

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a file: the paper it is now, and whether the deal had it already."""

    document_id: int
    duplicate: bool
    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel after one more file: how much is in it, the question already asked, the deals to offer."""

    parcel_id: int
    files: int
    question_message_id: int | None
    deal_id: int | None


async def _folder(tx: Transaction, deal: Deal) -> str:
    """Where a deal's papers live: the client's folder, then the deal's; ids keep namesakes apart."""
    client = await tx.documents.client_of(deal.id)
    line = await tx.session.get_one(LineOfBusiness, deal.line_id)
    return f"{safe_name(f'{client.name} · {client.id}')}/{safe_name(f'{deal.number} {line.name} {deal.title}')}"


class DocumentService(Service):
    """What people do with papers."""

    def __init__(self, transactions: Transactions, clock: Clock, files: FileStore) -> None:
        super().__init__(transactions, clock)
        self.files = files

    # Filing: the bytes are written first and the row after them, so that no row is ever without its file. A step is
    # given the path as no plain string: a retry writes its bytes under another free name and is still the same step.

    @steps(ANYBODY)
    async def file(self, actor: Actor, deal_id: int, incoming: Incoming, *, policy_id: int | None = None) -> Filed:
        """File a paper in a deal. A paper that the deal has already is recognised by its content.

        Raises NotFound for a deal out of reach, Invalid for what is empty, too big or executable.
        """
        incoming = replace(incoming, mime=check_fileable(incoming.name, incoming.content))
        folder = await self._folder_for(actor, deal_id)
        path = await self._put(f"{folder}/{self._dated(actor, incoming.name)}", incoming.content)
        async with self._unless_refused(path):
            result = await self._record(actor, deal_id, incoming, PurePosixPath(path), policy_id)
        if result["path"] != path:
            await self.files.delete(path)
        return Filed(result["id"], result["duplicate"], result["name"])

    def _dated(self, actor: Actor, name: str) -> str:
        return safe_name(f"{self.clock.now().astimezone(actor.zone):%Y-%m-%d} {name}")

    async def _put(self, path: str, content: bytes) -> str:
        for attempt in range(1, 1000):
            chosen = numbered(path, attempt)
            try:
                await self.files.put(chosen, content)
            except FileExistsError:
                continue
            return chosen
        raise FileExistsError(path)

    @asynccontextmanager
    async def _unless_refused(self, path: str) -> AsyncIterator[None]:
        """Take the bytes back when the row was refused. After any other failure it is not known whether the row is
        there (the connection may have gone just after the commit): then they stay, and `sweep` decides.
        """
        try:
            yield
        except Refusal:
            await self.files.delete(path)
            raise

    @query(ANYBODY)
    async def _folder_for(self, tx: Transaction, actor: Actor, deal_id: int) -> str:
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        return await _folder(tx, deal)

    @command(ANYBODY)
    async def _record(
        self,
        tx: Transaction,
        actor: Actor,
        deal_id: int,
        incoming: Incoming,
        path: PurePosixPath,
        policy_id: int | None,
    ) -> dict[str, Any]:
        deal = await tx.deals.lock(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        return await self._add(tx, actor, deal, incoming, str(path), policy_id)

    async def _add(
        self, tx: Transaction, actor: Actor, deal: Deal, incoming: Incoming, path: str, policy_id: int | None
    ) -> dict[str, Any]:
        if policy_id is not None:
            policy = await tx.session.get(Policy, policy_id)
            policy_id = policy.id if policy is not None and policy.deal_id == deal.id else None
        known = await tx.documents.same_content(deal.id, incoming.sha256)
        if known is not None:
            if policy_id is not None and known.policy_id is None:
                # It lay in the deal as just a paper; now it is told whose it is.
                old, known.kind, known.policy_id = known.kind, DocumentKind.POLICY, policy_id
                tx.audit("document.kind", "document", known.id, deal_id=deal.id, kind=[old, known.kind])
            return {"id": known.id, "duplicate": True, "path": known.path, "name": known.name}
        kind = kind_of(incoming.name, incoming.caption, incoming.telegram_type, for_policy=policy_id is not None)
        if kind is DocumentKind.POLICY and policy_id is None:
            # The only policy that waits for its file gets it; of two, a person says which.
            waiting = await tx.policies.without_file(deal.id)
            policy_id = waiting[0] if len(waiting) == 1 else None
        row = Document(
            deal_id=deal.id,
            client_id=deal.client_id,
            policy_id=policy_id,
            name=safe_name(incoming.name),
            kind=kind,
            size=len(incoming.content),
            mime=incoming.mime,
            sha256=incoming.sha256,
            path=path,
            sent_by_id=actor.user_id,
            telegram_file_id=incoming.telegram_file_id,
            telegram_type=incoming.telegram_type,
        )
        await tx.add(row)
        tx.audit("document.filed", "document", row.id, deal_id=deal.id, name=row.name, sha256=incoming.sha256.hex())
        tx.event(deal.id, "document_filed", name=row.name, document_id=row.id)
        if incoming.caption.strip():
            text = clean_text(incoming.caption, CAPTION_LIMIT)
            tx.session.add(JournalEntry(deal_id=deal.id, author_id=actor.user_id, text=text))
        return {"id": row.id, "duplicate": False, "path": path, "name": row.name}

    # What was sent with no deal open.

    @steps(ANYBODY)
    async def keep(self, actor: Actor, group_key: str, incoming: Incoming) -> Waiting:
        """Keep a file that has no deal yet, together with the rest of its album. Raises Invalid as `file` does."""
        incoming = replace(incoming, mime=check_fileable(incoming.name, incoming.content))
        path = await self._put(f"_без сделки/{actor.user_id}/{self._dated(actor, incoming.name)}", incoming.content)
        async with self._unless_refused(path):
            result = await self._keep_item(actor, group_key, incoming, PurePosixPath(path))
        if result["path"] != path:
            await self.files.delete(path)
        waiting = Waiting(result["parcel_id"], result["files"], result["question"], result["deal_id"])
        if waiting.deal_id is not None:
            # The person has named the deal while the album was still arriving.
            await self.settle(actor, waiting.parcel_id, waiting.deal_id)
        return waiting

    @command(ANYBODY)
    async def _keep_item(
        self, tx: Transaction, actor: Actor, group_key: str, incoming: Incoming, path: PurePosixPath
    ) -> dict[str, Any]:
        parcel = await tx.documents.parcel(actor.user_id, group_key, incoming.caption[:CAPTION_LIMIT])
        parcel.caption = parcel.caption or incoming.caption[:CAPTION_LIMIT]
        item = ParcelItem(
            parcel_id=parcel.id,
            name=safe_name(incoming.name),
            path=str(path),
            size=len(incoming.content),
            mime=incoming.mime,
            sha256=incoming.sha256,
            telegram_file_id=incoming.telegram_file_id,
            telegram_type=incoming.telegram_type,
        )
        await tx.add(item)
        files = len(await tx.documents.items(parcel.id))
        return {
            "parcel_id": parcel.id,
            "path": str(path),
            "files": files,
            "question": parcel.question_message_id,
            "deal_id": parcel.deal_id,
        }

    @command(ANYBODY)
    async def keep_text(self, tx: Transaction, actor: Actor, group_key: str, text: str) -> int:
        """Keep a forwarded text that has no deal yet; returns its parcel."""
        parcel = await tx.documents.parcel(actor.user_id, group_key, "")
        await tx.add(ParcelItem(parcel_id=parcel.id, text=clean_text(text, JOURNAL_LIMIT)))
        return parcel.id

    @command(ANYBODY)
    async def asked(self, tx: Transaction, actor: Actor, parcel_id: int, message_id: int) -> None:
        """Remember the message that asks for the parcel's deal: later files of the album edit it."""
        parcel = await tx.documents.lock_parcel(actor.user_id, parcel_id)
        if parcel is None:
            raise NotFound
        parcel.question_message_id = message_id

    @query(ANYBODY)
    async def likely_deals(self, tx: Transaction, actor: Actor) -> list[Deal]:
        """The three deals that what was just sent is likeliest for, with client and line."""
        return await tx.documents.likely_deals(actor.scope, actor.user_id, LIKELY_DEALS)

    @steps(ANYBODY)
    async def settle(self, actor: Actor, parcel_id: int, deal_id: int) -> list[Filed]:
        """File everything that a parcel holds in a deal. Raises NotFound, AlreadyDone when it lies in another one."""
        folder = await self._folder_for(actor, deal_id)
        items = await self._unsettled(actor, parcel_id, deal_id)
        filed = []
        for item in items:
            if item.path is None:
                if not item.text:
                    # Filed by an earlier tap: it is told of again, so that a second tap says what the first one did.
                    filed.append(Filed(0, duplicate=False, name=item.name))
                continue
            content = await self.files.get(item.path)
            incoming = Incoming(item.name, content, item.mime, item.telegram_file_id, item.telegram_type)
            path = await self._put(f"{folder}/{item.path.rpartition('/')[2]}", content)
            async with self._unless_refused(path):
                result = await self._move_item(actor, item.id, deal_id, incoming, PurePosixPath(path))
            if result["path"] != path:
                await self.files.delete(path)
            await self.files.delete(item.path)
            filed.append(Filed(result["id"], result["duplicate"], result["name"]))
        await self._finish(actor, parcel_id, deal_id)
        return filed

    @query(ANYBODY)
    async def _unsettled(self, tx: Transaction, actor: Actor, parcel_id: int, deal_id: int) -> list[ParcelItem]:
        parcel = await tx.documents.lock_parcel(actor.user_id, parcel_id)
        if parcel is None:
            raise NotFound
        if parcel.deal_id is not None and parcel.deal_id != deal_id:
            raise AlreadyDone
        return await tx.documents.items(parcel_id)

    @command(ANYBODY)
    async def _move_item(
        self, tx: Transaction, actor: Actor, item_id: int, deal_id: int, incoming: Incoming, path: PurePosixPath
    ) -> dict[str, Any]:
        deal = await tx.deals.lock(actor.scope, deal_id)
        item = await tx.session.get(ParcelItem, item_id)
        if deal is None or item is None:
            raise NotFound
        item.path = None
        return await self._add(tx, actor, deal, incoming, str(path), None)

    @command(ANYBODY)
    async def _finish(self, tx: Transaction, actor: Actor, parcel_id: int, deal_id: int) -> None:
        parcel = await tx.documents.lock_parcel(actor.user_id, parcel_id)
        deal = await tx.deals.lock(actor.scope, deal_id)
        if parcel is None or deal is None:
            raise NotFound
        if parcel.deal_id is None:
            texts = [item.text for item in await tx.documents.items(parcel_id) if item.text]
            for text in [*texts, parcel.caption]:
                if text.strip():
                    tx.session.add(JournalEntry(deal_id=deal_id, author_id=actor.user_id, text=text))
        parcel.deal_id, parcel.settled_at = deal_id, tx.now

    # Looking at papers and keeping them in order.

    @query(ANYBODY)
    async def of_deal(
        self, tx: Transaction, actor: Actor, deal_id: int, page: int, size: int = PAGE
    ) -> tuple[list[Document], int]:
        """A page (from 0) of a deal's papers, newest first, and how many there are. Raises NotFound."""
        if await tx.deals.get(actor.scope, deal_id) is None:
            raise NotFound
        return await tx.documents.of_deal(actor.scope, deal_id, page * size, size)

    @query(ANYBODY)
    async def get(self, tx: Transaction, actor: Actor, document_id: int) -> Document:
        """One paper. Raises NotFound."""
        document = await tx.documents.get(actor.scope, document_id)
        if document is None:
            raise NotFound
        return document

    @steps(ANYBODY)
    async def content(self, actor: Actor, document_id: int) -> bytes:
        """The bytes of a paper that this person may see. Raises NotFound."""
        document = await self.get(actor, document_id)
        return await self.files.get(document.path)

    @command(ANYBODY)
    async def cache(self, tx: Transaction, actor: Actor, document_id: int, file_id: str, telegram_type: str) -> None:
        """Remember under what id Telegram holds the paper now."""
        document = await tx.documents.get(actor.scope, document_id)
        if document is None:
            raise NotFound
        document.telegram_file_id, document.telegram_type = file_id, telegram_type

    @command(ANYBODY)
    async def set_kind(self, tx: Transaction, actor: Actor, document_id: int, kind: str) -> None:
        """Say what a paper is."""
        document = await tx.documents.get(actor.scope, document_id)
        if document is None:
            raise NotFound
        old, document.kind = document.kind, DocumentKind(kind)
        tx.audit("document.kind", "document", document_id, deal_id=document.deal_id, kind=[old, document.kind])

    @command(ANYBODY)
    async def delete(self, tx: Transaction, actor: Actor, document_id: int) -> int:
        """Put a paper away: it leaves the lists, its bytes stay. Whoever sent it may, the deal's seller, an admin.

        Returns the deal. Raises NotFound.
        """
        document = await tx.documents.get(actor.scope, document_id)
        if document is None:
            raise NotFound
        deal = await tx.session.get_one(Deal, document.deal_id)
        allowed = actor.is_admin or actor.user_id in {document.sent_by_id, deal.seller_id}
        if not allowed or deal.stage is DealStage.CLOSED:
            raise NotFound
        document.deleted_at = tx.now
        tx.audit("document.deleted", "document", document_id, deal_id=document.deal_id, name=document.name)
        tx.event(document.deal_id, "document_deleted", name=document.name)
        return document.deal_id

    @steps(ADMINS)
    async def sweep(self, actor: Actor, *, older_than: float = SETTLED_AFTER) -> int:
        """Forget bytes that no row names, left by an attempt that died between a file and its row; returns how many.

        What is younger than so many seconds may be about to get its row.
        """
        lying = [path async for path in self.files.names(older_than=older_than) if not path.startswith(f"{ASIDE}/")]
        swept = 0
        for at in range(0, len(lying), 500):
            some = lying[at : at + 500]
            for path in set(some) - await self._known_paths(actor, some):
                await self.files.delete(path)
                swept += 1
        return swept

    @query(ADMINS)
    async def _known_paths(self, tx: Transaction, actor: Actor, paths: list[str]) -> set[str]:  # noqa: ARG002
        return await tx.documents.known_paths(paths)
