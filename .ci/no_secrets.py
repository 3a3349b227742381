"""Fail if a tracked file seems to hold a secret that nobody has looked at.

python .ci/no_secrets.py FILE...: needs detect-secrets, which looks, and says so on its standard output alone.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

LOOKED_AT = {
    ("examples/ci/kubernetes/drift.yaml", "Secret Keyword"),  # the name of a cluster's secret
    ("examples/ci/kubernetes/shards.yaml", "Secret Keyword"),  # likewise
    ("tests/cli/test_connection.py", "Secret Keyword"),  # the name of a file
    ("tests/library/http/test_client.py", "Basic Auth Credentials"),  # a proxy's, which must not be shown
    ("tests/library/http/test_proxy.py", "Basic Auth Credentials"),  # likewise
    ("tests/library/http/test_endpoint.py", "Basic Auth Credentials"),  # an endpoint that is refused for them
    ("tests/sandbox/test_official_sdk.py", "Secret Keyword"),  # any key will do
}

# File ids, digests and pinned commits are hexadecimal and everywhere; ImageKit's keys are not.
SCAN = ("detect-secrets", "scan", "--no-verify", "--disable-plugin", "HexHighEntropyString")

KEY = re.compile(rb"private_[A-Za-z0-9+/]{20,}={0,2}")
"""A private key of ImageKit's; those of tests are shorter, and the one that is watched for in `tests/canary.py`."""

KEYS_LOOKED_AT = {"tests/canary.py"}


def found(files: list[str]) -> set[tuple[str, str]]:
    """Return where something like a secret stands, and what kind it is of."""
    program, *options = SCAN
    scan = [str(Path(sys.executable).parent / program), *options, *files]
    ran = subprocess.run(scan, check=True, capture_output=True)  # noqa: S603 - the tool that was installed beside this Python
    results = json.loads(ran.stdout)["results"]
    kinds = {(file, item["type"]) for file, items in results.items() for item in items}
    keys = {(file, "ImageKit key") for file in files if KEY.search(Path(file).read_bytes())}
    return kinds | {pair for pair in keys if pair[0] not in KEYS_LOOKED_AT}


def main(files: list[str]) -> None:
    """Look through files.

    Raises:
        SystemExit: something was found that was not looked at, or what was looked at is not there any more.
    """
    seen = found(files)
    complaints = [f"{file}: {kind}: is that a secret?" for file, kind in sorted(seen - LOOKED_AT)]
    complaints += [f"{file}: {kind}: is not there any more: take it off the list" for file, kind in LOOKED_AT - seen]
    if complaints:
        raise SystemExit("\n".join(complaints))


if __name__ == "__main__":
    main(sys.argv[1:])
