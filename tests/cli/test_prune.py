"""Remove tags that manifests declared at a git revision, and that no rule declares now."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object, manifest
from cli.command import Command
from cli.shop import PLAN, PRUNE, SHOP, removals, rules
from repository import commit, git, write

pytestmark = pytest.mark.usefixtures("shop")


def test_prune_removes_a_tag_that_was_dropped_from_a_rule(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    assert removals(tagsync(*PLAN, "in").document) == {}
    (change,) = tagsync(*PRUNE, "in").document["changes"]
    assert (change["path"], change["add"], change["remove"]) == ("/shop/a.jpg", [], ["sale"])
    short = git("rev-parse", "--short=7", "HEAD")
    place = f"{short}:in/tags.yaml:6:14"
    assert change["because"] == [{"op": "removeTags", "tag": "sale", "source": place, "rule": "prune"}]
    assert tagsync(*PRUNE, "in").document["summary"]["unchanged"] == 2


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_prune_reason_is_shown_in_every_format(tagsync: Command, format_: str) -> None:
    rules(SHOP.replace("sale, ", ""))
    ran = tagsync("plan", "--sandbox=library.jsonl", f"--format={format_}", "--prune-since=HEAD", "in")
    short = git("rev-parse", "--short=7", "HEAD")
    assert f"{short}:in/tags.yaml:" in ran.out
    assert f"no longer declared since {short}" in ran.out


def test_prune_removes_tags_of_files_that_no_rule_selects_now(tagsync: Command) -> None:
    rules("- path: /shop/b.jpg\n  tags: [shop]\n")
    document = tagsync(*PRUNE, "in").document
    assert removals(document) == {"/other.jpg": ["hero"], "/shop/a.jpg": ["sale", "shop"]}
    (removed,) = [guard for guard in document["guards"] if guard["id"] == "removedTags"]
    assert (removed["observed"], removed["of"]) == (3, 6)


def test_prune_ignores_rules_that_only_moved(tagsync: Command) -> None:
    first, second = SHOP.split("- path")
    Path("in/tags.yaml").unlink()
    rules(first, "in/shop/one.yaml")
    rules(f"- path{second}", "in/two.yaml")
    assert removals(tagsync(*PRUNE, "in").document) == {}


def test_prune_keeps_what_another_rule_declares_in_any_spelling(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg", ["caf\u00e9", "old"]), name="other.jsonl")
    rules('- path: /a.jpg\n  tags: ["caf\u00e9", old]\n')
    commit()
    rules('- match: "/*.jpg"\n  tags: ["cafe\u0301"]\n')
    ran = tagsync("plan", "--sandbox=other.jsonl", "--format=json", "--prune-since=HEAD", "in")
    assert removals(ran.document) == {"/a.jpg": ["old"]}


def test_prune_ignores_absent_expired_exclusive_and_ai_rules_of_the_revision(tagsync: Command) -> None:
    rules("""
- path: /other.jpg
  absent: [hero]
  aiTags: {remove: all}
- path: /shop/a.jpg
  tags: [sale]
  until: 2020-01-01
- match: /shop/*
  exclusive: true
  tags: [kept]
""")
    commit()
    rules("- path: /shop/b.jpg\n  tags: [shop]\n")
    assert tagsync(*PRUNE, "in").document["changes"] == []


@pytest.mark.parametrize("tag", ["shop", "{folder}"])
def test_prune_removes_tags_of_a_deleted_rule_that_expired_since_the_revision(tagsync: Command, tag: str) -> None:
    rule = f'- match: "/{{folder}}/b.jpg"\n  tags: ["{tag}"]\n  until: 2090-01-01\n'
    rules(rule + "- path: /other.jpg\n  tags: [hero]\n")
    commit()
    rules("- path: /other.jpg\n  tags: [hero]\n")
    for day in ("2089-12-31", "2090-01-01"):
        assert removals(tagsync(*PRUNE, f"--as-of={day}", "in").document) == {"/shop/b.jpg": ["shop"]}
    # The rule that is still there gives one reason, which is not that it is gone.
    rules(rule + "- path: /other.jpg\n  tags: [hero]\n")
    (change,) = tagsync(*PRUNE, "--as-of=2090-01-01", "in").document["changes"]
    assert [reason["rule"] for reason in change["because"]] == ["until"]


def test_prune_fills_in_templates_as_they_were(tagsync: Command) -> None:
    rules('- match: "/{folder}/*.jpg"\n  tags: ["{folder:lower}"]\n')
    commit()
    rules("- path: /shop/b.jpg\n  tags: [new]\n")
    assert removals(tagsync(*PRUNE, "in").document) == {"/shop/a.jpg": ["shop"], "/shop/b.jpg": ["shop"]}


def test_prune_uses_data_and_queries_of_the_revision(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/x/a.jpg", ["2024", "big"], createdAt="2024-05-01T00:00:00.000Z", size=900), name="o.jsonl")
    rules('- path: /x/a.jpg\n  tags: ["{createdAt:year}"]\n- match: /x/*\n  query: "size > 500"\n  tags: [big]\n')
    commit()
    rules("- path: /x/a.jpg\n  tags: [new]\n")
    ran = tagsync("plan", "--sandbox=o.jsonl", "--format=json", "--prune-since=HEAD", "in")
    assert removals(ran.document) == {"/x/a.jpg": ["2024", "big"]}


def test_prune_includes_commits_after_the_revision(tagsync: Command) -> None:
    # An apply of the second commit may have failed halfway.
    base = git("rev-parse", "HEAD")
    rules(SHOP + "- path: /shop/a.jpg\n  tags: [by-hand]\n")
    second = commit()
    write("in/tags.yaml", "not a manifest")
    commit()
    rules(SHOP)
    commit()
    assert removals(tagsync(*PRUNE, "in").document) == {}
    change, _ = tagsync(*PLAN, f"--prune-since={base}", "in").document["changes"]
    assert (change["remove"], change["because"][0]["source"]) == (["by-hand"], f"{second[:7]}:in/tags.yaml:10:14")


def test_prune_names_the_first_commit_that_declared_a_tag(tagsync: Command) -> None:
    base = git("rev-parse", "HEAD")
    rules(SHOP.replace("[sale, shop]", "[shop, sale, more]"))
    commit()
    rules(SHOP.replace("sale, ", ""))
    (change,) = tagsync(*PLAN, f"--prune-since={base}", "in").document["changes"]
    assert [reason["source"] for reason in change["because"]] == [f"{base[:7]}:in/tags.yaml:6:14"]


def test_prune_does_not_add_a_renamed_tag_that_the_next_run_would_remove(tagsync: Command) -> None:
    vocabulary = "apiVersion: tagsync/v1\nkind: Vocabulary\nspec:\n  renames: {sale: hero}\n"
    write("in/vocabulary.yaml", vocabulary)
    rules("- match: /**\n  tags: [all]\n")
    ran = tagsync(*PRUNE, "in")
    changes = {change["path"]: (change["add"], change["remove"]) for change in ran.document["changes"]}
    assert changes["/other.jpg"] == (["all"], ["hero", "sale"])
    assert changes["/shop/a.jpg"] == (["all", "hero"], ["sale", "shop"])
    assert "where prune (at " in ran.err


def test_prune_leaves_files_without_rules_to_no_vocabulary(tagsync: Command) -> None:
    write("in/vocabulary.yaml", "apiVersion: tagsync/v1\nkind: Vocabulary\nspec:\n  renames: {by-hand: mine}\n")
    rules("- path: /shop/b.jpg\n  tags: [shop]\n")
    assert removals(tagsync(*PRUNE, "--select=/shop/a.jpg", "in").document) == {"/shop/a.jpg": ["sale", "shop"]}


def test_prune_works_with_changed_since_select_and_shard(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", "").replace("hero", "star"))
    assert set(removals(tagsync(*PRUNE, "--changed-since=HEAD", "in").document)) == {"/other.jpg", "/shop/a.jpg"}
    assert set(removals(tagsync(*PRUNE, "--select=/shop/**", "in").document)) == {"/shop/a.jpg"}


def test_prune_is_explained(tagsync: Command) -> None:
    rules("- path: /shop/b.jpg\n  tags: [shop]\n")
    explain = ("plan", "--sandbox=library.jsonl", "--prune-since=HEAD", "--explain=/shop/a.jpg", "in")
    place = f"{git('rev-parse', '--short=7', 'HEAD')}:in/tags.yaml:6:14"
    assert f"prune {place}" in tagsync(*explain).out
    (found,) = tagsync(*explain, "--format=json").document["files"]
    assert [vote["rule"] for vote in found["entries"][0]["says"]] == ["prune", "prune"]


def test_prune_apply_converges_and_undo_restores(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    apply = ("apply", "--sandbox=library.jsonl", "--yes", "--format=json", "--prune-since=HEAD", "in")
    report = tagsync(*apply).document
    assert (report["outcome"], removals(report)) == ("converged", {"/shop/a.jpg": ["sale"]})
    assert tagsync(*PRUNE, "in").document["changes"] == []
    (change,) = tagsync("undo", "--sandbox=library.jsonl", "--format=json").document["changes"]
    assert (change["path"], change["add"]) == ("/shop/a.jpg", ["sale"])


def test_prune_plan_is_saved_and_applied_with_its_digest(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    digest = tagsync(*PRUNE, "--out=plan.json", "in").document["digest"]
    assert tagsync("apply", "--sandbox=library.jsonl", f"--expect-digest={digest}", "plan.json").code == 0


def test_prune_since_is_only_for_making_a_plan(tagsync: Command) -> None:
    tagsync(*PRUNE, "--out=plan.json", "in")
    ran = tagsync("apply", "--sandbox=library.jsonl", "--prune-since=HEAD", "plan.json")
    assert (ran.code, ran.out) == (64, "")
    assert "--prune-since" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--prune-since=nowhere", "in"), 64, "--prune-since: git knows no revision nowhere here: check the name"),
        (
            ("--prune-since=refs/tagsync/production", "in"),
            64,
            "fetch it: git fetch origin refs/tagsync/production:refs/tagsync/production",
        ),
        (("--prune-since=refs/x;reboot", "in"), 64, "fetch enough history (fetch-depth: 0)"),
        (("--prune-since=--help", "in"), 64, "git knows no revision --help here"),
        (("--prune-since=--output=stolen", "in"), 64, "git knows no revision --output=stolen here"),
        (
            ("--prune-since=--upload-pack=touch stolen", "in"),
            64,
            "git knows no revision --upload-pack=touch stolen here",
        ),
        (("--prune-since=HEAD:in/tags.yaml", "in"), 64, "git knows no revision HEAD:in/tags.yaml here"),
        (("--prune-since=refs/tags/blob", "in"), 64, "git knows no revision refs/tags/blob here"),
        (("--prune-since=refs/x\x1b[31m", "in"), 64, "git knows no revision refs/x\\x1b[31m here"),
        (("--prune-since=HEAD:in", "in"), 64, "git knows no revision HEAD:in here"),
        (("--prune-since=in/tags.yaml", "in"), 64, "git knows no revision in/tags.yaml here"),
        (("--prune-since=HEAD..HEAD", "in"), 64, "--prune-since HEAD..HEAD: give one revision"),
        (("--prune-since=HEAD", "-"), 64, "--prune-since cannot read manifests from standard input"),
        (("--prune-since=HEAD", "../elsewhere"), 64, "not a git repository"),
        (("--prune-since=", "in"), 64, "--prune-since is empty"),
    ],
)
def test_prune_explains_what_it_cannot_read(
    tagsync: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    write("../elsewhere/tags.yaml", manifest(SHOP))
    git("tag", "blob", git("rev-parse", "HEAD:in/tags.yaml"))
    for command in (("plan",), ("apply", "--yes")):
        ran = tagsync(*command, "--sandbox=library.jsonl", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert words in ran.err
        assert "Traceback" not in ran.err
    assert not Path("stolen").exists()


def test_prune_names_commit_and_error_of_manifests_that_no_longer_parse(tagsync: Command) -> None:
    write("in/tags.yaml", manifest("- path: /a.jpg\n  tag: [red]"))
    broken = commit()
    rules(SHOP)
    ran = tagsync("plan", "--sandbox=library.jsonl", "--prune-since=HEAD", "in")
    assert (ran.code, ran.out) == (4, "")
    assert f"the manifests at commit {broken[:7]} have errors (in/tags.yaml:6:7: unknown key 'tag'" in ran.err


def test_prune_in_a_shallow_clone_says_how_to_fetch(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    base = git("rev-parse", "HEAD")
    for tag in ("red", "blue"):
        rules(SHOP.replace("sale", tag))
        commit()
    here = Path.cwd()
    git("clone", "--quiet", "--depth=1", f"file://{here}", "../shallow")
    monkeypatch.chdir("../shallow")
    sandbox = (f"--sandbox={here}/library.jsonl", f"--state-dir={here}/.tagsync")
    missing = tagsync("plan", *sandbox, f"--prune-since={base}", "in")
    assert (missing.code, missing.out) == (64, "")
    assert "check the name, and fetch the whole history: git fetch --unshallow origin (fetch-depth" in missing.err
    ref = tagsync("plan", *sandbox, "--prune-since=refs/tagsync/staging", "in")
    assert "fetch it: git fetch origin refs/tagsync/staging:refs/tagsync/staging" in ref.err
    git("fetch", "--quiet", "--depth=1", "origin", base)
    partial = tagsync("plan", *sandbox, f"--prune-since={base}", "in")
    assert (partial.code, partial.out) == (64, "")
    words = (
        f"this clone is shallow and may lack commits since {base[:7]}: fetch the whole history: git fetch --unshallow"
    )
    assert words in partial.err
    git("fetch", "--quiet", "--unshallow")
    assert tagsync("plan", *sandbox, f"--prune-since={base}", "in").code == 0


def test_prune_without_manifests_at_the_revision_removes_nothing(tagsync: Command) -> None:
    rules(SHOP, "new/tags.yaml")
    assert removals(tagsync(*PRUNE, "new").document) == {}


def rows(*lines: str) -> None:
    write("in/tags.csv", "\n".join(("path,tags", *lines, "")))


@pytest.mark.parametrize("path", ["in", "in/tags.yaml"])
def test_prune_includes_commits_that_changed_only_a_csv_file(tagsync: Command, path: str) -> None:
    write("in/tags.yaml", "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n")
    rows("/shop/a.jpg,shop")
    base = commit()
    rows("/shop/a.jpg,shop;sale", "/other.jpg,hero")
    second = commit()
    rows("/shop/a.jpg,shop")
    commit()
    ran = tagsync(*PLAN, f"--prune-since={base}", path)
    assert removals(ran.document) == {"/other.jpg": ["hero"], "/shop/a.jpg": ["sale"]}
    places = {reason["source"] for change in ran.document["changes"] for reason in change["because"]}
    assert places == {f"{second[:7]}:in/tags.csv:2:18", f"{second[:7]}:in/tags.csv:3:12"}


def test_prune_includes_csv_files_that_a_later_commit_named(tagsync: Command) -> None:
    base = git("rev-parse", "HEAD")
    write("in/tags.yaml", "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n")
    rows("/shop/a.jpg,shop", "/shop/b.jpg,shop")
    commit()
    rows("/shop/a.jpg,shop;sale;by-hand", "/shop/b.jpg,shop")
    commit()
    Path("in/tags.csv").unlink()
    rules(SHOP)
    commit()
    ran = tagsync(*PLAN, f"--prune-since={base}", "in/tags.yaml")
    assert removals(ran.document) == {"/shop/a.jpg": ["by-hand"]}


def test_prune_removes_what_was_dropped_only_from_a_csv_file(tagsync: Command) -> None:
    write("in/tags.yaml", "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n")
    rows("/shop/a.jpg,shop;sale", "/other.jpg,hero")
    commit()
    rows("/shop/a.jpg,shop")
    for path in ("in", "in/tags.yaml"):
        assert removals(tagsync(*PRUNE, path).document) == {"/other.jpg": ["hero"], "/shop/a.jpg": ["sale"]}


def test_prune_since_an_annotated_tag_uses_its_commit(tagsync: Command) -> None:
    head = git("rev-parse", "HEAD")
    git("tag", "--annotate", "v1", "--message", "a release")
    rules(SHOP.replace("sale, ", ""))
    commit()
    (change,) = tagsync(*PLAN, "--prune-since=v1", "in").document["changes"]
    assert change["because"][0]["source"] == f"{head[:7]}:in/tags.yaml:6:14"


def test_prune_since_a_revision_of_another_branch_uses_its_manifests(tagsync: Command) -> None:
    branch = git("branch", "--show-current")
    git("checkout", "--quiet", "-b", "other")
    rules("- path: /shop/a.jpg\n  tags: [by-hand]\n")
    commit()
    git("checkout", "--quiet", branch)
    rules(SHOP.replace("sale, ", ""))
    commit()
    assert removals(tagsync(*PLAN, "--prune-since=other", "in").document) == {"/shop/a.jpg": ["by-hand"]}
    git("checkout", "--quiet", "--orphan", "unrelated")
    commit()
    assert removals(tagsync(*PLAN, "--prune-since=other", "in").document) == {"/shop/a.jpg": ["by-hand"]}


def test_prune_of_a_repository_in_a_repository_uses_the_inner_history(tagsync: Command) -> None:
    rules("- path: /other.jpg\n  tags: [sale]\n", "in/inner/tags.yaml")
    git("init", "--quiet", "in/inner")
    git("add", "--all", folder="in/inner")
    git("commit", "--quiet", "--message", "the inner state", folder="in/inner")
    rules("- path: /other.jpg\n  tags: [new]\n", "in/inner/tags.yaml")
    assert removals(tagsync(*PRUNE, "in/inner").document) == {"/other.jpg": ["sale"]}
    outer = tagsync(*PRUNE, "in")
    assert (outer.code, removals(outer.document)) == (0, {})
    both = tagsync("plan", "--sandbox=library.jsonl", "--prune-since=HEAD", "in/inner", "in")
    assert (both.code, both.out) == (64, "")
    assert "in is not in the git work tree of the other PATHs" in both.err


def test_prune_compares_with_files_and_not_with_the_index(tagsync: Command) -> None:
    rules(SHOP.replace("hero", "star"))
    git("add", "in")
    rules(SHOP.replace("sale, ", ""))
    write("in/untracked.yaml", manifest("- path: /other.jpg\n  tags: [hero]\n"))
    before = git("status", "--porcelain")
    assert removals(tagsync(*PRUNE, "in").document) == {"/shop/a.jpg": ["sale"]}
    assert git("status", "--porcelain") == before


def test_undo_of_a_prune_says_what_removes_the_tags_again(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--prune-since=HEAD", "in")
    ran = tagsync("undo", "--sandbox=library.jsonl")
    assert "+ sale  1 file" in ran.out
    asks = "No rule declares the tags that --prune-since removed. "
    assert f"{asks}The next plan that prunes since the same commit removes them again, unless" in ran.err
    assert "The manifests still ask" not in ran.err


def test_undo_of_a_prune_with_other_changes_tells_both_apart(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", "new, "))
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--prune-since=HEAD", "in")
    ran = tagsync("undo", "--sandbox=library.jsonl")
    assert "The manifests still ask for the other changes. Update them, or" in ran.err
    assert "No rule declares the tags that --prune-since removed" in ran.err


def test_undo_of_a_prune_names_the_applied_commit_from_which_plans_keep_the_tags(tagsync: Command) -> None:
    rules(SHOP.replace("sale, ", ""))
    commit()
    tagsync("apply", "--yes", "--sandbox=library.jsonl", "--prune-since=HEAD~1", "in")
    applied = git("rev-parse", "--short=12", "HEAD")
    said = tagsync("undo", "--out=undo.json", "--sandbox=library.jsonl").err
    assert f"A plan that prunes since commit {applied} or later keeps them, one since an older commit removes" in said
    tagsync("apply", "--sandbox=library.jsonl", "undo.json")
    assert removals(tagsync(*PLAN, "--prune-since=HEAD", "in").document) == {}
    assert removals(tagsync(*PLAN, "--prune-since=HEAD~1", "in").document) == {"/shop/a.jpg": ["sale"]}


def test_prune_follows_links_of_later_commits(tagsync: Command) -> None:
    first = git("rev-parse", "HEAD")
    Path("in/linked.yaml").symlink_to("tags.yaml")
    commit()
    Path("in/linked.yaml").unlink()
    rules(SHOP.replace("sale, ", ""))
    commit()
    made = tagsync(*PLAN, f"--prune-since={first}", "in")
    assert removals(made.document).keys() == {"/shop/a.jpg"}


@pytest.mark.parametrize("option", ["--prune-since", "--changed-since"])
def test_revision_that_excludes_a_commit_is_unknown(tagsync: Command, option: str) -> None:
    ran = tagsync("plan", "--sandbox=library.jsonl", f"{option}=^HEAD", "in")
    assert ran.code == 64
    assert f"{option}: git knows no revision ^HEAD here" in ran.err


def test_prune_of_a_path_below_an_earlier_link_is_refused(tagsync: Command) -> None:
    rules(SHOP, "real/sub/tags.yaml")
    Path("linked").symlink_to("real")
    first = commit()
    Path("linked").unlink()
    rules(SHOP.replace("sale, ", ""), "linked/sub/tags.yaml")
    for path in ("linked/sub", "linked"):
        ran = tagsync("plan", "--sandbox=library.jsonl", f"--prune-since={first}", path)
        assert ran.code == 4
        assert f"'linked' is a symbolic link at commit {first[:7]}, so its earlier content is unknown" in ran.err
    assert tagsync(*PRUNE, "real/sub").code == 0
