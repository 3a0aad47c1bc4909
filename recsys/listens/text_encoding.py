"""Which encoding a text file has, decided for the whole file.

A byte order mark decides; then NUL bytes at every other place (UTF-16), then whether the lines with
bytes above 127 are UTF-8. What is none of these is detected by charset-normalizer.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Sequence
from typing import IO

from charset_normalizer import CharsetMatch, from_bytes

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "cp1252"
_CANDIDATES = [
    *(_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman", "cp437", "cp850"),
]
_SYLLABLES = re.compile("[\u3041-\u30fa]")  # hiragana and katakana
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_SIGNS = re.compile(
    r"[^\W\d_][\u00b2\u00b3\u00b9\u00bf\u00b6\u00bc-\u00be\u00a3-\u00a7]"
    r"|[\u00a3-\u00a7\u00b3\u00b9\u00b6][^\W\d_]"
)
_CHUNK = 1 << 20
_SAMPLE = 1 << 15  # bytes that are detected from
_NAMES = {"cp932": "Shift-JIS", "gb18030": "GB 18030", "mac_roman": "Mac Roman"}


def known_codec(name: str) -> str | None:
    """Return the codec of text with this name, None where there is none.

    >>> known_codec("Windows-1251"), known_codec("zip"), known_codec("latin 99")
    ('cp1251', None, None)
    """
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return codec.name if codec._is_text_encoding else None


def decide(file: IO[bytes]) -> str:
    """Return the name of the codec of a text file, read from its beginning to its end."""
    head = file.read(_CHUNK)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec
    if utf16 := _utf16_without_mark(head):
        return utf16
    return _decide_by_lines(head, file)


def of_bytes(data: bytes) -> str:
    """Return the name of the codec of a whole text."""
    return decide(io.BytesIO(data))


def shown(codec: str) -> str:
    """Return what a person calls a codec.

    >>> shown("cp1252"), shown("koi8_r")
    ('Windows-1252', 'KOI8-R')
    """
    if codec in _NAMES:
        return _NAMES[codec]
    if codec.startswith("cp125"):
        return f"Windows-{codec[2:]}"
    return codec.upper().replace("_", "-")


def as_utf8(file: IO[bytes], codec: str) -> IO[bytes]:
    """Return a file's text as UTF-8; what the codec does not know becomes U+FFFD."""
    if codec == UTF_8:
        return file
    return io.BufferedReader(_Transcoded(file, codec), _CHUNK)  # type: ignore[type-var]


class _Transcoded(io.RawIOBase):
    """The bytes of a file in another encoding."""

    def __init__(self, file: IO[bytes], codec: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(codec)("replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._rest:
            data = self._file.read(_CHUNK // 4)
            text = self._decoder.decode(data, final=not data)
            self._rest = text.encode("utf-8", "replace")
            if not data:
                break
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _utf16_without_mark(head: bytes) -> str | None:
    """Return the byte order of UTF-16 where most of every other byte is zero."""
    sample = head[: 1 << 12]
    half = len(sample) // 2
    if half < 4:
        return None
    even, odd = sample[0 : 2 * half : 2].count(0), sample[1 : 2 * half : 2].count(0)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _decide_by_lines(head: bytes, file: IO[bytes]) -> str:
    """Return UTF-8 where most lines that are not ASCII are, else what is detected."""
    n_valid = 0
    others: list[bytes] = []
    n_others = sampled = 0
    for chunk in _whole_lines(head, file):
        if chunk.isascii():
            continue
        for line in chunk.splitlines():
            if line.isascii():
                continue
            try:
                line.decode()
                n_valid += 1
            except UnicodeDecodeError:
                n_others += 1
                if sampled < _SAMPLE:
                    others.append(line[:1000])
                    sampled += len(others[-1])
    return UTF_8 if n_valid >= n_others else detected(others)


def _whole_lines(head: bytes, file: IO[bytes]) -> Iterable[bytes]:
    """Give a file in chunks that end with a line, or at a megabyte without one."""
    chunk = head
    while chunk:
        yield chunk + file.readline(_CHUNK)
        chunk = file.read(_CHUNK)


def detected(lines: Sequence[bytes], candidates: Sequence[str] = _CANDIDATES) -> str:
    """Return the codec of lines that are not UTF-8.

    Windows-1252 unless another is clearly likelier: letters with signs between them, as in "B³¹d",
    speak against a codec, Japanese syllables for it.
    """
    sample = b"\n".join(lines)
    repeated = b"\n".join([sample] * max(1, 1000 // (len(sample) + 1)))  # few words say too little
    matches: list[CharsetMatch] = list(from_bytes(repeated, cp_isolation=list(candidates)))
    if not matches:
        return _WESTERN
    texts = {match.encoding: sample.decode(match.encoding, "replace") for match in matches}
    for codec, text in texts.items():
        if len(_SYLLABLES.findall(text)) >= 2 and not _HALF_WIDTH.search(text):
            return codec
    matches = [m for m in matches if not _SIGNS.search(texts[m.encoding])] or matches
    best = matches[0]
    for match in matches:
        is_close = match.chaos <= best.chaos + 0.05 and match.coherence >= best.coherence - 0.1
        is_same = texts[match.encoding] == texts[best.encoding]
        if match.encoding == _WESTERN and (is_close or is_same):
            return _WESTERN
    return best.encoding
