"""Test client and sandbox against ImageKit's OpenAPI description with Prism; slow, because it is installed first.

Prism checks the form of calls and responses. It has no state, and does not check the limits of 50 files and 500
characters.
"""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import acks, ai, file_object, manifest, unlimited
from canary import KEY

import tagsync
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import Listing
from tagsync.model import Done, Op, Request

DESCRIPTION = Path(__file__).parents[3] / "shared" / "imagekit-openapi.yaml"
PRISM = "@stoplight/prism-cli@5.14.2"
SECONDS = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DESCRIPTION.exists(), reason="ImageKit's OpenAPI description is not available next to this checkout"
    ),
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed here"),
]


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prism")
    words = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", PRISM]
    ran = subprocess.run(words, check=False, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603 - our own
    if ran.returncode:
        pytest.skip(f"{PRISM} cannot be installed here: {ran.stderr.strip()[-200:]}")
    return folder / "node_modules" / ".bin" / "prism"


@contextmanager
def running(*command: str | Path) -> Iterator[str]:
    """Run Prism on a free port during a test, and return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*map(str, command), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - our own
        assert process.stdout
        try:
            for line in process.stdout:
                if "Prism is listening" in line:
                    break
            else:
                pytest.fail("Prism does not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def client(endpoint: str) -> ImageKitLibrary:
    return ImageKitLibrary(endpoint, KEY, limiters=unlimited())


@pytest.mark.parametrize("op", list(Op))
def test_official_description_matches_every_bulk_call(prism: Path, op: Op) -> None:
    async def prepare() -> Request:
        return Request(op, ("a", "b"), ("string",))  # the id that Prism answers with

    async def send(endpoint: str) -> object:
        async with client(endpoint) as library:
            return (await library.bulk(op, prepare)).result

    with running(prism, "mock", DESCRIPTION) as endpoint:
        assert isinstance(asyncio.run(send(endpoint)), Done)


def test_official_description_matches_listings_and_details(prism: Path) -> None:
    file_id = "598821f949c0a938d57563bd"

    async def read(endpoint: str) -> tuple[list[str], tuple[str, ...], list[str]]:
        async with client(endpoint) as library:
            page = await library.page(skip=0)
            found = await library.page(skip=0, listing=Listing('tags IN ["sale"]'))
            file = await library.details(file_id)
        assert file
        return [item.path for item in (*page.files, *found.files)], file.tags, [tag.name for tag in file.ai_tags]

    with running(prism, "mock", DESCRIPTION) as endpoint:
        paths, tags, names = asyncio.run(read(endpoint))
    assert set(paths) == {"/images/products/file.jpg"}
    assert set(tags) == {"t-shirt", "round-neck", "sale2019"}
    assert names == ["Shirt", "T-shirt"]


def test_official_description_matches_a_whole_apply(prism: Path, served: Callable[..., str], tmp_path: Path) -> None:
    """Prism forwards calls and responses, and returns an error if one does not match the description."""
    files = [file_object(f"/{number}.jpg", ["old"], [ai("Dog")]) for number in range(60)]
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- match: /**\n  tags: [new]\n  absent: [old]\n  aiTags: {remove: all}"), encoding="utf-8")
    with running(prism, "proxy", DESCRIPTION, served(*files), "--errors") as endpoint:
        target = tagsync.Target(key=KEY, endpoint=endpoint, rate=1000)
        plan = tagsync.plan([str(path)], target=target)
        report = tagsync.apply(plan, target=target, options=tagsync.ApplyOptions(acks=acks(plan)))
    assert len(report.plan.changes) == 60
    assert report.converged
