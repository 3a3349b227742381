"""The JSON Schemas (draft 2020-12) of every document that tagsync reads or writes, as shipped files."""

import json
from importlib.resources import files
from typing import Any, Literal, get_args

SchemaName = Literal[
    "manifest",
    "config",
    "plan",
    "report",
    "difference",
    "explanation",
    "diagnostics",
    "tests",
    "tags",
    "files",
    "renames",
    "agreement",
    "log",
    "profile",
]

NAMES: tuple[SchemaName, ...] = get_args(SchemaName)


def text(name: SchemaName) -> str:
    """Return a schema as it is shipped, UTF-8 JSON text that ends in a newline."""
    return files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")


def load(name: SchemaName) -> dict[str, Any]:
    """Return a schema, parsed."""
    schema: dict[str, Any] = json.loads(text(name))
    return schema
