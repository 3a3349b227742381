"""The files that `init` writes; `cli.init` decides where they go."""

from importlib.resources import files
from typing import Literal

TemplateName = Literal["tags.yaml", "tests.yaml", "tagsync.yaml", "policy.yaml", "library.jsonl", "workflow.yml"]


def text(name: TemplateName) -> str:
    """Return a template as it is shipped: UTF-8 text that ends in a newline."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
