import pytest

from tagsync.errors import UsageError
from tagsync.library.http.proxy import proxy_for
from tagsync.library.http.transport import make_transport

API = "https://api.imagekit.io"


def test_proxy_is_not_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    assert str(proxy_for(API)) == "the proxy http://proxy.example:3128 (HTTPS_PROXY)"
    for endpoint in ("http://127.0.0.1:8787", "http://localhost:8787", "https://[::1]", "http://sandbox.localhost"):
        assert proxy_for(endpoint) is None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128\n", "http://proxy.example:3128"),
        ("\t http://proxy.example:3128/ \r\n", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("localhost:3128", "http://localhost:3128"),
        ("//127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("[::1]:3128", "http://[::1]:3128"),
        ("proxy", "http://proxy"),
        ("HTTPS://proxy:3129", "https://proxy:3129"),
    ],
)
def test_proxy_comes_from_the_usual_variables(monkeypatch: pytest.MonkeyPatch, value: str, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    proxy = proxy_for(API)
    assert proxy is not None
    assert (proxy.address, proxy.credentials) == (address, None)
    make_transport(API, None)


@pytest.mark.parametrize(
    "value", ["http://me:p%40ss%2Fword@proxy:1", "me:p%40ss%2Fword@proxy:1", "me:p@ss%2Fword@proxy:1"]
)
def test_proxy_repr_hides_its_credentials(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    proxy = proxy_for(API)
    assert proxy is not None
    assert proxy.credentials == ("me", "p@ss/word")
    assert (proxy.address, "word" in repr(proxy), "word" in str(proxy)) == ("http://proxy:1", False, False)


@pytest.mark.parametrize(
    "value",
    [
        '"http://127.0.0.1:9"',
        "ftp://127.0.0.1:9",
        "http://[::1",
        "http://",
        "http://proxy:99999",
        "http://proxy:0",
        "http://proxy:port",
        "http://pro xy:9",
        "http://pro\nxy:9",
        "http://a..b:9",
        f"http://{'a' * 70}:9",
        "http://1.2.3.999",
        "http://proxy:9/proxy.pac",
        "http://user:hid#den@proxy:9",
        "http://user:hid/den@proxy:9",
        "http://user:hid?den@proxy:9",
        "\udcff",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_that_is_invalid_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name} is not the address of a proxy: set it to one like http") as caught:
        make_transport(API, None)
    assert "hid" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks5", "socks5h", "SOCKS5"])
def test_proxy_of_socks_is_refused_with_a_fix(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"^all_proxy names a SOCKS proxy: set it to an HTTP proxy, like http"):
        make_transport(API, None)


def test_proxy_variables_have_the_usual_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://{name.replace('_', '-')}:1")
        assert name in str(proxy_for(API))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        assert f"({name})" in str(proxy_for(API))
        monkeypatch.setenv(name, " \n")
    assert proxy_for(API) is None


@pytest.mark.parametrize(
    ("value", "is_excluded"),
    [
        ("api.imagekit.io", True),
        ("API.imagekit.io", True),
        ("localhost, .imagekit.io\n", True),
        ("localhost imagekit.io", True),
        ("*.imagekit.io", True),
        ("api.imagekit.io:443", True),
        ("api.imagekit.io:8443", False),
        ("*", True),
        ("kit.io", False),
        ("api.imagekit", False),
        ("", False),
        (", .,", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_proxy_is_not_used_for_hosts_in_no_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, *, is_excluded: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(name, value)
    for endpoint in (API, "https://API.imagekit.io.:443/x"):
        assert (proxy_for(endpoint) is None) == is_excluded
