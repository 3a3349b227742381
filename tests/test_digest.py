from typing import Any

from builders import Sandbox, file_object, run
from conftest import Declare

import tagsync
from tagsync.sandbox.faults import Fault


def test_digest_does_not_depend_on_repeated_reading(sandbox: Any, declare: Declare, tmp_path: Any) -> None:
    declare("- {match: /*, tags: [new], absent: [old]}")

    async def planned(library: Sandbox) -> tagsync.Plan:
        return await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target)

    files = [file_object("/a.jpg", ["old"]), file_object("/b.jpg")]
    quiet, troubled = sandbox(*files), sandbox(*reversed(files), faults=[Fault(on="list", status=503, times=2)])
    plans = [run(planned(quiet)), run(planned(troubled))]
    assert len(troubled.calls) > len(quiet.calls)
    assert plans[0].changes
    assert plans[0].digest == plans[1].digest
