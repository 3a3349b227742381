"""The checks for the key find it wherever it may appear; otherwise all tests could pass in spite of a leak."""

import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import canary
import pytest
from canary import KEY, files_with_the_key, leaks

SENT = [b64encode(f"{KEY}:{password}".encode()).decode() for password in ("", "do_not_set")]
FORMS = {"plain": KEY, "sent": SENT[0], "with a password": SENT[1], "hex": KEY.encode().hex(), "turned": KEY[::-1]} | {
    "as a part": b64encode(f"a{KEY}".encode()).decode(),
    "json": "".join(f"\\u{ord(character):04X}" for character in KEY),
    "json twice": KEY.replace("a", "\\\\u0061"),
    "percent": "".join(f"%{ord(character):02x}" for character in KEY),
    "percent twice": KEY.replace("a", "%2561"),
    "html": "".join(f"&#{ord(character)};" for character in KEY),
    "html twice": KEY.replace("a", "&amp;#x61;"),
    "sent, escaped": SENT[1].replace("c", "\\u0063"),
}
NAMED = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@NAMED
def test_canary_notices_each_form_of_the_key(form: str) -> None:
    assert leaks(f"before {form} after")
    assert leaks(b"\xff" + form.encode())
    assert not leaks("private_any")
    assert not leaks(None)


@NAMED
def test_canary_notices_files_with_the_key_in_content_or_name(tmp_path: Path, form: str) -> None:
    # Remove the files before the check of all files runs.
    inside, named = tmp_path / "a", tmp_path / form.replace("/", "-")
    inside.write_bytes(b"\x00" + form.encode())
    named.touch()
    assert inside in files_with_the_key(tmp_path)
    assert (named in files_with_the_key(tmp_path)) == ("/" not in form)
    with inside.open("wb") as file:
        file.seek(1 << 24)  # after a hole
        file.write(form.encode())
        file.truncate(1 << 25)
    assert inside in files_with_the_key(tmp_path)
    inside.unlink()
    named.unlink()


def test_canary_notices_printed_keys(capsys: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write(KEY)
    with pytest.raises(pytest.fail.Exception, match="the key was printed"):
        capsys.readouterr()


def test_canary_notices_keys_printed_by_other_processes() -> None:
    with pytest.raises(pytest.fail.Exception, match="the key was printed"):
        subprocess.run(["/bin/echo", KEY], check=True, capture_output=True)  # noqa: S603 - our own


@pytest.mark.parametrize("leak", ["logging.getLogger('any').debug(KEY)", "print(KEY)"], ids=["logged", "printed"])
def test_canary_fails_a_test_that_leaks_the_key(tmp_path: Path, leak: str) -> None:
    path = tmp_path / "test_leak.py"
    path.write_text(f"import logging\nfrom canary import KEY\ndef test_leak(): {leak}\n", encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "canary",
        "-p",
        "no:cacheprovider",
        "-o",
        "log_level=DEBUG",
        "--basetemp=kept",
    ]
    ran = subprocess.run(  # noqa: S603 - our own
        [*words, path],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(canary.__file__).parent)},
    )
    assert "FAILED test_leak.py::test_leak - the key was printed or logged" in ran.stdout
