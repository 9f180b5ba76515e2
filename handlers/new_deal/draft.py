"""What is known of the deal so far, kept between windows as raw input; and which window asks for what is missing."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from aiogram.fsm.state import State
from aiogram_dialog import DialogManager

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.text import short
from models.enums import ClientKind
from models.tables import Client, LineOfBusiness
from models.values.phone import normalise
from services.clients import Duplicate
from services.rules.deal_line import ClientDraft, read_new_deal, read_object
from services.rules.reading import Unreadable, plain

MATCHES = 6


async def aliases(manager: DialogManager) -> dict[str, int]:
    """How people call the lines of business, to their ids."""
    return aliases_of(await services(manager).deals.lines(actor(manager)))


def aliases_of(lines: list[LineOfBusiness]) -> dict[str, int]:
    return {plain(word): line.id for line in lines for word in (line.name, line.code, *line.aliases)}


def new_client(manager: DialogManager) -> ClientDraft | None:
    """The client to be made, from what was typed of him."""
    raw: Mapping[str, Any] | None = kept(manager, "client")
    if not raw:
        return None
    return ClientDraft(
        name=str(raw["name"]),
        kind=ClientKind(raw["kind"]),
        phones=tuple(raw["phones"]),
        email=raw["email"],
        birth_date=date.fromisoformat(raw["birth_date"]) if raw["birth_date"] else None,
        inn=raw["inn"],
        note=str(raw["note"]),
    )


def keep_new_client(manager: DialogManager, draft: ClientDraft) -> None:
    born = draft.birth_date.isoformat() if draft.birth_date else None
    raw = asdict(draft) | {"kind": draft.kind.value, "phones": list(draft.phones), "birth_date": born}
    keep(manager, client=raw, client_id=None)


async def take(manager: DialogManager, text: str) -> None:
    """Read a line and keep every part that it names; parts that it does not name stay as they were.

    Raises Unreadable where it names no part for sure.
    """
    phone = normalise(text) if re.fullmatch(r"[+0-9() .\-\s]+", text) else None
    if phone is not None:
        client = new_client(manager)
        if client is None:
            keep(manager, phone=phone, client_id=None)
        else:
            keep_new_client(manager, replace(client, phones=tuple(dict.fromkeys((*client.phones, phone)))))
        return
    read = read_new_deal(text, await aliases(manager))
    if not (read.client or read.line_id or read.plate or read.vin):
        raise Unreadable("There is no name in this line. For example: Ivanov Ivan +7 912 345-67-89")
    if read.client is not None:
        keep_new_client(manager, _with_what_was_known(manager, read.client))
    if kept(manager, "title") and not (read.line_id or read.plate or read.vin):
        # The client is named anew: what stands after his name is not what is insured.
        add_note(manager, read.title)
    elif read.title:
        keep(manager, title=read.title)
    for name in ("line_id", "plate", "vin"):
        if value := getattr(read, name):
            keep(manager, **{name: value})
    add_note(manager, read.note)


def _with_what_was_known(manager: DialogManager, client: ClientDraft) -> ClientDraft:
    """A client who is named anew, with what was said of him before and is not said again."""
    before, phone = new_client(manager), kept(manager, "phone")
    phones = client.phones or (before.phones if before else ())
    known = replace(client, phones=tuple(dict.fromkeys((*phones, *([str(phone)] if phone else [])))))
    if before is None or before.kind is not client.kind:
        return known
    return replace(
        known,
        email=client.email or before.email,
        birth_date=client.birth_date or before.birth_date,
        inn=client.inn or before.inn,
        note=client.note or before.note,
    )


def take_object(manager: DialogManager, text: str) -> None:
    """Read the insured object; a plate or a VIN in it is put where it belongs. Raises Unreadable."""
    read = read_object(text)
    keep(manager, title=read.title, plate=read.plate, vin=read.vin, object_settled=True)
    add_note(manager, read.note)


def add_note(manager: DialogManager, text: str) -> None:
    if text.strip():
        keep(manager, note="\n".join(part for part in (str(kept(manager, "note") or ""), text.strip()) if part))


async def take_line(manager: DialogManager, text: str) -> None:
    """Read a line of business, perhaps with the object after it. Raises Unreadable."""
    client = kept(manager, "client")
    read = read_new_deal(text, await aliases(manager))
    if read.line_id is None:
        raise Unreadable("«{text}» is not a line of business. Choose one below.", text=short(text, 40))
    keep(manager, line_id=read.line_id)
    rest = " ".join(part for part in (read.client.name if read.client else "", read.title) if part)
    if rest or read.plate or read.vin:
        keep(manager, title=rest, plate=read.plate, vin=read.vin, object_settled=True)
    keep(manager, client=client)


async def matches(manager: DialogManager) -> tuple[list[Duplicate], list[Client]]:
    """Who of the clients may be meant: with a reason, and merely alike; only those for whom a deal can be opened."""
    me, draft, phone = actor(manager), new_client(manager), kept(manager, "phone")
    clients = services(manager).clients
    if draft is None:
        found = await clients.find_like(me, str(phone), MATCHES) if phone else []
        return [], [client for client in found if me.owns(client)]
    likely = await clients.duplicates(me, draft)
    known = {one.client.id for one in likely if one.client is not None}
    found = await clients.find_like(me, draft.name, MATCHES)
    sure = [one for one in likely if one.client is None or me.owns(one.client)]
    return sure, [client for client in found if client.id not in known and me.owns(client)]


async def _who_may_be_meant(manager: DialogManager) -> set[int]:
    likely, alike = await matches(manager)
    return {one.client.id for one in likely if one.client is not None} | {client.id for client in alike}


async def take_for_new(manager: DialogManager) -> None:
    """The client is none of those who may be meant: it is asked again only when others turn up."""
    keep(manager, not_them=sorted(await _who_may_be_meant(manager)))


async def go_on(manager: DialogManager) -> None:
    """Show the window that asks for what is missing."""
    await show(manager, await next_window(manager))


async def show(manager: DialogManager, state: State) -> None:
    """Show a window; the one that is left is where «Back» leads to, unless it was there before."""
    trail: list[str] = kept(manager, "trail") or []
    here = _name(manager.current_context().state)
    if here not in trail:
        trail = [*trail, here]
    if _name(state) in trail:
        trail = trail[: trail.index(_name(state))]
    keep(manager, trail=trail)
    await manager.switch_to(state)


async def correct(manager: DialogManager, state: State) -> None:
    """Show the window of one part again; «Back» returns to here."""
    trail: list[str] = kept(manager, "trail") or []
    keep(manager, trail=[*trail, _name(manager.current_context().state)])
    await manager.switch_to(state)


async def back(manager: DialogManager) -> bool:
    """Show the window before this one, with all that was said; False when this was the first."""
    trail: list[str] = kept(manager, "trail") or []
    if not trail:
        return False
    keep(manager, trail=trail[:-1])
    await manager.switch_to(next(state for state in states.NewDeal.__states__ if _name(state) == trail[-1]))
    return True


def _name(state: State | None) -> str:
    return str(state and state.state)


async def next_window(manager: DialogManager) -> State:
    """The first window whose part is still missing."""
    if not kept(manager, "client_id"):
        if not await _who_may_be_meant(manager) <= set(kept(manager, "not_them") or []):
            return states.NewDeal.match
        client = new_client(manager)
        if client is None or not client.name:
            return states.NewDeal.client
    if not kept(manager, "line_id"):
        return states.NewDeal.line
    named = kept(manager, "title") or kept(manager, "plate") or kept(manager, "vin")
    if not named and not kept(manager, "object_settled"):
        return states.NewDeal.object
    return states.NewDeal.check
