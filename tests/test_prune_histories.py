"""Random histories of manifests and applies end with the tags of the last commit, plus those that people added."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from builders import Sandbox, acks, file_object, id_of, manifest

import tagsync
from tagsync.api.decide import PlanOptions

PATHS = [f"/{folder}/{name}.jpg" for folder in "xyz" for name in "abc"]
CSV_FILE = "more/rows.csv"
MANIFESTS = ("one.yaml", "two.yaml", "more/three.yaml", CSV_FILE)
ROWS = "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [rows.csv]}\n"
"""The manifest that names the CSV file."""
TAGS = [f"tag-{number}" for number in range(6)]
BASE = "/base.jpg"


class Rule(NamedTuple):
    """A rule that selects a path, a folder, or with a capture all folders."""

    selector: str
    tag: str

    def selects(self, path: str) -> bool:
        return self.selector == path or path.startswith(self.selector.removesuffix("*")) or "{" in self.selector

    def tag_of(self, path: str) -> str:
        return self.tag.replace("{folder}", path.split("/")[1])

    @property
    def text(self) -> str:
        key = "match" if "*" in self.selector else "path"
        return f'- {key}: "{self.selector}"\n  tags: ["{self.tag}"]\n'


SELECTORS = [*PATHS, "/x/*", "/y/*", "/z/*"]


def some_rule(chance: random.Random) -> Rule:
    if chance.random() < 0.2:
        return Rule("/{folder}/*", f"in-{{folder}}-{chance.randrange(2)}")
    return Rule(chance.choice(SELECTORS), chance.choice(TAGS))


class History:
    """A repository of manifests, and a library that people edit too.

    In every third one, PATH is the one manifest that names the CSV file, and all rules are rows.
    """

    def __init__(self, folder: Path, library: Sandbox, seed: int) -> None:
        self.folder, self.library, self.chance = folder, library, random.Random(seed)
        self.rules: dict[Rule, str] = {}
        is_one = seed % 3 == 0
        self.names = (CSV_FILE,) if is_one else MANIFESTS
        self.path = folder / "in" / ("more/rows.yaml" if is_one else "")
        self.by_hand: dict[str, set[str]] = {path: set() for path in PATHS}
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own

    def commit(self) -> None:
        """Add, move and drop some rules."""
        for _ in range(self.chance.randint(1, 3)):
            self.rules[some_rule(self.chance)] = self.chance.choice(self.names)
        for rule in list(self.rules):
            drawn = self.chance.random()
            if drawn < 0.3:
                del self.rules[rule]
            elif drawn < 0.5:
                self.rules[rule] = self.chance.choice(self.names)
        for name in self.names:
            path = self.folder / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            rules = [rule for rule, place in self.rules.items() if place == name]
            self.chance.shuffle(rules)
            texts = [rule.text for rule in rules]
            if name == CSV_FILE:
                rows = "".join(f"{rule.selector},{rule.tag}\n" for rule in rules)
                path.write_text(f"match,tags\n{rows}", encoding="utf-8")
                path.with_suffix(".yaml").write_text(ROWS, encoding="utf-8")
            elif texts:
                path.write_text(manifest("".join(texts)), encoding="utf-8")
            else:
                path.unlink(missing_ok=True)
        (self.folder / "in" / "base.yaml").write_text(manifest(Rule(BASE, "base").text), encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a state")

    def edit(self) -> None:
        """Add a tag as a person does."""
        path, tag = self.chance.choice(PATHS), f"by-hand-{self.chance.randrange(3)}"
        self.by_hand[path].add(tag)
        file = self.library.store.files([id_of(path)])[id_of(path)]
        self.library.store.save([file._replace(tags=sorted({*file.tags, tag}))])

    def apply(self, ref: str, max_requests: int | None = None) -> bool:
        """Apply the newest commit as a pipeline does, and move the ref if that is complete."""
        options = PlanOptions(prune_since=ref)
        plan = tagsync.plan(self.path, target=self.library.target, options=options)
        applying = tagsync.ApplyOptions(acks=acks(plan), max_requests=max_requests)
        report = tagsync.apply(plan, target=self.library.target, options=applying)
        if report.converged:
            self.git("update-ref", ref, "HEAD")
        return report.converged

    def wanted(self, path: str) -> set[str]:
        return self.by_hand[path] | {rule.tag_of(path) for rule in self.rules if rule.selects(path)}


def live(history: History) -> None:
    """Run a random history, and check that the library is as the last commit declares."""
    ref = "refs/tagsync/production"
    history.commit()
    history.git("update-ref", ref, "HEAD")
    for _ in range(history.chance.randint(2, 5)):
        for _ in range(history.chance.randrange(3)):
            history.edit()
        match history.chance.choice(["apply", "twice", "half", "half", "skip"]):
            case "apply":
                assert history.apply(ref)
            case "twice":
                assert history.apply(ref)
                assert history.apply(ref)
            case "half":
                history.apply(ref, max_requests=1)
        history.commit()
    assert history.apply(ref)
    assert {path: history.library.tags(path) for path in PATHS} == {path: history.wanted(path) for path in PATHS}


def run(sandbox: Callable[..., Sandbox], folder: Path, seed: int) -> None:
    folder.mkdir()
    live(History(folder, sandbox(*(file_object(path) for path in [*PATHS, BASE])), seed))


@pytest.mark.parametrize("seed", range(30))
def test_prune_histories_end_as_the_last_commit_declares(
    sandbox: Callable[..., Sandbox], tmp_path: Path, seed: int
) -> None:
    run(sandbox, tmp_path / "repository", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 1030))
def test_prune_thousand_histories_end_as_the_last_commit_declares(
    sandbox: Callable[..., Sandbox], tmp_path: Path, seed: int
) -> None:
    run(sandbox, tmp_path / "repository", seed)
