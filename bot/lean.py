"""Imports aiogram without making all of Telegram's six hundred types and calls: pydantic makes those that are used.

A bot at work uses some twenty. The others cost most of the start, and a hundred megabytes for as long as the process
lives (docs/adr/0014). This has to come before anything of aiogram's: what has been imported stays as it is.
"""

import re
import sys
from typing import Any, Final

from pydantic import BaseModel

_REBUILD: Final[Any] = BaseModel.__dict__["model_rebuild"]


def _import_aiogram() -> None:
    names: dict[str, Any] = {}

    def later(_cls: type[BaseModel], *, _types_namespace: dict[str, Any]) -> None:
        names.update(_types_namespace)

    BaseModel.model_rebuild = classmethod(later)  # type: ignore[assignment, method-assign]
    try:
        from aiogram import methods, types  # noqa: PLC0415 - this is the moment
        from aiogram.client import context_controller  # noqa: PLC0415
    finally:
        BaseModel.model_rebuild = _REBUILD  # type: ignore[method-assign]

    def rebuild(cls: type[BaseModel], /, *, force: bool = False, raise_errors: bool = True, **_: Any) -> bool | None:
        # With aiogram's names, as it would have been: left to itself pydantic looks among those of the caller too.
        rebuilt: bool | None = _REBUILD.__func__(cls, force=force, raise_errors=raise_errors, _types_namespace=names)
        return rebuilt

    for base in (types.TelegramObject, methods.TelegramMethod):
        base.model_rebuild = classmethod(rebuild)  # type: ignore[assignment, method-assign]
    _give_names(names)
    _begin_quickly(context_controller.BotContextController)
    # What the first tap would have to wait for. The message first: the update's validator uses what it has made.
    for kind in (types.Message, types.Update, methods.SendMessage, methods.EditMessageText):
        kind.model_rebuild()


def _begin_quickly(base: Any) -> None:
    """Let an object of aiogram's know its bot, which is all that is private to it, in one step: pydantic takes one for
    each class that it is derived from.
    """

    def begin(self: BaseModel, context: Any, /) -> None:
        object.__setattr__(self, "__pydantic_private__", {"_bot": context.get("bot") if context else None})

    base.model_post_init = begin
    below = base.__subclasses__()
    while below:
        kind = below.pop()
        if set(kind.__private_attributes__) == {"_bot"} and "model_post_init" in vars(kind):
            del kind.model_post_init
        below += kind.__subclasses__()


def _give_names(names: dict[str, Any]) -> None:
    """Put what aiogram's modules import for type checkers alone where their annotations look for it: a type may be met
    first inside a model that is not aiogram's to rebuild, as the answer of a call is.
    """
    for kind in names.values():
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            notes = (note for base in kind.__mro__ for note in getattr(base, "__annotations__", {}).values())
            place = vars(sys.modules[kind.__module__])
            for name in names.keys() & set(re.findall(r"\w+", " ".join(map(str, notes)))):
                place.setdefault(name, names[name])


if "aiogram.types" not in sys.modules:
    _import_aiogram()
