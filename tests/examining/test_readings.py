"""Doctor names the reading of each built-in profile, as a table."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import Sandbox, file_object, now, run
from examining.test_examination import FILES

import tagsync
from tagsync.examining.checks import CHECKS
from tagsync.model import CheckVerdict, Finding
from tagsync.sandbox.profile import built_in

Make = Callable[..., Sandbox]

MANY = [
    file_object(f"/a/b/{n}.jpg", createdAt=f"2024-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z")
    for n in range(10_001)
]

READ = sorted(
    name
    for name, settings in built_in().items()
    if len(settings) == 1 and CHECKS[next(iter(settings))].topic != "Writes"
)


def findings(library: Sandbox) -> dict[str, Finding]:
    async def examined() -> dict[str, Finding]:
        library.store.clock = now
        return {finding.check: finding for finding in (await tagsync.doctor_async(library.target)).findings}

    return run(examined())


@pytest.mark.parametrize("name", READ)
def test_doctor_names_the_reading(sandbox: Make, name: str) -> None:
    [(setting, value)] = built_in()[name].items()
    files: Any = MANY if setting == "deepestSkip" else FILES
    library = sandbox(*files, profile=name, clock=float)
    found = findings(library)
    assert found[setting].reading == (tuple(value) if isinstance(value, list) else value)
    differing = {check for check, finding in found.items() if finding.verdict is CheckVerdict.DIFFERENT}
    expected = CHECKS[setting].expected
    assert setting not in differing if value in expected or setting == "readLimits" else setting in differing
    # Nothing else seems different: each check looks at one setting only.
    assert differing <= {setting}


def test_doctor_names_an_unlimited_skip(sandbox: Make) -> None:
    assert findings(sandbox(*MANY))["deepestSkip"].reading == "unlimited"
