"""The Kubernetes files: what their schemas do not check, and the real commands at the same time."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.command import started
from exposition import value
from pipelines.files import CI, LIBRARY, MANIFESTS, ROOT, SECONDS, TAGSYNC, Ran, check_command, parsed, run

DRIFT = parsed(CI / "kubernetes" / "drift.yaml")
SHARDS = parsed(CI / "kubernetes" / "shards.yaml")
JOBS = {"drift": DRIFT["spec"]["jobTemplate"]["spec"], "shards": SHARDS["spec"]}
PODS = {name: job["template"]["spec"] for name, job in JOBS.items()}
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}
EACH = pytest.mark.parametrize("name", ["drift", "shards"])
CONFIG = """apiVersion: tagsync/v1
kind: Config
manifests: [manifests]
environments: {production: {account: example-shop}}
"""
CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""The range of each field: minute, hour, day, month, weekday."""


def test_cluster_files_have_the_kinds_of_their_names() -> None:
    assert (DRIFT["apiVersion"], DRIFT["kind"]) == ("batch/v1", "CronJob")
    assert (SHARDS["apiVersion"], SHARDS["kind"]) == ("batch/v1", "Job")


def test_drift_schedule_is_valid_for_cron() -> None:
    fields = DRIFT["spec"]["schedule"].split(" ")
    assert len(fields) == len(CRON)
    for field, (least, greatest) in zip(fields, CRON, strict=True):
        found = re.fullmatch(r"(\*|\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)(?:/[1-9]\d*)?", field)
        assert found, field
        assert all(least <= int(number) <= greatest for number in re.findall(r"\d+", found[1]))
    assert DRIFT["spec"]["timeZone"] == "Etc/UTC"


def test_drift_job_never_runs_twice_at_a_time() -> None:
    spec = DRIFT["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] >= 100, "less than a check of the controller, and it would never start"
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 7)
    assert JOBS["drift"]["backoffLimit"] == 0
    assert 0 < JOBS["drift"]["activeDeadlineSeconds"] < 86400


def test_shards_job_is_indexed_with_matching_numbers() -> None:
    spec = SHARDS["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(environment("shards")["SHARDS"])
    assert spec["backoffLimit"] >= 1


@EACH
def test_pods_end_and_have_no_service_account(name: str) -> None:
    pod = PODS[name]
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert "serviceAccountName" not in pod
    assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))


@EACH
def test_containers_have_minimal_privileges(name: str) -> None:
    security = PODS[name]["securityContext"]
    assert security == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert CONTAINERS[name]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert len(PODS[name]["containers"]) == 1
    assert CONTAINERS[name]["resources"].keys() == {"requests", "limits"}


@EACH
def test_key_is_a_secret_file_and_volumes_are_mounted(name: str) -> None:
    container, volumes = CONTAINERS[name], {volume["name"]: volume for volume in PODS[name]["volumes"]}
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts.keys() == volumes.keys()
    assert environment(name)["IMAGEKIT_PRIVATE_KEY_FILE"] == f"{mounts['key']['mountPath']}/key"
    assert volumes["key"]["secret"]["defaultMode"] == 0o440
    assert all(mounts[volume]["readOnly"] is True for volume in ("config", "manifests", "key"))
    assert "IMAGEKIT_PRIVATE_KEY" not in environment(name)
    assert container["workingDir"] == "/work"
    assert {mounts["config"]["mountPath"], mounts["manifests"]["mountPath"]} == {
        "/work/tagsync.yaml",
        "/work/manifests",
    }
    used = [*environment(name).values(), "/work/tagsync.yaml", "/work/manifests"]
    for mount in mounts.values():
        assert [text for text in used if text.startswith(mount["mountPath"])]


def test_drift_job_uses_a_read_only_key() -> None:
    names = [volume["secret"]["secretName"] for pod in PODS.values() for volume in pod["volumes"] if "secret" in volume]
    assert len(set(names)) == 2


def test_images_have_the_version_of_the_files() -> None:
    from tagsync import __version__  # noqa: PLC0415 - the bare package loads late

    images = {container["image"] for container in CONTAINERS.values()}
    images.add(parsed(CI / "gitlab" / "tagsync.gitlab-ci.yml")["variables"]["TAGSYNC_IMAGE"])
    assert images == {f"registry.example.com/tagsync:{__version__}"}


def environment(name: str) -> dict[str, str]:
    return {item["name"]: item["value"] for item in CONTAINERS[name]["env"]}


def mounted(folder: Path, files: dict[str, bytes]) -> Path:
    """Return a folder of files mounted like a ConfigMap or Secret: links to a folder that is replaced as a whole."""
    (folder / "..2026_01_01").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026_01_01")
    for name, data in files.items():
        (folder / "..2026_01_01" / name).write_bytes(data)
        (folder / name).symlink_to(f"..data/{name}")
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the example library with its state in a folder."""
    arguments = ("sandbox", "serve", LIBRARY, "--port", "0", "--key", "private_right", "--state-dir", folder / "served")
    with started(*arguments) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


def pod_environment(name: str, folder: Path, url: str) -> dict[str, str]:
    """Return the environment of a container with its mounts in a folder, and the sandbox instead of ImageKit."""
    given = environment(name)
    for mount in CONTAINERS[name]["volumeMounts"]:
        path = mount["mountPath"]
        for variable, text in given.items():
            if text.startswith(path):
                given[variable] = f"{folder / mount['name']}{text.removeprefix(path)}"
    more = {"TAGSYNC_ENDPOINT": url, "HOME": "/nowhere"}
    return {"PATH": f"{TAGSYNC.parent}:/usr/bin:/bin"} | given | more


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Return a folder in which each volume that pods mount is a folder."""
    (tmp_path / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    mounted(tmp_path / "manifests", {path.name: path.read_bytes() for path in MANIFESTS.iterdir()})
    mounted(tmp_path / "key", {"key": b"private_right\n"})
    for name in ("state", "reports", "metrics"):
        (tmp_path / name).mkdir()
    return tmp_path


def look(volumes: Path, url: str) -> Ran:
    """Run what the CronJob runs."""
    script = " ".join(["tagsync", *CONTAINERS["drift"]["args"]])
    return run(script, pod_environment("drift", volumes, url), program=("/bin/sh",), cwd=volumes)


def pending_files(volumes: Path) -> float:
    return value((volumes / "metrics" / "tagsync-drift.prom").read_text("utf-8"), "tagsync_pending_files")


def test_drift_job_keeps_metrics_in_the_claim() -> None:
    claim = parsed(CI / "kubernetes" / "metrics.yaml")
    (volume,) = (volume for volume in PODS["drift"]["volumes"] if volume["name"] == "metrics")
    assert (claim["kind"], claim["metadata"]["name"]) == (
        "PersistentVolumeClaim",
        volume["persistentVolumeClaim"]["claimName"],
    )


@pytest.mark.slow
def test_shard_pods_share_the_work_and_remove_the_drift(volumes: Path) -> None:
    shards = SHARDS["spec"]["completions"]
    with served(volumes) as url:
        before = look(volumes, url)
        assert before.code == 2, before.err
        assert pending_files(volumes) > 0
        env = pod_environment("shards", volumes, url)
        pods = [
            subprocess.Popen(  # noqa: S603 - our own
                CONTAINERS["shards"]["command"],
                env=env | {"JOB_COMPLETION_INDEX": str(index)} | own_state(volumes, index),
                cwd=volumes,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for index in range(shards)
        ]
        said = [pod.communicate(timeout=SECONDS)[1] for pod in pods]
        assert [pod.returncode for pod in pods] == [0] * shards, said
        after = look(volumes, url)
        assert after.code == 0, after.err
        assert pending_files(volumes) == 0
    reports = [json.loads((volumes / "reports" / f"shard-{index}.json").read_text("utf-8")) for index in range(shards)]
    changed = [{change["path"] for change in report["changes"]} for report in reports]
    assert all(changed)
    assert sum(map(len, changed)) == len(set.union(*changed))
    merged = run("tagsync show --format json reports/*.json", {"PATH": env["PATH"]}, cwd=volumes)
    assert len(json.loads(merged.out)["changes"]) == sum(map(len, changed))
    assert json.loads(merged.out)["outcome"] == "converged"


def own_state(volumes: Path, index: int) -> dict[str, str]:
    """Return the variables that give a pod a separate emptyDir."""
    (volumes / f"state-{index}").mkdir()
    given = environment("shards")
    return {
        name: value.replace("/state", str(volumes / f"state-{index}"), 1)
        for name, value in given.items()
        if value.startswith("/state")
    }


def test_shard_numbers_start_at_one() -> None:
    script = CONTAINERS["shards"]["command"][2].replace("exec tagsync", "echo")
    shards = SHARDS["spec"]["completions"]
    said = [
        run(script, environment("shards") | {"JOB_COMPLETION_INDEX": str(index)}, program=("/bin/sh",)).out
        for index in range(shards)
    ]
    assert [re.findall(r"--shard (\S+)", words) for words in said] == [[f"{n}/{shards}"] for n in range(1, shards + 1)]
    assert all(check_command(f"tagsync {words}") == "apply" for words in said)


def test_container_contains_only_what_it_needs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", dockerfile)
    sources = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in ignored if not line.startswith(("#", "!", "**"))] == ["*"]
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert all((ROOT / name).exists() for name in sources)


def test_container_is_not_root_and_has_one_pinned_base() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    bases = re.findall(r"(?m)^FROM (\S+)", dockerfile)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])
    user = PODS["drift"]["securityContext"]["runAsUser"]
    assert re.findall(r"(?m)^USER (.*)$", dockerfile) == [f"{user}:{user}"]
    assert dockerfile.endswith('ENTRYPOINT ["tagsync"]\n')


def test_container_starts_an_existing_command() -> None:
    first = (ROOT / "Dockerfile").read_text("utf-8").partition("\n")[0]
    assert check_command(first.rpartition(" tagsync ")[1].strip() + first.rpartition(" tagsync")[2]) == "plan"


class TestHook:
    """The pre-commit hook, run as pre-commit does: in the repository, with its args after its entry."""

    HOOK = parsed(ROOT / ".pre-commit-hooks.yaml")[0]

    def run(self, folder: Path) -> Ran:
        line = " ".join([self.HOOK["entry"], *self.HOOK["args"]])
        assert check_command(line) == "validate"
        return run(line, {"PATH": f"{TAGSYNC.parent}{os.pathsep}/usr/bin"}, cwd=folder)

    def test_validates_files_together(self, tmp_path: Path) -> None:
        (tmp_path / "manifests").mkdir()
        files = {
            "tags.yaml": "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files: [{path: /a, tags: [rde]}]\n",
            "words.yaml": "apiVersion: tagsync/v1\nkind: Vocabulary\nspec: {allowed: [red]}\n",
        }
        for name, text in files.items():
            (tmp_path / "manifests" / name).write_text(text, encoding="utf-8")
        ran = self.run(tmp_path)
        assert ran.code == 1
        assert "manifests/tags.yaml:4:" in ran.err
        (tmp_path / "manifests" / "words.yaml").unlink()
        assert self.run(tmp_path).code == 0

    def test_runs_for_manifests_and_gets_no_file_names(self) -> None:
        assert (self.HOOK["id"], self.HOOK["language"]) == ("tagsync-validate", "python")
        assert self.HOOK["pass_filenames"] is False
        for name in ("manifests/a.yaml", "manifests/b/c.yml", "manifests/d.json"):
            assert re.search(self.HOOK["files"], name)
        for name in ("other/a.yaml", "manifests/README.md", "src/manifests/a.yaml"):
            assert not re.search(self.HOOK["files"], name)
