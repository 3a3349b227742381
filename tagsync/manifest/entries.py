"""Check entries by type, and turn entries and defaults into declarations; `schema` explains what is refused here.

These types repeat the JSON Schema, because checking with msgspec is hundreds of times faster. A property test compares
them.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import invert
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert, field

from tagsync.manifest.yaml import Map
from tagsync.model import (
    NO_TEMPLATES,
    NO_TEXTS,
    AIRule,
    AutoTagger,
    ById,
    ByMatch,
    ByPath,
    Declaration,
    Exclusive,
    Expectation,
    Leniency,
    Selector,
    Templating,
    Texts,
    is_declarable,
    normalized,
)
from tagsync.model.templates import Template, TemplateKey, ValueTable, literal

NO_DEFAULTS = Declaration()

_Text = Annotated[str, Meta(min_length=1)]
_Path = Annotated[str, Meta(pattern="^/")]
_Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]
_Count = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, multiple_of=1)]
"""A whole number; as in JSON Schema, 1.0 is one."""


class _Spec(Struct, forbid_unknown_fields=True, rename="camel"):
    """A part of a manifest. Missing keys are UNSET, so that null is refused."""


class _Exclusive(_Spec):
    only: Annotated[list[_Text], Meta(min_length=1)]


class _Promote(_Spec):
    min_confidence: _Percent


class _AITags(_Spec):
    remove: list[_Text] | Literal["all"] | UnsetType = UNSET
    min_confidence: _Percent | UnsetType = UNSET
    keep: list[_Text] | UnsetType = UNSET
    source: AutoTagger | UnsetType = UNSET
    promote: _Promote | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.remove == "all" and self.min_confidence is not UNSET:
            raise ValueError("minConfidence with remove: all")
        if all(getattr(self, name) is UNSET for name in self.__struct_fields__):
            raise ValueError("empty")


class _Expect(_Spec):
    min: _Count | UnsetType = UNSET
    max: _Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.min is UNSET and self.max is UNSET:
            raise ValueError("empty")


class _Entry(_Spec):
    path: _Path | UnsetType = UNSET
    file_id: _Text | UnsetType = UNSET
    match: _Path | UnsetType = UNSET
    query: _Text | UnsetType = UNSET
    excepts: list[_Path] | UnsetType = field(default=UNSET, name="except")
    tags: list[str] | UnsetType = UNSET
    absent: list[_Text] | UnsetType = UNSET
    exclusive: bool | _Exclusive | UnsetType = UNSET
    ai_tags: _AITags | UnsetType = UNSET
    if_missing: Leniency | UnsetType = UNSET
    if_over_limit: Leniency | UnsetType = UNSET
    if_invalid: Leniency | UnsetType = UNSET
    expect: _Expect | UnsetType = UNSET
    until: _Day | UnsetType = UNSET

    def __post_init__(self) -> None:
        named = (self.path is not UNSET) + (self.file_id is not UNSET)
        matches = self.match is not UNSET or self.query is not UNSET
        if named + matches != 1:
            raise ValueError("not exactly one selector")
        if named and (self.excepts is not UNSET or self.expect is not UNSET):
            raise ValueError("except or expect without match or query")
        if self.until is not UNSET and self.tags is UNSET:
            raise ValueError("until without tags")


def entry_of(tree: Any, place: int) -> tuple[Selector, Declaration] | None:
    """Return an entry's selector and declaration, without its document's defaults.

    Args:
        tree: the entry as it was read.
        place: where it starts, packed.

    Returns:
        None if it is invalid. Tags are not checked: see `are_plain_tags`.
    """
    try:
        convert(tree, _Entry)
    except ValidationError:
        return None
    base = place >> 32 << 32
    declaration = _declaration(tree, lambda at: at - base, place - base)
    if "path" in tree:
        return ByPath(tree["path"]), declaration
    if "fileId" in tree:
        return ById(tree["fileId"]), declaration
    return ByMatch(tree.get("match"), tree.get("query"), tuple(tree.get("except", ()))), declaration


def defaults_of(tree: Map, values: Map) -> Declaration:
    """Return the declaration of a document's valid defaults, with its tables of values."""
    declared = _declaration(tree, invert) if tree else NO_DEFAULTS
    if not values:
        return declared
    tables = tuple(
        ValueTable(
            name,
            ~values.key_places[name],
            tuple((normalized(value), tag) for value, tag in table.items() if value != "else"),
            table.get("else", "error"),
        )
        for name, table in values.items()
    )
    return declared._replace(templating=(declared.templating or NO_TEMPLATES)._replace(tables=tables))


def are_plain_tags(texts: Iterable[str]) -> bool:
    """Return whether texts are certainly valid tags; if not, the schema decides."""
    return all(map(_is_plain_tag, texts))


@lru_cache(maxsize=1 << 16)
def _is_plain_tag(text: str) -> bool:
    # Printable text has no control, bidi or white-space characters except the space.
    return text.isprintable() and is_declarable(text)


def with_defaults(own: Declaration, defaults: Declaration, as_of: str | None = None) -> Declaration:
    """Merge a document's defaults into an entry's declaration: lists are joined, other values are replaced.

    Args:
        own: the entry's own declaration.
        defaults: the document's defaults.
        as_of: the day on which `until` is evaluated; None if nothing expires.
    """
    column, tags, absent, exclusive, rule, if_missing, if_over_limit, expect, until, _, templating = own
    is_over = until is not None and as_of is not None and until <= as_of
    if defaults is NO_DEFAULTS and not exclusive and not is_over:
        return own  # the common case; `exclusive: false` still needs merging
    if rule:
        removes = templating is not None and templating.has("aiTags.remove")
        rule = _merged_ai_rule(defaults.ai_rule, rule, removes=removes or bool(rule.remove.values))
    else:
        rule = defaults.ai_rule
    return Declaration(
        column,
        defaults.tags if is_over else defaults.tags.followed_by(tags),
        defaults.absent.followed_by(absent) if absent.values else defaults.absent,
        _merged_exclusive(defaults.exclusive, exclusive) if exclusive or defaults.exclusive else None,
        rule,
        if_missing or defaults.if_missing,
        if_over_limit or defaults.if_over_limit,
        expect,
        until,
        tags if is_over else NO_TEXTS,
        _merged_templating(defaults.templating, templating, rule, is_over=is_over),
    )


def _declaration(tree: Map, place_of: Callable[[int], int], column: int = 0) -> Declaration:
    templates: list[Template] = []

    def texts(parent: Map, key: str, template_key: TemplateKey | None = None) -> Texts:
        listed = parent.get(key)
        if not listed:
            return NO_TEXTS
        found = Texts(tuple(listed), tuple(map(place_of, listed.places)))
        return found if template_key is None else _without_templates(found, template_key, templates)

    exclusive, rule, expect = tree.get("exclusive"), tree.get("aiTags"), tree.get("expect")
    if exclusive is not None:
        only = texts(exclusive, "only") if isinstance(exclusive, Map) else None if exclusive else NO_TEXTS
        exclusive = Exclusive(place_of(tree.places["exclusive"]), only)
    if rule is not None:
        removes_all = rule.get("remove") == "all"
        rule = AIRule(
            place=place_of(tree.places["aiTags"]),
            remove=NO_TEXTS if removes_all else texts(rule, "remove", "aiTags.remove"),
            remove_all=removes_all,
            min_confidence=rule.get("minConfidence"),
            keep=texts(rule, "keep", "aiTags.keep"),
            source=rule.get("source"),
            promote=rule["promote"]["minConfidence"] if "promote" in rule else None,
        )
    if expect is not None:
        expect = Expectation(place_of(tree.places["expect"]), expect.get("min"), expect.get("max"))
    tags, absent, if_invalid = texts(tree, "tags", "tags"), texts(tree, "absent", "absent"), tree.get("ifInvalid")
    return Declaration(
        column,
        tags,
        absent,
        exclusive,
        rule,
        tree.get("ifMissing"),
        tree.get("ifOverLimit"),
        expect,
        tree.get("until"),
        templating=Templating(tuple(templates), if_invalid) if templates or if_invalid else None,
    )


def _without_templates(texts: Texts, key: TemplateKey, templates: list[Template]) -> Texts:
    """Return the texts that have no placeholder, as they are meant; add the others to `templates`."""
    if not any("{" in text for text in texts.values):
        return texts
    values, places = list[str](), list[int]()
    for text, place in zip(*texts, strict=True):
        meant = literal(text)
        if meant is None:
            templates.append(Template(key, text, place))
        else:
            values.append(meant)
            places.append(place)
    return Texts(tuple(values), tuple(places))


def _merged_templating(
    default: Templating | None, own: Templating | None, rule: AIRule | None, *, is_over: bool
) -> Templating | None:
    """Merge the templates of defaults and entry; None if there are none."""
    if default is None and own is None:
        return None
    default, own = default or NO_TEMPLATES, own or NO_TEMPLATES
    ended = (each._replace(key="expired") if each.key == "tags" else each for each in own.templates)
    templates = (*default.templates, *(ended if is_over else own.templates))
    if rule and rule.remove_all:
        templates = tuple(each for each in templates if each.key != "aiTags.remove")
    return Templating(templates, own.if_invalid or default.if_invalid, default.tables) if templates else None


def _is_off(exclusive: Exclusive | None) -> bool:
    """Return whether this is `exclusive: false`, which is kept as "exclusive over no tags" until defaults merge."""
    return exclusive is not None and exclusive.only == NO_TEXTS


def _merged_exclusive(default: Exclusive | None, own: Exclusive | None) -> Exclusive | None:
    # `false` switches the default off, `true` replaces it, and two lists are joined.
    if own is None or _is_off(own):
        return None if own or _is_off(default) else default
    if default is None or default.only is None or own.only is None:
        return own
    return Exclusive(own.place, default.only.followed_by(own.only))


def _merged_ai_rule(default: AIRule | None, own: AIRule, *, removes: bool) -> AIRule:
    """Merge two rules. An entry's `remove: all` and `minConfidence` replace each other in the defaults.

    Args:
        default: the rule of the document's defaults.
        own: the entry's rule.
        removes: whether the entry names AI tags to remove, with or without placeholders.
    """
    if default is None:
        return own
    own_confidence = own.min_confidence is not None
    remove_all = own.remove_all or (default.remove_all and not removes and not own_confidence)
    min_confidence = own.min_confidence if own_confidence else default.min_confidence
    return AIRule(
        place=own.place,
        remove=NO_TEXTS if remove_all else default.remove.followed_by(own.remove),
        remove_all=remove_all,
        min_confidence=None if remove_all else min_confidence,
        keep=default.keep.followed_by(own.keep),
        source=own.source or default.source,
        promote=default.promote if own.promote is None else own.promote,
    )
