"""The command line: what `./run` starts inside the environment.

Each command imports what it needs when it is called: aiogram alone costs seconds, and a migration needs none of it.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bot.settings import Settings

FAILED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it did what it was asked."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    if rest and command is not _sandbox:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given.rest = rest
    return command(given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run",
        description="Polisdesk: a CRM for insurance brokers in Telegram. "
        "Without a command: the bot if BOT_TOKEN is set, the sandbox if it is not.",
        epilog="Also: ./run test [pytest arguments], ./run check, ./run bench, ./run pictures. "
        "Settings: see .env.example.",
    )
    parser.set_defaults(command=_bot_or_sandbox)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    bot = commands.add_parser("bot", help="run the bot against Telegram (needs BOT_TOKEN)")
    bot.set_defaults(command=_bot)
    # Its options are its own and go to it unread, `--help` too.
    sandbox = commands.add_parser("sandbox", help="a local Telegram with a demo agency, in the browser", add_help=False)
    sandbox.set_defaults(command=_sandbox)
    migrate = commands.add_parser("migrate", help="bring the database to the newest migration")
    migrate.add_argument(
        "--check", action="store_true", help="change nothing: compare migrations and models in a throw-away database"
    )
    migrate.set_defaults(command=_migrate)
    backup = commands.add_parser("backup", help="put database and documents into one verified archive")
    backup.add_argument("--to", metavar="FOLDER", type=Path, help="where to; default: BACKUP_DIR")
    backup.set_defaults(command=_backup)
    restore = commands.add_parser("restore", help="restore an archive into an empty place and prove it")
    restore.add_argument("archive", metavar="ARCHIVE", type=Path)
    restore.add_argument(
        "--into",
        metavar="FOLDER",
        type=Path,
        help="a new folder with a database of its own; default: as the settings say",
    )
    restore.add_argument("--force", action="store_true", help="replace what is there")
    restore.set_defaults(command=_restore)
    for command in (backup, restore):
        command.add_argument(
            "--passphrase-file", metavar="FILE", type=Path, help="its first line; default: BACKUP_PASSPHRASE"
        )
    audit = commands.add_parser(
        "audit", help="walk the chain of audit records and name the first that was tampered with"
    )
    audit.add_argument(
        "--head",
        metavar="ID:HASH",
        action="append",
        default=[],
        help="a record that the chain has to lead through; besides those kept in the folder of the backups",
    )
    audit.set_defaults(command=_audit)
    doctor = commands.add_parser("doctor", help="say what of the installation works and what does not")
    doctor.set_defaults(command=_doctor)
    return parser


def _settings() -> "Settings":
    from bot.settings import SettingsError, load

    try:
        return load()
    except SettingsError as error:
        sys.exit(_say(f"settings: {error}"))


def _say(line: str) -> int:
    """One line for the person who started the command, and the exit code that goes with it."""
    print(" ".join(line.split()), file=sys.stderr)
    return FAILED


def _bot_or_sandbox(given: argparse.Namespace) -> int:
    settings = _settings()
    return _sandbox(given) if settings.telegram.bot_token is None else _bot(given)


def _bot(_given: argparse.Namespace) -> int:
    settings = _settings()
    if settings.telegram.bot_token is None:
        return _say("settings: BOT_TOKEN wants the token that @BotFather gives; without one try ./run sandbox")
    # Nothing that is imported now can be thrown away: looking for it takes a tenth of the start. app.main ends this.
    gc.disable()
    from bot import app

    return int(app.main(settings) or 0)


def _sandbox(given: argparse.Namespace) -> int:
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *given.rest])  # noqa: S606 - this very interpreter


def _migrate(given: argparse.Namespace) -> int:
    import asyncpg

    from storage import schema
    from storage.embedded import EmbeddedPostgres, EmbeddedPostgresError, resolve_database

    try:
        if given.check:
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="polisdesk-")))
                folder.chmod(0o755)  # the server's own user has to pass
                schema.check_drift(stack.enter_context(EmbeddedPostgres(folder, options={"fsync": "off"})).url)
        else:
            with resolve_database(_settings().storage) as url:
                asyncio.run(schema.upgrade(url))
    except (EmbeddedPostgresError, schema.SchemaError) as error:
        return _say(f"database: {error}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _say(f"database: cannot connect: {error}")
    return 0


def _backup(given: argparse.Namespace) -> int:
    from bot import backup

    return _about_backups(lambda: backup.backup(_settings(), to=given.to, passphrase_file=given.passphrase_file))


def _restore(given: argparse.Namespace) -> int:
    from bot import backup

    return _about_backups(
        lambda: backup.restore(
            _settings(), given.archive, into=given.into, passphrase_file=given.passphrase_file, force=given.force
        )
    )


def _about_backups(work: Callable[[], int]) -> int:
    from bot.backup import PassphraseError
    from storage.backup import BackupError
    from storage.embedded import EmbeddedPostgresError
    from storage.restore import RestoreError

    try:
        return work()
    except EmbeddedPostgresError as error:
        return _say(f"database: {error}")
    except BackupError as error:
        return _say(f"backup: {error}")
    except RestoreError as error:
        return _say(f"restore: {error}")
    except PassphraseError as error:
        return _say(str(error))


def _audit(given: argparse.Namespace) -> int:
    import asyncpg

    from bot import audit
    from storage.embedded import EmbeddedPostgresError

    try:
        return audit.main(_settings(), given.head)
    except EmbeddedPostgresError as error:
        return _say(f"database: {error}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _say(f"database: cannot connect: {error}")
    except ValueError as error:
        return _say(f"--head: {error}")


def _doctor(_given: argparse.Namespace) -> int:
    from bot import doctor

    return doctor.main()


if __name__ == "__main__":
    sys.exit(main())
