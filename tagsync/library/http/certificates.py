"""Load the CA certificates to trust, from the environment or from httpx."""

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
"""The file names by which OpenSSL finds certificates in a folder."""


def checking_context() -> ssl.SSLContext:
    """Return a TLS context that verifies certificates.

    It trusts the CAs in SSL_CERT_FILE, else in SSL_CERT_DIR, else those of httpx. Verification cannot be disabled.

    Raises:
        EndpointError: a variable names a place without certificates.
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
            raise _unusable(file, "not a regular file")
        path.open("rb").close()
    except OSError as error:
        raise _unusable(file, str(error.strerror)) from error
    try:
        context = _made(lambda: ssl.create_default_context(cafile=file.value))
    except ssl.SSLError as error:
        raise _unusable(file, "not a PEM file with certificates") from error
    if not context.cert_store_stats()["x509"]:
        raise _unusable(file, "it contains no certificate")
    return context


def _from_folders(folders: Setting) -> ssl.SSLContext:
    try:
        names = [path.name for folder in folders.value.split(":") if folder for path in Path(folder).iterdir()]
    except OSError as error:
        raise _unusable(folders, str(error.strerror)) from error
    # OpenSSL silently ignores certificates under other names, and then trusts nothing.
    if not any(map(_HASHED.fullmatch, names)):
        raise _unusable(folders, "it contains no certificates named by hash (run: openssl rehash FOLDER)")
    return _made(lambda: ssl.create_default_context(capath=folders.value))


def _made(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return make()
    except ssl.SSLError:
        raise
    except OSError as error:
        # Creating a context also opens the file that SSLKEYLOGFILE names.
        log = Setting("SSLKEYLOGFILE", str(error.filename))
        raise _unusable(log, str(error.strerror)) from error


def _unusable(given: Setting, reason: str) -> EndpointError:
    return EndpointError(
        f"{given.variable}: cannot use {shown(given.value, 300)}: {reason}: correct the variable, or unset it"
    )
