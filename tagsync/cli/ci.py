"""What a CI system tells a run, and what it takes from one: by environment variables, as its documentation has it."""

import os
from pathlib import Path

from tagsync.reporting.github import outputs
from tagsync.reporting.sheet import Sheet


def page_of_run() -> str | None:
    """Return the address of the page that shows this run, where a CI system tells it."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return os.environ.get("CI_JOB_URL") or None


def in_repository(sheet: Sheet) -> Sheet:
    """Return a sheet that names manifests from the top of GitHub's checkout: annotations find their files by that.

    Those that are not there, as of a plan that was saved elsewhere, it does not name.
    """
    top = os.environ.get("GITHUB_WORKSPACE") or "."
    origins = [item.origin for item in sheet.diagnostics] + [item.origin for item in sheet.judgements]
    files = {origin.file for origin in origins if origin}
    places = {file: sheet.names.get(file, file) for file in files}
    return sheet._replace(
        names={file: os.path.relpath(place, top) for file, place in places.items() if Path(place).is_file()}
    )


def tell_step(sheet: Sheet, summary: str, exit_code: int) -> None:
    """Add to the summary and the outputs of a GitHub step, where there is one.

    Args:
        sheet: what came of the run.
        summary: that as Markdown.
        exit_code: what the run ends with.

    Raises:
        OSError: one of the files cannot be written.
    """
    for variable, text in (("GITHUB_STEP_SUMMARY", summary), ("GITHUB_OUTPUT", outputs(sheet, exit_code))):
        path = os.environ.get(variable)
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
