r"""Parse and fill in templates: texts of manifests with placeholders like `{category}` and `{sku:lower}`.

`\{` is a literal brace. `globs` reads the captures that placeholders name, and `planning.templates` fills in templates
for each file.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from tagsync.model.texts import is_stream_safe

TemplateKey = Literal["tags", "absent", "expired", "aiTags.remove", "aiTags.keep"]
"""The list of a declaration that a template is part of."""


class Template(NamedTuple):
    """A text with placeholders as written, its list, and its place (see `Declaration`)."""

    key: TemplateKey
    text: str
    place: int


class Placeholder(NamedTuple):
    """A name between braces and its format, empty if it has none."""

    name: str
    format: str

    def __str__(self) -> str:
        """Return it as manifests have it."""
        return f"{{{self.name}:{self.format}}}" if self.format else f"{{{self.name}}}"


Otherwise = Literal["error", "keep", "skip"]


class ValueTable(NamedTuple):
    """What the values of one name become.

    Attributes:
        name: the name of a placeholder.
        place: where the table is, as in a document's defaults.
        pairs: values in Unicode NFC, each with its replacement.
        otherwise: what happens to other values.
    """

    name: str
    place: int
    pairs: tuple[tuple[str, str], ...]
    otherwise: Otherwise = "error"


FILE_TYPE = "fileType"
CREATED_AT = "createdAt"
CUSTOM_METADATA = "customMetadata"
YEAR = "year"

_TOKEN = re.compile(r"\\\{|\{(?P<inside>[^{}]*)\}|\{|[^\\{]+|\\", re.DOTALL)
_CAPTURE = re.compile("[A-Za-z][A-Za-z0-9_-]*")
_FIELD = re.compile(r"customMetadata\.[\w-]+(?: [\w-]+)*")
_YEAR = re.compile("[0-9]{4}(?=-)")
_ACCENTED = re.compile("([A-Za-z])[\u0300-\u036f]+")
_ESCAPES = "write \\{ for a literal brace"


def escaped_braces(text: str) -> str:
    r"""Return the template that means exactly this text: each `{` becomes `\{`."""
    return text.replace("{", "\\{")


def is_capture_name(name: str) -> bool:
    """Return whether a glob can capture a name, which leaves out the names of the library's data."""
    return _CAPTURE.fullmatch(name) is not None and name not in (FILE_TYPE, CREATED_AT, CUSTOM_METADATA)


def is_field(name: str) -> bool:
    """Return whether a name is for data of the library."""
    return name in (FILE_TYPE, CREATED_AT) or _FIELD.fullmatch(name) is not None


@lru_cache(maxsize=1 << 14)
def template_parts(text: str) -> tuple[str | Placeholder, ...]:
    """Return the literal texts and placeholders of a text.

    Raises:
        ValueError: a brace starts no placeholder; the message says why.
    """
    parts: list[str | Placeholder] = [""]
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            closed = "}" in text[token.end() :]
            raise ValueError(f"its braces are {'nested' if closed else 'not closed'}; {_ESCAPES}")
        if token["inside"] is not None:
            parts.append(_placeholder(token["inside"]))
            continue
        literal = "{" if token[0] == "\\{" else token[0]
        if isinstance(parts[-1], str):
            parts[-1] += literal
        else:
            parts.append(literal)
    return tuple([part for part in parts if part])


def _placeholder(inside: str) -> Placeholder:
    """Read the text between two braces."""
    name, colon, form = inside.partition(":")
    if not _CAPTURE.fullmatch(name) and not is_field(name):
        raise ValueError(f"the text between its braces is not a name; {_ESCAPES}")
    if name == CUSTOM_METADATA:
        raise ValueError("customMetadata has no field: write {customMetadata.NAME}")
    if name == CREATED_AT:
        if form != YEAR:
            raise ValueError("createdAt has one format: write {createdAt:year}")
    elif colon and form not in FORMATS:
        raise ValueError(f"{{{name}}} has an unknown format: use lower, slug or upper")
    return Placeholder(name, form)


def literal(text: str) -> str | None:
    """Return what a text without placeholders means; None if it has any, or is no valid template."""
    if "{" not in text:
        return text
    try:
        parts = template_parts(text)
    except ValueError:
        return None
    return "".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """Return the placeholders of a valid template."""
    return tuple(part for part in template_parts(text) if isinstance(part, Placeholder))


def filled(text: str, values: Mapping[Placeholder, str]) -> str:
    """Return a template with a value for each placeholder."""
    return "".join(part if isinstance(part, str) else values[part] for part in template_parts(text))


def formatted(value: str, form: str) -> str:
    """Return a value in a format; unchanged for the empty one."""
    return FORMATS[form](value) if form in FORMATS else value


def year_of(moment: str) -> str:
    """Return the year of a moment in ISO 8601; empty if it is none."""
    found = _YEAR.match(moment)
    return found[0] if found else ""


def _slug(value: str) -> str:
    """Return lower-case letters and digits of any script, with one hyphen for all between; `Café 24` is `cafe-24`."""
    if not is_stream_safe(value):
        return value  # no valid tag; normalizing it could take very long
    plain = unicodedata.normalize("NFC", _ACCENTED.sub(r"\1", unicodedata.normalize("NFKD", value))).lower()
    kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in plain)
    return "-".join("".join(kept).split())


FORMATS: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "slug": _slug, "upper": str.upper}
