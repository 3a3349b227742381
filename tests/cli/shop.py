"""A small library, and a repository with its manifests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import ai, file_object, manifest
from repository import commit, start_repository, write

PLAN = ("plan", "--sandbox=library.jsonl", "--format=json")
PRUNE = (*PLAN, "--prune-since=HEAD")


def rules(text: str, name: str = "in/tags.yaml", *, spec: str = "") -> None:
    """Write a manifest with rules."""
    write(name, manifest(text, spec=spec))


SHOP = """
- match: /shop/*
  tags: [sale, shop]
- path: /other.jpg
  tags: [hero]
"""


@pytest.fixture
def shop(library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit the rules of a small shop."""
    start_repository(monkeypatch)
    library(
        file_object("/shop/a.jpg", ["sale", "shop", "by-hand"]),
        file_object("/shop/b.jpg", ["shop"]),
        file_object("/other.jpg", ["hero", "sale"], [ai("Shoe", 99)]),
    )
    rules(SHOP)
    commit()


def removals(document: Any) -> dict[str, list[str]]:
    """Return the tags that a plan or report removes, by path."""
    return {change["path"]: change["remove"] for change in document["changes"] if change["remove"]}
