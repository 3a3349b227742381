"""Fail if a tracked file seems to contain a secret that nobody has reviewed.

python .ci/no_secrets.py FILE...: needs detect-secrets, which reports only on standard output.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

REVIEWED = {
    ("examples/ci/kubernetes/drift.yaml", "Secret Keyword"),  # the name of a cluster's secret
    ("examples/ci/kubernetes/shards.yaml", "Secret Keyword"),  # likewise
    ("tests/cli/test_connection.py", "Secret Keyword"),  # the name of a file
    ("tests/cli/test_doctor.py", "Secret Keyword"),  # a key that the sandbox refuses
    ("tests/pipelines/test_drift_issue.py", "Secret Keyword"),  # any key will do
    ("tests/library/http/test_client.py", "Basic Auth Credentials"),  # a proxy's, which must not be shown
    ("tests/library/http/test_proxy.py", "Basic Auth Credentials"),  # likewise
    ("tests/library/http/test_endpoint.py", "Basic Auth Credentials"),  # an endpoint that is refused for them
    ("tests/sandbox/test_official_sdk.py", "Secret Keyword"),  # any key will do
}

# File ids, digests and pinned commits are hexadecimal and everywhere; ImageKit's keys are not.
SCAN = ("detect-secrets", "scan", "--no-verify", "--disable-plugin", "HexHighEntropyString")

KEY = re.compile(rb"private_[A-Za-z0-9+/]{20,}={0,2}")
"""An ImageKit private key. Tests use shorter keys, except the one in `tests/canary.py`."""

KEYS_REVIEWED = {"tests/canary.py"}


def found(files: list[str]) -> set[tuple[str, str]]:
    """Return the file and kind of each possible secret."""
    program, *options = SCAN
    scan = [str(Path(sys.executable).parent / program), *options, *files]
    ran = subprocess.run(scan, check=True, capture_output=True)  # noqa: S603 - the tool next to this Python
    results = json.loads(ran.stdout)["results"]
    kinds = {(file, item["type"]) for file, items in results.items() for item in items}
    keys = {(file, "ImageKit key") for file in files if KEY.search(Path(file).read_bytes())}
    return kinds | {pair for pair in keys if pair[0] not in KEYS_REVIEWED}


def main(files: list[str]) -> None:
    """Check files.

    Raises:
        SystemExit: a possible secret was not reviewed, or a reviewed one no longer exists.
    """
    seen = found(files)
    problems = [f"{file}: {kind}: is that a secret?" for file, kind in sorted(seen - REVIEWED)]
    problems += [f"{file}: {kind}: no longer there: remove it from the list" for file, kind in REVIEWED - seen]
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main(sys.argv[1:])
