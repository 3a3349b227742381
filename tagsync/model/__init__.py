"""The frozen values that flow from manifests to reports; no behaviour beyond what follows from their fields.

Whole states leave their many parts out of `repr`: asyncio asks for it behind the scenes.
"""

from tagsync.model.current import AITag, CurrentFile, CurrentState
from tagsync.model.desired import (
    NO_TEXTS,
    AIRule,
    AutoTagger,
    ById,
    ByMatch,
    ByPath,
    DesiredState,
    Entry,
    Exclusive,
    Expectation,
    Leniency,
    Texts,
    Wishes,
)
from tagsync.model.places import Diagnostic, Level, ManifestRef, Origin, as_shown, packed, unpacked
from tagsync.model.plan import Change, Estimate, FileChange, Inputs, Op, Plan, Reason, Request, Summary, TargetName
from tagsync.model.report import FileOutcome, OutcomeName, Report, RequestCounts, Status, Timing
from tagsync.model.texts import MAX_FILES_PER_REQUEST, MAX_TAG_CHARACTERS, all_normalized, joined_length, normalized

__all__ = [
    "MAX_FILES_PER_REQUEST",
    "MAX_TAG_CHARACTERS",
    "NO_TEXTS",
    "AIRule",
    "AITag",
    "AutoTagger",
    "ById",
    "ByMatch",
    "ByPath",
    "Change",
    "CurrentFile",
    "CurrentState",
    "DesiredState",
    "Diagnostic",
    "Entry",
    "Estimate",
    "Exclusive",
    "Expectation",
    "FileChange",
    "FileOutcome",
    "Inputs",
    "Leniency",
    "Level",
    "ManifestRef",
    "Op",
    "Origin",
    "OutcomeName",
    "Plan",
    "Reason",
    "Report",
    "Request",
    "RequestCounts",
    "Status",
    "Summary",
    "TargetName",
    "Texts",
    "Timing",
    "Wishes",
    "all_normalized",
    "as_shown",
    "joined_length",
    "normalized",
    "packed",
    "unpacked",
]
