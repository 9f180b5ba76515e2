"""`./run backup` and `./run restore`: one line of what was done, or one line of why not."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from bot.clock import clock_from
from bot.settings import Settings
from services.ports import FileStore
from storage.backup import BackupError, Backups, Made, Retention, Tell
from storage.embedded import resolve_database
from storage.files import ASIDE, open_files

if TYPE_CHECKING:
    from storage.restore import Restored

_STAGES: Final = {"database": "database", "documents": "documents", "checking": "reading it back"}


class PassphraseError(Exception):
    """The file with the passphrase is of no use; one line for the operator."""


def backups_of(settings: Settings, url: str, files: FileStore) -> Backups:
    """Backups as the settings want them."""
    kept = settings.backup
    return Backups(
        url=url,
        files=files,
        folder=settings.backup_dir,
        passphrase=_secret(kept.backup_passphrase),
        bindir=settings.storage.pg_bindir,
        retention=Retention(kept.backup_keep, kept.backup_keep_days),
    )


def backup(settings: Settings, *, to: Path | None, passphrase_file: Path | None) -> int:
    """Make a backup. A folder that is named for once is not tidied: it is somebody's own."""
    passphrase = read_passphrase(passphrase_file) or _secret(settings.backup.backup_passphrase)
    files = open_files(settings.storage.documents_url, settings.storage.documents_dir)
    with resolve_database(settings.storage) as url:
        backups = replace(backups_of(settings, url, files), passphrase=passphrase)
        if to is not None:
            backups = replace(backups, folder=to.absolute(), retention=Retention())
        made = asyncio.run(_make(backups, settings))
    _print(_told(made))
    for path in made.missing:
        _warn(f"there is no file for the document {path}")
    for path in made.damaged:
        _warn(f"the document {path} is not what was filed: it is backed up as it is")
    if made.broken_audit is not None:
        _warn(f"the chain of audit records is broken at record {made.broken_audit}")
    return 0


async def _make(backups: Backups, settings: Settings) -> Made:
    async with backups.alone() as alone:
        if not alone:
            raise BackupError("busy", "another backup of this database is being made")
        return await backups.make(clock_from(settings.clock.clock_offset_file).now(), _progress())


def restore(
    settings: Settings, path: Path, *, into: Path | None, passphrase_file: Path | None, force: bool = False
) -> int:
    """Restore a backup to where the settings point, or into a folder with an embedded database of its own."""
    from storage.restore import Restore, inspect  # noqa: PLC0415 - the bot backs up and never restores

    passphrase = read_passphrase(passphrase_file) or _secret(settings.backup.backup_passphrase)
    # Before a server is started: a bad archive changes nothing, not even a folder.
    manifest = inspect(path, passphrase)
    storage = settings.storage
    if into is not None:
        storage = storage.model_copy(update={"data_dir": into.absolute(), "database_url": None, "documents_url": None})
    with resolve_database(storage) as url:
        files = open_files(storage.documents_url, storage.documents_dir)
        work = Restore(path, manifest, url, files, passphrase, storage.pg_bindir, force)
        restored = asyncio.run(work.run(_progress()))
    _print(_told_restored(restored))
    if restored.aside:
        _warn(f"{len(restored.aside)} documents that were there and are not of the backup are kept in {ASIDE}")
    return 0


def read_passphrase(file: Path | None) -> str | None:
    """The first line of the file."""
    if file is None:
        return None
    try:
        passphrase = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise PassphraseError(f"--passphrase-file {file} cannot be read: {error}") from error
    if not passphrase:
        raise PassphraseError(f"--passphrase-file {file} is empty")
    return passphrase


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _progress() -> Tell:
    """A line that is written over, for eyes only."""
    if not sys.stderr.isatty():
        write: Callable[[str], Any] = lambda _text: None  # noqa: E731
    else:
        write = sys.stderr.write

    async def tell(stage: str, done: int, of: int) -> None:
        far = f"{done} of {of}" if of else f"{done / 1e6:.0f} MB" if done else "…"
        write(f"\r\033[K{_STAGES[stage]}: {far}")
        if stage == "checking" or done == of != 0:
            write("\r\033[K")

    return tell


def _told(made: Made) -> str:
    sealed = "encrypted" if made.encrypted else "not encrypted"
    gone = f", {made.forgotten} older ones deleted" if made.forgotten else ""
    return (
        f"{made.path}: {made.size / 1e6:.1f} MB, {made.rows} rows, {_counts(made.tables)}, "
        f"{made.documents} documents, {sealed}, read back{gone}"
    )


def _told_restored(restored: "Restored") -> str:
    return (
        f"restored the backup of {restored.created_at}: {restored.rows} rows, {_counts(restored.tables)}, "
        f"{restored.documents} documents, {restored.audit_records} audit records; everything is as it was backed up"
    )


def _counts(tables: dict[str, int]) -> str:
    return ", ".join(f"{tables.get(name, 0)} {name}" for name in ("clients", "deals", "policies", "payments"))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _warn(line: str) -> None:
    sys.stderr.write(f"warning: {line}\n")
