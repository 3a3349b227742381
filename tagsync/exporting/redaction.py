"""Replace names in a library's file objects by keyed hashes, and keep the structure.

An object keeps the depth of its folder, its extension, dates, confidences, and rounded sizes. Equal names become equal
hashes, so the result shows which files share a folder, a tag, or a value. Everything that is not known is left out.
"""

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

_IMAGES = "ai avif bmp cr2 dng eps gif heic heif ico jfif jpeg jpg png psd raf raw svg tif tiff webp"
_SOUND_AND_VIDEO = "flac m4a m4v mov mp3 mp4 mpeg ogg ogv wav webm"
_OTHERS = "css csv doc docx glb gltf html js json pdf ppt pptx txt woff woff2 xls xlsx xml zip"
_EXTENSIONS = frozenset(f"{_IMAGES} {_SOUND_AND_VIDEO} {_OTHERS}".split())
"""Any other extension may be part of a name."""

_SOURCES = frozenset(("google-auto-tagging", "aws-auto-tagging"))
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_MEASURES = ("size", "width", "height")
_FLAGS = ("isPrivateFile", "isPublished", "hasAlpha")
_KINDS = ("image", "non-image")
_DIGITS = 12
_MAX_DEPTH = 5
_URL = "https://ik.imagekit.io/redacted"


class Redactor:
    """Redacts file objects.

    Args:
        key: random bytes. Without them, nobody can find out whether a hash is that of a name.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return a redacted file object.

        Args:
            item: an object of the list API with a `fileId` and a `filePath`.
        """
        path = "/".join(self._segment(part) for part in item["filePath"].split("/"))
        folder, _, _ = path.rpartition("/")
        name = self._named(item["filePath"].rpartition("/")[2])
        path = f"{folder}/{name}"
        found: dict[str, Any] = {
            "type": "file",
            "fileId": self._hash("id", item["fileId"], 24),
            "name": name,
            "filePath": path,
            "url": f"{_URL}{path}",
            "tags": [self._tag(tag) for tag in item.get("tags") or ()],
            "AITags": [self._ai_tag(tag) for tag in item.get("AITags") or ()],
        }
        for field in ("createdAt", "updatedAt"):
            if _DATE.fullmatch(str(item.get(field))):
                found[field] = item[field]
        found |= {field: _rounded(item[field]) for field in _MEASURES if _is_number(item.get(field))}
        found |= {field: item[field] for field in _FLAGS if isinstance(item.get(field), bool)}
        if item.get("fileType") in _KINDS:
            found["fileType"] = item["fileType"]
        if isinstance(item.get("customMetadata"), dict):
            found["customMetadata"] = self._value(item["customMetadata"])
        return found

    def _segment(self, name: str) -> str:
        return f"folder-{self._hash('folder', name)}" if name else ""

    def _named(self, name: str) -> str:
        stem, _, extension = name.rpartition(".")
        kept = f".{extension.lower()}" if stem and extension.lower() in _EXTENSIONS else ""
        return f"file-{self._hash('file', name)}{kept}"

    def _tag(self, tag: str) -> str:
        return f"tag-{self._hash('tag', tag)}"

    def _ai_tag(self, tag: Mapping[str, Any]) -> dict[str, Any]:
        source = tag.get("source")
        found: dict[str, Any] = {"name": self._tag(tag["name"])}
        if _is_number(tag.get("confidence")):
            found["confidence"] = tag["confidence"]
        if isinstance(source, str):
            found["source"] = source if source in _SOURCES else f"source-{self._hash('source', source)}"
        return found

    def _value(self, value: Any, depth: int = 0) -> Any:
        """Redact a value of custom metadata; its type stays the same."""
        if isinstance(value, bool):
            return value
        if value is None or depth > _MAX_DEPTH:
            return None
        if isinstance(value, dict):
            return {
                f"field-{self._hash('field', name)}": self._value(member, depth + 1) for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._value(member, depth + 1) for member in value]
        if isinstance(value, str):
            return f"value-{self._hash('value', value)}"
        return int(self._hash("value", json.dumps(value), 6), 16)

    def _hash(self, kind: str, text: str, digits: int = _DIGITS) -> str:
        return hmac.digest(self._key, f"{kind}\n{text}".encode("utf-8", "surrogatepass"), "sha256").hex()[:digits]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rounded(value: float) -> int:
    """Return a number with one significant digit: an exact size could identify a published file."""
    return int(float(f"{value:.0e}")) if abs(value) < 1e18 else 0  # noqa: PLR2004 - larger than any file
