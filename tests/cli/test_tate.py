"""A real library of 69,202 files, if it is next to this checkout: slow, and as large as libraries get."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from canary import KEY
from cli.command import started, words

TATE = Path(__file__).parents[3] / "shared" / "tate"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TATE.exists(), reason="the real library is not beside this checkout"),
]

SHARDS = 4
SECONDS = 1800


def tagsync(*arguments: str | Path) -> str:
    ran = subprocess.run(words(*arguments), capture_output=True, text=True, check=True, timeout=SECONDS)  # noqa: S603 - our own
    return ran.stdout


def read(path: str) -> Any:
    return json.loads(Path(path).read_text("utf-8"))


@pytest.fixture(autouse=True)
def _manifests() -> None:
    subprocess.run([sys.executable, str(TATE / "make_manifests.py"), "m"], check=True)  # noqa: S603 - its own script
    Path("library.jsonl.gz").write_bytes((TATE / "library.jsonl.gz").read_bytes())


def test_plan_of_a_real_library_fits_a_comment_with_exact_totals() -> None:
    plan = ("plan", "--quiet", "--sandbox=library.jsonl.gz", "--report=json=plan.json", "--format=markdown", "m")
    text = tagsync(*plan)
    assert len(text.encode()) <= 60_000
    summary = read("plan.json")["summary"]
    files, added, ai_removed = (f"{summary[name]:,}" for name in ("filesChanged", "addTags", "removeAITags"))
    assert f"\n### Plan: {files} files" in text
    assert f"+{added} tags, -{ai_removed} AI tags · " in text


def test_four_shards_of_a_real_apply_have_the_totals_of_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(tagsync("plan", "--quiet", "--sandbox=library.jsonl.gz", "--account=tate", "--format=json", "m"))
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    reports = [f"report-{index}.json" for index in range(1, SHARDS + 1)]
    with ExitStack() as stack:
        serving = stack.enter_context(started("sandbox", "serve", "library.jsonl.gz", "--port=0", "--state-dir=served"))
        assert serving.stdout
        monkeypatch.setenv("TAGSYNC_ENDPOINT", serving.stdout.readline().strip())
        monkeypatch.setenv("TAGSYNC_ACCOUNT", "tate")
        running = [
            stack.enter_context(
                started("apply", "--yes", "--quiet", "--rate=200", f"--shard={index}/4", f"--report=json={report}", "m")
            )
            for index, report in enumerate(reports, 1)
        ]
        for process in running:
            process.communicate(timeout=SECONDS)
        assert [process.returncode for process in running] == [0] * SHARDS
        assert "Nothing to do" in tagsync("plan", "--quiet", "m")
    merged = json.loads(tagsync("show", "--format=json", *reports))
    assert (merged["outcome"], merged["summary"]) == ("converged", whole["summary"])
    assert len(merged["changes"]) == len(whole["changes"])
