"""Where YAML events come from: libyaml, or PyYAML's own parser where it is not built in; not what they mean."""

import re
from collections.abc import Callable
from typing import Any, Protocol

import yaml
from yaml.events import ScalarEvent
from yaml.scanner import ScannerError

_SURROGATE = re.compile("[\ud800-\udfff]")


class EventSource(Protocol):
    """The part of PyYAML's loaders that is used here; both the libyaml and the pure one have it."""

    def get_event(self) -> Any:
        """Return the next event."""


class PureParser(yaml.SafeLoader):
    """PyYAML's own parser, held to what libyaml does with tabs and with escapes that stand for no character."""

    def get_event(self) -> Any:
        """Return the next event.

        Raises:
            yaml.YAMLError: the file is no YAML.
        """
        try:
            event: Any = super().get_event()  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:
            raise self._wrong("found a number that stands for nothing") from error
        if event.__class__ is ScalarEvent and event.style == '"' and _SURROGATE.search(event.value):
            raise self._wrong("found half a surrogate pair")
        return event

    def scan_to_next_token(self) -> None:
        """Skip what stands between tokens, tabs included wherever they cannot be indentation."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def _wrong(self, problem: str) -> ScannerError:
        return ScannerError(None, None, problem, self.get_mark())


PARSER: Callable[[bytes], EventSource] = getattr(yaml, "CSafeLoader", PureParser)
"""The parser that is used."""
