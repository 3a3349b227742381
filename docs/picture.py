"""Draw docs/images/plan.svg: what `tagsync plan` shows in a terminal for the examples.

python docs/picture.py
"""

import contextlib
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import tagsync
from tagsync.reporting.console import Lines
from tagsync.reporting.plan_view import PlanView
from tagsync.reporting.text import plan_text
from tagsync.sandbox.app import make_app
from tagsync.sandbox.store import Store

ROOT = Path(__file__).parents[1]

# This format loads no fonts from the network, and gives the same bytes each time.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""

THEME = TerminalTheme(
    (24, 26, 31),
    (220, 223, 228),
    [
        *((40, 44, 52), (240, 113, 120), (152, 195, 121), (229, 192, 123)),
        *((97, 175, 239), (198, 120, 221), (86, 182, 194), (220, 223, 228)),
    ],
    [
        *((92, 99, 112), (255, 135, 140), (180, 220, 150), (245, 210, 140)),
        *((130, 190, 250), (215, 150, 235), (120, 200, 210), (255, 255, 255)),
    ],
)


class Recorded(Lines):
    """Record lines for a picture."""

    def __init__(self, console: Console) -> None:
        super().__init__(io.StringIO())
        self._picture = console

    @property
    def width(self) -> int:
        """The columns of the picture."""
        return self._picture.width

    def write(self, *segments: tuple[str, str] | str) -> None:
        """Write one line."""
        parts = [(part, "") if isinstance(part, str) else part for part in segments]
        self._picture.print(Text.assemble(*parts), soft_wrap=True)


def main() -> None:
    """Plan the examples, and save the picture."""
    store = Store(":memory:", ROOT / "examples" / "library.jsonl")
    target = tagsync.Target(app=make_app(store), endpoint="sandbox:library.jsonl", account="example-shop")
    with contextlib.chdir(ROOT / "examples"):
        plan = tagsync.plan(["manifests"], target=target)
    store.close()
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text("$ tagsync plan manifests", "bold"))
    console.print()
    plan_text(PlanView(plan), Recorded(console))
    console.print()
    svg = console.export_svg(title="tagsync plan", theme=THEME, code_format=FORMAT, unique_id="plan")
    (ROOT / "docs" / "images" / "plan.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
