"""Finds what somebody means by a few letters of its name."""


def match(typed: str, name: str) -> tuple[int, tuple[int, ...]] | None:
    """Return how well *typed* fits *name* and which characters of it it means, or None when it does not fit.

    All letters that were typed are in the name in their order. The beginnings of words and letters side by side count
    most: ``rf`` means "Retry failed" rather than "Performance".

    Args:
        typed: as it was typed; blanks only part the words.
        name: what it is looked for in.
    """
    letters = [letter for letter in typed.lower() if not letter.isspace()]
    lower = name.lower()
    if len(lower) != len(name):
        lower = name
    if not letters:
        return 0, ()
    best: tuple[int, tuple[int, ...]] | None = None
    for start in range(len(lower)):
        if lower[start] == letters[0]:
            found = _from(letters, lower, start)
            if found is None:
                break
            if best is None or found[0] > best[0]:
                best = found
    # Letters that are strewn over a name by chance are nothing that anybody means.
    return best if best is not None and best[0] > 0 else None


def _from(letters: list[str], name: str, start: int) -> tuple[int, tuple[int, ...]] | None:
    places = [start]
    for letter in letters[1:]:
        after = places[-1] + 1
        # The next letter, or else the beginning of a word, or else anywhere.
        if name[after : after + 1] == letter:
            places.append(after)
            continue
        place = next((at for at in range(after, len(name)) if name[at] == letter and _begins(name, at)), -1)
        if place < 0:
            place = name.find(letter, after)
        if place < 0:
            # Its only place may be before the beginning of a word that was taken for it: then this is no match.
            return None
        places.append(place)
    score = 0
    for index, place in enumerate(places):
        if _begins(name, place):
            score += 8
        if index and place == places[index - 1] + 1:
            score += 5
    return score - places[0] - (places[-1] - places[0]) // 4, tuple(places)


def _begins(name: str, at: int) -> bool:
    return at == 0 or not name[at - 1].isalnum()
