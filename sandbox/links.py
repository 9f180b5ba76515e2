"""Which addresses Telegram takes in texts, buttons and setWebhook, after `parse_url` and `check_link` of tdlib."""

import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(r"(?:[A-Za-z0-9._!$,~*'();&+=-]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*")
_USERINFO = re.compile(r"(?:[A-Za-z0-9._!$,~*'();&+=:-]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*")


class LinkError(ValueError):
    """The text is no such address; the message is Telegram's."""


@dataclass(frozen=True)
class HttpUrl:
    https: bool
    userinfo: str
    host: str
    port: int  # 0 where none is named
    path: str
    """With the query, and at least "/"."""

    @property
    def real_port(self) -> int:
        return self.port or (443 if self.https else 80)

    def __str__(self) -> str:
        user = f"{self.userinfo}@" if self.userinfo else ""
        port = f":{self.port}" if self.port else ""
        return f"http{'s' if self.https else ''}://{user}{self.host}{port}{self.path}"


def parse_url(url: str, *, https: bool = False) -> HttpUrl:
    """An HTTP address; `https` says what one without a scheme means."""
    if scheme := re.match(r"([^:/?#@\[\]]*)://", url):
        if scheme[1].lower() not in ("http", "https"):
            raise LinkError("Unsupported URL protocol")
        https, url = scheme[1].lower() == "https", url[scheme.end() :]
    authority, path = url[: (cut := re.search(r"[/?#]|\Z", url).start())], url[cut:]  # type: ignore[union-attr]
    port = 0
    if found := re.fullmatch(r"(.+):([^:\]@]*)", authority, re.DOTALL):
        authority = found[1]
        port = int(found[2]) if re.fullmatch(r"[0-9]+", found[2]) else -1
        if not 0 < port <= 65535:
            raise LinkError("Wrong port number specified in the URL")
    userinfo, _, host = authority.rpartition("@")
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise LinkError("Wrong IPv6 address specified in the URL") from None
    elif not host:
        raise LinkError("URL host is empty")
    elif host == ".":
        raise LinkError("Host is invalid")
    else:
        _check(host, "host", _HOST)
        _check(userinfo, "userinfo", _USERINFO)
    path = re.sub(r"[\x00-\x20]", lambda char: f"%{ord(char[0]):02X}", path.rstrip(" \t\r\n\0\v"))
    return HttpUrl(https, userinfo, host.lower(), port, path if path.startswith("/") else f"/{path}")


def _check(part: str, name: str, allowed: re.Pattern[str]) -> None:
    end = allowed.match(part).end()  # type: ignore[union-attr]  # it matches the empty text, too
    if end < len(part):
        wrong = "Wrong percent-encoded symbol" if part[end] == "%" else "Disallowed character"
        raise LinkError(f"{wrong} in URL {name}")


def check_link(link: str, *, https_only: bool = False) -> str:
    """The link as Telegram stores it: HTTP with a dot in its host, or tg, ton and tonsite."""
    scheme = re.match(r"(?i)(tg|ton|tonsite):(?://)?", link)
    url = parse_url(link[scheme.end() :] if scheme else link)
    if https_only and (scheme or not url.https):
        raise LinkError("Only HTTPS links are allowed")
    if scheme is None:
        if "." not in url.host and not url.host.startswith("["):
            raise LinkError("Wrong HTTP URL")
        return str(url)
    kind = scheme[1].lower()
    if re.match(r"(?i)https?://", link[scheme.end() :]) or url.userinfo or url.port or url.host.startswith("["):
        raise LinkError("Wrong tg URL" if kind == "tg" else "Wrong ton URL")
    if not re.fullmatch(r"[A-Za-z0-9_.-]*" if kind == "tonsite" else r"[A-Za-z0-9_-]*", url.host):
        raise LinkError("Unallowed characters in URL host")
    return f"{kind}://{url.host}{url.path.removeprefix('/') if url.path.startswith('/?') else url.path}"


def checked_link(link: str) -> str | None:
    """The link as Telegram stores it, or None where it is none."""
    try:
        return check_link(link)
    except LinkError:
        return None


def linked_user(link: str) -> int | None:
    """The user of tg://user?id=…, None where the link is another."""
    found = re.fullmatch(r"(?i)tg:(?://)?user/?\?([^#]*)(?:#.*)?", link)
    values = [one[3:] for one in found[1].split("&") if one.lower().startswith("id=")] if found else []
    return int(values[0]) if values and re.fullmatch(r"[0-9]{1,18}", values[0]) and int(values[0]) else None
