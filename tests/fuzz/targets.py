"""Targets for fuzzing: each accepts any bytes or refuses them with a documented error; anything else is a bug."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from builders import GOOGLE, file_object, write_library

from tagsync.documents.loader import load_document
from tagsync.errors import DocumentError, LibraryError, ManifestError
from tagsync.library.http.rate_limits import rate_limits
from tagsync.library.http.response import Response
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.library.imagekit.wire import bulk_result, server_words
from tagsync.manifest.read import read_manifests
from tagsync.model import AITag, Op, Request
from tagsync.sandbox.search import compile_query
from tagsync.sandbox.store import Store
from tagsync.sandbox.tokens import QueryError

Target = Callable[[bytes], None]

_FOLDER = Path(tempfile.mkdtemp(prefix="tagsync-fuzz-"))
_CALL = Request(Op.ADD, ("t",), ("a", "b"))
_SEAL = b',\n"checksum":'
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def manifest(data: bytes) -> None:
    """Read a manifest, as YAML and as JSON."""
    for name in ("tags.yaml", "tags.json"):
        path = _FOLDER / name
        path.write_bytes(data)
        with suppress(ManifestError):
            read_manifests([str(path)], with_tests=True)


_CSV_MANIFEST = _FOLDER / "csv" / "tags.yaml"


def csv_rows(data: bytes) -> None:
    """Read a CSV file that a manifest names."""
    _CSV_MANIFEST.parent.mkdir(exist_ok=True)
    _CSV_MANIFEST.write_text("apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [rows.csv]}\n", encoding="utf-8")
    (_CSV_MANIFEST.parent / "rows.csv").write_bytes(data)
    with suppress(ManifestError):
        # Reading entries decodes them and their places.
        for entry in read_manifests([str(_CSV_MANIFEST)]).entries:
            assert entry.origin().line > 1


def document(data: bytes) -> None:
    """Read a plan or report as it is, and with a valid checksum, which no mutation would find."""
    body, found, _ = data.rpartition(_SEAL)
    with suppress(DocumentError):
        load_document(data, "plan.json")
    if found:
        seal = f'{_SEAL.decode()}"sha256:{sha256(body).hexdigest()}"\n}}\n'
        with suppress(DocumentError):
            load_document(body + seal.encode(), "plan.json")


def response(data: bytes) -> None:
    """Read a response as each of the calls would; its first byte selects the status."""
    status = (200, 207, 400, 404)[data[0] % 4] if data else 200
    came = Response(status, {"x-ratelimit-reset": data[1:20].decode("latin-1")}, data[1:])
    reader = FileReader(thumbnails=True)
    rate_limits(came)
    server_words(came)
    for op in Op:
        with suppress(LibraryError):
            bulk_result(came, _CALL._replace(op=op))
    with suppress(LibraryError):
        reader.page(came)
    with suppress(LibraryError):
        reader.details(came)


def _store() -> Store:
    ai_tags = [AITag("Dog", 90.0, GOOGLE)]
    files = [file_object("/a.jpg", ["x"], ai_tags, customMetadata={"price": 5}), file_object("/b/c.png", size=10)]
    return Store(":memory:", write_library(_FOLDER / "library.jsonl", files))


_STORE = _store()


def query(data: bytes) -> None:
    """Read a searchQuery and run it."""
    with suppress(UnicodeDecodeError, QueryError):
        condition = compile_query(data.decode(), _NOW)
        _STORE.list(kind="file", condition=condition, path=None, file_type="all", sort="ASC_CREATED", limit=10, skip=0)


TARGETS: dict[str, Target] = {target.__name__: target for target in (manifest, csv_rows, document, response, query)}
