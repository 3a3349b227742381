import re
from pathlib import Path

import pytest
from pages import DOCS, ROOT, Step, blocks, is_shown, run_steps, steps

PAGE = DOCS / "tutorial.md"

WHOLE = 30
"""The minimum number of commands; with fewer, the tutorial is not parsed correctly."""

README = ROOT / "README.md"
TRIED = [page for page in [README, *sorted(DOCS.rglob("*.md"))] if blocks(page, "console")]


@pytest.mark.parametrize("page", TRIED, ids=lambda page: page.stem)
def test_tutorial_commands_do_what_pages_show(tmp_path: Path, page: Path) -> None:
    commands = steps(page)
    for step, ran in zip(commands, run_steps(commands, tmp_path), strict=True):
        told = f"{page.name}:{step.line}: {step.command}\n" + "\n".join(ran.output)
        assert ran.code == step.code, f"exit code {ran.code}: {told}"
        if step.output:
            assert is_shown(step.output, ran.output), told


def test_tutorial_commands_are_all_found() -> None:
    assert len(steps(PAGE)) >= WHOLE


def test_tutorial_installs_as_the_readme_does() -> None:
    install, activate = blocks(PAGE, "sh")[0].text.splitlines()
    readme = README.read_text("utf-8")
    assert f"\n{install} && .venv/bin/tagsync apply" in readme
    assert f"`{activate}`" in readme


def test_readme_shows_its_example_manifest() -> None:
    [block] = blocks(README, "yaml")
    assert f"{block.text}\n" == (ROOT / "examples" / "quickstart" / "tags.yaml").read_text("utf-8")


def test_readme_set_up_prints_what_ci_looks_for(tmp_path: Path) -> None:
    looked_for = re.findall(r"^grep -q '([^']+)'", (ROOT / ".ci" / "run").read_text("utf-8"), flags=re.MULTILINE)
    [apply] = re.findall(
        r"^python3 -m venv .*&& \.venv/bin/(tagsync apply .*)$", README.read_text("utf-8"), flags=re.MULTILINE
    )
    printed = run_steps([Step(apply, 0, (), 1)] * 2, tmp_path)
    assert [words in "\n".join(ran.output) for words, ran in zip(looked_for, printed, strict=True)] == [True, True]


def test_readme_stays_short() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1200


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        (["a", "b"], ["a"]),
        (["a"], ["a", "b"]),
        (["a", "…"], ["a"]),
        (["a", "…", "c"], ["a", "c"]),
        (["  a"], ["a"]),
        (["1 call in 0.1 s"], ["2 calls in 0.1 s"]),
        (["digest sha256:" + "a" * 64], ["digest sha256:" + "a" * 63]),
        (["on 2026-12-31"], ["on 2026-12"]),
    ],
)
def test_tutorial_output_that_differs_is_noticed(page: list[str], printed: list[str]) -> None:
    assert not is_shown(page, printed)


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        (["a", "…", "d"], ["a", "b", "c", "d"]),
        (["2 calls in 0.1 s (0.0 s waited)"], ["2 calls in 12.3 s (1.0 s waited)"]),
        (["digest sha256:" + "a" * 64], ["digest sha256:" + "b" * 64]),
        (["on 2026-12-31"], ["on 2027-01-01"]),
    ],
)
def test_tutorial_accepts_omitted_and_varying_output(page: list[str], printed: list[str]) -> None:
    assert is_shown(page, printed)


def test_tutorial_commands_share_a_shell_and_fail_alone(tmp_path: Path) -> None:
    commands = [Step(line, 0, (), 1) for line in ("cd examples", "x=1", "false", "cat <<'E'\n$x\nE", 'pwd; echo "$x"')]
    ran = run_steps(commands, tmp_path)
    assert [item.code for item in ran] == [0, 0, 1, 0, 0]
    assert ran[3].output == ["$x"]
    assert ran[4].output == [str(tmp_path / "examples"), "1"]
