import pytest
from builders import id_of
from conftest import Declare

from tagsync.model import Needs
from tagsync.planning.read_scope import needs, needs_of

MAX_NAMED = 20_000


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("- {path: /a/b.jpg, tags: [x]}", Needs(paths=frozenset(["/a/b.jpg"]))),
        (f"- {{fileId: {id_of('/a')}, tags: [x]}}", Needs(file_ids=frozenset([id_of("/a")]))),
        (
            "- {path: /a, ifMissing: skip, tags: [x]}",
            Needs(paths=frozenset(["/a"]), optional=frozenset(["/a"])),
        ),
        (
            "- {path: /a, ifMissing: skip, tags: [x]}\n- {path: /a, tags: [z]}",
            Needs(paths=frozenset(["/a"])),
        ),
        ("- {match: /shop/**, tags: [x]}", Needs(folders=("/shop/",))),
        ("- {match: /shop/sh*/**, tags: [x]}", Needs(folders=("/shop/",))),
        ("- {match: /shop/*.jpg, tags: [x]}", Needs(flat=("/shop/",))),
        ("- {match: /*, tags: [x]}", Needs(flat=("/",))),
        ('- {match: "/shop/\\\\*.jpg", tags: [x]}', Needs(folders=("/shop/",))),
        ("- {match: /shop/**, query: size > 5, tags: [x]}", Needs(queries=("size > 5",))),
        (
            "- {match: /a/**, tags: [x]}\n- {match: /a/b/**, tags: [z]}\n- {match: /ab/**, tags: [z]}",
            Needs(folders=("/a/", "/ab/")),
        ),
    ],
)
def test_read_scope_covers_what_entries_may_select(declare: Declare, entry: str, wanted: Needs) -> None:
    assert needs(declare(entry)) == wanted


def test_read_scope_of_unbounded_glob_is_everything(declare: Declare) -> None:
    assert needs(declare("- {match: /**/x.jpg, tags: [x]}")).everything == "a glob may match in any folder"


def test_read_scope_of_very_many_entries_is_everything(declare: Declare) -> None:
    many = "\n".join(f"- {{path: /{number}, tags: [x]}}" for number in range(MAX_NAMED + 1))
    assert needs(declare(many)).everything == "there are more than 20,000 rules"


def test_read_scope_includes_earlier_revision(declare: Declare) -> None:
    now, then = declare("- {path: /a, tags: [x]}"), declare("- {path: /b, tags: [x]}\n- {query: size > 5, tags: [x]}")
    assert needs(now, then.entries) == Needs(paths=frozenset(["/a", "/b"]), queries=("size > 5",))


@pytest.mark.parametrize(
    ("glob", "folder", "query", "tag", "wanted"),
    [
        (None, "/", None, None, Needs(everything="all folders were requested")),
        (None, "/", None, "red", Needs(tag="red")),
        (None, "/shop/", None, "red", Needs(folders=("/shop/",))),
        ("/**/a.jpg", "/shop/", None, None, Needs(folders=("/shop/",))),
        ("/shop/hats/**", "/shop/", None, "red", Needs(folders=("/shop/hats/",))),
        ("/shop/*", "/", None, None, Needs(flat=("/shop/",))),
        ("/shop/a.jpg", "/", None, "red", Needs(frozenset(["/shop/a.jpg"]), optional=frozenset(["/shop/a.jpg"]))),
        ("/shop/**", "/", "size > 5", "red", Needs(queries=("size > 5",))),
    ],
)
def test_read_scope_of_a_selection_is_its_narrowest_part(
    glob: str | None, folder: str, query: str | None, tag: str | None, wanted: Needs
) -> None:
    assert needs_of(glob, folder, query, tag) == wanted
