"""Read what a CI system provides in environment variables, and write the summary and outputs of a GitHub step."""

import os
from pathlib import Path

from tagsync.reporting.github import outputs
from tagsync.reporting.phrases import Names
from tagsync.reporting.view import View


def page_of_run() -> str | None:
    """Return the address of the page of this CI run; None outside CI."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return os.environ.get("CI_JOB_URL") or None


def names_in_repository(view: View) -> Names:
    """Return the paths of manifests below the root of their repository, by which GitHub finds annotated files.

    Files that do not exist here (the plan was saved elsewhere) or are outside the repository are left out.
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
    """Return the path of a file below the root of its repository; None if it is in no repository.

    Args:
        place: the file, links resolved.
        workspace: the folder of GitHub's checkouts, which may be a link. The repository is this folder or below it
            (`actions/checkout` with `path`). For a submodule, the outer repository counts.
    """
    checkout = Path(workspace or ".").resolve()
    tops = [folder for folder in place.parents if (folder / ".git").exists()]
    if workspace:
        tops = [top for top in reversed(tops) if top.is_relative_to(checkout)]
    return next((str(place.relative_to(top)) for top in (*tops, checkout) if place.is_relative_to(top)), None)


def tell_step(view: View, summary: str, exit_code: int) -> None:
    """Append to the summary and the outputs of a GitHub step; do nothing outside GitHub.

    Args:
        view: the result of the run.
        summary: the result as Markdown.
        exit_code: the exit code of the run.

    Raises:
        OSError: one of the files cannot be written.
    """
    for variable, text in (("GITHUB_STEP_SUMMARY", summary), ("GITHUB_OUTPUT", outputs(view, exit_code))):
        path = os.environ.get(variable)
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
