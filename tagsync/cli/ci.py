"""What a CI system tells a run, and what it takes from one: by environment variables, as its documentation has it."""

import os
from pathlib import Path

from tagsync.reporting.github import outputs
from tagsync.reporting.phrases import Names
from tagsync.reporting.view import View


def page_of_run() -> str | None:
    """Return the address of the page that shows this run, where a CI system tells it."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return os.environ.get("CI_JOB_URL") or None


def names_in_repository(view: View) -> Names:
    """Return how to name manifests from the top of their repository: GitHub finds annotated files by that.

    It leaves out those that are not there, as of a plan that was saved elsewhere, and those outside of the repository.
    """
    workspace = os.environ.get("GITHUB_WORKSPACE")
    origins = [item.origin for item in view.diagnostics] + [item.origin for item in view.guards]
    files = {origin.file for origin in origins if origin}
    places = {file: view.names.get(file, file) for file in files}
    named = {
        file: _in_repository(Path(place).resolve(), workspace)
        for file, place in places.items()
        if Path(place).is_file()
    }
    return {file: name for file, name in named.items() if name}


def _in_repository(place: Path, workspace: str | None) -> str | None:
    """Return the path of a file from the top of its repository; None if it is in none.

    Args:
        place: the file, links resolved.
        workspace: where GitHub has checked out, perhaps named by a link. The repository is there or below
            (`actions/checkout` with `path`). Of one in another, as a submodule is, the outer one counts.
    """
    checkout = Path(workspace or ".").resolve()
    tops = [folder for folder in place.parents if (folder / ".git").exists()]
    if workspace:
        tops = [top for top in reversed(tops) if top.is_relative_to(checkout)]
    return next((str(place.relative_to(top)) for top in (*tops, checkout) if place.is_relative_to(top)), None)


def tell_step(view: View, summary: str, exit_code: int) -> None:
    """Add to the summary and the outputs of a GitHub step, where there is one.

    Args:
        view: what came of the run.
        summary: that as Markdown.
        exit_code: what the run ends with.

    Raises:
        OSError: one of the files cannot be written.
    """
    for variable, text in (("GITHUB_STEP_SUMMARY", summary), ("GITHUB_OUTPUT", outputs(view, exit_code))):
        path = os.environ.get(variable)
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
