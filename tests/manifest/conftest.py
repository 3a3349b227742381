"""Fixtures that read manifests with libyaml's parser and with PyYAML's own, which must agree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagsync.errors import ManifestError
from tagsync.manifest.read import read_manifests
from tagsync.manifest.yaml import PureParser
from tagsync.model import DesiredState

Found = tuple[str, str, str]
"""An error's place (`line:column`), code and message."""

Parser = Callable[[bytes], Any]


@pytest.fixture(scope="session")
def read_text(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., DesiredState]:
    """Return a function that reads one manifest from text or bytes."""
    folder = tmp_path_factory.mktemp("manifests")

    def read(text: str | bytes, *, name: str = "tags.yaml", parser: Parser = yaml.CSafeLoader) -> DesiredState:
        path = Path(folder, name)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_manifests([str(path)], parser=parser)

    return read


@pytest.fixture(scope="session")
def faults(read_text: Callable[..., DesiredState]) -> Callable[..., list[Found]]:
    """Return a function from a manifest's text to its errors; both parsers must find the same."""

    def find(text: str | bytes, *, name: str = "tags.yaml", parsers: tuple[Parser, ...] | None = None) -> list[Found]:
        each = [_found(read_text, text, name, parser) for parser in parsers or (yaml.CSafeLoader, PureParser)]
        assert all(list(map(_comparable, one)) == list(map(_comparable, each[0])) for one in each)
        return each[0]

    return find


def _found(read_text: Callable[..., DesiredState], text: str | bytes, name: str, parser: Parser) -> list[Found]:
    try:
        read_text(text, name=name, parser=parser)
    except ManifestError as error:
        each = ((fault.origin, fault) for fault in error.diagnostics)
        return [
            (f"{at.line}:{at.column}", fault.code, fault.message.replace(at.file, name)) for at, fault in each if at
        ]
    return []


def _comparable(found: Found) -> Found:
    """The two parsers have different messages and places for invalid YAML."""
    return ("", "yaml", "") if found[1] == "yaml" else found
