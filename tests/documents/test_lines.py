import pytest
from msgspec import to_builtins

from tagsync.documents.lines import DiagnosticItem
from tagsync.model import Diagnostic, Origin


@pytest.mark.parametrize(("origin", "source"), [(Origin("a.yaml", 5, 6), "a.yaml:5:6"), (None, None)])
def test_diagnostic_item_has_its_place_or_none(origin: Origin | None, source: str | None) -> None:
    assert to_builtins(DiagnosticItem.from_value(Diagnostic("warning", "comma", "words", origin))) == {
        "level": "warning",
        "code": "comma",
        "message": "words",
        "source": source,
    }
