"""Chinese, Japanese and Korean text for an index that knows words by the blanks between them.

SQLite's ``unicode61`` tokenizer takes a whole run of such characters for one word. :func:`split_cjk` sets each of them
apart, in what is indexed and in what is asked for alike, so that every character is a token and a run is a phrase.
"""

import re
from functools import cache

# Ideographs with their extensions and compatibility forms, radicals, kana in both widths, bopomofo and Hangul.
CJK = (
    "[\u1100-\u11ff\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\uff66-\uff9d\uffa0-\uffdc"
    "\U00016fe0-\U0001b2ff\U00020000-\U0003fffd]"
)
# Curly quotes and dashes are the usual characters outside Latin-1; two plain ranges are quicker to look for than CJK.
_MAYBE = "[\u1100-\u11ff\u2e80-\U0010ffff]"
_MARKS = "[\x01-\x08]*"
_SPLIT_RUN = f" ?({_MARKS}{CJK}(?:{_MARKS} {_MARKS}{CJK})*{_MARKS}) ?"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled when it is first needed and not at each start: sets as large as these take 15 ms."""
    return re.compile(pattern)


def split_cjk(text: str) -> str:
    """Return *text* with a blank before, between and after the CJK characters of each run.

    Blanks that were there stay, so that :func:`join_cjk` can tell them from the added ones.
    """
    if text.isascii() or not _compiled(_MAYBE).search(text):
        return text
    return _compiled(f"{CJK}+").sub(lambda run: f" {' '.join(run[0])} ", text)


def join_cjk(text: str) -> str:
    """Undo :func:`split_cjk`, also in an excerpt of its result.

    Args:
        text: what ``split_cjk`` returned, or a part of it. The control characters U+0001 to U+0008, as a snippet may
            carry them around its hits, are looked through.
    """
    if text.isascii():
        return text
    return _compiled(_SPLIT_RUN).sub(lambda run: run[1].replace(" ", ""), text)
