import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from fuzz.targets import TARGETS

HERE = Path(__file__).parent
SECONDS = int(os.environ.get("FUZZ_SECONDS", "600"))
"""Seconds for each target; `.ci/run` takes half a minute."""
SMALL = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]
"""Starts the fuzzer from a small process, because a new process inherits the peak memory of its parent."""


@pytest.mark.parametrize("target", TARGETS)
def test_fuzz_corpus_is_accepted_or_refused(target: str) -> None:
    paths = sorted((HERE / "corpus" / target).iterdir())
    assert len(paths) > 2
    for path in paths:
        TARGETS[target](path.read_bytes())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="the extra fuzz is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_fuzz_finds_no_unexpected_error(target: str, tmp_path: Path) -> None:
    corpus = Path(tempfile.mkdtemp(dir=tmp_path))
    command = [*SMALL, sys.executable, str(HERE / "run.py"), target, f"--seconds={SECONDS}", f"--corpus={corpus}"]
    ran = subprocess.run(  # noqa: S603 - our own
        [*command, f"--found={tmp_path}"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        timeout=SECONDS + 300,
    )
    said = ran.stdout + ran.stderr
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert ran.returncode == 0, f"{said[-3000:]}\n{found}"
    # Otherwise the fuzzer did not see the code, or had no time.
    assert list(corpus.iterdir()), said[-3000:]
