"""Whose deals a person may see, as a value that rules decide and queries obey (DOMAIN.md §6)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the agency that one person may see; the default sees nothing."""

    user_id: int = 0
    everything: bool = False
    as_seller: bool = False
    as_executor: bool = False


EVERYTHING = Scope(everything=True)
