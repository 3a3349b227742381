"""Plans for only those files whose rules changed since a git revision."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ai, file_object, manifest
from cli.command import Command
from repository import commit, git, start_repository, write

PLAN = ("plan", "--sandbox=library.jsonl", "--format=json")
SINCE = (*PLAN, "--changed-since=HEAD")


SHOES = """
- path: /a.jpg
  tags: [red]
- path: /b.jpg
  tags: [blue]
"""


@pytest.fixture(autouse=True)
def _a_work_tree(library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    start_repository(monkeypatch)
    library(*(file_object(f"/{name}.jpg", ["red"] if name == "c" else [], [ai("Person", 50)]) for name in "abcd"))
    write("in/shoes.yaml", manifest(SHOES))
    write("in/more.yaml", manifest("- match: /c*\n  exclusive: true\n  tags: [kept]"))
    commit()


def paths(document: object) -> list[str]:
    assert isinstance(document, dict)
    return [change["path"] for change in document["changes"]]


def test_changed_since_plans_only_files_of_changed_rules(tagsync: Command) -> None:
    assert paths(tagsync(*PLAN, "in").document) == ["/a.jpg", "/b.jpg", "/c.jpg"]
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    narrowed = tagsync(*SINCE, "in").document
    assert paths(narrowed) == ["/b.jpg"]
    assert narrowed["inputs"]["changedSince"] == git("rev-parse", "HEAD")
    assert narrowed["changes"][0]["add"] == ["green"]


def test_changed_since_plans_nothing_without_changes(tagsync: Command) -> None:
    assert paths(tagsync(*SINCE, "in").document) == []


def test_changed_since_includes_files_of_a_deleted_rule(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES + "- path: /c.jpg\n  tags: [red]\n"))
    commit()
    write("in/shoes.yaml", manifest(SHOES))
    narrowed = tagsync(*SINCE, "in").document
    assert paths(narrowed) == ["/c.jpg"]
    assert narrowed["changes"][0]["remove"] == ["red"]


def test_changed_since_includes_files_of_the_old_and_new_selector(tagsync: Command) -> None:
    write("in/more.yaml", manifest("- match: /d*\n  exclusive: true\n  tags: [kept]"))
    write("in/all.yaml", manifest("- match: /**\n  tags: [everywhere]"))
    commit()
    write("in/more.yaml", manifest("- match: /c*\n  exclusive: true\n  tags: [kept]"))
    assert paths(tagsync(*SINCE, "in").document) == ["/c.jpg", "/d.jpg"]


@pytest.mark.parametrize(
    "new",
    [
        "# a comment\n" + manifest(SHOES),
        manifest(SHOES.replace("[red]", '["red"]')),
        manifest("- path: /b.jpg\n  tags: [blue]\n- path: /a.jpg\n  tags: [red]"),
    ],
)
def test_changed_since_ignores_a_rule_that_only_moved(tagsync: Command, new: str) -> None:
    write("in/shoes.yaml", new)
    assert paths(tagsync(*SINCE, "in").document) == []


def test_changed_since_ignores_a_rule_that_moved_to_another_manifest(tagsync: Command) -> None:
    Path("in/shoes.yaml").rename("in/boots.yaml")
    assert paths(tagsync(*SINCE, "in").document) == []


@pytest.mark.parametrize(
    "change",
    [
        "  absent: [old]",
        "  exclusive: true",
        "  exclusive: {only: [x*]}",
        "  aiTags: {remove: [Person]}",
        "  aiTags: {minConfidence: 70}",
        "  aiTags: {remove: all, keep: [Person]}",
        "  aiTags: {remove: [Person], source: aws-auto-tagging}",
        "  aiTags: {promote: {minConfidence: 40}}",
        "  until: 2020-01-01",
        "  ifMissing: warn",
        "  ifOverLimit: warn",
    ],
)
def test_changed_since_notices_every_key_of_a_rule(tagsync: Command, change: str) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("[red]", f"[red]\n{change}") + "- match: /a*\n  tags: [z]\n"))
    commit()
    write("in/shoes.yaml", manifest(SHOES + "- match: /a*\n  tags: [z]\n"))
    assert paths(tagsync(*SINCE, "in").document) == ["/a.jpg"]


def test_changed_since_runs_the_old_and_new_query(tagsync: Command) -> None:
    write("in/query.yaml", manifest("- query: 'name = \"d.jpg\"'\n  tags: [found]"))
    write("in/all.yaml", manifest("- match: /d*\n  tags: [everywhere]"))
    commit()
    write("in/query.yaml", manifest("- query: 'name = \"c.jpg\"'\n  tags: [found]"))
    assert paths(tagsync(*SINCE, "in").document) == ["/c.jpg", "/d.jpg"]


def test_changed_since_evaluates_conflicts_and_guards_on_all_files(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    whole, narrowed = tagsync(*PLAN, "in").document, tagsync(*SINCE, "in").document
    assert narrowed["guards"] == whole["guards"]
    write("in/shoes.yaml", manifest(SHOES + "- match: /?.jpg\n  absent: [kept]\n"))
    ran = tagsync(*SINCE, "in")
    assert (ran.code, ran.document["changes"]) == (1, [])


DEFAULTS = manifest(SHOES, spec="defaults:\n  tags: [catalog]")
POLICY = "apiVersion: tagsync/v1\nkind: Policy\nspec:\n  guards:\n    emptiedFiles: {above: 0}\n"
VOCABULARY = "apiVersion: tagsync/v1\nkind: Vocabulary\nspec:\n  forbidden: [tmp]\n"


@pytest.mark.parametrize(
    ("old", "name", "new", "words"),
    [
        (DEFAULTS, "in/policy.yaml", POLICY, "a Policy changed"),
        (DEFAULTS, "in/words.yaml", VOCABULARY, "a Vocabulary changed"),
    ],
)
def test_changed_since_refuses_a_changed_policy_or_vocabulary(
    tagsync: Command, old: str, name: str, new: str, words: str
) -> None:
    write("in/shoes.yaml", old)
    git("commit", "--quiet", "--all", "--allow-empty", "--message", "the old side")
    write(name, new)
    ran = tagsync(*SINCE, "in")
    assert ran.code == 4
    assert f"--changed-since HEAD cannot filter this plan: {words}, which affects files that no changed" in ran.err


@pytest.mark.parametrize("old", [DEFAULTS, manifest(SHOES)])
def test_changed_since_applies_changed_defaults_to_their_rules(tagsync: Command, old: str) -> None:
    write("in/shoes.yaml", old)
    git("commit", "--quiet", "--all", "--allow-empty", "--message", "the old side")
    write("in/shoes.yaml", DEFAULTS.replace("catalog", "shop"))
    assert paths(tagsync(*SINCE, "in").document) == ["/a.jpg", "/b.jpg"]


def test_changed_since_ignores_changed_defaults_of_other_rules(tagsync: Command) -> None:
    other = "---\n" + manifest("- path: /d.jpg\n  tags: [new]")
    write("in/shoes.yaml", DEFAULTS + other)
    commit()
    write("in/shoes.yaml", manifest(SHOES) + other)
    assert paths(tagsync(*SINCE, "in").document) == ["/a.jpg", "/b.jpg"]


def test_changed_since_range_compares_with_the_merge_base(tagsync: Command) -> None:
    base, branch = git("rev-parse", "HEAD"), git("branch", "--show-current")
    git("checkout", "--quiet", "-b", "theirs")
    write("in/more.yaml", manifest("- match: /c*\n  tags: [theirs]"))
    commit()
    git("checkout", "--quiet", branch)
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    commit()
    for ref in ("theirs...HEAD", "theirs...", "...theirs"):
        document = tagsync(*PLAN, f"--changed-since={ref}", "in").document
        assert document["inputs"]["changedSince"] == base
        assert paths(document) == ["/b.jpg"]


def test_changed_since_shows_advice_of_git_on_separate_lines(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    ran = tagsync("plan", "--sandbox=library.jsonl", "--changed-since=HEAD", "in")
    assert ran.code == 64
    first, *advice = ran.err.splitlines()
    assert first.startswith("error: --changed-since: fatal: detected dubious ownership in repository at ")
    assert any(line.startswith("  git config --global --add safe.directory ") for line in advice)


def test_changed_since_escapes_advice_of_git_in_ci_logs(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nprintf 'fatal: no\\n::error::x\\n\\033[31m##[group]\\n' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    ran = tagsync("plan", "--sandbox=library.jsonl", "--changed-since=HEAD", "in")
    assert ran.err.splitlines() == [
        "error: --changed-since: fatal: no",
        "  \\x3a:error::x",
        "  \\x1b[31m\\x23#[group]",
    ]


def test_changed_since_accepts_new_and_deleted_defaults(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES) + "---\n" + manifest("- path: /d.jpg", spec="defaults:\n  tags: [new]"))
    assert paths(tagsync(*SINCE, "in").document) == ["/d.jpg"]
    commit()
    write("in/shoes.yaml", manifest(SHOES))
    assert tagsync(*SINCE, "in").code == 0


def test_changed_since_ignores_policies_that_do_not_apply(tagsync: Command) -> None:
    write("in/policy.yaml", POLICY)
    write("policy.yaml", POLICY)
    assert tagsync(*SINCE, "in").code == 4
    assert tagsync(*SINCE, "--policy=policy.yaml", "in").code == 0


def test_changed_since_refuses_a_revision_with_errors(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest("- path: /a.jpg\n  tag: [red]"))
    commit()
    write("in/shoes.yaml", manifest(SHOES))
    ran = tagsync(*SINCE, "in")
    assert ran.code == 4
    assert "the manifests at HEAD have errors (unknown key 'tag'" in ran.err


def test_changed_since_treats_missing_manifests_as_new(tagsync: Command) -> None:
    write("new/tags.yaml", manifest("- path: /d.jpg\n  tags: [new]"))
    assert paths(tagsync(*SINCE, "new").document) == ["/d.jpg"]
    assert paths(tagsync(*SINCE, "new/tags.yaml", "in").document) == ["/d.jpg"]


def test_changed_since_works_in_any_folder(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    here = Path.cwd()
    monkeypatch.chdir("in")
    options = ("--sandbox", here / "library.jsonl", "--state-dir", here / ".tagsync", "--format=json")
    for given in (".", "../in", here / "in", "shoes.yaml"):
        assert paths(tagsync("plan", *options, "--changed-since=HEAD", given).document)[0] == "/b.jpg"


def test_changed_since_leaves_index_and_work_tree_unchanged(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    git("add", "in")
    before = git("status", "--porcelain")
    tagsync(*SINCE, "in")
    assert git("status", "--porcelain") == before


def test_filtered_plan_can_be_saved_shown_and_applied(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    tagsync(*SINCE, "--out=plan.json", "in")
    assert tagsync("show", "--format=json", "plan.json").document["inputs"]["changedSince"]
    assert tagsync("apply", "--sandbox=library.jsonl", "--format=json", "plan.json").document["outcome"] == "converged"
    assert paths(tagsync(*PLAN, "in").document) == ["/a.jpg", "/c.jpg"]


def test_filtered_plan_causes_no_drift_in_the_next_plan(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    tagsync(*SINCE, "--out=plan.json", "in")
    tagsync("apply", "--sandbox=library.jsonl", "plan.json")
    assert "drift" not in tagsync(*PLAN, "in").document


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--changed-since=nowhere", "in"), 64, "git knows no revision nowhere here: check the name"),
        (("--changed-since=--help", "in"), 64, "git knows no revision --help here"),
        (("--changed-since=HEAD:in", "in"), 64, "git knows no revision HEAD:in here"),
        (("--changed-since=HEAD..HEAD", "in"), 64, "give one revision, or A...B for the merge base of A and B"),
        (("--changed-since=HEAD...nowhere", "in"), 64, "git knows no revision nowhere here"),
        (("--changed-since=HEAD", "-"), 64, "cannot read manifests from standard input"),
        (("--changed-since=HEAD", "in", "../elsewhere"), 64, "../elsewhere is not in the git work tree"),
        (("--changed-since=HEAD", "../elsewhere"), 64, "not a git repository"),
        (("--changed-since=", "in"), 64, "--changed-since is empty"),
        (("--changed-since=HEAD", "in/no"), 1, "this file or folder does not exist"),
    ],
)
def test_changed_since_explains_what_it_cannot_compare(
    tagsync: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    write("../elsewhere/tags.yaml", manifest(SHOES))
    ran = tagsync("plan", "--sandbox=library.jsonl", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_changed_since_needs_git(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran = tagsync(*SINCE, "in")
    assert ran.code == 64
    assert "--changed-since needs git, which is not installed here" in ran.err


def test_filtered_plan_names_its_filters_in_text(tagsync: Command) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    since = f"--changed-since {git('rev-parse', 'HEAD')[:12]}"
    told = "Filtered by --select, --shard 1/1, "
    plan = ("plan", "--sandbox=library.jsonl", "--changed-since=HEAD", "--select=/**", "--shard=1/1", "in")
    assert f"{told}{since}: other changes are left out\n" in tagsync(*plan).out
    assert f"- {told}{since}: other changes are left out\n" in tagsync(*plan, "--format=markdown").out
    assert "Filtered" not in tagsync("plan", "--sandbox=library.jsonl", "in").out


def test_changed_since_treats_a_new_folder_as_new_rules(tagsync: Command) -> None:
    write("in/later/README.md", "to come")
    write("in/later/.hidden.yaml", "not: a manifest")
    commit()
    write("in/later/tags.yaml", manifest("- path: /d.jpg\n  tags: [new]"))
    assert paths(tagsync(*SINCE, "in/later").document) == ["/d.jpg"]


def test_changed_since_notices_a_changed_expect(tagsync: Command) -> None:
    write("in/more.yaml", manifest("- match: /c*\n  exclusive: true\n  tags: [kept]\n  expect: {min: 1}"))
    assert paths(tagsync(*SINCE, "in").document) == ["/c.jpg"]


@pytest.mark.parametrize("absolute", [True, False])
def test_changed_since_refuses_paths_through_links(tagsync: Command, *, absolute: bool) -> None:
    Path("link").symlink_to(Path("in").resolve() if absolute else Path("in"))
    Path("shoes.yaml").symlink_to(Path("in/shoes.yaml").resolve() if absolute else Path("in/shoes.yaml"))
    for path in ("link", "link/shoes.yaml", "shoes.yaml"):
        ran = tagsync(*SINCE, path)
        assert (ran.code, ran.out) == (64, "")
        assert "leads through the link" in ran.err


def test_changed_since_refuses_submodules_of_the_revision(tagsync: Command) -> None:
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},in/module")
    git("commit", "--quiet", "--message", "a submodule")
    ran = tagsync(*SINCE, "in")
    assert ran.code == 4
    assert f"'in/module' is a submodule at commit {git('rev-parse', '--short=7', 'HEAD')}" in ran.err


def test_changed_since_follows_links_of_the_revision_as_of_then(tagsync: Command) -> None:
    Path("in/linked.yaml").symlink_to("shoes.yaml")
    Path("in/README").symlink_to("nowhere")
    Path("in/other").symlink_to("/etc/hostname")
    commit()
    assert paths(tagsync(*SINCE, "in").document) == []
    Path("in/linked.yaml").unlink()
    write("in/shoes.yaml", manifest("- path: /d.jpg\n  tags: [new]"))
    # What the link leads to now does not matter.
    Path("in/linked.yaml").symlink_to("other.yaml")
    write("in/other.yaml", manifest("- path: /c.jpg\n  tags: [new]"))
    assert {"/c.jpg", "/d.jpg"} <= set(paths(tagsync(*SINCE, "in").document))


@pytest.mark.parametrize("target", ["{top}/in/shoes.yaml", "../../elsewhere.yaml", "/etc/passwd"])
def test_changed_since_refuses_links_out_of_the_repository(tagsync: Command, target: str) -> None:
    Path("in/linked.yaml").symlink_to(target.format(top=Path.cwd()))
    commit()
    Path("in/linked.yaml").unlink()
    ran = tagsync(*SINCE, "in")
    assert ran.code == 4
    short = git("rev-parse", "--short=7", "HEAD")
    assert f"'in/linked.yaml' is a symbolic link that leads out of the repository at commit {short}" in ran.err


def test_changed_since_refuses_a_path_that_was_a_link(tagsync: Command) -> None:
    Path("in").rename("old")
    Path("in").symlink_to("old")
    commit()
    Path("in").unlink()
    Path("old").rename("in")
    ran = tagsync(*SINCE, "in")
    assert (ran.code, "'in' is a symbolic link at commit" in ran.err) == (4, True)


def test_changed_since_refuses_links_out_of_the_path_at_the_revision(tagsync: Command) -> None:
    write("outside.yaml", manifest("- path: /d.jpg\n  tags: [new]"))
    Path("in/linked.yaml").symlink_to("../outside.yaml")
    commit()
    Path("in/linked.yaml").unlink()
    ran = tagsync(*SINCE, "in")
    assert ran.code == 4
    assert "the manifests at HEAD have errors" in ran.err


def test_changed_since_reads_no_csv_file_through_a_link_of_the_revision(tagsync: Command) -> None:
    write("in/csv.yaml", "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [tags.csv]}\n")
    Path("secret").write_text("path,tags\n/d.jpg,secret\n", encoding="utf-8")
    Path("in/tags.csv").symlink_to(Path("secret").resolve())
    commit()
    Path("in/tags.csv").unlink()
    write("in/tags.csv", "path,tags\n/d.jpg,new\n")
    ran = tagsync(*SINCE, "in/csv.yaml")
    assert ran.code == 4
    assert f"'in/tags.csv' is a symbolic link at commit {git('rev-parse', '--short=7', 'HEAD')}" in ran.err


def test_changed_since_ignores_git_variables_of_hooks(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    write("in/shoes.yaml", manifest(SHOES.replace("blue", "green")))
    monkeypatch.setenv("GIT_DIR", str(Path(".git").resolve()))
    monkeypatch.setenv("GIT_INDEX_FILE", "elsewhere")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert paths(tagsync(*SINCE, "in").document) == ["/b.jpg"]


def test_changed_since_runs_no_hook(tagsync: Command) -> None:
    hook = Path(".git/hooks/post-index-change")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {Path.cwd()}/ran\n", encoding="utf-8")
    hook.chmod(0o755)
    tagsync(*SINCE, "in")
    assert not Path("ran").exists()


def test_changed_since_finds_defaults_for_any_form_of_path(tagsync: Command) -> None:
    write("in/shoes.yaml", DEFAULTS)
    commit()
    write("in/shoes.yaml", DEFAULTS.replace("catalog", "shop"))
    for given in (("in", Path("in").resolve()), (Path("in").resolve(), "in"), ("./in/../in",)):
        assert paths(tagsync(*SINCE, *given).document) == ["/a.jpg", "/b.jpg"]
