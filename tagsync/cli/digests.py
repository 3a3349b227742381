"""Complete the shortened digests that people copy from a plan."""

from collections.abc import Sequence
from dataclasses import replace

from tagsync.cli.options import ApplySettings
from tagsync.model import Plan


def with_full_digests(how: ApplySettings, plans: Sequence[Plan]) -> ApplySettings:
    """Return settings in which each digest that begins the digest of one of these plans is complete.

    Other digests stay as they are: they equal the digest of no plan, so whatever compares them refuses them.
    """

    def full(digest: str) -> str:
        return next((plan.digest for plan in plans if plan.digest.startswith(digest)), digest)

    return replace(
        how,
        ack=[ack._replace(digest=full(ack.digest)) for ack in how.ack],
        expect_digest=how.expect_digest and full(how.expect_digest),
    )
