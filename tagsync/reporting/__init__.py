"""Output formats of plans, reports and differences. Their names stand here, where they load quickly."""

from typing import Literal, get_args

Format = Literal["text", "json", "markdown", "html", "junit", "github", "prometheus"]
FORMATS: tuple[Format, ...] = get_args(Format)
