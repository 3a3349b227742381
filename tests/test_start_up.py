import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import manifest

import tagsync

COSTLY = ("click", "httpx", "jinja2", "jsonschema", "yaml", "rich")


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Return which expensive packages are loaded after some code ran in a new process."""
    script = (
        "import os, sys\n"
        f"def tell(): print(*(set({COSTLY!r}) & sys.modules.keys()), file=sys.stderr, flush=True)\n"
        "leave = os._exit\n"
        "os._exit = lambda code: (tell(), leave(code))\n"
        f"sys.argv = ['tagsync', *{arguments!r}]\n"
        f"try:\n    exec({code!r})\nfinally:\n    tell()\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert not arguments or ran.stdout
    return set(ran.stderr.split())


COMMAND = "from tagsync.__main__ import main\nmain()"


def test_start_up_version_loads_no_library() -> None:
    assert loaded_by(COMMAND, "--version") == set()


def test_start_up_version_avoids_slow_standard_modules() -> None:
    script = "import sys\nfrom tagsync.__main__ import main\nsys.argv = ['tagsync', '--version']\n"
    script += "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    # Coverage loads them as well when it is measured.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ran = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert "tagsync.__main__" in ran.stderr.split()
    assert {"typing", "re", "inspect", "asyncio", "json"} & set(ran.stderr.split()) == set()


@pytest.mark.parametrize("arguments", [("--help",), ("plan", "--help"), ("sandbox", "serve", "--help"), ("schema",)])
def test_start_up_help_loads_only_click(arguments: tuple[str, ...]) -> None:
    assert loaded_by(COMMAND, *arguments) == {"click"}


def test_start_up_import_loads_no_library() -> None:
    assert loaded_by("import tagsync\ntagsync.__version__") == set()


def test_start_up_commands_load_html_only_if_needed(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- path: /a.jpg\n  tags: [a]"), encoding="utf-8")
    assert "jinja2" not in loaded_by(COMMAND, "validate", str(path))
    assert "jinja2" in loaded_by(COMMAND, "validate", "--format", "html", str(path))


def test_start_up_loaded_modules_are_noticed() -> None:
    assert loaded_by("import yaml, tagsync.api.decide") >= {"httpx", "jsonschema", "yaml"}


def test_start_up_version_is_printed() -> None:
    ran = subprocess.run([sys.executable, "-m", "tagsync", "--version"], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == (f"tagsync {tagsync.__version__}\n", "")


def test_public_names_resolve_and_are_sorted() -> None:
    assert tagsync.__all__ == sorted(tagsync.__all__)
    assert {name for name in tagsync.__all__ if getattr(tagsync, name).__name__ != name} == set()


def test_public_names_are_listed_by_dir() -> None:
    assert dir(tagsync) == sorted([*tagsync.__all__, "__version__"])


def test_public_names_refuse_private_ones() -> None:
    with pytest.raises(AttributeError, match="module 'tagsync' has no attribute 'Client'"):
        _ = tagsync.Client
