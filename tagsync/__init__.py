"""Tags as code for ImageKit: plan and apply a media library's tags from manifests.

The names below are the public Python interface. They load on first use, so `import tagsync` costs nothing.
"""

from tagsync.version import __version__ as __version__

TYPE_CHECKING = False  # type checkers know the name; `typing` alone would take as long as Python itself

if TYPE_CHECKING:
    from tagsync.api.act import apply, apply_async
    from tagsync.api.decide import PlanOptions, plan, plan_async
    from tagsync.api.drafting import DraftedTest, draft_test, draft_test_async
    from tagsync.api.examine import doctor, doctor_async
    from tagsync.api.exported import write_export
    from tagsync.api.gather import export, export_async, validate
    from tagsync.api.inventory import (
        FoundFiles,
        compare_ai_tags,
        compare_ai_tags_async,
        ls,
        ls_async,
        suggest_renames,
        suggest_renames_async,
        tags,
        tags_async,
    )
    from tagsync.api.keep import History, Workspace
    from tagsync.api.record import Recorded, record, record_async
    from tagsync.api.saved import read_document, write_document
    from tagsync.api.testing import run_tests
    from tagsync.api.undo import undo, undo_async
    from tagsync.applying.apply_options import ApplyOptions
    from tagsync.errors import TagsyncError
    from tagsync.exporting.export import Exported
    from tagsync.library.target import Target
    from tagsync.manifest.config import read_config
    from tagsync.model import (
        Agreement,
        AIComparison,
        AITag,
        AITagUse,
        Cause,
        Change,
        ChangeReason,
        Confidences,
        Config,
        Contribution,
        Coverage,
        CurrentFile,
        DesiredState,
        Diagnosis,
        Diagnostic,
        Difference,
        Drift,
        Estimate,
        Explanation,
        FileChange,
        FileOutcome,
        Finding,
        FolderCount,
        Guard,
        GuardId,
        Inputs,
        Inventory,
        Limit,
        ManifestRef,
        NotFound,
        Op,
        Origin,
        Part,
        PartialOutcome,
        Places,
        Plan,
        Reading,
        Reason,
        Refusal,
        Report,
        Request,
        RequestCounts,
        Returning,
        SourceAgreement,
        Status,
        SuggestedRename,
        Suggestions,
        Summary,
        TagLine,
        TagUse,
        TargetName,
        TestFailure,
        TestResult,
        TestRun,
        Timing,
        Unlisted,
        Verdict,
        Vote,
    )
    from tagsync.planning.difference import difference
    from tagsync.planning.filter import filter_plan
    from tagsync.planning.guards import Ack
    from tagsync.reporting.formats import render

__all__ = [
    "AIComparison",
    "AITag",
    "AITagUse",
    "Ack",
    "Agreement",
    "ApplyOptions",
    "Cause",
    "Change",
    "ChangeReason",
    "Confidences",
    "Config",
    "Contribution",
    "Coverage",
    "CurrentFile",
    "DesiredState",
    "Diagnosis",
    "Diagnostic",
    "Difference",
    "DraftedTest",
    "Drift",
    "Estimate",
    "Explanation",
    "Exported",
    "FileChange",
    "FileOutcome",
    "Finding",
    "FolderCount",
    "FoundFiles",
    "Guard",
    "GuardId",
    "History",
    "Inputs",
    "Inventory",
    "Limit",
    "ManifestRef",
    "NotFound",
    "Op",
    "Origin",
    "Part",
    "PartialOutcome",
    "Places",
    "Plan",
    "PlanOptions",
    "Reading",
    "Reason",
    "Recorded",
    "Refusal",
    "Report",
    "Request",
    "RequestCounts",
    "Returning",
    "SourceAgreement",
    "Status",
    "SuggestedRename",
    "Suggestions",
    "Summary",
    "TagLine",
    "TagUse",
    "TagsyncError",
    "Target",
    "TargetName",
    "TestFailure",
    "TestResult",
    "TestRun",
    "Timing",
    "Unlisted",
    "Verdict",
    "Vote",
    "Workspace",
    "apply",
    "apply_async",
    "compare_ai_tags",
    "compare_ai_tags_async",
    "difference",
    "doctor",
    "doctor_async",
    "draft_test",
    "draft_test_async",
    "export",
    "export_async",
    "filter_plan",
    "ls",
    "ls_async",
    "plan",
    "plan_async",
    "read_config",
    "read_document",
    "record",
    "record_async",
    "render",
    "run_tests",
    "suggest_renames",
    "suggest_renames_async",
    "tags",
    "tags_async",
    "undo",
    "undo_async",
    "validate",
    "write_document",
    "write_export",
]

_HOMES = {
    "Ack": "tagsync.planning.guards",
    "ApplyOptions": "tagsync.applying.apply_options",
    "DraftedTest": "tagsync.api.drafting",
    "Exported": "tagsync.exporting.export",
    "FoundFiles": "tagsync.api.inventory",
    "History": "tagsync.api.keep",
    "PlanOptions": "tagsync.api.decide",
    "Recorded": "tagsync.api.record",
    "TagsyncError": "tagsync.errors",
    "Target": "tagsync.library.target",
    "Workspace": "tagsync.api.keep",
    "apply": "tagsync.api.act",
    "apply_async": "tagsync.api.act",
    "compare_ai_tags": "tagsync.api.inventory",
    "compare_ai_tags_async": "tagsync.api.inventory",
    "difference": "tagsync.planning.difference",
    "draft_test": "tagsync.api.drafting",
    "draft_test_async": "tagsync.api.drafting",
    "doctor": "tagsync.api.examine",
    "doctor_async": "tagsync.api.examine",
    "export": "tagsync.api.gather",
    "export_async": "tagsync.api.gather",
    "filter_plan": "tagsync.planning.filter",
    "ls": "tagsync.api.inventory",
    "ls_async": "tagsync.api.inventory",
    "plan": "tagsync.api.decide",
    "plan_async": "tagsync.api.decide",
    "read_config": "tagsync.manifest.config",
    "read_document": "tagsync.api.saved",
    "record": "tagsync.api.record",
    "record_async": "tagsync.api.record",
    "render": "tagsync.reporting.formats",
    "run_tests": "tagsync.api.testing",
    "suggest_renames": "tagsync.api.inventory",
    "suggest_renames_async": "tagsync.api.inventory",
    "tags": "tagsync.api.inventory",
    "tags_async": "tagsync.api.inventory",
    "undo": "tagsync.api.undo",
    "undo_async": "tagsync.api.undo",
    "validate": "tagsync.api.gather",
    "write_document": "tagsync.api.saved",
    "write_export": "tagsync.api.exported",
}
"""The module of each public name that is not in `tagsync.model`."""


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'tagsync' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - keeps `import tagsync` fast

    return getattr(import_module(_HOMES.get(name, "tagsync.model")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
