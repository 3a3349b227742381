"""What an unquoted YAML scalar may mean; text only where YAML 1.1 and 1.2 agree that it is text."""

import re

# Everything that YAML 1.1 or 1.2 may read as something other than text starts with one of these.
_SUSPECT = frozenset("0123456789+-.~yYnNtTfFoO<=")

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
# Booleans, merge and value keys of 1.1; integers and floats of both, the sexagesimal ones included; timestamps.
_NOT_ONLY_TEXT = re.compile(
    r"""(?:
      [yYnN] | [yY]es | YES | [nN]o | NO | [tT]rue | TRUE | [fF]alse | FALSE | [oO]n | ON | [oO]ff | OFF | << | =
    | [-+]?[0-9][0-9_]* | [-+]?0b[01_]+ | [-+]?0o[0-7_]+ | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?
    | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?
    )\Z""",
    re.VERBOSE,
)


class Ambiguous:
    """A scalar that is neither plainly text nor plainly a number, a boolean or null; fits no schema on purpose."""

    def __repr__(self) -> str:
        return "an unquoted value"


AMBIGUOUS = Ambiguous()


def resolve(text: str) -> str | int | float | bool | Ambiguous | None:
    """Return what an unquoted scalar means, or AMBIGUOUS where versions of YAML disagree or precision would be lost."""
    if text and text[0] not in _SUSPECT:
        return None if text in _NULL else text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return AMBIGUOUS if _NOT_ONLY_TEXT.match(text) else text
