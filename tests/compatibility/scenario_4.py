"""Do what `scenario.mjs` does with the official Python client 4: python scenario_4.py URL KEY A B MISSING."""

import json
import sys
from typing import Any

from imagekitio import ImageKit
from imagekitio.constants.url import URL
from imagekitio.models.ListAndSearchFileRequestOptions import ListAndSearchFileRequestOptions
from imagekitio.models.UpdateFileRequestOptions import UpdateFileRequestOptions

url, key, a, b, missing = sys.argv[1:]
URL.API_BASE_URL = url


def client(private_key: str) -> Any:
    return ImageKit(public_key="public_any", private_key=private_key, url_endpoint=f"{url}/any")


def refused(call: Any, *args: Any) -> list[Any]:
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 - which one it is, is what is told
        body = error.response_metadata.raw
        return [error.response_metadata.http_status_code, body["message"], body.get("missingFileIds")]
    return ["not refused"]


own = client(key)
query = ListAndSearchFileRequestOptions(
    search_query='tags IN ["shoes"] OR size >= 20', sort="ASC_NAME", limit=10, skip=0
)
told = {
    "found": [file.name for file in own.list_files(options=query).list],
    "details": [own.get_file_details(a).tags, [tag.name for tag in own.get_file_details(a).ai_tags]],
    "added": own.add_tags([a, b], ["new"]).successfully_updated_file_ids,
    "removed": own.remove_tags([a, b], ["shoes"]).successfully_updated_file_ids,
    "removedAI": own.remove_ai_tags([a, b], ["Person"]).successfully_updated_file_ids,
    "after": [own.get_file_details(a).tags, [tag.name for tag in own.get_file_details(a).ai_tags]],
    "updated": own.update_file_details(a, UpdateFileRequestOptions(tags=["one", "two"], remove_ai_tags=["Shoe"])).tags,
    "missing": refused(own.add_tags, [a, missing], ["new"]),
    "tooMany": refused(own.add_tags, [a] * 51, ["new"]),
    "wrongKey": refused(client("private_wrong").get_file_details, a),
}
sys.stdout.write(json.dumps(told))
