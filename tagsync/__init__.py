"""Tags as code for ImageKit: plan and apply a media library's tags from manifests.

The names below are the library's public face. They load on first use, so that `import tagsync` costs nothing.
"""

from tagsync.version import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; `typing` alone would take as long as Python itself

if TYPE_CHECKING:
    from tagsync.api import (
        apply,
        apply_async,
        export,
        export_async,
        plan,
        plan_async,
        undo,
        undo_async,
        validate,
    )
    from tagsync.applying.options import ApplyOptions
    from tagsync.errors import TagsyncError
    from tagsync.library.target import Target
    from tagsync.model import Part, Plan, Report
    from tagsync.planning.guards import Ack

__all__ = [
    "Ack",
    "ApplyOptions",
    "Part",
    "Plan",
    "Report",
    "TagsyncError",
    "Target",
    "apply",
    "apply_async",
    "export",
    "export_async",
    "plan",
    "plan_async",
    "undo",
    "undo_async",
    "validate",
]

_HOMES = {
    "Ack": "tagsync.planning.guards",
    "ApplyOptions": "tagsync.applying.options",
    "Part": "tagsync.model",
    "Plan": "tagsync.model",
    "Report": "tagsync.model",
    "TagsyncError": "tagsync.errors",
    "Target": "tagsync.library.target",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'tagsync' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `import tagsync` must stay free of cost

    return getattr(import_module(_HOMES.get(name, "tagsync.api")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
