"""What is known about languages: their words without meaning, the stems of the others, and how to tell them apart.

The lists come from stopwordsiso, the stems from Snowball: both are plain data and code without anything to download.
"""

import re
from collections import Counter
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]
import stopwordsiso

from quaero_desktop.domain.cjk import CJK

_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "eo": "esperanto",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip
_KNOWN = frozenset(stopwordsiso.langs())
_SAME_LIST = {"nb": "no", "nn": "no", "in": "id", "iw": "he"}

# The English list also names what web pages are full of and newspapers are not about: here these are subjects.
_MEANINGFUL = frozenset(
    "affected area areas auth beginning bill biol cases computer copy date effect end ends field fire group "
    "groups html http index information interest interests invention join key keys kind length member members "
    "microsoft null number numbers opening order orders ordering page pages part parts place point pointing "
    "points present problem problems recent reference refs research room rooms section side sides site state "
    "states system test text thick thin value values webpage website width work working works world zero empty "
    "lower null ring".split()
)
# What every manual says of everything.
_EMPTY = {
    "en": frozenset(
        "allow allowed allowing also apply applies applied argument arguments available based basic behavior "
        "behaviour behave call called calling calls chapter common commonly create created creates creating "
        "currently default defaults defined defines define depend depending depends described describes "
        "description details discussed documentation documented effectively equivalent etc example examples "
        "existing explicitly expected extra feature features following function functions given handle handled "
        "handling however ignored implementation implemented implements include included includes initial "
        "instead introduction issue issues item items let list listed main manner manual method methods module "
        "modules multiple must name named names needed note notes object objects occur occurs operation "
        "operations option optional optionally options output overview particular pass passed passing perform "
        "performed performs permit possible previous process produce produces produced provide provided "
        "provides providing purpose purposes raise raised raises read refer reference references refers "
        "related relevant remain remains represent represents require required requires respective result "
        "results return returned returning returns run running runs section separate separately set sets "
        "setting simple simply single special specific start started starts string strings subsection summary "
        "supply support supported supports table tables thing things time times topic true false type types "
        "unless usage use used user users uses using usual usually valid value values variable variables "
        "various version versions way ways write written yes changed added deprecated removed removing remove "
        "removes add adding adds find finds determine determines specify avoid avoids simplest easy easily "
        "normal normally typical typically entire additional additionally similar detail general generally "
        "people lot lots kind kinds bit bits sort sorts case cases important note true false none null one two "
        "three four five six seven eight nine ten new old good bad better best high higher low lower long "
        "longer short large small larger smaller different same actual actually current right left able unable "
        "want wants happen happens happened change changes synopsis parameter parameters compatibility "
        "information copyright documentation changing contain contains containing contained consist consists "
        "meaning means mean purpose point points part parts place number numbers order work works working end "
        "ends beginning".split()
    )
}

_SCRIPTS = (
    ("ja", re.compile("[\u3041-\u3096\u30a1-\u30fa]")),
    ("ko", re.compile("[\uac00-\ud7a3]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hy", re.compile("[\u0530-\u058f]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
_GUESSED = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "sv",
    "da",
    "no",
    "pl",
    "cs",
    "fi",
    "hu",
    "tr",
    "ro",
    "id",
    "vi",
    "ca",
)
_CYRILLIC = ("ru", "uk", "bg")
_SAMPLE = 6_000
_ENOUGH = 0.15
"""The share of a text's words that must be function words of a language; in running text it is 0.3 to 0.5."""

_TOKEN = re.compile(r"\w[\w+#]*(?:[-.'’]\w[\w+#]*)*")
_CJK_RUN = re.compile(f"{CJK}+")
_HANGUL = re.compile("[\uac00-\ud7a3]")


class Lexicon:
    """The words of one language.

    Attributes:
        language: its two-letter code; empty for one that is not known.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        listed = _SAME_LIST.get(language, language)
        self._stop: frozenset[str] = frozenset(stopwordsiso.stopwords(listed)) if listed in _KNOWN else frozenset()
        if language == "en":
            self._stop -= _MEANINGFUL
        self._empty = _EMPTY.get(language, frozenset())
        algorithm = _STEMMERS.get(language)
        self._stemmer = snowballstemmer.stemmer(algorithm) if algorithm else None
        self._stems: dict[str, str] = {}
        self._elides = language in _ELIDING

    def words(self, text: str) -> list[str]:
        """Return the words of *text*, without the articles that are written on to them (French, Italian)."""
        return tokens(_ELIDED.sub("", text) if self._elides else text)

    def is_stop(self, word: str) -> bool:
        """Return whether a word (in lower case) only holds others together."""
        return word in self._stop or word.replace("’", "'") in self._stop

    def is_empty(self, word: str) -> bool:
        """Return whether a word says little by itself, as ``example`` does in a manual."""
        return word in self._empty

    def stem(self, word: str) -> str:
        """Return what the forms of a word (in lower case) have in common."""
        found = self._stems.get(word)
        if found is None:
            if len(self._stems) > _MOST_STEMS:
                self._stems.clear()
            bare = word.removesuffix("'s").removesuffix("’s")
            if self.language == "ko":
                bare = _PARTICLE.sub("", bare)
            elif self.language == "en":
                bare = _IRREGULAR.get(bare, bare)
            found = self._stems[word] = self._stemmer.stemWord(bare) if self._stemmer and len(bare) < 60 else bare
        return found


_MOST_STEMS = 50_000
_IRREGULAR = {
    "indices": "index", "matrices": "matrix", "vertices": "vertex", "children": "child", "criteria": "criterion",
    "appendices": "appendix", "vertexes": "vertex", "people": "person", "men": "man", "women": "woman", "mice": "mouse",
}  # fmt: skip
"""What no stemmer of rules brings together."""
_ELIDING = frozenset(("fr", "it", "ca", "pt"))
_ELIDED = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|dell|all|nell|sull|dall|un|quest)['’](?=\w)", re.I)
_PARTICLE = re.compile("(?<=..)(?:으로|에서|에게|까지|부터|하고|하며|한다|하다|은|는|이|가|을|를|의|에|로|와|과|도)$")


@lru_cache(maxsize=8)
def lexicon(language: str) -> Lexicon:
    """Return the words of a language, by its two-letter code."""
    return Lexicon(language)


def tokens(text: str) -> list[str]:
    """Return the words of *text*; a run of Chinese or Japanese characters is one of them."""
    if not text.isascii():
        text = _CJK_RUN.sub(r" \g<0> ", text)
    return _TOKEN.findall(text)


def is_run(word: str) -> bool:
    """Return whether a word is a run of Chinese or Japanese characters, which may be many words."""
    return word[0] > "\u2e7f" and _CJK_RUN.match(word) is not None and not _HANGUL.match(word)


def language_of(text: str, declared: str = "") -> str:
    """Return the two-letter code of the language of *text*, or an empty string.

    Args:
        text: running text.
        declared: what its page says, as a BCP 47 tag. It counts where it can be true: pages made from a template say
            ``en`` of texts in Chinese or German.
    """
    sample = text[:_SAMPLE]
    code = declared.partition("-")[0].lower()[:8]
    script = _script(sample)
    if script and script != "ru":
        if script == "zh" and code == "ja":
            return "ja"
        return code if script == "ar" and code in ("fa", "ur") else code if script == "hi" and code == "mr" else script
    if script == "ru":
        return code if code and code not in _GUESSED else _by_function_words(sample, _CYRILLIC) or "ru"
    if code in _KNOWN and code not in ("ja", "zh", "ko", "ru", "uk", "bg", "el", "he", "ar", "hi", "th"):
        return _by_function_words(sample, _GUESSED, unless=code) or code
    return _by_function_words(sample, _GUESSED)


def _script(sample: str) -> str:
    """Return the language that the script of a text belongs to; empty for the Latin one."""
    letters = sum(char.isalpha() for char in sample)
    for language, pattern in _SCRIPTS:
        found = len(pattern.findall(sample))
        # Few kana make a text Japanese: half of its letters can be ideographs.
        if found > letters * (0.05 if language == "ja" else 0.2):
            return language
    return ""


def _by_function_words(sample: str, languages: tuple[str, ...], unless: str = "") -> str:
    """Return the language whose function words stand in a text; empty when no one's do.

    Args:
        sample: of the text.
        languages: those that it may be.
        unless: what it is said to be: another one must have twice as many.
    """
    words = Counter(word.lower() for word in tokens(sample) if len(word) < 8)
    total = words.total()
    if total < 5:
        return ""

    def hits(language: str) -> int:
        return sum(words[word] for word in _function_words(language) & words.keys())

    found = {language: hits(language) for language in languages}
    best = max(languages, key=lambda language: found[language])
    if found[best] < _ENOUGH * total or (unless and found[best] < 2 * hits(unless)):
        return ""
    return best


@lru_cache(maxsize=32)
def _function_words(language: str) -> frozenset[str]:
    return frozenset(word for word in stopwordsiso.stopwords(language) if 1 < len(word) < 5)
