"""Find out whether saved plans and reports belong to a library."""

from hashlib import sha256

from tagsync.errors import RefusedError
from tagsync.escape import shown
from tagsync.library.target import Target
from tagsync.model import SANDBOX_ACCOUNT, Plan, Report, TargetName
from tagsync.reporting.phrases import target_words


def library_key(identity: str) -> str:
    """Return the name of a library's files in the state directory, given one of `Target.identities`."""
    return sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def account_name(target: TargetName) -> str | None:
    """Return the account that a plan or report names; None if it has only a hash of the key."""
    return None if target.account.startswith("key-") or target.account == SANDBOX_ACCOUNT else target.account


def check_report(report: Report, target: Target) -> None:
    """Check that a report is of a target.

    Raises:
        RefusedError: the report is of another target.
    """
    was = report.plan.target
    if not target.is_named(was):
        raise RefusedError(
            f"the report is of {target_words(was)}, not of {target_words(target.name)}: use a report of this library, "
            "or the options of that one"
        )


def check_library_file(plan: Plan, target: Target, what: str) -> None:
    """Check that the library of a sandbox was filled from the file that a plan or the plan of a report records.

    Args:
        plan: the plan.
        target: a target with the name that the plan records.
        what: the start of the message.

    Raises:
        RefusedError: it was filled from another file, or another version of it.
    """
    made_for, ours = plan.inputs.library_sha256, target.library_sha256
    if made_for and ours and made_for != ours:
        raise RefusedError(
            f"{what} another library than {target_words(target.name)}: its library file has the same name, but other "
            "content. Use --sandbox with the path of that file, or plan again for this library"
        )


def check_environment(report: Report, target: Target) -> None:
    """Check that a report is of a target's environment, if the target has one.

    Raises:
        RefusedError: it is of another one, or of none.
    """
    was = report.plan.target.environment
    if not target.takes(report.plan.target):
        named = "no environment" if was is None else f"environment {shown(was)}"
        raise RefusedError(
            f"the report is of {named}, not of environment {target.environment}: select the right one with --env"
        )
