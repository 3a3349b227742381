"""Load the certificates to trust: those that the environment names, or those that come with httpx."""

import re
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import httpx

from tagsync.environment import Setting, setting
from tagsync.errors import EndpointError
from tagsync.escape import shown

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""How OpenSSL finds a certificate in a folder."""


def checking_context() -> ssl.SSLContext:
    """Return what checks certificates: against SSL_CERT_FILE, else SSL_CERT_DIR, else the authorities of httpx.

    Nothing can switch the check off.

    Raises:
        EndpointError: a variable names something that contains no certificates.
    """
    if file := setting("SSL_CERT_FILE"):
        return _from_file(file)
    if folders := setting("SSL_CERT_DIR"):
        return _from_folders(folders)
    return _made(lambda: httpx.create_ssl_context(trust_env=False))


def _from_file(file: Setting) -> ssl.SSLContext:
    path = Path(file.value)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unusable(file, "it is not a regular file")
        path.open("rb").close()
    except OSError as error:
        raise _unusable(file, str(error.strerror)) from error
    try:
        context = _made(lambda: ssl.create_default_context(cafile=file.value))
    except ssl.SSLError as error:
        raise _unusable(file, "it is not a PEM file with certificates") from error
    if not context.cert_store_stats()["x509"]:
        raise _unusable(file, "it contains no certificate")
    return context


def _from_folders(folders: Setting) -> ssl.SSLContext:
    """Return what checks against the certificates in folders, a colon between them."""
    try:
        names = [path.name for folder in folders.value.split(":") if folder for path in Path(folder).iterdir()]
    except OSError as error:
        raise _unusable(folders, str(error.strerror)) from error
    if not any(map(_HASHED.fullmatch, names)):
        raise _unusable(folders, "it contains no certificate under its hash (run: openssl rehash FOLDER)")
    return _made(lambda: ssl.create_default_context(capath=folders.value))


def _made(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context; Python also opens the file in which SSLKEYLOGFILE asks for the secrets of connections."""
    try:
        return make()
    except ssl.SSLError:
        raise
    except OSError as error:
        log = Setting("SSLKEYLOGFILE", str(error.filename))
        raise _unusable(log, str(error.strerror)) from error


def _unusable(given: Setting, reason: str) -> EndpointError:
    return EndpointError(
        f"{given.variable} names {shown(given.value, 300)}, which cannot be used: {reason}: correct the variable, or "
        "unset it"
    )
