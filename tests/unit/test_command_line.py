"""What a person at the terminal is told, in one line, and with which exit code."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from bot.settings import variables
from storage import schema
from tests.conftest import Cluster, free_port

ROOT = Path(__file__).resolve().parents[2]


def bot(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    # An empty value counts as none, and wins over a .env that a developer may have.
    environment = os.environ | dict.fromkeys(variables(), "") | settings
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )


def test_a_bot_that_starts_carries_nothing_of_what_it_rarely_needs() -> None:
    """Each of these would cost megabytes of every process and a part of every start."""
    rarely = ("alembic", "cryptography", "obstore", "PIL", "matplotlib", "redis", "storage.restore", "storage.bucket")
    ask = (
        "import sys, bot.app, handlers; from aiogram import methods, types; handlers.routers();"
        f"print([name for name in {rarely!r} if name in sys.modules],"
        " [made for made in (types.Chat, types.Sticker, methods.SendInvoice) if made.__pydantic_complete__])"
    )
    assert said_by(ask) == "[] [<class 'aiogram.types.chat.Chat'>]"


def said_by(script: str) -> str:
    """What a script says in an interpreter of its own, in which a warning is an error."""
    asked = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def test_each_of_telegrams_types_is_made_as_it_is_when_all_of_them_are() -> None:
    """The description was written with aiogram as it comes; answers are made of types that no call has in it."""
    ask = (
        "import bot.lean; from aiogram import methods; from aiogram.methods import Response;"
        "from sandbox.describe import PLACE, as_text, describe;"
        "bases = methods.TelegramMethod.__subclasses__();"
        "answers = [Response[call.__returning__](ok=False) for base in bases for call in base.__subclasses__()];"
        "assert as_text(describe()) == PLACE.read_text(encoding='utf-8'); print(len(answers))"
    )
    assert int(said_by(ask)) > 150


def test_every_object_of_telegrams_knows_the_bot_that_it_came_to() -> None:
    ask = (
        "import bot.lean; from aiogram import Bot, types; from aiogram.client.context_controller import *;"
        "bot = Bot('1:' + 'A' * 35); chat = {'id': 1, 'type': 'private'}; key = {'text': 'a', 'callback_data': 'b'};"
        "said = {'message_id': 1, 'date': 1, 'chat': chat, 'reply_markup': {'inline_keyboard': [[key]]}};"
        "pressed = {'id': '1', 'from': {'id': 1, 'is_bot': False, 'first_name': 'A'}, 'chat_instance': '1'};"
        "update = {'update_id': 1, 'callback_query': pressed | {'message': said}};"
        "made = types.Update.model_validate(update, context={'bot': bot}); query = made.callback_query;"
        "parts = (made, query, query.from_user, query.message, query.message.chat, query.message.reply_markup);"
        "parts += (query.message.reply_markup.inline_keyboard[0][0],);"
        "alone = types.Chat(**chat); bots = {id(part.bot) for part in parts};"
        "print(bots == {id(bot)}, alone.bot, alone.as_(bot).bot is bot, types.Chat(**chat).bot)"
    )
    assert said_by(ask) == "True None True None"


def test_help_names_every_command() -> None:
    shown = bot("--help")
    assert shown.returncode == 0
    for word in (
        "bot",
        "sandbox",
        "migrate",
        "backup",
        "restore",
        "doctor",
        "./run test",
        "./run check",
        ".env.example",
    ):
        assert word in shown.stdout


def test_the_sandbox_gets_its_options_as_they_were_typed() -> None:
    shown = bot("sandbox", "--port", "0", "--help")
    assert shown.returncode == 0
    assert "--port" in shown.stdout


def test_a_word_that_nobody_knows_is_refused() -> None:
    refused = bot("migrate", "--everything")
    assert refused.returncode == 2
    assert "unrecognized arguments: --everything" in refused.stderr


@pytest.mark.parametrize("command", ["bot", "migrate"])
def test_a_wrong_setting_is_one_line(command: str) -> None:
    refused = bot(command, HTTP_PORT="eighty")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "settings: HTTP_PORT wants a port number from 0 to 65535\n"


def test_the_bot_without_a_token_points_to_the_sandbox() -> None:
    refused = bot("bot")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "BOT_TOKEN" in refused.stderr
    assert "./run sandbox" in refused.stderr


def test_a_database_that_is_away_is_one_line_without_its_password() -> None:
    refused = bot("migrate", DATABASE_URL=f"postgresql://bot:hunter2@127.0.0.1:{free_port()}/polisdesk")
    assert refused.returncode == 1
    assert refused.stderr.startswith("database: cannot connect: ")
    assert refused.stderr.count("\n") == 1
    assert "hunter2" not in refused.stderr


def test_migrate_brings_an_empty_database_to_the_newest_migration_and_may_be_repeated(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": empty_database_url, "DATA_DIR": str(tmp_path)}
    before = bot("doctor", **settings)
    assert before.returncode == 1
    assert "not at the newest migration: ./run migrate" in before.stdout
    assert bot("migrate", **settings).returncode == 0
    assert bot("migrate", **settings).returncode == 0
    assert bot("doctor", **settings).returncode == 0


def test_a_database_from_a_newer_version_is_left_alone(postgres: Cluster, empty_database_url: str) -> None:
    async def pretend() -> None:
        connection = await asyncpg.connect(schema.dsn(empty_database_url))
        await connection.execute("CREATE TABLE alembic_version (version_num text); ")
        await connection.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
        await connection.close()

    asyncio.run(pretend())
    refused = bot("migrate", DATABASE_URL=empty_database_url)
    assert refused.returncode == 1
    assert "migrated by a newer version of Polisdesk" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_doctor_says_of_each_thing_whether_it_holds(database_url: str, redis_url: str, tmp_path: Path) -> None:
    seen = bot("doctor", DATABASE_URL=database_url, REDIS_URL=redis_url, DATA_DIR=str(tmp_path))
    assert seen.returncode == 0, seen.stdout
    verdicts = {line.split()[1]: line.split()[0] for line in seen.stdout.splitlines()}
    assert verdicts == dict.fromkeys(("python", "settings", "token", "documents", "database", "backups", "redis"), "ok")


def test_the_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "documents").touch()
    seen = bot(
        "doctor",
        DATABASE_URL=f"postgresql://bot:hunter2@127.0.0.1:{free_port()}/polisdesk",
        REDIS_URL=f"redis://:hunter2@127.0.0.1:{free_port()}/0",
        DATA_DIR=str(tmp_path),
    )
    assert seen.returncode == 1
    verdicts = {line.split()[1]: line.split()[0] for line in seen.stdout.splitlines()}
    assert [what for what, verdict in verdicts.items() if verdict == "bad"] == ["documents", "database", "redis"]
    assert "hunter2" not in seen.stdout + seen.stderr


def test_the_doctor_misses_the_backups_that_should_be_there(database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path), "BACKUP_AT": "3"}
    assert "none yet; by itself after 3:00" in bot("doctor", **settings).stdout
    (tmp_path / "backups" / "polisdesk-2020-01-01T000000Z.tar").touch()
    seen = bot("doctor", **settings)
    assert seen.returncode == 1
    assert "1 kept, the newest of 2020-01-01 00:00 UTC: one a day is wanted after 3:00" in seen.stdout


async def test_replicas_that_start_together_migrate_in_turn(empty_database_url: str) -> None:
    await asyncio.gather(*(schema.upgrade(empty_database_url) for _ in range(3)))
    connection = await asyncpg.connect(schema.dsn(empty_database_url))
    assert await schema.at_head(connection)
    await connection.close()
