"""Valid Policy documents to the rules that they hold; what of several rules counts is planning's business."""

from collections.abc import Iterator

from tagsync.manifest.tree import Map
from tagsync.model import GuardId, GuardRule, unpacked


def guard_rules(spec: Map, manifest: str) -> Iterator[GuardRule]:
    """Yield what a valid document says of guards, each with the place of the guard's name."""
    guards: Map = spec["guards"]
    for name, figures in guards.items():
        origin = unpacked(manifest, guards.key_places[name])
        above = figures.get("above")
        # A schema takes 1.0 for a whole number too; equal policies have to give equal digests.
        yield GuardRule(GuardId(name), None if above is None else int(above), figures.get("percent"), origin)
