"""JSON of the library that is shown: without its secrets, and otherwise as it is (J8)."""

import json

import pytest

from quaero_desktop.storage.masking import masked_json


def masked(value: object) -> object:
    return masked_json(json.dumps(value))


def test_what_is_called_like_a_secret_is_one_with_all_that_is_in_it():
    found = masked({"token": {"value": "abcdefghijkl", "parts": ["mnopqrstuvwx"], "id": 123456789}})
    assert found is not None
    for part in ("abcdefghijkl", "mnopqrstuvwx", "123456789"):
        assert part not in json.dumps(found)


def test_whether_there_is_a_secret_is_none():
    assert masked({"password": None, "cookies": [True, False, None]}) == {
        "password": None,
        "cookies": [True, False, None],
    }


def test_what_counts_tokens_is_no_token():
    assert masked({"max_tokens": 500, "depth": 3}) == {"max_tokens": 500, "depth": 3}


def test_secrets_inside_texts_are_masked_wherever_they_stand():
    found = masked({"seeds": ["https://anna:geheim99@site.test/"], "note": ["x", {"y": "password=geheim99"}]})
    assert "geheim99" not in json.dumps(found)
    assert "site.test" in json.dumps(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [(None, None), ("[1, 2]", {"value": [1, 2]}), ("5", {"value": 5}), ("{", {}), ("[" * 100_000, {})],
)
def test_another_value_is_the_only_one_of_an_object_and_what_is_no_json_is_an_empty_one(text, shown):
    assert masked_json(text) == shown
