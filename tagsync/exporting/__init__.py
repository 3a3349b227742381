"""Turn a library's files back into manifests or CSV, from values to text; redact recordings.

The formats' names load quickly here.
"""

from typing import Literal

ExportFormat = Literal["manifests", "csv"]
