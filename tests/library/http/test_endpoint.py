import pytest
from canary import KEY

import tagsync
from tagsync.errors import UsageError


def endpoint_of(given: str) -> str:
    """Return the endpoint that a target uses."""
    return tagsync.Target(key=KEY, endpoint=given).endpoint


def locked_endpoint(given: str) -> str:
    """Return the name of an endpoint in a target's lock."""
    return tagsync.Target(key=KEY, endpoint=given).identities[0].partition("\n")[0]


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
def test_endpoint_accepts_https_and_loopback(given: str, taken: str) -> None:
    assert endpoint_of(given) == taken


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
def test_endpoint_refuses_anything_else(given: str) -> None:
    with pytest.raises(UsageError):
        endpoint_of(given)


@pytest.mark.parametrize("given", ["https://api.imagekit.io\n", "\t https://api.imagekit.io/\r\n"])
def test_endpoint_ignores_surrounding_white_space(given: str) -> None:
    assert endpoint_of(given) == "https://api.imagekit.io"


@pytest.mark.parametrize(
    "given", ["127.0.0.1:8787", "127.0.0.1:8787/a", "localhost:8787", "[::1]:8787", " 127.0.0.1:8787/\n"]
)
def test_endpoint_of_host_and_port_is_plain_http(given: str) -> None:
    assert endpoint_of(given) == f"http://{given.strip().rstrip('/')}"


def test_endpoint_of_host_and_port_elsewhere_is_refused() -> None:
    with pytest.raises(UsageError, match="would send the key unencrypted: use https"):
        endpoint_of("api.imagekit.io:443")


@pytest.mark.parametrize(
    "given",
    [
        "https://ho\nst",
        "https://ho st",
        "https://host/\x1b",
        "https://host/\udc80",
        "https://host:99999",
        "https://host:0",
        "https://a..b",
        f"https://{'a' * 70}.example",
        "https://\u2603..example",
        "https://1.2.3.999",
    ],
)
def test_endpoint_that_cannot_be_called_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"the endpoint '.*' is not a URL: "):
        endpoint_of(given)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("https://api.imagekit.io", "https://api.imagekit.io"),
        ("HTTPS://API.ImageKit.io:443/", "https://api.imagekit.io"),
        ("https://api.imagekit.io./", "https://api.imagekit.io"),
        ("https://proxy.example:8443/ImageKit/./", "https://proxy.example:8443/ImageKit"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://LOCALHOST:8787", "http://127.0.0.1:8787"),
        ("http://[::1]:8787/", "http://127.0.0.1:8787"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://127.0.0.1"),
        ("https://[FD00:0::1]", "https://[fd00::1]"),
    ],
)
def test_endpoint_normalised_is_equal_for_all_spellings(given: str, name: str) -> None:
    assert locked_endpoint(given) == name
    assert locked_endpoint(name) == name


@pytest.mark.parametrize("given", ["sandbox:Library.jsonl", "http://[::1", "http://h:99999"])
def test_endpoint_in_process_may_have_any_name(given: str) -> None:
    target = tagsync.Target(app=lambda: None, endpoint=given)
    assert target.is_named(target.name)
    assert not target.is_named(target.name._replace(endpoint=given.swapcase()))


def test_account_of_a_key_does_not_reveal_it() -> None:
    first, again, other = (tagsync.Target(key=key).name.account for key in ("private_a", "private_a", "private_b"))
    assert first == again
    assert first != other
    assert "private" not in first
