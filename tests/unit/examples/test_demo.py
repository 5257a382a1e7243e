import phonenumbers

from examples.demo import SHOWN_ITEMS, phone_for, shortened


def test_a_long_list_is_cut_and_says_how_much_is_missing() -> None:
    body = {"items": list(range(SHOWN_ITEMS + 3)), "next_cursor": None}
    assert shortened(body)["items"] == [0, 1, 2, 3, "… and 3 more"]


def test_a_short_answer_is_shown_whole() -> None:
    short = {"items": list(range(SHOWN_ITEMS))}
    assert shortened(short) == short
    assert shortened({"ok": True}) == {"ok": True}


def test_the_shoppers_phone_is_valid_and_differs_between_tellings() -> None:
    phones = {phone_for(f"{run:08x}") for run in range(200)}
    assert len(phones) > 100
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)
