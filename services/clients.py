"""Clients: found or made on the spot, duplicates warned about, merged with all children."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from models.tables import Client, ClientPhone, Deal
from models.values.phone import normalise
from services.access import ANYBODY, SELLERS, Actor, Service, command, query
from services.errors import Forbidden, Invalid, NotFound
from services.rules.deal_line import ClientDraft
from services.rules.duplicates import Reason, similar_names
from services.rules.reading import clean_text, echo, plain, read_date, read_inn, read_name
from storage.uow import Transaction

NAME_LIMIT, NOTE_LIMIT, PHONES = 200, 2000, 10
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def read_phones(text: str) -> tuple[str, ...]:
    """Read phones typed one after another, by commas or lines; the empty line means none. Raises Invalid."""
    phones = []
    for part in re.split(r"[,;\n]+", text):
        if part.strip():
            phone = normalise(part)
            if phone is None:
                raise Invalid("«{text}» is not a phone number. For example: 8 912 345-67-89", text=echo(part))
            phones.append(phone)
    if len(phones) > PHONES:
        raise Invalid("A client has at most {limit} phones.", limit=PHONES)
    return tuple(dict.fromkeys(phones))


def _read_email(text: str) -> str:
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid("«{text}» is not an e-mail address. For example: ivanov@mail.ru", text=echo(text))
    return email


def _read_birth_date(text: str, today: date) -> date:
    born = read_date(text, today, past=True)
    if not date(1900, 1, 1) <= born <= today:
        raise Invalid("«{text}» cannot be a birth date. For example: 17.05.1985", text=echo(text))
    return born


class Field(StrEnum):
    """What of a client can be changed by typing it."""

    NAME = "name"
    PHONES = "phones"
    EMAIL = "email"
    BIRTH_DATE = "birth_date"
    INN = "inn"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A client that may be the same one, and why. `client` is None for another seller's: only the fact is told."""

    reason: Reason
    client: Client | None = None


@dataclass(frozen=True, slots=True)
class ClientView:
    """What the client's card shows; `own` tells whether the viewer may change it."""

    client: Client
    seller: str
    deals: list[Deal]
    own: bool


class ClientService(Service):
    """What a seller does with his clients."""

    @query(ANYBODY)
    async def find_like(self, tx: Transaction, actor: Actor, text: str, limit: int = 6) -> list[Client]:
        """The likeliest clients for what was typed: a name with typos, a part of a phone, an INN; with phones."""
        typed = plain(text)[:NAME_LIMIT]
        if re.fullmatch(r"[+0-9() .\-]+", typed):
            digits = re.sub(r"[^0-9]", "", typed)
            return await tx.clients.with_digits(actor.scope, digits, limit) if len(digits) >= 4 else []
        return await tx.clients.like(actor.scope, typed, limit) if len(typed) >= 2 else []

    @query(SELLERS)
    async def duplicates(
        self, tx: Transaction, actor: Actor, draft: ClientDraft, but: int | None = None
    ) -> list[Duplicate]:
        """Who may be the same client, with the reason; of another seller's client only that there is one."""
        found: dict[int, Duplicate] = {}
        foreign: set[Reason] = set()
        for other in await tx.clients.with_phone_or_inn(draft.phones, draft.inn):
            same_phone = {phone.e164 for phone in other.phones} & set(draft.phones)
            reason = Reason.PHONE if same_phone else Reason.INN
            if await tx.clients.get(actor.scope, other.id) is None:
                foreign.add(reason)
            else:
                found[other.id] = Duplicate(reason, other)
        for other in await tx.clients.like(actor.scope, plain(draft.name), 10, closely=True):
            if other.id not in found and similar_names(draft.name, other.name):
                found[other.id] = Duplicate(Reason.NAME, other)
        found.pop(but or 0, None)
        return [*found.values(), *(Duplicate(reason) for reason in sorted(foreign))]

    @query(ANYBODY)
    async def card(self, tx: Transaction, actor: Actor, client_id: int, limit: int = 20) -> ClientView:
        """A client with his deals that the actor may see. Raises NotFound."""
        found = await tx.clients.get(actor.scope, client_id)
        if found is None:
            raise NotFound
        client, seller = found
        deals = await tx.deals.of_client(actor.scope, client_id, limit)
        return ClientView(client, seller, deals, actor.owns(client))

    @query(ANYBODY)
    async def page(self, tx: Transaction, actor: Actor, offset: int, limit: int) -> tuple[list[Client], int]:
        """A page of clients by name, and how many there are."""
        return await tx.clients.page(actor.scope, offset, limit)

    @command(SELLERS)
    async def create(self, tx: Transaction, actor: Actor, draft: ClientDraft) -> int:
        """Take a new client. Raises Invalid, Unreadable. Duplicates were shown before: the person decides."""
        return (await add_client(tx, actor, draft)).id

    @command(SELLERS)
    async def change(self, tx: Transaction, actor: Actor, client_id: int, field: str, text: str) -> None:
        """Set one field from what was typed; an empty text clears it. Raises as `create` does, NotFound, Forbidden."""
        client = await own_client(tx, actor, client_id)
        text = text.strip()
        before = _field(client, Field(field))
        match Field(field):
            case Field.NAME:
                client.name = read_name(text, NAME_LIMIT)
            case Field.PHONES:
                _set_phones(client, read_phones(text))
            case Field.EMAIL:
                client.email = _read_email(text) if text else None
            case Field.BIRTH_DATE:
                today = actor.day(tx.now)
                client.birth_date = _read_birth_date(text, today) if text else None
            case Field.INN:
                client.inn = read_inn(text) if text else None
            case Field.NOTE:
                client.note = clean_text(text, NOTE_LIMIT) if text else ""
        after = _field(client, Field(field))
        if before != after:
            changes: dict[str, Any] = {field: [before, after]}
            tx.audit("client.changed", "client", client.id, **changes)

    @command(SELLERS)
    async def merge(self, tx: Transaction, actor: Actor, from_id: int, into_id: int) -> int:
        """Make one client of two: deals, policies, papers and phones move, what the second lacks is taken over.

        Raises NotFound (also on a second tap: the first client is no more), Forbidden, Invalid.
        """
        if from_id == into_id:
            raise Invalid("A client cannot be merged with himself.")
        # Locked in the order of ids, so that two people merging the same pair cannot wait for each other.
        pair = {id_: await own_client(tx, actor, id_) for id_ in sorted((from_id, into_id))}
        gone, kept = pair[from_id], pair[into_id]
        if gone.seller_id != kept.seller_id and not actor.is_admin:
            raise Forbidden
        await tx.clients.move_children(gone.id, kept.id)
        if not (gone.inn and kept.inn and gone.inn != kept.inn):
            kept.inn = kept.inn or gone.inn
        kept.email = kept.email or gone.email
        kept.birth_date = kept.birth_date or gone.birth_date
        kept.note = "\n".join(note for note in (kept.note, gone.note) if note)
        gone.merged_into_id, gone.deleted_at = kept.id, tx.now
        tx.audit("client.merged", "client", gone.id, into=kept.id)
        return kept.id


async def own_client(tx: Transaction, actor: Actor, client_id: int) -> Client:
    """The client, held, for somebody who may change it. Raises NotFound, Forbidden."""
    client = await tx.clients.lock(actor.scope, client_id)
    if client is None:
        raise NotFound
    if not actor.owns(client):
        raise Forbidden
    return client


async def add_client(tx: Transaction, actor: Actor, draft: ClientDraft) -> Client:
    """Insert the client of a draft: a step of making a client alone and of opening a deal with a new one."""
    client = Client(
        name=read_name(draft.name, NAME_LIMIT),
        seller_id=actor.user_id,
        kind=draft.kind,
        email=_read_email(draft.email) if draft.email else None,
        birth_date=draft.birth_date,
        inn=read_inn(draft.inn) if draft.inn else None,
        note=clean_text(draft.note, NOTE_LIMIT) if draft.note else "",
    )
    _set_phones(client, read_phones(",".join(draft.phones)))
    await tx.add(client)
    tx.audit("client.created", "client", client.id, client_kind=client.kind.value, phones=len(client.phones))
    return client


def _set_phones(client: Client, phones: tuple[str, ...]) -> None:
    known = {phone.e164: phone for phone in client.phones}
    client.phones = [known.get(e164) or ClientPhone(e164=e164) for e164 in phones]


def _field(client: Client, field: Field) -> object:
    """A field as the audit keeps it; of a note only its length, it may hold anything."""
    match field:
        case Field.PHONES:
            return [phone.e164 for phone in client.phones]
        case Field.NOTE:
            return len(client.note)
        case Field.BIRTH_DATE:
            return client.birth_date.isoformat() if client.birth_date else None
        case _:
            return getattr(client, field.value)
