"""Which addresses Telegram takes; the words are those of tdlib's parse_url and check_link."""

import pytest

from sandbox.links import LinkError, check_link, linked_user


@pytest.mark.parametrize(
    ("link", "stored"),
    [
        ("example.com", "http://example.com/"),
        ("HTTPS://Example.COM/Путь?a=1", "https://example.com/Путь?a=1"),
        ("http://example.com:8080", "http://example.com:8080/"),
        ("https://user:word@example.com/", "https://user:word@example.com/"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://страховка.рф", "https://страховка.рф/"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
        ("tg:resolve?domain=x", "tg://resolve?domain=x"),
    ],
)
def test_a_link_is_stored_whole(link: str, stored: str) -> None:
    assert check_link(link) == stored


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ("http://localhost/", "Wrong HTTP URL"),
        ("nohost", "Wrong HTTP URL"),
        ("ftp://example.com", "Unsupported URL protocol"),
        ("mailto://a@example.com", "Unsupported URL protocol"),
        ("http://", "URL host is empty"),
        ("", "URL host is empty"),
        ("http://example.com:99999", "Wrong port number specified in the URL"),
        ("http://a b.ru", "Disallowed character in URL host"),
        ("http://a%zz.ru", "Wrong percent-encoded symbol in URL host"),
        ("http://[::x]/", "Wrong IPv6 address specified in the URL"),
        ("tg://ho.st?x", "Unallowed characters in URL host"),
        ("tg://a:5/", "Wrong tg URL"),
    ],
)
def test_what_is_no_link_has_its_reason(link: str, error: str) -> None:
    with pytest.raises(LinkError) as raised:
        check_link(link)
    assert str(raised.value) == error


def test_a_link_to_a_user_is_known_by_its_number() -> None:
    assert linked_user("tg://user?id=5") == linked_user("TG:user?x=1&id=5#y") == 5
    assert linked_user("tg://user?id=x") is None
    assert linked_user("https://t.me/x") is None
