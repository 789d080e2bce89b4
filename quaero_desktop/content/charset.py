"""From bytes to text: which encoding a page is in, by the WHATWG encoding standard (https://encoding.spec.whatwg.org/).

Only the encodings that the standard names exist here: Python has codecs (``utf-7``, ``unicode_escape``, ``hex``) that a
page must never reach. A server or a page that lies about its encoding is found out where that is cheap and certain.
"""

import codecs
import re
from typing import NamedTuple

_PREFIX = 4096
"""How many bytes are searched for a declaration; the standard asks for 1024, real pages are later."""

_SAMPLE = 65_536
"""How many bytes are looked at to guess an undeclared encoding."""

# Name of the encoding, Python's codec, labels. ISO 8859-1, ASCII and the like are read as their Windows supersets.
_ENCODINGS = """
utf-8          utf-8      unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8
ibm866         cp866      866 cp866 csibm866
iso-8859-2     iso8859-2  csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
iso-8859-3     iso8859-3  csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
iso-8859-4     iso8859-4  csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
iso-8859-5     iso8859-5  csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
iso-8859-6     iso8859-6  arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
iso-8859-7     iso8859-7  csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek
iso-8859-8     iso8859-8  csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 visual
iso-8859-8-i   iso8859-8  csiso88598i logical
iso-8859-10    iso8859-10 csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6
iso-8859-13    iso8859-13 iso8859-13 iso885913
iso-8859-14    iso8859-14 iso8859-14 iso885914
iso-8859-15    iso8859-15 csisolatin9 iso8859-15 iso885915 iso_8859-15 l9
iso-8859-16    iso8859-16
koi8-r         koi8-r     cskoi8r koi koi8 koi8_r
koi8-u         koi8-u     koi8-ru
macintosh      mac-roman  csmacintosh mac x-mac-roman
windows-874    cp874      dos-874 iso-8859-11 iso8859-11 iso885911 tis-620
windows-1250   cp1250     cp1250 x-cp1250
windows-1251   cp1251     cp1251 x-cp1251
windows-1252   cp1252     ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252
windows-1253   cp1253     cp1253 x-cp1253
windows-1254   cp1254     cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 x-cp1254
windows-1255   cp1255     cp1255 x-cp1255
windows-1256   cp1256     cp1256 x-cp1256
windows-1257   cp1257     cp1257 x-cp1257
windows-1258   cp1258     cp1258 x-cp1258
x-mac-cyrillic mac-cyrillic x-mac-ukrainian
gbk            gb18030    chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk
gb18030        gb18030
big5           big5hkscs  big5-hkscs cn-big5 csbig5 x-x-big5
euc-jp         euc_jis_2004 cseucpkdfmtjapanese x-euc-jp
iso-2022-jp    iso2022_jp_2 csiso2022jp
shift_jis      cp932      csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis
euc-kr         cp949      cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949
utf-16be       utf-16-be  unicodefffe
utf-16le       utf-16-le  csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16
"""  # noqa: E501 - a table

_CODECS: dict[str, str] = {}
_LABELS: dict[str, str] = {}
for _name, _codec, *_labels in (line.split() for line in _ENCODINGS.strip().splitlines()):
    _CODECS[_name] = _codec
    _LABELS.update(dict.fromkeys((_name, *_labels), _name))

# What a page in a language is likely to be written in when it is not UTF-8 and says nothing else, after the table of
# https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding
_BY_LANGUAGE = {
    "ar": "windows-1256", "az": "windows-1254", "ba": "windows-1251", "be": "windows-1251", "bg": "windows-1251",
    "cs": "windows-1250", "el": "iso-8859-7", "et": "windows-1257", "fa": "windows-1256", "he": "windows-1255",
    "hr": "windows-1250", "hu": "iso-8859-2", "ja": "shift_jis", "kk": "windows-1251", "ko": "euc-kr",
    "ku": "windows-1254", "ky": "windows-1251", "lt": "windows-1257", "lv": "windows-1257", "mk": "windows-1251",
    "pl": "iso-8859-2", "ru": "windows-1251", "sk": "windows-1250", "sl": "iso-8859-2", "sr": "windows-1251",
    "tg": "windows-1251", "th": "windows-874", "tr": "windows-1254", "tt": "windows-1251", "uk": "windows-1251",
    "vi": "windows-1258", "zh": "gb18030", "zh-hant": "big5", "zh-hk": "big5", "zh-tw": "big5",
}  # fmt: skip

_EAST_ASIAN = ("shift_jis", "euc-jp", "euc-kr", "gb18030", "big5")
_KANA = re.compile("[\u3041-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_HAN = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
# Encoding, strict codec, the script that gives it away, its least share of the characters outside ASCII.
_EAST_ASIAN_LOOKS = (
    ("shift_jis", "cp932", _KANA, 0.2),
    ("euc-jp", "euc_jp", _KANA, 0.2),
    ("euc-kr", "cp949", _HANGUL, 0.7),
    ("gb18030", "gb2312", _HAN, 0.7),
    ("big5", "big5", _HAN, 0.7),
    ("gb18030", "gb18030", _HAN, 0.8),
)
_HIGH = re.compile(rb"[\x80-\xff]+")

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta[\s/][^<>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.+-]+)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml\s[^<>]*?encoding\s*=\s*[\"']([A-Za-z0-9_:.+-]+)", re.IGNORECASE)
_LANGUAGE = re.compile(rb"<html[\s/][^<>]*?lang\s*=\s*[\"']?\s*([A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?)", re.IGNORECASE)


class Decoded(NamedTuple):
    """A text, the same as clean UTF-8, and the WHATWG name of the encoding that it came in."""

    text: str
    utf8: bytes
    encoding: str


def known(label: str) -> str | None:
    """Return the WHATWG name of the encoding that *label* stands for, or None when the standard has no such label."""
    return _LABELS.get(label.strip().lower())


def decode(body: bytes, declared: str = "") -> Decoded:
    """Decode a page: byte order mark, header, ``meta`` or XML declaration, then what the bytes themselves show.

    Args:
        body: the page. Never fails: what cannot be decoded becomes U+FFFD.
        declared: the charset of the HTTP header, as the server wrote it.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16le"),
        (codecs.BOM_UTF16_BE, "utf-16be"),
    ):
        if body.startswith(mark):
            return _as(body[len(mark) :], encoding)
    try:
        # Nearly every page; and valid UTF-8 that is no ASCII is not by chance anything else.
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _as(body, _legacy(body, declared))
    if text.isascii():
        return _ascii(body, text, declared)
    if "\0" in text and (wide := _wide(body)):
        return _as(body, wide)
    return Decoded(text, body, "utf-8")


def codec_of(start: bytes, declared: str = "") -> str:
    """Return Python's codec for a document of which only the start is known yet, as :func:`decode` would choose it.

    Args:
        start: its first bytes, at least some thousand unless it is shorter.
        declared: the charset of the HTTP header, as the server wrote it.
    """
    # The last character may be cut in two, and ASCII so far says nothing about the rest: then what it declares counts.
    start = start[: start.rfind(b">") + 1] or start
    found = decode(start, declared)
    if found.encoding == "utf-8" and found.text.isascii():
        found_inside = _declared_inside(start) or known(declared)
        return _CODECS[found_inside] if found_inside and not found_inside.startswith("utf-16") else "utf-8"
    return _CODECS[found.encoding]


def without_comments(prefix: bytes) -> bytes:
    """Return the start of a page without its comments, the last one possibly open."""
    return _COMMENT.sub(b"", prefix)


def _as(body: bytes, encoding: str) -> Decoded:
    text = body.decode(_CODECS[encoding], "replace")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in set(text)):
        text = text.encode("utf-8", "replace").decode("utf-8")
    return Decoded(text, text.encode("utf-8"), encoding)


def _ascii(body: bytes, text: str, declared: str) -> Decoded:
    """Text in ASCII bytes: UTF-8, but for the encodings that hide others in them."""
    if "\x1b" in text and "iso-2022-jp" in (known(declared), _declared_inside(body)):
        return _as(body, "iso-2022-jp")
    if "\0" in text and (wide := _wide(body)):
        return _as(body, wide)
    return Decoded(text, body, "utf-8")


def _legacy(body: bytes, declared: str) -> str:
    """The encoding of a body that is not valid UTF-8."""
    if wide := _wide(body):
        return wide
    for encoding in (known(declared), _declared_inside(body)):
        if encoding == "utf-8" and _is_damaged_utf8(body, tolerated=1.0):
            return encoding
        if encoding is not None and not encoding.startswith("utf-"):
            return encoding
    if _is_damaged_utf8(body, tolerated=0.2):
        return "utf-8"
    return _likely(body)


def _declared_inside(body: bytes) -> str | None:
    prefix = body[:_PREFIX]
    if match := _XML.match(prefix) or _META.search(without_comments(prefix)):
        return known(match[1].decode("ascii"))
    return None


def _wide(body: bytes) -> str | None:
    """UTF-16 without a mark: in any page every other byte of the markup is zero."""
    prefix = body[:_PREFIX]
    half = len(prefix) // 2
    if half < 4:
        return None
    even, odd = prefix[0::2].count(0), prefix[1::2].count(0)
    if odd * 3 > half and even * 20 < half:
        return "utf-16le"
    if even * 3 > half and odd * 20 < half:
        return "utf-16be"
    return None


def _is_damaged_utf8(body: bytes, tolerated: float) -> bool:
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    return bad <= tolerated * good


def _likely(body: bytes) -> str:
    """By the page's language, else by what East Asian and Russian bytes look like, else the western web's encoding."""
    if match := _LANGUAGE.search(body[:_PREFIX]):
        language = match[1].decode("ascii").lower()
        hint = _BY_LANGUAGE.get(language) or _BY_LANGUAGE.get(language.partition("-")[0])
        if hint is not None and hint not in _EAST_ASIAN:
            return hint
    sample = body[:_SAMPLE]
    high = _HIGH.findall(sample)
    # Western text has its accents one by one, the others come in runs.
    if 2 * sum(1 for run in high if len(run) == 1) > len(high):
        return "windows-1252"
    for encoding, codec, script, share in _EAST_ASIAN_LOOKS:
        try:
            # Incremental: the sample may end within a character.
            text = codecs.getincrementaldecoder(codec)("strict").decode(sample)
        except UnicodeDecodeError:
            continue
        outside_ascii = len(text) - len(text.encode("ascii", "ignore"))
        if outside_ascii and len(script.findall(text)) >= share * outside_ascii:
            return encoding
    letters = b"".join(high)
    upper_half = sum(1 for byte in letters if byte >= 0xE0)
    lower_half = sum(1 for byte in letters if 0xC0 <= byte < 0xE0)
    if upper_half + lower_half > 0.9 * len(letters):
        # Small letters, which are most, are in the upper half of windows-1251 and in the lower half of KOI8-R.
        return "windows-1251" if upper_half > lower_half else "koi8-r"
    return "windows-1252"
