"""Random histories of manifests and applies end with the tags of the last commit, plus those that people added.

Rules move between manifests and CSV files, manifests are renamed, files are moved, applies fail or are skipped.
Histories with even seeds keep their state directory. In every third one, PATH is one manifest that names a CSV file,
and all rules are rows of it.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from builders import Sandbox, acks, file_object, id_of, manifest
from repository import git

import tagsync
from tagsync.api.decide import PlanOptions

PATHS = [f"/{folder}/{name}.jpg" for folder in "xyz" for name in "abc"]
SLOTS = ("one", "two", "three", "csv")
"""Where a rule is declared: in one of three manifests, or in a CSV file."""
TAGS = [f"tag-{number}" for number in range(6)]
BASE = "/base.jpg"
ROWS = "apiVersion: tagsync/v1\nkind: TagSet\nspec: {filesFrom: [NAME.csv]}\n"
"""The manifest that names a CSV file."""


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

    Args:
        folder: the repository.
        library: the library.
        seed: decides everything.
        keeps_state: whether runs keep a state directory; otherwise each run starts without one.
    """

    def __init__(self, folder: Path, library: Sandbox, seed: int, *, keeps_state: bool) -> None:
        self.folder, self.library, self.chance = folder, library, random.Random(seed)
        self.rules: dict[Rule, str] = {}
        self.is_one = seed % 3 == 0
        self.names = {slot: f"{slot}.yaml" for slot in (("csv",) if self.is_one else SLOTS)}
        self.path = folder / "in" / ("csv.yaml" if self.is_one else "")
        self.ids = {path: id_of(path) for path in PATHS}
        self.others: dict[str, set[str]] = {path: set() for path in PATHS}
        """The tags of each file that no rule gave it: somebody added them, or the file had them when it was moved."""
        self.declared: list[dict[str, set[str]]] = []
        """The tags that each commit since the ref declares for each path."""
        self.keeps_state = keeps_state
        git("init", "--quiet", folder=self.folder)

    def commit(self) -> None:
        """Add, move and drop some rules, and rename some manifests."""
        for _ in range(self.chance.randint(1, 3)):
            self.rules[some_rule(self.chance)] = self.chance.choice(list(self.names))
        for rule in list(self.rules):
            drawn = self.chance.random()
            if drawn < 0.3:
                del self.rules[rule]
            elif drawn < 0.5:
                self.rules[rule] = self.chance.choice(list(self.names))
        for slot in () if self.is_one else SLOTS:
            if self.chance.random() < 0.2:
                folder = self.chance.choice(["", "more/", "more/still/"])
                self.names[slot] = f"{folder}{slot}-{self.chance.randrange(9)}.yaml"
        shutil.rmtree(self.folder / "in", ignore_errors=True)
        for slot, name in self.names.items():
            rules = [rule for rule, place in self.rules.items() if place == slot]
            self.chance.shuffle(rules)
            self._write(self.folder / "in" / name, rules, as_csv=slot == "csv")
        self._write(self.folder / "in" / "base.yaml", [Rule(BASE, "base")], as_csv=False)
        git("add", "--all", folder=self.folder)
        git("commit", "--quiet", "--allow-empty", "--message", "a state", folder=self.folder)
        self.declared.append({path: self._rule_tags(path) for path in PATHS})

    def _write(self, path: Path, rules: list[Rule], *, as_csv: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if as_csv:
            rows = "".join(f"{rule.selector},{rule.tag}\n" for rule in rules)
            path.with_suffix(".csv").write_text(f"match,tags\n{rows}", encoding="utf-8")
            path.write_text(ROWS.replace("NAME", path.stem), encoding="utf-8")
        elif rules:
            path.write_text(manifest("".join(rule.text for rule in rules)), encoding="utf-8")

    def _rule_tags(self, path: str) -> set[str]:
        return {rule.tag_of(path) for rule in self.rules if rule.selects(path)}

    def tags(self, path: str) -> set[str]:
        return set(self.library.store.files([self.ids[path]])[self.ids[path]].tags)

    def edit(self) -> None:
        """Add a tag as a person does, or move two files to each other's paths."""
        if self.chance.random() < 0.3:
            one, other = self.chance.sample(PATHS, 2)
            self.library.swap(self.ids[one], one, self.ids[other], other)
            self.ids[one], self.ids[other] = self.ids[other], self.ids[one]
            for path in (one, other):
                self.others[path] = self.tags(path)
            return
        path, tag = self.chance.choice(PATHS), f"by-hand-{self.chance.randrange(3)}"
        self.others[path].add(tag)
        file = self.library.store.files([self.ids[path]])[self.ids[path]]
        self.library.store.save([file._replace(tags=sorted({*file.tags, tag}))])

    def apply(self, ref: str, max_requests: int | None = None) -> bool:
        """Apply the newest commit as a pipeline does, and move the ref if that is complete."""
        state = self.folder / ".git" / "tagsync-state"
        if not self.keeps_state:
            shutil.rmtree(state, ignore_errors=True)
        target = replace(self.library.target, library=str(self.folder))
        workspace = tagsync.Workspace(target, state)
        options = PlanOptions(prune_since=ref)
        plan = tagsync.plan(self.path, target=target, options=options, workspace=workspace)
        applying = tagsync.ApplyOptions(acks=acks(plan), max_requests=max_requests)
        report = tagsync.apply(plan, target=target, options=applying, workspace=workspace)
        workspace.record(report)
        if report.converged:
            git("update-ref", ref, "HEAD", folder=self.folder)
            for path in PATHS:
                self.others[path] -= set[str]().union(*(tags[path] for tags in self.declared))
            del self.declared[:-1]
        return report.converged

    def wanted(self, path: str) -> set[str]:
        return self.others[path] | self._rule_tags(path)


def live(history: History) -> None:
    """Run a random history, and check that the library is as the last commit declares."""
    ref = "refs/tagsync/production"
    history.commit()
    git("update-ref", ref, "HEAD", folder=history.folder)
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
    assert {path: history.tags(path) for path in PATHS} == {path: history.wanted(path) for path in PATHS}


def run(sandbox: Callable[..., Sandbox], folder: Path, seed: int) -> None:
    folder.mkdir()
    library = sandbox(*(file_object(path) for path in [*PATHS, BASE]))
    live(History(folder, library, seed, keeps_state=seed % 2 == 0))


@pytest.mark.parametrize("seed", range(10))
def test_prune_histories_end_as_the_last_commit_declares(
    sandbox: Callable[..., Sandbox], tmp_path: Path, seed: int
) -> None:
    run(sandbox, tmp_path / "repository", seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 1010))
def test_prune_thousand_histories_end_as_the_last_commit_declares(
    sandbox: Callable[..., Sandbox], tmp_path: Path, seed: int
) -> None:
    run(sandbox, tmp_path / "repository", seed)
