"""Give the real command huge input, which it refuses quickly and in little memory."""

import gzip
import io
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import pytest
from canary import KEY, watched
from cli.command import environment, words, write_manifest

pytestmark = pytest.mark.slow

MIB = 1 << 20
MEMORY = 300_000_000
OF_A_CALL, OF_A_MANIFEST = 150.0, 10.0
"""Seconds until each is refused; for a manifest, CPU seconds, because reading it waits for nothing."""

MEASURE = """
import json, os, sys, time
began = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
worked, took = used.ru_utime + used.ru_stime, time.monotonic() - began
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024, worked, took]), file=sys.stderr)
"""
"""Runs a program and prints its exit code, peak memory, CPU time and elapsed time.

A process of its own, and a small one: to the system, a new program has held at least what its parent holds.
"""


class Measured(NamedTuple):
    """The result of a command."""

    code: int
    memory: int
    worked: float
    took: float
    err: str


def measured(*arguments: str | Path) -> Measured:
    ran = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", MEASURE, *words(*arguments)],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environment({"IMAGEKIT_PRIVATE_KEY": KEY}),
        timeout=10 * OF_A_CALL,
    )
    _, err = watched([ran.stdout, ran.stderr])
    *said, last = err.splitlines()
    code, memory, worked, took = json.loads(last)
    result = Measured(code, memory, worked, took, "\n".join(said))
    assert "Traceback" not in result.err
    assert result.memory < MEMORY, f"{result.memory / MIB:.0f} MiB"
    return result


def test_memory_is_measured_for_the_command_alone() -> None:
    held = bytearray(MEMORY)
    assert 5 * MIB < measured("--version").memory < len(held) // 2


# Answers


def huge(size: int = 500 * MIB) -> Iterator[bytes]:
    """Yield a page of files with all required members and a text of 500 MB."""
    yield b'[{"type": "file", "fileId": "a", "filePath": "/a.jpg", "name": "'
    yield from repeat(b"x" * MIB, size // MIB)
    yield b'"}]'


def bomb() -> Iterator[bytes]:
    """Yield two thousand million spaces, which compress to two million bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(2000):
            file.write(b" " * MIB)
    yield packed.getvalue()


@contextmanager
def answering(heads: str, body: Callable[[], Iterable[bytes]], pause: float = 0.0) -> Iterator[str]:
    """Answer every call with the same body, and return the address."""
    over = threading.Event()
    threads = []

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 200 OK\r\n{heads}\r\n".encode())
            for piece in body():
                connection.sendall(piece)
                if over.wait(pause) if pause else over.is_set():
                    break

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threads.append(threading.Thread(target=answer, args=[connection], daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads.append(threading.Thread(target=serve, args=[listening], daemon=True))
        threads[0].start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()


def refused_answer(heads: str, body: Callable[[], Iterable[bytes]], pause: float = 0.0) -> str:
    """Plan against such a server and return the only line of its error."""
    write_manifest("- {match: /**, tags: [a]}")
    with answering(heads, body, pause) as url:
        result = measured("plan", "--quiet", "--endpoint", url, "tags.yaml")
    assert result.code == 1
    assert result.took < OF_A_CALL
    return result.err


def test_response_of_500_mb_is_refused() -> None:
    assert refused_answer("", huge) == "error: the response is longer than 64 MiB"


def test_gzip_bomb_is_refused() -> None:
    packed = b"".join(bomb())
    assert len(packed) < 3 * MIB
    said = refused_answer("content-encoding: gzip\r\n", lambda: [packed])
    assert said == "error: the response is longer than 64 MiB"


def test_slow_response_is_refused() -> None:
    said = refused_answer("", lambda: repeat(b" "), pause=0.5)
    assert said == "error: timeout: no complete response to GET /v1/files"


def test_deeply_nested_response_is_refused() -> None:
    said = refused_answer("connection: close\r\n", lambda: repeat(b"[" * MIB, 60))
    assert said.startswith("error: ")


@pytest.mark.parametrize("value", ["{}", "[]", "0", '"a"', '{"type":"file"}'])
def test_response_with_too_many_values_is_refused(value: str) -> None:
    count = 60 * MIB // (len(value) + 1)
    body = f"[{','.join([value] * count)}]".encode()
    said = refused_answer("connection: close\r\n", lambda: [body])
    assert said == "error: ImageKit returned status 200 with more than 1,000,000 JSON values"


# Saved plans


def laid_out(value: Iterable[str]) -> Iterator[str]:
    """Yield a plan with lines like those that tagsync writes."""
    yield '{\n"formatVersion":"1.0",\n"x":'
    yield from value
    yield ',\n"checksum":"sha256:' + "0" * 64 + '"\n}\n'


DOCUMENTS: dict[str, Callable[[], Iterable[str]]] = {
    "60 MiB of objects": lambda: ['{"formatVersion":"1.0","x":[', *repeat("{}," * 100_000, 200), "{}]}"],
    "20 MiB of lists": lambda: ['{"formatVersion":"1.0","x":[', *repeat("[]," * 100_000, 70), "[]]}"],
    "60 MiB of openings": lambda: ['{"formatVersion":"1.0","x":', *repeat("[" * MIB, 60)],
    "a text of 500 MB": lambda: ['{"reportVersion":"1.0","x":"', *repeat("x" * MIB, 500), '"}'],
    "a line of 500 MB": lambda: laid_out(['"', *repeat("x" * MIB, 500), '"']),
    "ten lines of 40 MiB": lambda: laid_out(["[\n", *repeat('"' + "x" * (40 * MIB) + '",\n', 10), '""\n]']),
    "60 MiB of lines": lambda: laid_out(["[\n", *repeat("{},\n" * 100_000, 150), "{}\n]"]),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_huge_plan_file_is_refused(kind: str) -> None:
    with Path("plan.json").open("w", encoding="utf-8") as file:
        file.writelines(DOCUMENTS[kind]())
    for command in ("show", "apply"):
        result = measured(command, "plan.json")
        assert result.code == 4
        assert result.worked < OF_A_MANIFEST
        assert "plan.json was changed after tagsync wrote it" in result.err


# Manifests


HEAD = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files:\n"


def merge_bomb() -> Iterator[str]:
    """Yield a few lines that expand to ten to the power of forty values if merge keys are followed."""
    yield HEAD + "  - &a0 {path: /a, tags: [a]}\n"
    for number in range(1, 41):
        aliases = ", ".join([f"*a{number - 1}"] * 10)
        yield f"  - &a{number}\n    <<: [{aliases}]\n    tags: [{aliases}]\n"


MANIFESTS: dict[str, tuple[Callable[[], Iterable[str]], str]] = {
    "500 MB": (lambda: repeat("# " + "x" * (MIB - 3) + "\n", 500), "64 MiB"),
    "a merge-key bomb": (merge_bomb, "merge"),
    "20,000 levels": (lambda: [HEAD, "  - " + "[" * 20_000 + "]" * 20_000], "20"),
    "20,000 levels of blocks": (lambda: [HEAD, *(" " * (4 + n) + "-\n" for n in range(0, 20_000, 10))], "20"),
    "60 MiB of openings": (lambda: [HEAD, "  - ", *repeat("[" * MIB, 60)], "20"),
    "a text of 60 MiB": (lambda: [HEAD, "  - path: /", *repeat("x" * MIB, 60)], "tags.yaml"),
    # For 60 MiB, libyaml alone needs 300 MB; a valid manifest of that size needs three times as much.
    "a key of 40 MiB": (lambda: [HEAD, "  - ", *repeat("x" * MIB, 40), ": a"], "tags.yaml"),
    "60 MiB of keys": (lambda: [HEAD, "  - {", *(f"k{n}: a, " for n in range(5_000_000)), "}"], "tags.yaml"),
    "60 MiB of faults": (lambda: [HEAD, *repeat("  - {path: x, path: y, z: no}\n", 2_000_000)], "tags.yaml"),
    "60 MiB of aliases": (lambda: [HEAD, "  - tags: [", *repeat("*a, ", 15_000_000), "]"], "alias"),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_huge_manifest_is_refused(kind: str) -> None:
    pieces, word = MANIFESTS[kind]
    with Path("tags.yaml").open("w", encoding="utf-8") as file:
        file.writelines(pieces())
    result = measured("validate", "tags.yaml")
    assert result.code == 1
    assert result.worked < OF_A_MANIFEST
    assert result.took < 6 * OF_A_MANIFEST, "it waited for something"
    assert word in result.err
    assert len(result.err) < 100_000


# CSV files


CSV_MANIFEST = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  filesFrom: [rows.csv]\n"
TOO_LARGE, LONG_ROW = "tags.yaml:4:15: rows.csv: this file is larger than 64 MiB", "this row has more than"

CSV_FILES: dict[str, tuple[Callable[[], Iterable[str]], str]] = {
    "500 MB": (lambda: ["path,tags\n", *repeat("/a.jpg,red\n" * 100_000, 500)], TOO_LARGE),
    "a cell of 100 MB": (lambda: ["path,tags\n/a.jpg,", *repeat("x" * MIB, 100)], TOO_LARGE),
    "a cell of 60 MiB": (lambda: ["path,tags\n/a.jpg,", *repeat("x" * MIB, 60)], f"rows.csv:2:1: {LONG_ROW}"),
    "a quoted cell of 60 MiB": (lambda: ['path,tags\n/a.jpg,"', *repeat("x\n" * (MIB // 2), 60)], "rows.csv:2:8"),
    "a header of 60 MiB": (lambda: repeat("x" * MIB, 60), f"rows.csv:1:1: {LONG_ROW}"),
    "a million columns": (lambda: ["path,tags", *repeat(",", 1_000_000)], "rows.csv:1:11"),
    "a million cells": (lambda: ["path,tags\n/a.jpg", *repeat(",", 1_000_000)], "rows.csv:2:9"),
    "60 MiB of errors": (lambda: ["path,tags\n", *repeat("x,50%\n" * 100_000, 100)], "rows.csv:2:1"),
}


@pytest.mark.parametrize("kind", CSV_FILES)
def test_huge_csv_file_is_refused(kind: str) -> None:
    pieces, expected = CSV_FILES[kind]
    Path("tags.yaml").write_text(CSV_MANIFEST, encoding="utf-8")
    with Path("rows.csv").open("w", encoding="utf-8") as file:
        file.writelines(pieces())
    result = measured("validate", "tags.yaml")
    assert result.code == 1
    assert result.worked < OF_A_MANIFEST
    assert expected in result.err
    assert len(result.err) < 100_000


@pytest.mark.parametrize(
    "rows",
    [
        lambda: (f"/shop/{n:07}.jpg,red;blue;t{n % 100}\n" for n in range(1_800_000)),
        lambda: repeat("," * 500_000 + "\n", 120),
    ],
    ids=["rules", "rows without a value"],
)
def test_csv_file_of_60_mib_is_read_in_little_memory(rows: Callable[[], Iterable[str]]) -> None:
    Path("tags.yaml").write_text(CSV_MANIFEST, encoding="utf-8")
    with Path("rows.csv").open("w", encoding="utf-8") as file:
        file.write("path,tags\n")
        file.writelines(rows())
    assert measured("validate", "tags.yaml").code == 0
