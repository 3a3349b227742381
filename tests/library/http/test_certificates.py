"""Certificates from the environment are trusted, or the error names the variable and the reason."""

import os
from pathlib import Path

import certifi
import pytest

from tagsync.errors import EndpointError
from tagsync.library.http.certificates import checking_context
from tagsync.library.http.transport import make_transport

AUTHORITIES = Path(certifi.where())


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


def one_certificate() -> bytes:
    text = AUTHORITIES.read_bytes()
    end = b"-----END CERTIFICATE-----\n"
    return text[text.index(b"-----BEGIN") : text.index(end) + len(end)]


def use(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setenv(name, str(value))


def trusted() -> int:
    return checking_context().cert_store_stats()["x509"]


@pytest.mark.parametrize("padding", ["", "\n", " \t"])
def test_certificates_come_from_ssl_cert_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, padding: str) -> None:
    many = trusted()
    (tmp_path / "company.pem").write_bytes(one_certificate())
    use(monkeypatch, "SSL_CERT_FILE", f"{padding}{tmp_path / 'company.pem'}{padding}")
    assert (trusted(), many > 1) == (1, True)


def test_certificates_come_from_ssl_cert_dir_without_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(one_certificate())
    use(monkeypatch, "SSL_CERT_DIR", f"{tmp_path}:{tmp_path}")
    assert trusted() == 0  # they are looked up by their hash when they are needed
    use(monkeypatch, "SSL_CERT_FILE", AUTHORITIES)
    assert trusted() > 1


def test_certificates_ignore_blank_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        use(monkeypatch, name, " \n")
    assert trusted() > 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        ("folder", "not a regular file"),
        ("pipe", "not a regular file"),
        (b"", "not a PEM file with certificates"),
        (b"no certificate\n", "not a PEM file with certificates"),
        (one_certificate()[:200], "not a PEM file with certificates"),
        (b"\x00\xff" * 100, "not a PEM file with certificates"),
    ],
)
def test_certificates_that_are_unreadable_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None, reason: str
) -> None:
    path = tmp_path / "company.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        (os.mkfifo if content == "pipe" else os.mkdir)(path)
    use(monkeypatch, "SSL_CERT_FILE", path)
    with pytest.raises(EndpointError) as caught:
        make_transport("https://api.imagekit.io", None)
    assert str(caught.value) == (f"SSL_CERT_FILE: cannot use {path}: {reason}: correct the variable, or unset it")
    make_transport("http://127.0.0.1:8787", None)


@pytest.mark.parametrize(
    ("folder", "reason"), [("none", "No such file or directory"), ("", "it contains no certificates named by hash")]
)
def test_certificates_folder_without_any_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str, reason: str
) -> None:
    (tmp_path / "company.pem").write_bytes(one_certificate())
    use(monkeypatch, "SSL_CERT_DIR", tmp_path / folder)
    with pytest.raises(EndpointError, match=f"^SSL_CERT_DIR: cannot use .*: {reason}"):
        checking_context()


def test_certificates_sslkeylogfile_that_is_unwritable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, "SSL_CERT_FILE", AUTHORITIES)  # httpx before 0.28 logs no secrets of its own context
    use(monkeypatch, "SSLKEYLOGFILE", tmp_path / "none" / "log")
    with pytest.raises(EndpointError, match=r"^SSLKEYLOGFILE: cannot use .*/none/log: No such file"):
        checking_context()
