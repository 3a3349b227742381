"""Name the output formats, of plans and reports and of inventories, in a module that loads quickly."""

from typing import Literal, get_args

Format = Literal["text", "json", "markdown", "html", "junit", "github", "prometheus"]
FORMATS: tuple[Format, ...] = get_args(Format)

InventoryFormat = Literal["text", "json", "csv", "html"]
INVENTORY_FORMATS: tuple[InventoryFormat, ...] = get_args(InventoryFormat)
