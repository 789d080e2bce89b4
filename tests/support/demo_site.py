"""A small site with something to read, written for the pictures of the window: a handbook for beekeepers."""

from html import escape

from tests.support.recording_server import Behaviour, Exchange, response

TOPICS: dict[str, tuple[str, ...]] = {
    "Hives": (
        "A hive is a stack of boxes with frames that can be lifted out one by one.",
        "Face the entrance to the south-east, so that the morning sun wakes the colony early.",
        "Lean the hive forward by a finger's width: rain runs off the floor and not into it.",
        "Leave a metre between two hives, or foragers drift to the neighbour's.",
    ),
    "Queens": (
        "One queen lays all the eggs, up to two thousand on a day in May.",
        "Mark her with a dot in the colour of the year and you will find her in half the time.",
        "A queen that fails shows it in the brood: gaps, drones where workers should be, several eggs in a cell.",
        "Introduce a new queen in a cage; the colony needs three days to take to her scent.",
    ),
    "Swarms": (
        "A swarm is a colony that divides: the old queen leaves with half of the bees.",
        "Queen cells along the lower edge of the frames announce it a week ahead.",
        "Give room before they ask for it, and most swarms never leave.",
        "A swarm that hangs in a tree is gentle; shake it into a box and wait for dusk.",
    ),
    "Forage": (
        "Bees fly three kilometres for nectar, and prefer one.",
        "Willow and hazel bring the first pollen, when brood begins to grow.",
        "Lime trees, clover and bramble carry the summer; ivy fills the stores in autumn.",
        "Water is forage, too: a shallow dish with moss keeps them out of the neighbour's pool.",
    ),
    "Honey": (
        "Honey is ripe when two thirds of the comb are capped.",
        "Below eighteen percent of water it keeps for years; above twenty it ferments.",
        "Spin slowly at first, or young comb breaks under its own weight.",
        "Stir a little every day for two weeks and it sets creamy instead of hard.",
    ),
    "Winter": (
        "A colony winters as a ball that eats its way upwards through the stores.",
        "Fifteen kilograms of stores carry a strong colony to the first willows.",
        "Cold does not kill bees; damp does. Leave a way out for moist air.",
        "Lift the hive at the back by hand in January: a light one needs fondant at once.",
    ),
    "Mites": (
        "Varroa mites breed in capped brood, and drone brood first of all.",
        "Count the mites that fall in three days: more than ten a day in July needs treatment.",
        "Formic acid reaches below the cappings; oxalic acid works when there is no brood.",
        "Treat all hives of a yard on the same day, or the mites travel.",
    ),
    "Tools": (
        "A smoker, a hive tool and a veil are enough for the first year.",
        "Burn what smoulders cool: jute, rotten wood, dried grass.",
        "A soft brush or a goose feather moves bees without harm.",
        "Clean tools in washing soda between yards; disease travels on steel.",
    ),
    "Records": (
        "Write down what you saw, not what you think it means.",
        "Date, weather, queen seen, eggs seen, stores, temper: six words a hive are enough.",
        "Records show which queen to breed from, two years later.",
        "A card under the lid never lies in the wrong notebook.",
    ),
}
SECTIONS = ("Overview", "Step by step", "Common mistakes", "Questions", "Through the year", "Checklist")

EXTRA = {
    "Honey": [("Prices", "/honey/prices"), ("The shop", "/tools/shop"), ("The first edition", "/old/1998")],
    "Queens": [("Breeders", "/queens/breeders"), ("The second edition", "/old/2007")],
}
"""Further links of some chapters: pages that do not exist any more, and editions that a crawl may leave out."""


def path(topic: str, section: str = "") -> str:
    """Return the path of a chapter or of one of its sections."""
    name = section.lower().replace(" ", "-")
    return f"/{topic.lower()}/{name}"


def pages() -> dict[str, bytes]:
    """Return every page of the site by its path."""
    made = {
        "/": _page("The beekeeper's handbook", _links("/", [(topic, path(topic)) for topic in TOPICS]), TOPICS["Hives"])
    }
    names = list(TOPICS)
    for number, (topic, sentences) in enumerate(TOPICS.items()):
        inner = [(section, path(topic, section)) for section in SECTIONS]
        beside = names[(number + 1) % len(names)]
        inner += EXTRA.get(topic, [])
        made[path(topic)] = _page(topic, _links(topic, inner), sentences)
        for turn, section in enumerate(SECTIONS):
            said = sentences[turn % 4 :] + sentences[: turn % 4] + TOPICS[beside][:2]
            links = [(beside, path(beside)), (f"{beside}: {section.lower()}", path(beside, section))]
            made[path(topic, section)] = _page(f"{topic}: {section.lower()}", _links("See also", links), said)
    return made


def serving(pages: dict[str, bytes], *, busy: bool) -> Behaviour:
    """Return what answers with *pages*; while *busy*, some of them are broken."""

    async def answer(exchange: Exchange) -> object:
        asked = exchange.target.partition("?")[0]
        if busy and asked.startswith("/mites/c"):
            sent = response(b"broken", status="500 Internal Server Error")
        elif asked not in pages:
            sent = response(b"There is no such page.", status="404 Not Found")
        else:
            sent = response(pages[asked])
        await exchange.send(sent)
        return None

    return answer


def _links(heading: str, links: list[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="{escape(target)}">{escape(text)}</a></li>' for text, target in links)
    return f"<h2>{escape(heading if heading != '/' else 'Chapters')}</h2><ul>{items}</ul>"


def _page(title: str, links: str, sentences: tuple[str, ...]) -> bytes:
    text = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="description" content="{escape(sentences[0])}"></head>'
        f"<body><main><h1>{escape(title)}</h1>{text}{links}</main></body></html>"
    ).encode()
