"""What tagsync writes for the examples, byte for byte as it was recorded; times, ids and versions left out.

TAGSYNC_RECORD_GOLDEN=1 pytest tests/golden records the outputs anew: look at the difference before you commit it.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tagsync.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"
RECORDED = Path(__file__).with_name("recorded")
SUFFIXES = {"text": "txt", "markdown": "md", "html": "html", "junit": "xml", "github": "github", "json": "json"}
RECORDS = bool(os.environ.get("TAGSYNC_RECORD_GOLDEN"))
FILE = "/shop/shoes/court/court-white.jpg"

VARYING = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00| UTC)?", "TIME"),
    (r'"checksum":"sha256:[0-9a-f]{64}"', '"checksum":"CHECKSUM"'),
    (r'"(seconds|duration|elapsed|waited|time|requestsPerSecond)":[0-9.e-]+', r'"\1":0'),
    (r'time="[0-9.]+"', 'time="0"'),
    (r'"(run|runId)":"[^"]+"', r'"\1":"RUN"'),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\b\d+(\.\d+)? (ms|s)\b", "N s"),
    (r"tagsync \d+\.\d+\.\d+\S*?(?=[\s\"<])", "tagsync VERSION"),
]


def test_outputs_for_examples_are_those_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")

    def printed(*arguments: str) -> str:
        capsys.readouterr()
        assert run(list(arguments)) == 0
        return capsys.readouterr().out

    outputs = {name: normalised(text) for name, text in written(printed).items()}
    outputs = {name: text if not name.endswith("html") else hashed(text) for name, text in outputs.items()}
    if RECORDS:
        record(outputs)
    assert {path.name for path in RECORDED.iterdir()} == outputs.keys()
    assert [name for name, text in outputs.items() if (RECORDED / name).read_bytes() != text.encode()] == []


def written(printed: Callable[..., str]) -> dict[str, str]:
    """Run the command on the examples and return all that it writes, by name."""
    shutil.copytree(EXAMPLES / "manifests", "manifests")
    shutil.copy(EXAMPLES / "library.jsonl", "library.jsonl")
    common = ["--sandbox", "library.jsonl", "--as-of", "2026-11-29", "manifests"]

    def reports(name: str) -> list[str]:
        return [f"--report={form}={name}.{suffix}" for form, suffix in SUFFIXES.items()]

    outputs = {
        "coverage.txt": printed("plan", "--coverage", *common),
        "explain.txt": printed("plan", "--explain", FILE, *common),
        "export.yaml": printed("export", "--sandbox", "library.jsonl"),
    }
    printed("plan", *reports("plan"), *common)
    printed("apply", "--yes", "--concurrency=1", *reports("report"), *common)
    for name in ("plan", "report"):
        for suffix in SUFFIXES.values():
            outputs[f"{name}.{suffix}"] = Path(f"{name}.{suffix}").read_text("utf-8")
    return outputs


def normalised(text: str) -> str:
    for pattern, by in VARYING:
        text = re.sub(pattern, by, text)
    return text


def hashed(text: str) -> str:
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()}\n"


def record(outputs: dict[str, str]) -> None:
    shutil.rmtree(RECORDED)
    RECORDED.mkdir()
    for name, text in outputs.items():
        (RECORDED / name).write_text(text, encoding="utf-8")
