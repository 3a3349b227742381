"""Check how calls change tags, on one file that is restored afterwards."""

import asyncio
from collections.abc import Sequence

from tagsync.errors import LibraryError
from tagsync.events import Examining, Listener, ignore
from tagsync.examining.checks import ABSENT, CHECKS, MALFORMED
from tagsync.examining.connection import announced_limits
from tagsync.examining.note import PREFIX, Note, is_ours
from tagsync.library.imagekit.probe import Answer, Probe
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.library.protocol import EVERYTHING, Listing
from tagsync.model import BulkResult, CurrentFile, Done, Finding, Gone, Op, Refused, counted

MOST_CHARACTERS = 400
"""The maximum length of the file's tags, so that there is room for doctor's."""

FIRST = f"{PREFIX}a"
"""The first tag to add."""

_SECOND, _NONE = f"{PREFIX}b", f"{PREFIX}none"
_LOWER, _UPPER = f"{PREFIX}case", f"{PREFIX}CASE"
_SPACE, _PERCENT, _OVER = f"{PREFIX}space ", f"{PREFIX}50%", f"{PREFIX}over"
_COMMA = f"{PREFIX}c,{PREFIX}d"

_LAGS = {
    "detailsLag": (10, "Apply may not verify its changes in time. Run it again later."),
    "indexLag": (30, "Wait before you plan again after an apply: listings may still show old tags."),
}
"""The seconds that tagsync expects at most, and what a longer lag means."""

_PATIENCE = 40
"""Seconds to wait for a change to become visible."""


class _StopError(Exception):
    """The remaining checks cannot be made; the message says why."""


def fillers(tags: Sequence[str]) -> tuple[str, str]:
    """Return two tags with which a file's tags have exactly 500 characters, without commas."""
    room = MAX_TAG_CHARACTERS - sum(map(len, tags))
    return f"{PREFIX}1".ljust(room // 2, "x"), f"{PREFIX}2".ljust(room - room // 2, "x")


def tags_to_add(file: CurrentFile) -> tuple[str, ...]:
    """Return all tags that the checks may add to a file, in any form that a library may keep."""
    parts = _COMMA.split(",")
    return (
        FIRST,
        _SECOND,
        _LOWER,
        _UPPER,
        _SPACE,
        _SPACE.strip(),
        _COMMA,
        *parts,
        _PERCENT,
        _OVER,
        *fillers(file.tags),
    )


class Trial:
    """Writes on one file.

    Args:
        probe: sends the calls.
        file: the file, as its details show it.
        listing: a listing whose first page shows the file once it has the first tag; None if there is none.
        listener: receives `Examining` for each call.

    Attributes:
        lag: seconds until details show a change; None while it is unknown.
        findings: the results so far.
    """

    def __init__(self, probe: Probe, file: CurrentFile, listing: Listing | None, listener: Listener = ignore) -> None:
        self._probe = probe
        self._file = file
        self._listing = listing
        self._listener = listener
        self._check = "writes"
        self.lag: int | None = None
        self._readings: dict[str, str] = {}
        self.findings: dict[str, Finding] = {}

    async def run(self) -> None:
        """Make all checks; `findings` has those made so far, whatever happens."""
        try:
            await self._first_write()
            for step in (self._no_ops, self._unknown_files, self._forms, self._call_length, self._file_length):
                await step()
        except _StopError as error:
            self._leave_out(str(error))
        except LibraryError as error:
            self._leave_out("no usable response", str(error))
        windows = {window for answer in self._probe.announced if answer.writes for window in answer.windows}
        self.findings["writeLimits"] = announced_limits(CHECKS["writeLimits"], windows)

    def _begin(self, name: str | None = None) -> None:
        """Report the check that begins now, or goes on."""
        self._check = name or self._check
        self._listener(Examining(CHECKS[self._check].title))

    def _leave_out(self, why: str, private: str = "") -> None:
        for check in CHECKS.values():
            if check.topic == "Writes":
                self.findings.setdefault(check.name, check.unobserved(why, private))

    def _found(self, name: str, reading: str, seen: str, private: str = "") -> None:
        self._readings[name] = reading
        self.findings[name] = CHECKS[name].found(reading, seen, private)

    def _unobserved(self, name: str, why: str) -> None:
        self.findings[name] = CHECKS[name].unobserved(why)

    async def _add(self, *tags: str) -> Answer[BulkResult]:
        self._begin()
        return await self._probe.bulk(Op.ADD, [self._file.file_id], tags)

    async def _remove(self, *tags: str) -> Answer[BulkResult]:
        self._begin()
        return await self._probe.bulk(Op.REMOVE, [self._file.file_id], tags)

    async def _read(self) -> CurrentFile:
        """Return the file's details, once they show the writes before."""
        self._begin()
        await asyncio.sleep(self.lag or 0)
        answer = await self._probe.details(self._file.file_id)
        if answer.content is None:
            raise _StopError(f"details have status {answer.status}")
        return answer.content

    async def _first_write(self) -> None:
        """Add a tag, and find out whether that works, what else it changes, and when it becomes visible."""
        answer = await self._add(FIRST)
        if not self._is_updated(answer):
            self._found("writes", "refused", _status(answer), answer.words)
            self.lag = 0 if isinstance(answer.content, Refused) else None
            raise _StopError("the key cannot change tags of this file")
        self._found("writes", "accepted", _status(answer))
        await self._lags()
        self._begin("addedTags")
        file = await self._read()
        lost = len(set(self._file.tags) - set(file.tags))
        self._found(
            "addedTags", "replaced" if lost else "merged", f"{counted(len(self._file.tags), 'tag')} before, {lost} lost"
        )
        moved = file.updated_at != self._file.updated_at
        self._found("updatedAt", "moves" if moved else "stays", "changed" if moved else "not changed")
        if lost:
            raise _StopError("adding a tag removed the others, so nothing else was tried")

    async def _lags(self) -> None:
        """Look at details and a listing every second, until both show the tag."""
        clock = asyncio.get_running_loop().time
        began = clock()
        looks = {"detailsLag": self._details_show_it}
        if self._listing:
            looks["indexLag"] = self._listing_shows_it
        else:
            self._unobserved("indexLag", "no single call can find this file")
        lags: dict[str, int] = {}
        while True:
            self._begin(next(name for name in looks if name not in lags))
            for name, look in looks.items():
                if name not in lags and await look():
                    lags[name] = int(clock() - began)
            if len(lags) == len(looks) or clock() - began > _PATIENCE:
                break
            await asyncio.sleep(1)
        for name in looks:
            longest, problem = _LAGS[name]
            if name in lags:
                late = problem if lags[name] > longest else ""
                self.findings[name] = CHECKS[name].measured(f"{lags[name]} s", reading=lags[name], problem=late)
            else:
                self.findings[name] = CHECKS[name].measured(f"more than {_PATIENCE} s", problem=problem)
        if "detailsLag" not in lags:
            raise _StopError(f"details do not show an added tag within {_PATIENCE} s")
        self.lag = lags["detailsLag"] + 1 if lags["detailsLag"] else 0  # the lag is rounded down

    async def _details_show_it(self) -> bool:
        file = await self._read()
        return FIRST in file.tags

    async def _listing_shows_it(self) -> bool:
        page = (await self._probe.listing(self._listing or EVERYTHING)).content
        files = page.files if page else ()
        return any(file.file_id == self._file.file_id and FIRST in file.tags for file in files)

    async def _no_ops(self) -> None:
        """Add a tag that is there, and remove one that is not."""
        for name, change, tag in (("repeatedTag", self._add, FIRST), ("absentTag", self._remove, _NONE)):
            self._begin(name)
            answer = await change(tag)
            if self._is_updated(answer):
                self._found(name, "succeeds", _status(answer))
            else:
                refused = isinstance(answer.content, Refused)
                self._found(name, "refused" if refused else "error", _status(answer), answer.words)

    async def _unknown_files(self) -> None:
        """Name files that do not exist."""
        self._begin("missingFile")
        both = [self._file.file_id, ABSENT]
        calls = (
            ("missingFile", await self._probe.bulk(Op.ADD, both, [_SECOND])),
            ("missingFileAi", await self._probe.bulk(Op.REMOVE_AI, [ABSENT], [_NONE])),
        )
        for name, answer in calls:
            match answer.content:
                case Gone(missing=missing):
                    self._found(name, "404-with-ids" if missing else "404-without-ids", _status(answer))
                case Done() if answer.status == 207:  # noqa: PLR2004 - HTTP
                    self._found(name, "207", _status(answer))
                case _:
                    self._unobserved(name, _status(answer))
        answer = await self._probe.bulk(Op.ADD, [MALFORMED], [_SECOND])
        self.findings["malformedId"] = CHECKS["malformedId"].found_if_known(str(answer.status), _status(answer))

    async def _forms(self) -> None:
        """Add tags in forms that a library may change or refuse."""
        await self._form("tagCase", (_LOWER, _UPPER), {"distinct": {_LOWER, _UPPER}, "merged": {_LOWER}})
        await self._form("tagSpace", (_SPACE,), {"kept": {_SPACE}, "trimmed": {_SPACE.strip()}})
        await self._form("commaTag", (_COMMA,), {"kept": {_COMMA}, "split": set(_COMMA.split(","))})
        await self._form("percentTag", (_PERCENT,), {"accepted": {_PERCENT}})

    async def _form(self, name: str, tags: Sequence[str], readings: dict[str, set[str]]) -> None:
        self._begin(name)
        answer = await self._add(*tags)
        if isinstance(answer.content, Refused) and "refused" in CHECKS[name].readings:
            self._found(name, "refused", _status(answer), answer.words)
            return
        kept = set((await self._read()).tags)
        reading = next((reading for reading, wanted in readings.items() if wanted <= kept), None)
        if reading:
            self._found(name, reading, _status(answer))
        else:
            self._unobserved(name, f"{_status(answer)}, and the file has no such tag")

    async def _call_length(self) -> None:
        """Remove tags that the file does not have, with 500 and 501 characters."""
        if self._readings["absentTag"] == "refused":
            self._unobserved("callLength", "ImageKit refuses to remove tags that a file does not have")
            return
        self._begin("callLength")
        tags = [f"{_NONE}{number}".ljust(MAX_TAG_CHARACTERS // 10, "x") for number in range(10)]
        if isinstance((await self._remove(*tags)).content, Refused):
            self._found("callLength", "joined", "refused: 10 tags with 500 characters")
        elif isinstance((await self._remove(f"{tags[0]}x", *tags[1:])).content, Refused):
            self._found("callLength", "sum", "accepted: 10 tags with 500 characters; refused: 501")
        else:
            self._found("callLength", "unchecked", "accepted: 10 tags with 501 characters")

    async def _file_length(self) -> None:
        """Fill the file up to 500 characters, without and with commas."""
        self._begin("fileLength")
        for tag in filter(is_ours, (await self._read()).tags):
            await self._remove(tag)
        first, second = fillers(self._file.tags)
        for reading, tags in (("", (first,)), ("joined", (second,)), ("sum", (_OVER,))):
            answer = await self._add(*tags)
            if self._is_updated(answer):
                continue
            if not reading:
                raise _StopError(f"a tag was refused ({_status(answer)})")
            counted = "with" if reading == "joined" else "without"
            self._found("fileLength", reading, f"refused more than 500 characters, {counted} commas", answer.words)
            self.findings["overLimit"] = CHECKS["overLimit"].found_if_known(str(answer.status), _status(answer))
            return
        self._found("fileLength", "unchecked", "accepted more than 500 characters")
        self._unobserved("overLimit", "ImageKit accepts more than 500 characters on a file")

    def _is_updated(self, answer: Answer[BulkResult]) -> bool:
        return isinstance(answer.content, Done) and self._file.file_id in answer.content.updated


def _status(answer: Answer[BulkResult]) -> str:
    return f"status {answer.status}"


def note_of(file: CurrentFile) -> Note:
    """Return the note to write before the first write on a file."""
    return Note(file.file_id, file.path, file.tags, tags_to_add(file))
