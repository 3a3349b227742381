"""Print the lower bound of each runtime dependency as an exact constraint."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]:
    sys.stdout.write(requirement.replace(">=", "==") + "\n")
