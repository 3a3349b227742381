"""The sandbox commands: serve a library on this machine, and reset it."""

import signal
import socket
import sys
from pathlib import Path

from tagsync.cli.connection import (
    SANDBOX_FOLDER,
    sandbox_database,
    sandbox_file_name,
    sandbox_packages,
    sandbox_profile,
    sandbox_store,
)
from tagsync.cli.log import log
from tagsync.errors import StateError, UsageError
from tagsync.model import KEY_VARIABLE
from tagsync.workspace.state_dir import DATABASE_SUFFIXES, remove_file, state_folder


def serve(
    library: Path,
    state_dir: Path,
    *,
    port: int,
    limit: str | None,
    latency_ms: int,
    faults: Path | None,
    key: str | None,
    profile: str | None,
) -> int:
    """Print the URL and how to use it, then serve until a signal ends it."""
    with sandbox_packages():
        import uvicorn  # noqa: PLC0415 - an extra

        from tagsync.sandbox.app import make_app  # noqa: PLC0415 - likewise
        from tagsync.sandbox.faults import FaultScriptError, read_script  # noqa: PLC0415 - likewise
        from tagsync.sandbox.limits import parse_limits  # noqa: PLC0415 - likewise
    try:
        script = read_script(faults) if faults else None
        parsed = parse_limits(limit) if limit else None
    except (FaultScriptError, ValueError) as error:
        raise UsageError(str(error)) from error
    behaviour = sandbox_profile(profile)
    with sandbox_store(library, state_dir, log().warn) as store:
        app = make_app(store, key=key, limit=parsed, latency=latency_ms / 1000, faults=script, profile=behaviour)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
        sock = _bound("127.0.0.1", port)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        _say_how_to_use(url, any_key=key is None)
        try:
            server.run(sockets=[sock])
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
    return 0


def _say_how_to_use(url: str, *, any_key: bool) -> None:
    """Write what to type in another terminal; the key appears in no output."""
    key = "" if any_key else ", with your --key instead of KEY"
    log().say(f"To use this library, run the next line in another terminal{key}. Ctrl-C stops the sandbox.")
    log().say(f"  export TAGSYNC_ENDPOINT={url} {KEY_VARIABLE}={'any' if any_key else 'KEY'}")


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Otherwise the kernel delays the second half of each answer until the first is acknowledged: 40 ms a call.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((host, port))
        # From here on, connections queue: a client that reads the URL may call before the server runs.
        listening.listen()
    except OSError as error:
        listening.close()
        raise StateError(
            f"port {port} on {host} is not available ({error.strerror}): choose another with --port"
        ) from error
    return listening


def reset(library: Path, state_dir: Path) -> int:
    """Remove a sandbox's library and everything about its applies from the state directory."""
    database = state_folder(state_dir, SANDBOX_FOLDER) / sandbox_database(library, state_dir).name
    removed = [remove_file(database.with_name(database.name + suffix)) for suffix in DATABASE_SUFFIXES]
    for folder in ("last", "unfinished", "facts", "doctor", "accounts"):
        for path in state_folder(state_dir, folder).glob(f"{sandbox_file_name(library, state_dir)}*.json"):
            remove_file(path)
    words = "Reset" if any(removed) else "Nothing to reset"
    log().say(f"{words}: the next command fills the sandbox from {library}")
    return 0
