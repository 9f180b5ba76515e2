"""The card of a backup: one message that is edited from the order to the result."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from markupsafe import Markup

from fsm.cards import Card, CardContext, card
from fsm.i18n import _, language, ngettext
from fsm.text import html, lines
from fsm.words import day as day_words
from fsm.words import moment
from services.backup import BackupList
from services.errors import N_, Refusal

STAGE: Mapping[str, str] = {
    "waiting": N_("it is about to begin"),
    "database": N_("copying the database"),
    "documents": N_("copying the documents"),
    "checking": N_("reading everything back"),
}

TROUBLE: Mapping[str, str] = {
    "no_room": N_("There is no room on the disk."),
    "folder": N_("The folder of backups cannot be written: see BACKUP_DIR."),
    "no_tools": N_("pg_dump is not there, or older than the server: see PG_BINDIR."),
    "dump": N_("pg_dump has failed."),
    "database": N_("The database did not answer."),
    "documents": N_("The documents cannot be read."),
    "unsound": N_("What was written does not read back: the disk may be failing."),
    "empty": N_("There is nothing to back up."),
    "interrupted": N_("The bot was stopped each time before it was done."),
}

COUNTED: Mapping[str, str] = {
    "clients": N_("Clients: {n}"),
    "deals": N_("Deals: {n}"),
    "policies": N_("Policies: {n}"),
    "payments": N_("Payments: {n}"),
}


@card("backup")
async def backup(context: CardContext, *, stage: str, **told: Any) -> Card | None:
    """How far it is, or what came of it; to an admin only."""
    try:
        there = await context.services.backup.recent(context.actor)
    except Refusal:
        return None
    if stage == "failed":
        return Card(lines(*_failure(told), *_latest(there, context)))
    if stage == "done":
        return Card(lines(*_result(told["result"]), *_latest(there, context)))
    return Card(_progress(stage, int(told.get("done", 0)), int(told.get("of", 0))))


def _progress(stage: str, done: int, of: int) -> Markup:
    far = ""
    if of:
        far = _("{done} of {of}").format(done=done, of=of)
    elif done:
        far = size(done)
    what = html("⏳ {doing}: {stage}", doing=_("Backup"), stage=_(STAGE[stage]))
    return html("{what} · {far}", what=what, far=far) if far else html("{what}…", what=what)


def _failure(told: Mapping[str, Any]) -> list[Markup | str]:
    said = told.get("day")
    head = (
        html(_("🚨 <b>The backup of {day} was not made.</b>"), day=day_words(date.fromisoformat(said)))
        if said
        else html(_("🚨 <b>The backup was not made.</b>"))
    )
    known = TROUBLE.get(told["code"])
    trouble = _("Something unexpected has happened.") if known is None else _(known)
    again = _("I will try again in half an hour. The log says more.") if said else _("The log says more.")
    return [head, f"{trouble} {again}"]


def _result(result: Mapping[str, Any]) -> list[Markup | str | None]:
    broken = result["broken_audit"]
    counted = [_(words).format(n=result["counts"][name]) for name, words in COUNTED.items()]
    sealed = _("encrypted") if result["encrypted"] else _("not encrypted")
    return [
        html(
            _("✅ <b>The backup is made</b> and read back: {size}, {sealed}."), size=size(result["size"]), sealed=sealed
        ),
        html("<code>{folder}/{name}</code>", folder=result["folder"], name=result["name"]),
        " · ".join(counted),
        _("Documents: {n} · rows in all: {rows}").format(n=result["documents"], rows=result["rows"]),
        _("⚠️ Documents without a file: {n}. Their names are in the archive's manifest.").format(n=result["missing"])
        if result["missing"]
        else None,
        _("⚠️ Documents that are not what was filed: {n}. They are kept as they are.").format(n=result["damaged"])
        if result["damaged"]
        else None,
        _("🚨 The chain of audit records is broken at record {id}: /audit").format(id=broken)
        if broken is not None
        else None,
    ]


def _latest(there: BackupList, context: CardContext) -> list[Markup | str]:
    """The backups that lie in the folder now, the newest first."""
    today = context.actor.day(context.services.backup.clock.now())
    found = ngettext("{n} backup is kept:", "{n} backups are kept:", there.total).format(n=there.total)
    hour = (
        _("By itself a backup is made daily after {hour}:00.").format(hour=there.at)
        if there.at is not None
        else _("No backup is made by itself: see BACKUP_AT.")
    )
    kept = [
        html(
            "{mark} {when} · {size}",
            mark="🔒" if one.encrypted else "📦",
            when=moment(one.at, context.actor.zone, today),
            size=size(one.size),
        )
        for one in there.latest
    ]
    return ["", *([found, *kept, ""] if kept else []), hour]


def size(count: int) -> str:
    """Bytes as people say it: `12,3 MB`."""
    value, unit = (Decimal(count) / 1_000_000, _("MB")) if count >= 1_000_000 else (Decimal(count) / 1000, _("KB"))
    return f"{format_decimal(round(value, 1), locale=language())} {unit}"
