"""Prune tags of manifests that tagsync.yaml names: those that it named at the revision count."""

import pytest
from cli.command import Command
from cli.shop import PRUNE, SHOP, removals, rules
from repository import commit, git, write

pytestmark = pytest.mark.usefixtures("shop")

CONFIG = "apiVersion: tagsync/v1\nkind: Config\n"
STAGING = f"{CONFIG}manifests: [in]\nenvironments: {{staging: {{manifests: [more]}}}}\n"
OTHER = "- path: /other.jpg\n  tags: [more]\n"


@pytest.fixture
def staged(tagsync: Command) -> Command:
    """Apply manifests that tagsync.yaml names, and commit them."""
    write("tagsync.yaml", STAGING)
    rules(OTHER, "more/more.yaml")
    commit()
    assert tagsync("apply", "--yes", "--sandbox=library.jsonl").code == 0
    return tagsync


def test_prune_uses_paths_that_tagsync_yaml_named_at_the_revision(staged: Command) -> None:
    git("mv", "in", "moved")
    git("mv", "more", "other")
    rules(SHOP.replace("sale, ", ""), "moved/tags.yaml")
    write("tagsync.yaml", STAGING.replace("[in]", "[moved]").replace("[more]", "[other]"))
    document = staged(*PRUNE).document
    assert removals(document) == {"/shop/a.jpg": ["sale"], "/shop/b.jpg": ["sale"]}
    assert ":in/tags.yaml:" in document["changes"][0]["because"][0]["source"]
    commit()
    assert removals(staged("plan", "--sandbox=library.jsonl", "--format=json", "--prune-since=HEAD~1").document)
    # Without tagsync.yaml, the same PATHs count at the revision.
    assert removals(staged(*PRUNE, "moved", "other").document) == {}


def test_prune_includes_a_folder_that_tagsync_yaml_no_longer_names(staged: Command) -> None:
    write("tagsync.yaml", STAGING.replace("{manifests: [more]}", "{}"))
    assert removals(staged(*PRUNE).document) == {"/other.jpg": ["more"]}
    # A commit counts that changed only tagsync.yaml, or a folder that only tagsync.yaml of that commit names.
    commit()
    write("tagsync.yaml", STAGING)
    rules(OTHER.replace("more", "later"), "more/more.yaml")
    commit()
    assert staged("apply", "--yes", "--sandbox=library.jsonl").code == 0
    write("tagsync.yaml", STAGING.replace("{manifests: [more]}", "{}"))
    commit()
    since = staged("plan", "--sandbox=library.jsonl", "--format=json", "--prune-since=HEAD~2")
    assert removals(since.document) == {"/other.jpg": ["later"]}


def test_prune_uses_todays_paths_if_the_revision_had_no_such_environment(staged: Command) -> None:
    write("tagsync.yaml", STAGING.replace("staging", "production"))
    rules(OTHER.replace("more", "new"), "more/more.yaml")
    assert removals(staged(*PRUNE).document) == {"/other.jpg": ["more"]}
    git("rm", "--quiet", "--cached", "tagsync.yaml")
    git("commit", "--quiet", "--message", "none")
    assert removals(staged(*PRUNE).document) == {"/other.jpg": ["more"]}


def test_prune_since_a_revision_with_errors_in_tagsync_yaml_is_refused(staged: Command) -> None:
    write("tagsync.yaml", f"{CONFIG}manifests: in\n")
    commit()
    write("tagsync.yaml", STAGING)
    ran = staged("plan", "--sandbox=library.jsonl", "--prune-since=HEAD")
    assert ran.code == 4
    assert (
        f"the manifests at commit {git('rev-parse', '--short=7', 'HEAD')} have errors (tagsync.yaml:3:12: " in ran.err
    )


def test_plan_has_no_commit_if_tagsync_yaml_is_not_committed(staged: Command) -> None:
    plan = ("plan", "--sandbox=library.jsonl", "--format=json")
    assert staged(*plan).document["inputs"]["commit"]
    write("tagsync.yaml", STAGING + "# changed\n")
    assert staged(*plan).document["inputs"]["uncommitted"] == "tagsync.yaml"
    assert staged(*plan, "in", "more").document["inputs"]["commit"]
