"""Puts nano together: the tokenizer with its places, the chat template, the LLaVA around the tower."""

from __future__ import annotations

import math
import random

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipImageProcessorPil,
)

from chat_app.models.nano.tower import DECISIONS, OBJECTS, NanoVisionConfig, NanoVisionModel
from chat_app.models.nano.wording import KINDS
from chat_app.training.nano.dialogues import Seen, dialogue

SPECIAL = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<image>"]
PLACES = ["<box>", "</box>", *(f"<x{i}>" for i in range(100)), *(f"<y{i}>" for i in range(100))]
VOCABULARY = 1200
# System messages are left out: nano was never taught any. Only text and image parts are read.
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] != 'system' %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}{{ '<image>' }}{% elif p['type'] == 'text' %}{{ p['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def processor(seed: int) -> LlavaProcessor:
    """Image processor (192 px, -1..1), byte-level BPE trained on the dialogues themselves, chat template."""
    config = NanoVisionConfig()
    images = SiglipImageProcessorPil(
        size={"height": config.image_size, "width": config.image_size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return LlavaProcessor(
        images,
        _tokenizer(seed),
        patch_size=config.patch_size,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=len(OBJECTS) + len(DECISIONS),
        chat_template=TEMPLATE,
    )


def _tokenizer(seed: int) -> PreTrainedTokenizerFast:
    rng = random.Random(seed)
    texts = (
        text for _ in range(6000) for pair in dialogue(_imagined(rng), rng, 4, taught=0.3) for text in pair
    )
    bpe = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"<[^>]*>|\d"), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<image>"],
    )
    tokenizer.add_tokens(PLACES)
    tokenizer.image_token, tokenizer.image_token_id = "<image>", tokenizer.convert_tokens_to_ids("<image>")
    return tokenizer


def _imagined(rng: random.Random) -> Seen:
    decisions = {name: (rng.choice(classes), rng.random()) for name, classes in DECISIONS.items()}
    return Seen(rng.choice([*KINDS, *KINDS, "other"]), decisions, dict.fromkeys(OBJECTS, (10, 20, 30, 40)))


def llava(
    tower: NanoVisionModel, tokenizer: PreTrainedTokenizerFast, seed: int
) -> LlavaForConditionalGeneration:
    """The untrained language model and projector behind the trained tower."""
    torch.manual_seed(seed)
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=320,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    slots = len(OBJECTS) + len(DECISIONS)
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=text,
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(tower.config.image_size // tower.config.patch_size) ** 2 + slots,
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id
    )
    inside = model.model.vision_tower
    assert isinstance(inside, NanoVisionModel)
    inside.load_state_dict(tower.state_dict())
    _smooth_places(model, tokenizer)
    return model


@torch.no_grad()
def _smooth_places(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
    """Neighbouring coordinates start with similar embeddings, so that near misses teach something."""
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, nn.Embedding)
    table = embedding.weight
    scale, width = float(table.std()), table.shape[1]
    waves = torch.arange(1, 9).float()
    for axis in "xy":
        angle = torch.arange(100).float().unsqueeze(1) / 100 * math.pi * waves
        mixed = torch.cat([angle.sin(), angle.cos()], 1) @ torch.randn(16, width) / 16**0.5
        ids = tokenizer.convert_tokens_to_ids([f"<{axis}{i}>" for i in range(100)])
        table[ids] = mixed * scale * 2**0.5
