import inspect
import re

from tagsync import errors


def test_error_tree_in_docstring_matches_classes() -> None:
    drawn = re.findall(r"^([│ ├└─]*)(\w+Error)", errors.__doc__ or "", re.MULTILINE)
    parents: list[str] = []
    pairs = []
    for indent, name in drawn:
        depth = len(indent) // 4
        pairs.append((name, parents[depth - 1] if depth else "Exception"))
        parents[depth:] = [name]
    classes = {name: cls for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)}
    assert {name: cls.__bases__[0].__name__ for name, cls in classes.items()} == dict(pairs)


def test_error_message_includes_request_id() -> None:
    assert str(errors.LibraryError("no", request_id="r-1")) == "no (request r-1)"
    assert str(errors.LibraryError("no")) == "no"
