"""Metrics of runs, as the textfile collector of node_exporter reads them."""

import io
import json
import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object
from canary import KEY
from cli.command import Command, write_manifest
from cli.conftest import Build
from exposition import samples, value, values

from tagsync import read_document, render
from tagsync.reporting.prometheus import METRICS
from tagsync.sandbox.faults import Fault

PLAN = ("plan", "--report", "tagsync.prom", "--sandbox", "library.jsonl", "tags.yaml")
APPLY = ("apply", "--yes", *PLAN[1:])
LAST_SUCCESS = "tagsync_last_success_timestamp_seconds"


def metrics() -> str:
    return Path("tagsync.prom").read_text("utf-8")


def metric(name: str) -> float:
    return value(metrics(), f"tagsync_{name}")


def by(label: str, name: str) -> dict[str, float]:
    return values(metrics(), f"tagsync_{name}", label)


@pytest.fixture
def _files(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg", ["old"]), file_object("/b.jpg", ["a"]), file_object("/c.jpg"))
    write_manifest("- match: /**\n  tags: [a]\n  absent: [old]\n- path: /d.jpg\n  tags: [a]\n  ifMissing: warn")


@pytest.mark.usefixtures("_files")
def test_metrics_show_drift(tagsync: Command) -> None:
    before = int(time.time())
    assert tagsync(*PLAN, "--detailed-exitcode", "--account", "shop").code == 2
    assert by("operation", "pending_changes") == {"add_tags": 2, "remove_tags": 1, "remove_ai_tags": 0}
    assert (metric("pending_files"), metric("managed_files"), metric("missing_files")) == (2, 3, 1)
    assert metric("warnings") == 1
    assert set(by("guard", "guard_blocked").values()) == {0}
    assert (metric("last_run_success"), metric("last_run_exit_code")) == (1, 2)
    ended = metric("last_run_timestamp_seconds")
    assert before <= ended <= time.time()
    assert metric("last_success_timestamp_seconds") == ended
    assert {(found.labels["command"], found.labels["account"]) for found in samples(metrics())} == {("plan", "shop")}


@pytest.mark.usefixtures("_files")
def test_metrics_of_an_apply_show_its_files_and_calls(tagsync: Command) -> None:
    assert tagsync(*APPLY).code == 0
    assert by("status", "applied_files_total") == {"confirmed": 2}
    assert by("operation", "pending_changes") == {"add_tags": 0, "remove_tags": 0, "remove_ai_tags": 0}
    assert metric("pending_files") == 0
    calls = by("kind", "api_calls_total")
    assert (calls["write"], calls["read"] > 2) == (2, True)


@pytest.mark.usefixtures("_files")
def test_metrics_count_on_from_run_to_run(tagsync: Command) -> None:
    tagsync(*PLAN)
    once = by("kind", "api_calls_total")
    tagsync(*PLAN)
    assert by("kind", "api_calls_total") == {"read": 2 * once["read"], "write": 0}
    assert (metric("runs_total"), metric("failed_runs_total")) == (2, 0)


@pytest.mark.usefixtures("_files")
def test_metrics_of_a_failed_run_keep_drift_and_last_success(tagsync: Command) -> None:
    tagsync(*PLAN, "--account", "shop")
    before = metrics().replace(f"{metric('last_success_timestamp_seconds'):.0f}", "1700000000")
    Path("tagsync.prom").write_text(before, encoding="utf-8")
    Path("tags.yaml").write_text("kind: nonsense", encoding="utf-8")
    assert tagsync(*PLAN, "--account", "shop").code == 1
    assert metric("last_success_timestamp_seconds") == 1_700_000_000
    assert metric("last_run_timestamp_seconds") != 1_700_000_000
    assert metric("pending_files") == 2
    assert (metric("last_run_success"), metric("last_run_exit_code")) == (0, 1)
    assert (metric("runs_total"), metric("failed_runs_total")) == (2, 1)
    assert {found.labels["account"] for found in samples(metrics())} == {"shop"}


def test_metrics_of_a_first_run_that_fails_have_no_success(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"))
    Path("tags.yaml").write_text("kind: nonsense", encoding="utf-8")
    assert tagsync(*PLAN).code == 1
    assert LAST_SUCCESS not in metrics()
    assert {found.name for found in samples(metrics())} >= {"tagsync_last_run_success", "tagsync_runs_total"}


@pytest.mark.usefixtures("_files")
def test_metrics_of_a_blocked_plan_are_no_success(tagsync: Command) -> None:
    policy = "apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {changedFiles: {percent: 10, above: 1}}}\n"
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    assert tagsync(*PLAN, "--policy", "policy.yaml").code == 4
    assert (metric("last_run_success"), metric("pending_files")) == (0, 2)
    assert by("guard", "guard_blocked")["changedFiles"] == 1


@pytest.mark.usefixtures("_files")
def test_metrics_of_an_apply_whose_guard_was_acknowledged_block_nothing(tagsync: Command) -> None:
    policy = "apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {changedFiles: {percent: 10, above: 1}}}\n"
    Path("policy.yaml").write_text(policy, encoding="utf-8")
    refused = tagsync(*APPLY, "--policy", "policy.yaml")
    assert by("guard", "guard_blocked")["changedFiles"] == 1
    [ack] = re.findall(r"changedFiles@sha256:[0-9a-f]+", refused.err)
    assert tagsync(*APPLY, "--policy", "policy.yaml", "--ack", ack).code == 0
    assert set(by("guard", "guard_blocked").values()) == {0}


def test_metrics_count_failures_of_api_calls(tagsync: Command, world: Build) -> None:
    world(
        file_object("/a.jpg"),
        file_object("/b.jpg"),
        faults=(
            Fault(on="list", call=1, status=503),
            Fault(on="addTags", call=1, status=429, headers={"Retry-After": "1"}),
            Fault(on="addTags", status=400),
        ),
    )
    write_manifest("- match: /**\n  tags: [a]")
    assert tagsync("apply", "--yes", "--report", "tagsync.prom", "--report", "a.json", "tags.yaml").code == 3
    assert (metric("api_call_retries_total"), metric("api_calls_throttled_total")) == (1, 1)
    assert metric("rate_limit_wait_seconds_total") == 1
    assert by("status", "applied_files_total") == {"failed": 2}
    assert by("operation", "pending_changes") == {"add_tags": 2, "remove_tags": 0, "remove_ai_tags": 0}
    assert metric("last_run_success") == 0
    sent = json.loads(Path("a.json").read_text("utf-8"))["requests"]["sent"]
    assert by("kind", "api_calls_total")["write"] == sent
    assert KEY not in metrics()


@pytest.mark.usefixtures("_files")
def test_metrics_ignore_what_others_wrote_into_the_file(tagsync: Command) -> None:
    hostile = (
        'tagsync_runs_total{command="plan",account="x"} 1\nevil{} 1\ntagsync_evil{command="plan"} 1\n\x00\xff{{{{\n'
    )
    Path("tagsync.prom").write_bytes(hostile.encode("latin-1") + b'tagsync_runs_total{command="plan"' * 100_000)
    assert tagsync(*PLAN).code == 0
    assert metric("runs_total") == 1
    assert "evil" not in metrics()


@pytest.mark.usefixtures("_files")
def test_metrics_of_environments_and_shards_have_labels(tagsync: Command) -> None:
    Path("tagsync.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: Config\nmanifests: [tags.yaml]\ndefaultEnvironment: a\n"
        'environments: {a: {account: "sh\\"op\\\\\\n\\e[31m"}}\n',
        encoding="utf-8",
    )
    assert tagsync(*PLAN, "--shard", "1/2").code == 0
    labels = samples(metrics())[0].labels
    assert (labels["environment"], labels["shard"]) == ("a", "1/2")
    assert labels["account"] == 'sh"op\\\\x0a\\x1b[31m'


@pytest.mark.usefixtures("_files")
def test_metrics_are_readable_and_replaced_as_a_whole(tagsync: Command) -> None:
    before = os.umask(0o022)
    try:
        tagsync(*PLAN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("tagsync.prom").stat().st_mode) == 0o644
    assert not list(Path().glob(".tagsync-*"))


@pytest.mark.usefixtures("_files")
def test_metrics_say_that_another_report_could_not_be_written(tagsync: Command) -> None:
    assert tagsync(*PLAN, "--report", "html=/dev/full").code == 1
    assert (metric("last_run_success"), metric("last_run_exit_code")) == (0, 1)


@pytest.mark.usefixtures("_files")
def test_metrics_go_to_standard_output(tagsync: Command) -> None:
    ran = tagsync("plan", "--format", "prometheus", "--sandbox", "library.jsonl", "tags.yaml")
    assert value(ran.out, "tagsync_pending_files") == 2
    checked = tagsync("validate", "--format", "prometheus", "tags.yaml")
    assert value(checked.out, "tagsync_last_run_success") == 1


def test_metrics_have_names_by_convention() -> None:
    for name, (kind, words) in METRICS.items():
        assert name.startswith("tagsync_")
        assert name.endswith("_total") == (kind == "counter")
        assert words.endswith(".")


@pytest.mark.usefixtures("_files")
def test_metrics_of_saved_plans_in_python_leave_out_the_run(tagsync: Command) -> None:
    tagsync("plan", "--out", "plan.json", "--sandbox", "library.jsonl", "tags.yaml")
    stream = io.StringIO()
    render(read_document("plan.json"), stream, "prometheus")
    assert value(stream.getvalue(), "tagsync_pending_files") == 2
    assert "_run" not in stream.getvalue()
