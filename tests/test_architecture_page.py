"""The architecture page names modules that are there."""

import re

from pages import DOCS, ROOT

PACKAGE = ROOT / "tagsync"
TEXT = (DOCS / "explanation" / "architecture.md").read_text("utf-8")
PLACEHOLDER = "reporting/NAME.py"
DATA = {"schemas/", "templates/"}


def test_architecture_page_names_paths_that_exist() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[A-Za-z_.]*)`", TEXT)) - {PLACEHOLDER}
    missing = {path for path in named if not (PACKAGE / path).exists() and not (ROOT / path).exists()}
    assert named
    assert missing == set()


def test_architecture_page_names_modules_of_each_package() -> None:
    rows = re.findall(r"^\| `([a-z_/]+/)` \|.*\| ([^|]*) \|$", TEXT, flags=re.MULTILINE)
    named = [(package, module) for package, modules in rows for module in re.findall(r"`([a-z_]+\.py)`", modules)]
    packages = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")} - DATA
    assert packages <= {f"{package.partition('/')[0]}/" for package, _ in rows}
    assert [row for row in named if not (PACKAGE / row[0] / row[1]).exists()] == []
