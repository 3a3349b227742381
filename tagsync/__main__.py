"""The way in: `tagsync --version` is answered here, everything else by the command line."""

import gc
import sys

from tagsync import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    # Pipelines ask for the version often; it needs none of what the commands import.
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"tagsync {__version__}\n")
        sys.exit(0)
    from tagsync.cli.main import run  # noqa: PLC0415 - see above

    # A large library is millions of small values that live to the end: looking through them for cycles again and
    # again would take a third of the time.
    gc.set_threshold(100_000, 50, 1000)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
