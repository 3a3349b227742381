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
from tagsync.model.difference import Difference
from tagsync.model.drift import Cause, Drift, Returning
from tagsync.model.explanation import Contribution, Explanation, Verdict, Vote
from tagsync.model.ops import Op
from tagsync.model.places import Diagnostic, Level, ManifestRef, Origin, as_shown, packed, unpacked
from tagsync.model.plan import (
    PROMOTE,
    Change,
    Coverage,
    Estimate,
    FileChange,
    Inputs,
    Part,
    Plan,
    Reason,
    Request,
    Summary,
    TargetName,
)
from tagsync.model.policy import DEFAULT_POLICY, Guard, GuardId, GuardRule, Limit, Policy
from tagsync.model.report import FileOutcome, OutcomeName, Report, RequestCounts, Status, Timing
from tagsync.model.texts import (
    MAX_FILES_PER_REQUEST,
    MAX_TAG_CHARACTERS,
    all_normalized,
    is_declarable,
    joined_length,
    normalized,
)
from tagsync.model.vocabulary import NO_VOCABULARY, Rename, Vocabulary

__all__ = [
    "DEFAULT_POLICY",
    "MAX_FILES_PER_REQUEST",
    "MAX_TAG_CHARACTERS",
    "NO_TEXTS",
    "NO_VOCABULARY",
    "PROMOTE",
    "AIRule",
    "AITag",
    "AutoTagger",
    "ById",
    "ByMatch",
    "ByPath",
    "Cause",
    "Change",
    "Contribution",
    "Coverage",
    "CurrentFile",
    "CurrentState",
    "DesiredState",
    "Diagnostic",
    "Difference",
    "Drift",
    "Entry",
    "Estimate",
    "Exclusive",
    "Expectation",
    "Explanation",
    "FileChange",
    "FileOutcome",
    "Guard",
    "GuardId",
    "GuardRule",
    "Inputs",
    "Leniency",
    "Level",
    "Limit",
    "ManifestRef",
    "Op",
    "Origin",
    "OutcomeName",
    "Part",
    "Plan",
    "Policy",
    "Reason",
    "Rename",
    "Report",
    "Request",
    "RequestCounts",
    "Returning",
    "Status",
    "Summary",
    "TargetName",
    "Texts",
    "Timing",
    "Verdict",
    "Vocabulary",
    "Vote",
    "Wishes",
    "all_normalized",
    "as_shown",
    "is_declarable",
    "joined_length",
    "normalized",
    "packed",
    "unpacked",
]
