"""Run the commands `tags` and `ls`, which show what is in a library."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from tagsync.api.inventory import FoundFiles, compare_ai_tags_async, ls_async, suggest_renames_async, tags_async
from tagsync.cli.configuration import for_library
from tagsync.cli.connection import read_library
from tagsync.cli.options import InventorySettings, LibrarySettings
from tagsync.cli.output import Output
from tagsync.cli.output_files import check_writable, in_utf_8, opened
from tagsync.cli.render import lines_to
from tagsync.documents.inventory import agreement_document, files_document, renames_document, tags_document
from tagsync.errors import UsageError
from tagsync.escape import quoted
from tagsync.exporting.ai_rules_text import ai_rules_text
from tagsync.exporting.vocabulary_text import vocabulary_text
from tagsync.model import CurrentFile, Diagnostic, counted, folded
from tagsync.model.cells import DEFAULT_SEPARATOR
from tagsync.reporting import InventoryFormat
from tagsync.reporting.console import Lines
from tagsync.reporting.html.inventory import files_html, tags_html
from tagsync.reporting.inventory_csv import files_csv, separator_of_tags, tags_csv
from tagsync.reporting.inventory_text import files_text, tags_text

_Texts = Mapping[InventoryFormat, Callable[[], Iterable[str]]]
"""Functions that return the pieces of a format's text."""

_MOST_SHOWN = 50
"""The most tags of each kind that text shows without --verbose."""


def tags(folder: str, library: LibrarySettings, settings: InventorySettings) -> int:
    """Read the library and show its tags."""
    found, output = _read(tags_async, library, settings, folder=folder)
    if not found.files:
        output.warn(f"the library has no file below {quoted(folder, 200)}: check the path")
    texts: _Texts = {
        "json": partial(tags_document, found),
        "csv": partial(tags_csv, found),
        "html": partial(tags_html, found),
    }
    most = None if settings.messages.verbose else _MOST_SHOWN
    _write(settings, texts, partial(tags_text, found, most=most))
    return 0


def suggest(folder: str, library: LibrarySettings, settings: InventorySettings) -> int:
    """Read the library, and print a Vocabulary that renames near-duplicate tags."""
    _check_formats(settings, "--suggest")
    found, output = _read(suggest_renames_async, library, settings, folder=folder)
    if not found.files:
        output.warn(f"no file below {quoted(folder, 200)} has an ordinary tag: there is nothing to compare")
    _write(settings, {"text": partial(vocabulary_text, found), "json": partial(renames_document, found)})
    certain = sum(rename.is_certain for rename in found.renames)
    output.say(
        f"{counted(found.tags, 'tag')} of {counted(found.files, 'file')} compared: {counted(certain, 'rename')}, and "
        f"{counted(len(found.renames) - certain, 'possible one')} in comments"
    )
    return 0


def compare_ai(folder: str, library: LibrarySettings, settings: InventorySettings) -> int:
    """Read the library, and print rules for AI tags that follow from its ordinary tags."""
    _check_formats(settings, "--ai")
    found, output = _read(compare_ai_tags_async, library, settings, folder=folder)
    if not found.files:
        output.warn(
            f"no file below {quoted(folder, 200)} has both AI tags and ordinary tags: there is nothing to compare"
        )
    _write(settings, {"text": partial(ai_rules_text, found), "json": partial(agreement_document, found)})
    agreeing = sum(source.total.agreeing for source in found.sources)
    compared = sum(source.total.files for source in found.sources)
    output.say(
        f"{counted(found.files, 'file')} with both AI tags and ordinary tags compared: {agreeing:,} of "
        f"{counted(compared, 'AI tag')} that are also ordinary tags of the library agree"
    )
    return 0


def _check_formats(settings: InventorySettings, option: str) -> None:
    """Check that the output is YAML for a manifest, or JSON.

    Raises:
        UsageError: another format is requested.
    """
    if not {settings.format, *(kind for kind, _ in settings.report)} <= {"text", "json"}:
        raise UsageError(
            f"{option} prints YAML for a manifest, or JSON: use --format and --report only with text or json"
        )


def ls(
    glob: str | None,
    library: LibrarySettings,
    settings: InventorySettings,
    *,
    tag: Sequence[str],
    ai_tag: Sequence[str],
    query: str | None,
    folder: str,
) -> int:
    """Read the library and list the files that meet all conditions."""
    conditions = {"glob": glob, "tags": tag, "ai_tags": ai_tag, "query": query, "folder": folder}
    found, output = _read(ls_async, library, settings, **conditions)
    files = _Counted(found)
    texts: _Texts = {
        "json": lambda: files_document(files),
        "csv": lambda: _csv(files, output),
        "html": lambda: files_html(files),
    }
    _write(settings, texts, partial(files_text, files, with_fields=settings.messages.verbose))
    if files.number:
        output.say(counted(files.number, "file"))
    else:
        output.warn(f"no file meets these conditions: {_hint(found, glob, [*tag, *ai_tag], query, folder)}")
    return 0


def _hint(found: FoundFiles, glob: str | None, tags: Sequence[str], query: str | None, folder: str) -> str:
    """Return what to check if no file meets the conditions of `ls`."""
    names = found.similar_names() if found.known else {}
    checks = [
        f"check the path {quoted(folder, 200)}" if folder != "/" else "",
        "check the query" if query is not None else "",
        *(_tag_hint(name, meant) for name, meant in names.items()),
        "tags are case-sensitive" if tags and not found.known else "",
        _glob_hint(found, glob) if glob and not found.matches_glob() else "",
    ]
    if not any(checks):
        return "each is met by some file, but none meets all" if glob or tags else "the library has no files"
    return "; ".join(filter(None, checks))


def _tag_hint(name: str, meant: str | None) -> str:
    if meant is None:
        return f"no file has the tag {quoted(name)}"
    why = ", because tags are case-sensitive" if folded(meant) == folded(name) else ""
    return f"no file has the tag {quoted(name)}{why}: did you mean {quoted(meant)}?"


def _glob_hint(found: FoundFiles, glob: str) -> str:
    if words := found.folder_hint():
        return words
    if similar := found.similar_path():
        return f"{quoted(similar, 200)} exists, which differs only in case or Unicode form: write it as in the library"
    return f"check the glob {quoted(glob, 200)}"


def _csv(files: Iterable[CurrentFile], output: Output) -> Iterator[str]:
    """Return files as CSV; say how to read the tags if it is not as usual."""
    separator = separator_of_tags(files)
    if separator != DEFAULT_SEPARATOR:
        output.warn(f"a tag contains {DEFAULT_SEPARATOR}, so the CSV separates tags with {separator}")
    return files_csv(files, separator)


class _Noted(Protocol):
    @property
    def diagnostics(self) -> Sequence[Diagnostic]: ...


T = TypeVar("T", bound=_Noted)


def _read(
    read: Callable[..., Awaitable[T]], library: LibrarySettings, settings: InventorySettings, **what: object
) -> tuple[T, Output]:
    """Read a library with a function of the API, and return what it found and where messages go.

    Args:
        read: the function.
        library: the library.
        settings: the outputs, which are checked first.
        what: the arguments that select what to read.
    """
    library = for_library(library, settings.messages)
    check_writable([path for _, path in settings.report], [str(path) for path in library.reads if path])
    output = Output(settings.messages)
    found = read_library(read, library, output, **what)
    output.diagnostics(found.diagnostics, {})
    return found, output


class _Counted(Iterable[CurrentFile]):
    """Found files, and how many there were when they were last listed."""

    def __init__(self, files: FoundFiles) -> None:
        self._files = files
        self.number = 0

    def __iter__(self) -> Iterator[CurrentFile]:
        self.number = 0
        for file in self._files:
            self.number += 1
            yield file


def _write(settings: InventorySettings, texts: _Texts, columns: Callable[[Lines], object] | None = None) -> None:
    """Write a result to each output file, and then to standard output; `columns` writes it as text for people.

    Standard output comes last, because its reader may close the pipe early.
    """
    for kind, path in [*settings.report, (settings.format, None)]:
        with opened(path) as stream:
            if columns and kind == "text":
                columns(lines_to(stream, settings.messages))
            else:
                in_utf_8(stream).writelines(texts[kind]())
            stream.flush()
