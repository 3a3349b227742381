"""Write the tags and the files of a library as JSON."""

from collections.abc import Iterable, Iterator

from tagsync.documents.canonical import canonical
from tagsync.documents.writer import FORMAT, document
from tagsync.model import AITagUse, CurrentFile, Inventory, Places, TagUse


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
    return canonical({"fileId": file.file_id, "path": file.path, "tags": file.tags, "aiTags": ai_tags})
