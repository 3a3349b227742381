"""Define a session for each check of a release. `.ci/run` runs them all in a fresh copy.

All but the tests of each Python run where nox does: install the extras "dev" and "ci" there.
"""

import os
import re
import sys
from pathlib import Path
from shutil import rmtree

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False  # in CI too, nox skips a Python that is not installed

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
GITHUB, GITLAB, KUBERNETES = ("examples/ci/github", "examples/ci/gitlab", "examples/ci/kubernetes")
FORMS = ".github/ISSUE_TEMPLATE"
ONE_PYTHON = tuple(
    f"--ignore=tests/{name}"
    for name in ("pipelines", "mutation", "test_tutorial.py", "test_layers.py", "test_links.py", "test_words.py")
)
"""Only the first Python runs these. Most start the command from a shell, for workflows and pages: `tests/cli` tests the
same commands on each Python. The others read source and pages as text, which is the same on each Python."""
OLDEST_PACKAGES = PYTHONS[1]
"""The Python of the session `lowest`. It is not the first one, so `.ci/run` needs to test each Python only once."""
PYTEST = ("pytest", "-q", "-n", "auto", "-p", "no:cacheprovider")

os.environ["PATH"] = os.pathsep.join(
    [
        str(Path(sys.executable).parent),
        os.environ["PATH"],
        *(str(folder) for version in PYTHONS for folder in Path.home().glob(f".pyenv/versions/{version}.*/bin")),
    ]
)
for name in ("IMAGEKIT_PRIVATE_KEY", "IMAGEKIT_PRIVATE_KEY_FILE"):
    os.environ.pop(name, None)


def matching(*globs: str) -> list[str]:
    """Return the files that globs match, relative to the project."""
    return sorted(str(path) for glob in globs for path in Path().glob(glob))


def install(session: nox.Session, extras: str) -> None:
    """Install more extras where nox runs."""
    session.run_install(sys.executable, "-m", "pip", "install", "-q", "-e", f".[{extras}]")


def scratch(session: nox.Session) -> Path:
    """Return an empty folder for a session."""
    folder = Path(".nox", "scratch", session.name).absolute()
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def new_environment(session: nox.Session, *arguments: str) -> Path:
    """Create an environment, install into it with these pip arguments, and return the folder of its programs."""
    folder = scratch(session)
    session.run("python", "-m", "venv", str(folder))
    session.run(str(folder / "bin" / "pip"), "install", "-q", *arguments)
    return folder / "bin"


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style, types, schemas and the examples."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("mypy", "noxfile.py")
    session.run("check-jsonschema", "--check-metaschema", *matching("tagsync/schemas/*.schema.json"))
    session.run("tagsync", "validate", "examples/manifests")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the default tests on one Python; arguments after `--` go to pytest."""
    tested = os.environ.get("TAGSYNC_TESTED_PYTHON")
    if session.python == tested:
        session.skip("this Python was tested already")
    if tested and session.python == OLDEST_PACKAGES:
        session.skip("the session `lowest` tests this Python")
    session.install("-q", "-e", ".[dev]")
    left_out = () if session.python == PYTHONS[0] else ONE_PYTHON
    session.run(*PYTEST, *left_out, *session.posargs)


@nox.session(venv_backend="none")
def pipelines(session: nox.Session) -> None:
    """Check workflows, templates, container, Kubernetes files and their scripts; run the action and slow scripts."""
    workflows = matching(".github/workflows/*.yml", f"{GITHUB}/*.yml")
    # zizmor by itself only finds workflows below .github.
    audited = ["action.yml", ".pre-commit-hooks.yaml", ".github", *matching(f"{GITHUB}/*.yml")]
    session.run("zizmor", "--offline", "--no-progress", "--strict-collection", *audited)
    for schema, files in {
        "github-actions": ["action.yml"],
        "github-workflows": workflows,
        "dependabot": [".github/dependabot.yml"],
        "github-issue-forms": [f"{FORMS}/bug.yml", f"{FORMS}/feature.yml"],
        "github-issue-config": [f"{FORMS}/config.yml"],
        "gitlab-ci": matching(f"{GITLAB}/*.yml"),
    }.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    session.run("yamllint", "--strict", ".")
    session.run("hadolint", "Dockerfile")
    session.run("kubernetes-validate", "--strict", "-k", "1.31", *matching(f"{KUBERNETES}/*.yaml"))

    scripts = scratch(session) / "scripts"
    files = ["action.yml", *matching(".github/workflows/*.yml", "examples/ci/*/*.yml", "examples/ci/*/*.yaml")]
    session.run("python", ".ci/scripts.py", str(scripts), *files)
    session.run("shellcheck", ".ci/run", ".ci/build", ".ci/coverage", *map(str, scripts.iterdir()))
    run_action(session, scripts)
    session.run(*PYTEST, "-m", "slow", "tests/pipelines")


def run_action(session: nox.Session, scripts: Path) -> None:
    """Run the action's scripts as GitHub does: install tagsync and validate the examples."""
    runner = scripts.with_name("runner")
    runner.mkdir()
    outputs = runner / "outputs"
    environment = {"RUNNER_TEMP": str(runner), "GITHUB_ACTION_PATH": str(Path.cwd()), "PYTHON": "python3"}
    environment |= {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(runner / "summary")}
    environment |= {"COMMAND": "validate", "PATHS": "examples/manifests"}
    environment |= dict.fromkeys(
        ("ARGS", "PRIVATE_KEY", "PRUNE_SINCE", "ENVIRONMENT", "ACCOUNT", "ENDPOINT", "EXPECT_DIGEST"), ""
    )
    for number in (0, 2):  # the step in between is only for applied-ref
        session.run("bash", str(scripts / f"action-{number}"), env=environment, external=True)
    if "exitcode=0" not in outputs.read_text(encoding="utf-8").splitlines():
        session.error("the action's validate did not end with exit code 0")


@nox.session(venv_backend="none")
def security(session: nox.Session) -> None:
    """Check the code for weaknesses, tracked files for secrets, and the licences of an installation."""
    session.run("bandit", "-q", "-c", "pyproject.toml", "-r", "tagsync", ".ci", "docs", "noxfile.py")
    tracked = session.run("git", "ls-files", "-z", external=True, silent=True, log=False)
    session.run("python", ".ci/no_secrets.py", *str(tracked).strip("\0").split("\0"), log=False)
    programs = new_environment(session, ".[sandbox]")
    allowed = ";".join(Path(".ci/licences.txt").read_text(encoding="utf-8").split("\n")).strip(";")
    session.run("pip-licenses", "--python", str(programs / "python"), "--from=mixed", f"--allow-only={allowed}")


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation, and check that it loads nothing from the network."""
    install(session, "docs")
    site = scratch(session) / "site"
    build = ("mkdocs", "build", "--quiet", "--strict", "--site-dir", str(site))
    session.run(*build, env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "docs/outside.py", str(site))


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Check that the lock is complete and hashed, and names no index."""
    for path in matching("requirements*.lock"):
        text = Path(path).read_text(encoding="utf-8")
        if found := re.findall(r"(?m)^.*://.*$|^--(?:index|extra|find|trusted).*$", text):
            session.error(f"{path} names a host or an index: {found[0]}")
    programs = new_environment(session, "--require-hashes", "-r", "requirements.lock")
    session.run(str(programs / "pip"), "install", "-q", "--no-build-isolation", "--no-deps", ".")
    session.run(str(programs / "tagsync"), "validate", "examples/manifests")


@nox.session(python=OLDEST_PACKAGES)
def lowest(session: nox.Session) -> None:
    """Run the tests with the lower bounds of the dependencies."""
    constraints = scratch(session) / "lowest.txt"
    with constraints.open("w", encoding="utf-8") as out:
        session.run(sys.executable, ".ci/lowest.py", stdout=out, external=True)
    session.log(constraints.read_text(encoding="utf-8"))
    session.install("-q", "-c", str(constraints), ".[sandbox]", "pytest", "pytest-xdist", "hypothesis", "jq")
    newer = ("tests/sandbox/test_official_sdk.py", "tests/sandbox/test_openapi.py")
    session.run("python", "-m", *PYTEST, *ONE_PYTHON, *(f"--ignore={path}" for path in newer), *session.posargs)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Run each fuzzer for half a minute, and applies against a failing server."""
    install(session, "dev,fuzz")
    soak = "tests/cli/test_soak.py"
    long = f"{soak}::test_half_an_hour_of_failures_costs_no_memory_files_or_tags"
    session.run(*PYTEST, "-m", "slow", "tests/fuzz", soak, "--deselect", long, env={"FUZZ_SECONDS": "30"})


@nox.session(venv_backend="none")
def browser(session: nox.Session) -> None:
    """Test the HTML pages in Chromium; install it first if it is missing and apt can be used."""
    if not os.access(os.environ.get("TAGSYNC_CHROMIUM", "/usr/bin/chromium"), os.X_OK):
        session.run("apt-get", "update", external=True)
        session.run("apt-get", "install", "-y", "--no-install-recommends", "chromium", external=True)
    install(session, "dev,browser")
    session.run("pytest", "-q", "-m", "browser")


@nox.session(venv_backend="none", default=False)
def slow(session: nox.Session) -> None:
    """Run the slow tests, and property tests with ten times as many examples; this takes an hour."""
    install(session, "dev,fuzz")
    session.run(*PYTEST, "-m", "slow")
    session.run(*PYTEST, "-m", "(hypothesis or drawn) and not slow", env={"TAGSYNC_EXAMPLES_TIMES": "10"})


@nox.session(venv_backend="none", default=False)
def coverage(session: nox.Session) -> None:
    """Measure the test coverage."""
    session.run(".ci/coverage", external=True)
