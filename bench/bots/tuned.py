"""What every aiogram bot of the bench is given, so that the floors are no straw men: our collector, loop and JSON."""

import gc

import orjson
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer


def session(url: str) -> AiohttpSession:
    return AiohttpSession(
        api=TelegramAPIServer.from_base(url),
        json_loads=orjson.loads,
        json_dumps=lambda value: orjson.dumps(value).decode(),
    )


def settle() -> None:
    """After the start: nothing that lives now is looked at again by the collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)
