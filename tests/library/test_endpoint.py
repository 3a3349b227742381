import pytest

from tagsync.errors import UsageError
from tagsync.library.endpoint import account_of, checked_endpoint, proxy_for


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://api.imagekit.io", "https://api.imagekit.io"),
        ("https://proxy.example/imagekit/", "https://proxy.example/imagekit"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8787", "http://[::1]:8787"),
    ],
)
def test_https_and_loopback_are_endpoints(given: str, taken: str) -> None:
    assert checked_endpoint(given) == taken


@pytest.mark.parametrize(
    "given",
    [
        "http://api.imagekit.io",
        "http://192.168.0.5",
        "http://127.0.0.1.example.com",
        "ftp://api.imagekit.io",
        "api.imagekit.io",
        "https://user:secret@api.imagekit.io",
        "https://api.imagekit.io?x=1",
        "https://api.imagekit.io#x",
        "https://[::1",
        "https://host:port",
        "",
    ],
)
def test_anything_else_is_refused_before_a_key_is_sent(given: str) -> None:
    with pytest.raises(UsageError):
        checked_endpoint(given)


def test_loopback_goes_round_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxy_for("https://api.imagekit.io") == "http://proxy.example:3128"
    assert proxy_for("http://127.0.0.1:8787") is None
    assert proxy_for("http://localhost:8787") is None


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "api.imagekit.io")
    assert proxy_for("https://api.imagekit.io") is None


def test_an_account_is_told_by_its_key_without_showing_it() -> None:
    assert account_of("private_a") == account_of("private_a")
    assert account_of("private_a") != account_of("private_b")
    assert "private" not in account_of("private_a")
