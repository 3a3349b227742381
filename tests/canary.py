"""The private key of the tests, and checks that it is never printed, logged or written."""

import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Generator, Iterator
from errno import ENXIO
from pathlib import Path
from typing import Any

import pytest

KEY = "private_canary4f3c2a9d7b1e"

FORMS = (
    KEY.removeprefix("private_").encode(),  # plain, and in quotes, URLs and reprs
    # Base64 as a call sends it, with any password and at any position.
    *(b64encode(bytes(before) + KEY.encode())[-(-8 * before // 6) :][: len(KEY) // 3 * 4] for before in range(3)),
    KEY.encode().hex().encode(),
    KEY[::-1].encode(),
)

_ESCAPE = re.compile(
    rb"(?i)\\+[ux]\{?0*([2-7][0-9a-f])|%(?:25)*([2-7][0-9a-f])|&(?:amp;)*#(?:x0*([2-7][0-9a-f])|0*(1?\d\d));?"
)
"""A character of the key, escaped for JSON, URLs or HTML, perhaps several times."""

HANDED_IN = "key"
"""The names of files with the key that tests themselves write."""


def leaks(data: bytes | str | None) -> bool:
    """Return whether output contains the key."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""
    plain = _ESCAPE.sub(_character, text)
    return any(form in text or form in plain for form in FORMS)


def _character(escape: re.Match[bytes]) -> bytes:
    *hexadecimals, decimal = escape.groups()
    return bytes([int(decimal) if decimal else int(next(filter(None, hexadecimals)), 16)])


def files_with_the_key(folder: Path) -> list[Path]:
    """Return the files below a folder with the key in their content or name."""
    return sorted(path for path in folder.rglob("*") if leaks(str(path.relative_to(folder))) or _holds_the_key(path))


def _holds_the_key(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.name != HANDED_IN and leaks(_content(path))


def _content(path: Path) -> bytes:
    """Return what a file holds, without holes: some tests need files of half a gigabyte."""
    pieces, at = [], 0
    with path.open("rb", buffering=0) as file:
        while at < path.stat().st_size:
            try:
                start = file.seek(at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == ENXIO:  # only a hole is left
                    break
                raise
            at = file.seek(start, os.SEEK_HOLE)
            pieces.append(os.pread(file.fileno(), at - start, start))
    return b"".join(pieces)


def watched(streams: Any) -> Any:
    """Return captured output after checking that it does not contain the key."""
    for stream in streams:
        # Do not use assert, which would print the values that it compares.
        if leaks(stream):
            pytest.fail("the key was printed")
    return streams


@pytest.fixture(scope="session", autouse=True)
def _the_key_is_in_nothing_that_is_captured() -> Iterator[None]:
    """Check the output that tests capture from this process and others."""
    read, communicate = pytest.CaptureFixture.readouterr, subprocess.Popen.communicate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytest.CaptureFixture, "readouterr", lambda fixture: watched(read(fixture)))
        patch.setattr(
            subprocess.Popen,
            "communicate",
            lambda process, *args, **given: watched(communicate(process, *args, **given)),
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_key_is_in_no_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Check all files that tests have left behind; folders have the names of their tests."""
    yield
    assert files_with_the_key(tmp_path_factory.getbasetemp()) == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that has printed or logged the key, even if the test did not look."""
    report = yield
    if any(leaks(text) for _, text in report.sections):
        report.sections.clear()
        report.outcome, report.longrepr = "failed", "the key was printed or logged"
    return report
