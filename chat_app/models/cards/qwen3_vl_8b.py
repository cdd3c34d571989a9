"""Qwen3-VL with eight billion weights: a general model that reads many pictures at once."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract

CARD = Card(
    name="qwen3-vl-8b",
    label="Qwen3-VL 8B, a general model without medical training, not for clinical use",
    licence="Apache-2.0",
    about="A general assistant for pictures and text; it was not trained or tested for medical use.",
    # It takes any size in steps of 32 pixels; 768 gives 24 x 24 tokens.
    contract=Contract(size=768, resize="pad", most_images=8, context=8192, slices=8, regions=True),
    # 576 and the two that begin and end them.
    image_tokens=578,
    weights=Weights(
        repo="Qwen/Qwen3-VL-8B-Instruct",
        revision="0c351dd01ed87e9c1b53cbc748cba10e6187ff3b",
        architecture="Qwen3VLForConditionalGeneration",
        linear=6_945_767_424,
        rest=1_821_356_272,
        kv_bytes=2 * 2 * 36 * 8 * 128,
        half=False,
        sources=(
            "that float16 holds its numbers: not checked, and Qwen2.5-VL's it does not",
            "huggingface.co/Qwen/Qwen3-VL-8B-Instruct, model card and its history (licence, commit 0c351dd)",
            "transformers 5.24, Qwen3VLConfig (vision tower, patches of 16 merged two by two)",
            "lmstudio.ai/models/qwen/qwen3-vl-8b (8.77 billion weights, 36 layers, context of 256,000)",
            "text model of 4,096 with 8 KV heads of 128: recalled, the sum of the weights agrees",
        ),
    ),
)
