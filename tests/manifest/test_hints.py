import pytest

from tagsync import schemas
from tagsync.manifest.hints import key_hint

DEFINITIONS = schemas.load("manifest")["$defs"]
RULE = sorted(DEFINITIONS["entry"]["properties"])
AI_TAGS = ("keep", "minConfidence", "promote", "remove", "source")
VOCABULARY = ("allowed", "forbidden", "removeForbidden", "renames")


@pytest.mark.parametrize(
    ("key", "known", "hint"),
    [
        ("exclude", RULE, "did you mean 'except'?"),
        ("excluding", RULE, "did you mean 'except'?"),
        ("not", RULE, "did you mean 'except'?"),
        ("Ignore", RULE, "did you mean 'except'?"),
        ("remove", RULE, "did you mean 'absent'?"),
        ("remove_tags", RULE, "did you mean 'absent'?"),
        ("add", RULE, "did you mean 'tags'?"),
        ("labels", RULE, "did you mean 'tags'?"),
        ("paths", RULE, "did you mean 'match'?"),
        ("glob", RULE, "did you mean 'match'?"),
        ("confidence", RULE, "did you mean aiTags: {minConfidence: ...}?"),
        ("min_confidence", AI_TAGS, "did you mean 'minConfidence'?"),
        ("confidence", AI_TAGS, "did you mean 'minConfidence'?"),
        ("file-id", RULE, "did you mean 'fileId'?"),
        ("rules", ["defaults", "files", "values"], "did you mean 'files'?"),
        ("rules", ["apiVersion", "kind", "metadata", "spec"], "did you mean spec: {files: ...}?"),
        ("match", ["absent", "tags"], "defaults apply to all rules: write it in each rule instead"),
        ("spec", ["environments", "policy"], "tagsync.yaml has no spec: write the keys below it at the top level"),
        # a word of a rule is no key of a vocabulary
        ("exclude", VOCABULARY, "known keys: allowed, forbidden, removeForbidden, renames"),
    ],
)
def test_key_hint_knows_words_of_other_tools(key: str, known: list[str], hint: str) -> None:
    assert key_hint(key, known) == hint


@pytest.mark.parametrize("key", ["exclusive_", "EXCLUSIVE", "exclusve", "exclusivee", "exclusife", "exlcusive"])
def test_key_hint_suggests_destructive_key_one_edit_away(key: str) -> None:
    assert key_hint(key, RULE) == "did you mean 'exclusive'?"


@pytest.mark.parametrize(
    ("key", "known"),
    [("exclusion", RULE), ("inclusive", RULE), ("exclusives_of", RULE), ("removesForbid", VOCABULARY)],
)
def test_key_hint_never_suggests_destructive_key_by_similarity(key: str, known: list[str]) -> None:
    assert not {"exclusive", "removeForbidden"} & {
        word.strip("'?") for word in key_hint(key, known).split() if "'" in word
    }
