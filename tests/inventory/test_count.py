from builders import AWS, GOOGLE, ai, current_file

from tagsync.inventory.count import MAX_FOLDERS, count
from tagsync.model import AITagUse, Confidences, FolderCount, Inventory, Places, TagUse


def test_count_of_no_files_is_empty() -> None:
    assert count([]) == Inventory()


def test_count_ranks_tags_by_files_then_name() -> None:
    found = count([current_file("/a", ["x", "b"]), current_file("/b", ["x", "a"]), current_file("/c")])
    assert [(tag.name, tag.files) for tag in found.tags] == [("x", 2), ("a", 1), ("b", 1)]
    assert (found.files, found.tagged) == (3, 2)


def test_count_keeps_spellings_apart() -> None:
    names = ["caf\u00e9", "cafe\u0301", "Cafe"]
    found = count([current_file(f"/{number}", [name]) for number, name in enumerate(names)])
    assert {tag.name for tag in found.tags} == set(names)


def test_count_of_ai_tags_is_by_source_with_the_median() -> None:
    files = [
        current_file("/1", [], [ai("Dog", 96.4), ai("Dog", 50, AWS)]),
        current_file("/2", [], [ai("Dog", 91.2)]),
        current_file("/3", [], [ai("Cat", None)]),
    ]
    root = Places("/", (FolderCount("/", 2),))
    [dog, cat, dog_aws] = count(files).ai_tags
    assert dog == AITagUse("Dog", GOOGLE, 2, Confidences(91.2, 93.8, 96.4), root)
    assert (cat.name, cat.confidence) == ("Cat", None)
    assert (dog_aws.source, dog_aws.confidence) == (AWS, Confidences(50, 50, 50))


def test_count_counts_a_tag_once_for_each_file() -> None:
    found = count([current_file("/1", ["x", "x"], [ai("Dog", 90), ai("Dog", 80)])])
    assert (found.tags[0].files, found.ai_tags[0].files) == (1, 1)


def places(*paths: str) -> Places:
    [tag] = count([current_file(path, ["x"]) for path in sorted(paths)]).tags
    return tag.places


def test_count_places_start_where_files_part() -> None:
    assert places("/a/b/c/1", "/a/b/c/2") == Places("/a/b/c/", (FolderCount("/a/b/c/", 2),))
    assert places("/a/b/c/1", "/a/b/d/e/1", "/a/b/d/e/2") == Places(
        "/a/b/", (FolderCount("/a/b/d/e/", 2), FolderCount("/a/b/c/", 1))
    )
    assert places("/a/b/1", "/a/0", "/a/z") == Places("/a/", (FolderCount("/a/", 2), FolderCount("/a/b/", 1)))
    assert places("/a/1", "/b/1").folder == "/"


def test_count_places_of_a_folder_whose_files_are_listed_around_another() -> None:
    assert places("/a/a", "/a/b/c", "/a/d") == Places("/a/", (FolderCount("/a/", 2), FolderCount("/a/b/", 1)))


def test_count_places_list_the_largest_folders() -> None:
    found = places(*(f"/{number:02}/{file}" for number in range(30) for file in range(number + 1)))
    assert [folder.path for folder in found.folders] == [f"/{number:02}/" for number in range(29, 29 - MAX_FOLDERS, -1)]
    assert found.more == 30 - MAX_FOLDERS
    equal = places(*(f"/{number:02}/1" for number in range(30)))
    assert [folder.path for folder in equal.folders] == [f"/{number:02}/" for number in range(MAX_FOLDERS)]


def test_count_places_agree_with_a_plain_count_of_folders() -> None:
    paths = [f"/{a}/{b}/{c}" for a in "pq" for b in "rst" for c in range(len(a + b) + ord(b) % 3)]
    found = places(*paths)
    assert found.folder == "/"
    for folder in found.folders:
        assert folder.files == sum(path.startswith(folder.path) for path in paths)


def test_count_of_a_path_with_very_many_folders_is_fast_and_cut() -> None:
    assert places("/" * 200_000 + "x").folder == "/" * 64
    assert places("no-slash").folder == ""


def test_count_of_tags_in_one_folder_name_it() -> None:
    assert count([current_file("/shop/1", ["x"])]).tags == (
        TagUse("x", 1, Places("/shop/", (FolderCount("/shop/", 1),))),
    )
