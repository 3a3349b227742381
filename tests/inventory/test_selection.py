from typing import Any

import pytest
from builders import ai, current_file, id_of

from tagsync.inventory.selection import FileFilter, selected

FILES = [
    current_file("/press/1.jpg", ["caf\u00e9"]),
    current_file("/shop/1.jpg", ["new", "red"], [ai("Dog")]),
    current_file("/shop/hats/2.jpg", ["red"], [ai("Dog"), ai("Cat")]),
]


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        ({}, ["/press/1.jpg", "/shop/1.jpg", "/shop/hats/2.jpg"]),
        ({"glob": "/shop/*"}, ["/shop/1.jpg"]),
        ({"glob": "/shop/{kind}/*"}, ["/shop/hats/2.jpg"]),
        ({"glob": "/{any}/{name}.jpg"}, ["/press/1.jpg", "/shop/1.jpg"]),
        ({"folder": "/shop/"}, ["/shop/1.jpg", "/shop/hats/2.jpg"]),
        ({"tags": ["red"]}, ["/shop/1.jpg", "/shop/hats/2.jpg"]),
        ({"tags": ["red", "new"]}, ["/shop/1.jpg"]),
        ({"tags": ["Red"]}, []),
        ({"tags": ["cafe\u0301"]}, ["/press/1.jpg"]),
        ({"ai_tags": ["Dog", "Cat"]}, ["/shop/hats/2.jpg"]),
        ({"ai_tags": ["red"]}, []),
        ({"folder": "/shop/", "glob": "/**/2.jpg", "tags": ["red"], "ai_tags": ["Dog"]}, ["/shop/hats/2.jpg"]),
    ],
)
def test_selection_needs_all_conditions(wanted: dict[str, Any], paths: list[str]) -> None:
    assert [file.path for file in selected(FILES, FileFilter(**wanted), None)] == paths


def test_selection_by_query_keeps_what_it_found() -> None:
    wanted = FileFilter(query="size > 1", folder="/shop/")
    found = selected(FILES, wanted, {id_of("/press/1.jpg"), id_of("/shop/1.jpg")})
    assert [file.path for file in found] == ["/shop/1.jpg"]
