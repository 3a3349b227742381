"""The doctor command: examine an account, show the findings, save them as a profile."""

import sys
from pathlib import Path

from tagsync.api.examine import doctor_async
from tagsync.cli.configuration import for_library
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings, OutputSettings
from tagsync.cli.output import Output
from tagsync.cli.output_files import opened
from tagsync.cli.render import lines_to
from tagsync.cli.signals import until_signal
from tagsync.documents.profile import profile_document
from tagsync.reporting.diagnosis_text import diagnosis_text

DIFFERENT = 3


def doctor(library: LibrarySettings, settings: OutputSettings, *, out: Path | None, write_on: str | None) -> int:
    """Examine an account and write what was found."""
    library = for_library(library, settings)
    output = Output(settings, reads=library.reads, saved_as=out)
    if write_on is not None:
        output.say(f"Testing writes on {write_on}, for up to two minutes")
    with output.failures_written(), workspace_of(library, output.warn) as workspace, output.progress() as listener:
        found = until_signal(
            lambda: doctor_async(workspace.target, workspace=workspace, write_on=write_on, listener=listener)
        )
    if found.restored:
        output.say(f"Restored after an interrupted run: {found.restored}")
    if settings.format == "json":
        sys.stdout.writelines(profile_document(found))
    else:
        diagnosis_text(found, lines_to(sys.stdout, settings))
    if out:
        with opened(out) as stream:
            stream.writelines(profile_document(found))
        output.say(f"Saved as {out}. It has no key, host, path, tag or ID.")
    return DIFFERENT if found.differs else 0
