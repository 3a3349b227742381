"""The way in: `tagsync --version` is answered here, everything else by the command line."""

import gc
import os
import sys

from tagsync.version import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = _run()
    except KeyboardInterrupt:  # while modules are imported, or in the last moment
        _say_interrupted()
        code = 130
    # Everything is written and closed by now. To free the values of a large library one by one would take a second.
    os._exit(code)


def _say_interrupted() -> None:
    """Write that a signal ended the run, in the format of the log."""
    try:
        from tagsync.cli.log import json_log  # noqa: PLC0415 - `_run` may not have got so far

        with json_log(sys.argv[1:]) as errors:
            if errors:
                errors.error("interrupted", "interrupted-run")
                return
    except KeyboardInterrupt:  # another signal
        pass
    os.write(2, b"error: interrupted\n")


def _run() -> int:
    _open_closed_streams()
    # Pipelines ask for the version often; it needs none of what the commands import.
    if sys.argv[1:] == ["--version"]:
        sys.exit(_say_version())
    from tagsync.cli.main import run  # noqa: PLC0415 - see above

    _leave_no_core()
    # A large library is millions of small values that live to the end: looking through them for cycles again and
    # again would take a third of the time.
    gc.set_threshold(100_000, 50, 1000)
    return run(sys.argv[1:])


def _open_closed_streams() -> None:
    """Put nothing in the place of standard streams that were closed, before another file gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - stays open


def _leave_no_core() -> None:
    """Let no crash write this process's memory, and the key in it, to a file; children inherit that.

    A limit of one byte, not of none: Linux hands a core to a program whatever the limit, but for this one.
    """
    try:
        import resource  # noqa: PLC0415 - not there on every platform
    except ModuleNotFoundError:
        return
    if resource.getrlimit(resource.RLIMIT_CORE)[1]:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _say_version() -> int:
    try:
        sys.stdout.write(f"tagsync {__version__}\n")
        sys.stdout.flush()
    except OSError as error:
        # What Python flushes at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    main()
