"""A strict reader of Prometheus' text format 0.0.4, which rejects what a scraper or promtool would complain about."""

import re
from typing import NamedTuple

_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
_HELP = re.compile(rf"# HELP ({_NAME}) ((?:[^\\\n]|\\[\\n])+)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.+)\}})? (-?[0-9]+(?:\.[0-9]+)?)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def samples(text: str) -> list[Sample]:
    """Return the samples of a file of metrics; fail if it breaks a rule of the format or of naming."""
    assert text.endswith("\n")
    found: list[Sample] = []
    types: dict[str, str] = {}
    helped = ""
    for line in text.removesuffix("\n").split("\n"):
        if match := _HELP.fullmatch(line):
            helped = match[1]
            assert helped not in types, "a metric is in one group"
        elif match := _TYPE.fullmatch(line):
            assert match[1] == helped, "HELP comes right before TYPE"
            types[match[1]] = match[2]
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            assert [*types][-1] == match[1], "samples follow the TYPE of their metric"
            assert match[1].endswith("_total") == (types[match[1]] == "counter")
            found.append(Sample(match[1], _labels(match[2] or ""), float(match[3])))
    assert len({(name, *labels.items()) for name, labels, _ in found}) == len(found), "a sample is there twice"
    return found


def _labels(text: str) -> dict[str, str]:
    found, end = {}, 0
    for match in _LABEL.finditer(text):
        assert match.start() == end
        assert match[1] not in found
        found[match[1]] = re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], match[2])
        end = match.end()
    assert end == len(text), text
    return found


def value(text: str, name: str) -> float:
    """Return the value of a metric with one sample."""
    [sample] = [sample for sample in samples(text) if sample.name == name]
    return sample.value


def values(text: str, name: str, label: str) -> dict[str, float]:
    """Return the values of a metric by one of its labels."""
    return {sample.labels[label]: sample.value for sample in samples(text) if sample.name == name}
