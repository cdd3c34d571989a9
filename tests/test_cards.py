"""Every model's card keeps to one form: whoever adds a file here is held to it."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from chat_app.errors import SetupError
from chat_app.grounding.boxes import FORMATS
from chat_app.imaging.view import look
from chat_app.models import cards
from chat_app.records import Image
from chat_app.settings import Settings, load

NAMES = [card.name for card in cards.known()]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_named_after_its_file_and_can_be_loaded(name: str) -> None:
    module = import_module(f"chat_app.models.cards.{name}")
    assert name == module.CARD.name and callable(module.load)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_it_is_and_under_which_licence(name: str) -> None:
    card = cards.card(name)
    assert card.label and card.licence and card.about.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_can_be_obeyed(name: str) -> None:
    contract = cards.card(name).contract
    view = look(Image("image 1", np.zeros((30, 50), np.uint8), "0" * 64, "PNG"), contract)
    assert view.pixels.shape == (contract.size, contract.size, 3)
    assert contract.boxes in ("", *FORMATS) and contract.context > cards.card(name).image_tokens


def test_the_default_model_has_a_card() -> None:
    assert load(environ={}).model in NAMES


def test_an_unknown_model_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SetupError, match=r"known are .*nano"):
        cards.load("gpt-17", Settings(), lambda _: None)
