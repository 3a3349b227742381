import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsync.exporting.folder_tree import tree
from tagsync.globs import escaped, path_glob

steps = st.lists(st.sampled_from(["a", "b", "", "*", "?", "\\", "a\nb"]), min_size=1, max_size=5)
paths = st.sets(steps.map(lambda names: "/" + "/".join(names)), min_size=1, max_size=12)


def test_tree_lists_folders_before_subfolders_with_files() -> None:
    found = tree(["/shop/b/2.jpg", "/shop/a/x/1.jpg", "/shop/3.jpg"], "/shop")
    assert [folder.path for folder in found] == ["/shop", "/shop/a", "/shop/a/x", "/shop/b"]
    assert [list(folder.files) for folder in found] == [["/shop/3.jpg"], [], ["/shop/a/x/1.jpg"], ["/shop/b/2.jpg"]]
    assert sorted(found[0].all_files()) == ["/shop/3.jpg", "/shop/a/x/1.jpg", "/shop/b/2.jpg"]


@given(paths=paths)
def test_folder_glob_matches_only_files_below_it(paths: set[str]) -> None:
    for folder in tree(paths, ""):
        matches = path_glob(folder.glob).fullmatch
        assert {path for path in paths if matches(path)} == set(folder.all_files())


@pytest.mark.parametrize("path", ["/a*b", "/what?", "/back\\slash", "/a\\*", "/**/x"])
def test_escaped_path_matches_only_itself(path: str) -> None:
    matches = path_glob(escaped(path)).fullmatch
    assert matches(path)
    assert not any(map(matches, ["/aXb", "/whatX", "/backslash", "/aX", "/a/x", "/q/x"]))
