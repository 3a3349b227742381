"""The same task for octoDNS: so many records in YAML, compared with as many that are there, 1 % of them different.

Its source and its target are YAML files of one zone, so that nothing is asked of a network. A record is an A record
with one address; a file of the libraries that tagsync plans has about seven tags, and comes over HTTP.
"""

import json
import sys
from pathlib import Path

from measure import Cost, cost

SYNC = Path(sys.executable).with_name("octodns-sync")

CONFIG = """
providers:
  declared: {{class: octodns.provider.yaml.YamlProvider, directory: "{folder}/declared"}}
  there: {{class: octodns.provider.yaml.YamlProvider, directory: "{folder}/there"}}
zones:
  example.com.: {{sources: [declared], targets: [there]}}
"""

EACH = 100
"""One record of so many differs."""


def is_installed() -> bool:
    """Return whether octoDNS is installed beside this Python: `pip install tagsync[bench]`."""
    return SYNC.is_file()


def planned(work: Path, records: int) -> Cost:
    """Return what one dry run costs."""
    folder = work / f"octodns-{records}"
    if not folder.is_dir():
        for side in ("declared", "there"):
            (folder / side).mkdir(parents=True)
            (folder / side / "example.com.yaml").write_text(_zone(records, same=side == "there"), encoding="utf-8")
        (folder / "config.yaml").write_text(CONFIG.format(folder=json.dumps(str(folder))[1:-1]), encoding="utf-8")
    return cost([str(SYNC), "--quiet", "--config-file", str(folder / "config.yaml")], log=folder / "log")


def _zone(records: int, *, same: bool) -> str:
    return "---\n" + "".join(
        f"host-{number:07d}:\n  ttl: 300\n  type: A\n  value: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n"
        if same or number % EACH
        else f"host-{number:07d}:\n  ttl: 300\n  type: A\n  value: 192.0.2.1\n"
        for number in range(records)
    )
