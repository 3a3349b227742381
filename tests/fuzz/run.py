"""Search for bytes that break one of the targets, with a coverage-guided fuzzer; needs the extra `fuzz`.

    python tests/fuzz/run.py manifest --seconds 600

Exits with 0 if it found none. Otherwise it names the target, and writes the bytes to the folder `--found`.
"""

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tagsync"]):
    from fuzz.targets import TARGETS

HERE = Path(__file__).parent
SECONDS_EACH, MEMORY_MB, MAX_BYTES = 10, 300, 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="where to keep what is new")
    parser.add_argument("--found", type=Path, default=Path())
    chosen = parser.parse_args()
    corpora = [str(path) for path in (chosen.corpus, HERE / "corpus" / chosen.target) if path]
    arguments = [
        sys.argv[0],
        f"-max_total_time={chosen.seconds}",
        f"-timeout={SECONDS_EACH}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={chosen.found}/",
        f"-dict={HERE / (chosen.target + '.dict')}",
        "-print_final_stats=1",
        *corpora,
    ]
    atheris.Setup(arguments, TARGETS[chosen.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
