"""Write what is in a library as JSON: its tags and files, suggested renames, and how far AI tags agree."""

from collections.abc import Iterable, Iterator

from tagsync.documents.canonical import canonical
from tagsync.documents.writer import FORMAT, document
from tagsync.model import (
    Agreement,
    AIComparison,
    AITagUse,
    CurrentFile,
    Inventory,
    Places,
    SourceAgreement,
    SuggestedRename,
    Suggestions,
    TagUse,
)


def tags_document(inventory: Inventory) -> Iterator[str]:
    """Yield the tags of a library as JSON, in pieces."""
    return document(
        {
            "tagsVersion": FORMAT,
            "files": inventory.files,
            "tagged": inventory.tagged,
            "tags": map(_tag, inventory.tags),
            "aiTags": map(_ai_tag, inventory.ai_tags),
        }
    )


def files_document(files: Iterable[CurrentFile]) -> Iterator[str]:
    """Yield files with their tags as JSON, in pieces."""
    return document({"filesVersion": FORMAT, "files": map(_file, files)})


def renames_document(suggestions: Suggestions) -> Iterator[str]:
    """Yield suggested renames as JSON, in pieces."""
    return document(
        {
            "renamesVersion": FORMAT,
            "files": suggestions.files,
            "tags": suggestions.tags,
            "renames": map(_rename, suggestions.renames),
        }
    )


def agreement_document(found: AIComparison) -> Iterator[str]:
    """Yield how far AI tags agree with ordinary tags as JSON, in pieces."""
    return document(
        {
            "agreementVersion": FORMAT,
            "folder": found.folder,
            "files": found.files,
            "sources": map(_source, found.sources),
        }
    )


def _tag(tag: TagUse) -> str:
    return canonical({"name": tag.name, "files": tag.files, **_places(tag.places)})


def _ai_tag(tag: AITagUse) -> str:
    confidence = tag.confidence and tag.confidence._asdict()
    members = {"name": tag.name, "source": tag.source, "files": tag.files, "confidence": confidence}
    return canonical(members | _places(tag.places))


def _places(places: Places) -> dict[str, object]:
    folders = [folder._asdict() for folder in places.folders]
    return {"folder": places.folder, "folders": folders, "moreFolders": places.more}


def _file(file: CurrentFile) -> str:
    ai_tags = [tag._asdict() for tag in file.ai_tags]
    fields: dict[str, list[str]] = {}
    for name, text in file.data():
        fields.setdefault(name, []).append(text)
    members = {"fileId": file.file_id, "path": file.path, "tags": file.tags, "aiTags": ai_tags, "fields": fields}
    return canonical(members)


def _rename(rename: SuggestedRename) -> str:
    return canonical(
        {
            "old": rename.old,
            "new": rename.new,
            "reason": rename.reason,
            "files": rename.files,
            "newFiles": rename.new_files,
            "writeRequests": rename.batches,
            "certain": rename.is_certain,
        }
    )


def _source(item: SourceAgreement) -> str:
    names = [{"name": name, **_agreement(own)} for name, own in item.names]
    return canonical({"source": item.source, **_agreement(item.total), "names": names, "moreNames": item.unknown})


def _agreement(found: Agreement) -> dict[str, object]:
    return {
        "files": found.files,
        "agreeing": found.agreeing,
        "minConfidence": found.min_confidence,
        "filesFrom": found.files_from,
        "agreeingFrom": found.agreeing_from,
        "always": found.always,
    }
