"""Settings of the agency and of a person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.tables import User
from services import planning
from services.access import ADMINS, ANYBODY, Actor, Service, command, query
from services.errors import N_, AlreadyDone, Invalid, NotFound
from services.ports import Clock
from services.rules.reading import Unreadable, echo, plain
from services.rules.variant_lines import alias_key
from storage.uow import Transaction, Transactions

LANGUAGES = ("ru", "en")
TIME_ZONE, WORK_HOURS = "Europe/Moscow", (9, 18)
"""What holds where nobody has set anything."""

ZONES: Mapping[str, str] = {
    "Europe/Kaliningrad": N_("Kaliningrad"),
    "Europe/Moscow": N_("Moscow"),
    "Europe/Samara": N_("Samara"),
    "Asia/Yekaterinburg": N_("Yekaterinburg"),
    "Asia/Omsk": N_("Omsk"),
    "Asia/Novosibirsk": N_("Novosibirsk"),
    "Asia/Krasnoyarsk": N_("Krasnoyarsk"),
    "Asia/Irkutsk": N_("Irkutsk"),
    "Asia/Yakutsk": N_("Yakutsk"),
    "Asia/Vladivostok": N_("Vladivostok"),
    "Asia/Magadan": N_("Magadan"),
    "Asia/Kamchatka": N_("Kamchatka"),
}
"""The zones of Russia, west to east, and what they are called."""

_TYPED = {
    "калининград": "Europe/Kaliningrad", "москва": "Europe/Moscow", "мск": "Europe/Moscow", "msk": "Europe/Moscow",
    "питер": "Europe/Moscow", "спб": "Europe/Moscow", "санктпетербург": "Europe/Moscow", "казань": "Europe/Moscow",
    "самара": "Europe/Samara", "саратов": "Europe/Saratov", "ижевск": "Europe/Samara",
    "екатеринбург": "Asia/Yekaterinburg", "екб": "Asia/Yekaterinburg", "пермь": "Asia/Yekaterinburg",
    "уфа": "Asia/Yekaterinburg", "челябинск": "Asia/Yekaterinburg", "тюмень": "Asia/Yekaterinburg",
    "омск": "Asia/Omsk", "новосибирск": "Asia/Novosibirsk", "томск": "Asia/Tomsk", "барнаул": "Asia/Barnaul",
    "кемерово": "Asia/Novokuznetsk", "красноярск": "Asia/Krasnoyarsk", "иркутск": "Asia/Irkutsk",
    "якутск": "Asia/Yakutsk", "чита": "Asia/Chita", "владивосток": "Asia/Vladivostok",
    "хабаровск": "Asia/Vladivostok", "сахалин": "Asia/Sakhalin", "магадан": "Asia/Magadan",
    "камчатка": "Asia/Kamchatka",
}  # fmt: skip
_OFFSET = re.compile(r"(?P<base>utc|gmt|мск|msk)?\s*(?P<sign>[+\-−–])\s*(?P<hours>[0-9]{1,2})")
_HOURS = re.compile(
    r"(?:с|from)?\s*(?P<opens>[0-9]{1,2})(?::00)?\s*(?:-|–|—|до|to|\s)\s*(?P<closes>[0-9]{1,2})(?::00)?"
)


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """What holds for everybody; each field is a key of the table."""

    time_zone: str
    work_hours: tuple[int, int]


async def team_settings(tx: Transaction, time_zone: str = TIME_ZONE) -> TeamSettings:
    """The agency's settings as they are now, in one query; `time_zone` holds where no admin has set one."""
    stored = await tx.dictionaries.settings()
    opens, closes = stored.get("work_hours", WORK_HOURS)
    return TeamSettings(str(stored.get("time_zone", time_zone)), (int(opens), int(closes)))


def read_zone(text: str, now: datetime) -> str:
    """Read a time zone: a Russian city, `мск+2`, `UTC+5`, or its international name. Raises Unreadable."""
    typed = plain(text)
    named = _TYPED.get(alias_key(typed))
    if named is not None:
        return named
    offset = _OFFSET.fullmatch(typed)
    if offset is not None:
        hours = int(offset["hours"]) * (1 if offset["sign"] == "+" else -1)
        hours += 3 if offset["base"] in {"мск", "msk"} else 0
        for zone in sorted(ZONES, key=lambda name: name != "Europe/Moscow"):
            shift = now.astimezone(ZoneInfo(zone)).utcoffset()
            if shift is not None and shift.total_seconds() == hours * 3600:
                return zone
    try:
        if re.fullmatch(r"[A-Za-z_]+(?:/[A-Za-z_+-]+[0-9]*)+|UTC", text.strip()):
            return ZoneInfo(text.strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise Unreadable("«{text}» is not a time zone. For example: Moscow time +2, or Asia/Omsk", text=echo(text))


def read_hours(text: str) -> tuple[int, int]:
    """Read two hours of the day: `9-18`, `с 9 до 18`, `22:00–8:00`. Raises Unreadable."""
    found = _HOURS.fullmatch(plain(text))
    hours = (int(found["opens"]), int(found["closes"])) if found else (0, 99)
    if not all(0 <= hour <= 24 for hour in hours):
        raise Unreadable("«{text}» are not hours of the day. For example: 9-18", text=echo(text))
    return hours


class SettingsService(Service):
    """What people and admins set for themselves and for all."""

    def __init__(self, transactions: Transactions, clock: Clock, time_zone: str = TIME_ZONE) -> None:
        super().__init__(transactions, clock)
        self.time_zone = time_zone

    # --- one's own ------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def mine(self, tx: Transaction, actor: Actor) -> User:
        """The person as he has set himself up."""
        user = await tx.people.get(actor.user_id)
        if user is None:
            raise NotFound
        return user

    @command(ANYBODY)
    async def set_language(self, tx: Transaction, actor: Actor, language: str) -> None:
        """Speak to the person in this language. Raises Invalid."""
        if language not in LANGUAGES:
            raise Invalid("This cannot be done.")
        await self._set(tx, actor, language=language)

    @command(ANYBODY)
    async def set_zone(self, tx: Transaction, actor: Actor, text: str) -> str:
        """Move the person's day, and what he is reminded of, to another zone; returns its name. Raises Unreadable."""
        zone = read_zone(text, tx.now)
        user = await self._set(tx, actor, time_zone=zone)
        await tx.reminders.move_zone(user.id, actor.zone.key, zone)
        await planning.plan_digests(tx, user)
        return zone

    @command(ANYBODY)
    async def set_digest_hour(self, tx: Transaction, actor: Actor, hour: int) -> None:
        """Tell the person about his day at this hour. Raises Invalid."""
        if not 0 <= hour <= 23:
            raise Invalid("An hour of the day is from 0 to 23.")
        user = await self._set(tx, actor, digest_hour=hour)
        await planning.plan_digests(tx, user)

    @command(ANYBODY)
    async def set_quiet(self, tx: Transaction, actor: Actor, since: int, until: int) -> None:
        """Send no reminders between these hours; two equal hours mean never quiet. Raises Invalid."""
        since, until = since % 24, until % 24
        # Reminders of the day come at nine: with the whole day quiet a renewal would be forgotten.
        if since != until and (until - since) % 24 > 16:
            raise Invalid("Quiet hours last 16 hours at most, so that reminders still reach you.")
        await self._set(tx, actor, quiet_from=since, quiet_to=until)

    @staticmethod
    async def _set(tx: Transaction, actor: Actor, **values: Any) -> User:
        user = await tx.people.lock(actor.user_id)
        if user is None:
            raise NotFound
        changed = {name: [getattr(user, name), new] for name, new in values.items() if getattr(user, name) != new}
        if not changed:
            raise AlreadyDone
        for name, (_old, new) in changed.items():
            setattr(user, name, new)
        await tx.session.flush()
        tx.audit("person.settings", "user", user.id, deal_id=None, **changed)
        return user

    # --- everybody's ----------------------------------------------------------------------------------------------

    @query(ADMINS)
    async def team(self, tx: Transaction, actor: Actor) -> TeamSettings:  # noqa: ARG002
        """What holds for everybody."""
        return await team_settings(tx, self.time_zone)

    @command(ADMINS)
    async def set_team_zone(self, tx: Transaction, actor: Actor, text: str) -> str:  # noqa: ARG002
        """Choose the zone that newcomers start in; returns its name. Raises Unreadable."""
        zone = read_zone(text, tx.now)
        await self._set_team(tx, "time_zone", (await team_settings(tx, self.time_zone)).time_zone, zone)
        return zone

    @command(ADMINS)
    async def set_work_hours(self, tx: Transaction, actor: Actor, text: str) -> None:  # noqa: ARG002
        """Set when the agency works: the clock of tasks runs in these hours. Raises Unreadable, Invalid."""
        opens, closes = read_hours(text)
        if not opens < closes:
            raise Invalid("The working day ends after it begins. For example: 9-18")
        await self._set_team(
            tx, "work_hours", list((await team_settings(tx, self.time_zone)).work_hours), [opens, closes]
        )

    @staticmethod
    async def _set_team(tx: Transaction, key: str, before: Any, after: Any) -> None:
        if before == after:
            raise AlreadyDone
        await tx.dictionaries.set_setting(key, after)
        tx.audit("team.settings", "settings", None, deal_id=None, **{key: [before, after]})
