"""The key that tests give to tagsync, and a watch over all that they print, log and leave behind: it is nowhere."""

import re
import subprocess
from base64 import b64encode
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

KEY = "private_canary4f3c2a9d7b1e"

FORMS = (
    KEY.removeprefix("private_").encode(),  # plain, and in quotes, URLs and reprs
    # As it is sent, whatever the password, and wherever it stands in what is encoded.
    *(b64encode(bytes(before) + KEY.encode())[-(-8 * before // 6) :][: len(KEY) // 3 * 4] for before in range(3)),
    KEY.encode().hex().encode(),
    KEY[::-1].encode(),
)

_ESCAPE = re.compile(
    rb"(?i)\\+[ux]\{?0*([2-7][0-9a-f])|%(?:25)*([2-7][0-9a-f])|&(?:amp;)*#(?:x0*([2-7][0-9a-f])|0*(1?\d\d));?"
)
"""A character of the key as JSON, URLs and HTML escape it; what is escaped once may be so again."""

HANDED_IN = "key"
"""What the files are called in which tests themselves give the key to tagsync."""


def leaks(data: bytes | str | None) -> bool:
    """Say whether the key is in what was printed, logged or written."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data or b""
    plain = _ESCAPE.sub(_character, text)
    return any(form in text or form in plain for form in FORMS)


def _character(escape: re.Match[bytes]) -> bytes:
    *hexadecimals, decimal = escape.groups()
    return bytes([int(decimal) if decimal else int(next(filter(None, hexadecimals)), 16)])


def files_with_the_key(folder: Path) -> list[Path]:
    """Return what lies below a folder and holds the key, or has it in its name."""
    return sorted(path for path in folder.rglob("*") if leaks(str(path.relative_to(folder))) or _holds_the_key(path))


def _holds_the_key(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.name != HANDED_IN and leaks(path.read_bytes())


def watched(streams: Any) -> Any:
    """Return what was captured, once it is sure that the key is not in it."""
    for stream in streams:
        # No assert: it would show what it compares.
        if leaks(stream):
            pytest.fail("the key was printed")
    return streams


@pytest.fixture(scope="session", autouse=True)
def _the_key_is_in_nothing_that_is_captured() -> Iterator[None]:
    """Watch what tests read of this process's streams and of those of other processes."""
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
    """Look through all that the tests have left behind, once they are over; folders are named like their tests."""
    yield
    assert files_with_the_key(tmp_path_factory.getbasetemp()) == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that has printed the key and not looked, or logged it at whatever level."""
    report = yield
    if any(leaks(text) for _, text in report.sections):
        report.sections.clear()
        report.outcome, report.longrepr = "failed", "the key was printed or logged"
    return report
