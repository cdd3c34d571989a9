"""Every model's card keeps to one form: whoever adds a file here is held to it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from chat_app.errors import SetupError
from chat_app.grounding.boxes import FORMATS
from chat_app.imaging.presets import HU
from chat_app.imaging.view import look
from chat_app.models import cards
from chat_app.models.cards import Weights
from chat_app.records import Image
from chat_app.settings import Settings, load

NAMES = [card.name for card in cards.known()]
READ = [card.name for card in cards.known() if card.weights]


def weights(name: str) -> Weights:
    found = cards.card(name).weights
    assert found
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_named_after_its_file_and_can_be_loaded(name: str) -> None:
    module = import_module(f"chat_app.models.cards.{name.replace('-', '_')}")
    assert name == module.CARD.name
    assert module.CARD.weights or callable(module.load)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_it_is_and_under_which_licence(name: str) -> None:
    card = cards.card(name)
    assert "not for clinical use" in card.label
    assert card.licence and card.about.endswith(".") and not card.host


@pytest.mark.parametrize("name", READ)
def test_a_card_says_where_its_weights_and_its_facts_come_from(name: str) -> None:
    found = weights(name)
    assert found.repo.count("/") == 1 and found.revision
    assert found.gate in ("", f"https://huggingface.co/{found.repo}")
    assert len(found.sources) > 1 and all(len(source) > 20 for source in found.sources)


def test_what_google_gives_to_those_who_accept_its_terms_has_a_gate() -> None:
    gated = {name for name in READ if weights(name).gate}
    assert gated == {name for name in READ if weights(name).repo.startswith("google/")}


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_can_be_obeyed(name: str) -> None:
    contract = cards.card(name).contract
    view = look(Image("image 1", np.zeros((30, 50), np.uint8), "0" * 64, "PNG"), contract)
    assert view.pixels.shape == (contract.size, contract.size, 3)
    assert contract.boxes in ("", *FORMATS)


@pytest.mark.parametrize("name", NAMES)
def test_the_context_holds_as_many_pictures_as_may_be_shown(name: str) -> None:
    card = cards.card(name)
    assert card.contract.slices <= card.contract.most_images
    # Half is left for words: instructions, what was said before, the answer.
    assert card.contract.most_images * card.image_tokens <= 0.6 * card.contract.context


@pytest.mark.parametrize("name", NAMES)
def test_the_windows_asked_for_are_known(name: str) -> None:
    windows = cards.card(name).contract.windows
    for wanted in windows.values():
        assert len(wanted) in (1, 3)
        assert {each for each in wanted if isinstance(each, str)} <= set(HU)


def test_the_default_model_has_a_card() -> None:
    assert load(environ={}).model in NAMES


def test_an_unknown_model_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SetupError, match=r"known are .*nano"):
        cards.card("gpt-17")


# Against the architectures themselves


@pytest.mark.parametrize("name", READ)
def test_a_card_with_weights_has_a_small_twin(name: str) -> None:
    # Read, quantised and asked about two pictures in test_weights.py.
    import tiny

    assert name in tiny.MAKERS


@pytest.mark.parametrize("name", READ)
def test_a_picture_takes_as_many_tokens_as_the_card_says(name: str) -> None:
    from PIL import Image as Pillow

    side = cards.card(name).contract.size
    processor = whole_processor(name)
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}]}], tokenize=False, add_generation_prompt=True
    )
    given = processor(text=text, images=[Pillow.new("RGB", (side, side))])
    without = processor.tokenizer(text.replace(processor.image_token, "")).input_ids
    taken = len(given["input_ids"][0]) - len(without)
    assert taken == pytest.approx(cards.card(name).image_tokens, abs=3)


def whole_processor(name: str) -> Any:
    """The small twin's processor with the picture sizes of the real one."""
    import tiny

    processor, side = tiny.MAKERS[name]().processor, cards.card(name).contract.size
    images = processor.image_processor
    if name.startswith("llava"):
        images.size, images.crop_size = {"shortest_edge": 336}, {"height": 336, "width": 336}
    elif name.startswith("medgemma"):
        images.size = {"height": 896, "width": 896}
        return type(processor)(images, processor.tokenizer, processor.chat_template, image_seq_length=256)
    elif name.startswith("smolvlm"):
        images.size, images.max_image_size = {"longest_edge": side}, {"longest_edge": 384}
        processor.image_seq_len = 81
    else:
        images.size = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280}
        images.patch_size = {"qwen3-vl-8b": 16, "lingshu-7b": 14}[name]
    return processor


CLIP = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "image_size": 336}
SIGLIP = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
# hidden, feed-forward, layers, heads, KV heads, vocabulary; width of a head where it is not hidden / heads.
TEXT = {
    "llava-15-7b": (4096, 11008, 32, 32, 32, 32064, None),
    "llava-med-7b": (4096, 14336, 32, 32, 8, 32064, None),
    "medgemma-4b": (2560, 10240, 34, 8, 4, 262208, 256),
    "medgemma-15-4b": (2560, 10240, 34, 8, 4, 262208, 256),
    "medgemma-27b": (5376, 21504, 62, 32, 16, 262208, 128),
    "qwen3-vl-8b": (4096, 12288, 36, 32, 8, 151936, 128),
    "lingshu-7b": (3584, 18944, 28, 28, 4, 152064, None),
    "smolvlm-2b": (2048, 8192, 24, 32, 32, 49155, None),
}
# What others say the model's size is, in billions.
PUBLISHED = {"medgemma-4b": 4.3, "medgemma-27b": 27.4, "qwen3-vl-8b": 8.77, "llava-15-7b": 7.1}


def config(name: str) -> Any:
    """The configuration of the real sizes."""
    import transformers as hf

    hidden, feed, layers, heads, kv, vocabulary, width = TEXT[name]
    text: dict[str, Any] = {
        "hidden_size": hidden,
        "intermediate_size": feed,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        **({"head_dim": width} if width else {}),
    }
    if name.startswith("llava"):
        kind = hf.MistralConfig if name == "llava-med-7b" else hf.LlamaConfig
        tower = hf.CLIPVisionConfig(**CLIP, num_attention_heads=16, patch_size=14)
        return hf.LlavaConfig(vision_config=tower, text_config=kind(**text))
    if name.startswith("medgemma"):
        siglip = hf.SiglipVisionConfig(**SIGLIP, patch_size=14, image_size=896, vision_use_head=False)
        return hf.Gemma3Config(text_config=hf.Gemma3TextConfig(**text), vision_config=siglip)
    if name == "qwen3-vl-8b":
        return hf.Qwen3VLConfig(text_config=text, vision_config={"out_hidden_size": hidden})
    if name == "lingshu-7b":
        tower_sizes = {"hidden_size": 1280, "out_hidden_size": hidden}
        return hf.Qwen2_5_VLConfig(text_config=text, vision_config=tower_sizes, tie_word_embeddings=False)
    return hf.Idefics3Config(
        text_config=hf.LlamaConfig(**text),
        vision_config={**SIGLIP, "patch_size": 14, "image_size": 384},
        scale_factor=3,
        tie_word_embeddings=False,
    )


@pytest.mark.parametrize("name", READ)
def test_the_sizes_are_those_of_the_architecture(name: str) -> None:
    import torch
    from transformers import AutoModelForImageTextToText

    from chat_app.models.local.weights import _measured

    stated = weights(name)
    with torch.device("meta"):
        skeleton = AutoModelForImageTextToText.from_config(config(name))
    found = _measured(cards.card(name), skeleton).weights
    assert found and type(skeleton).__name__ == stated.architecture
    assert stated.linear == pytest.approx(found.linear, rel=0.01)
    assert stated.rest == pytest.approx(found.rest, rel=0.01)
    assert stated.kv_bytes == found.kv_bytes
    if name in PUBLISHED:
        assert (stated.linear + stated.rest) / 1e9 == pytest.approx(PUBLISHED[name], rel=0.01)


def test_a_smaller_context_can_be_asked_for_and_a_larger_one_not() -> None:
    card = cards.card("medgemma-4b")
    assert cards.chosen(Settings(model=card.name, context=2048)).contract.context == 2048
    for context in (0, 10**6):
        assert cards.chosen(Settings(model=card.name, context=context)) == card
