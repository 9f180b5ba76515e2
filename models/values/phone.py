"""Phone numbers in E.164, so that one person's number is one string however it was typed."""

import re
from functools import lru_cache

import phonenumbers

_RUSSIAN = re.compile(r"[3489][0-9]{9}")


def normalise(text: str, region: str = "RU") -> str | None:
    """Read a phone in any usual form; None when it is not a phone that could be called."""
    # The library takes the digits of every script, and people look for a number as they see it.
    if any(char.isnumeric() and not char.isascii() for char in text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # New Russian ranges appear faster than the library's metadata; an unknown one must not stop a sale.
    russian = number.country_code == 7 and _RUSSIAN.fullmatch(str(number.national_number))
    if not russian and not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(4096)
def pretty(e164: str) -> str:
    """Show a stored number the way it is dictated: +7 912 345-67-89."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
