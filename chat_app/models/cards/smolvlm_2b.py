"""SmolVLM with two billion weights: the small general model, for trying things on a laptop."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract

CARD = Card(
    name="smolvlm-2b",
    label="SmolVLM, a small general model without medical training, not for clinical use",
    licence="Apache-2.0",
    about="A small general assistant for pictures and text; it was not trained or tested for medical use.",
    # It cuts a picture in tiles of 384 pixels and adds a small copy of the whole.
    contract=Contract(size=768, resize="pad", most_images=2, context=8192, slices=2),
    # Five times 81, and what stands between them.
    image_tokens=420,
    weights=Weights(
        repo="HuggingFaceTB/SmolVLM-Instruct",
        architecture="Idefics3ForConditionalGeneration",
        linear=1_610_612_736,
        rest=635_660_144,
        kv_bytes=2 * 2 * 24 * 32 * 64,
        sources=(
            "huggingface.co/HuggingFaceTB/SmolVLM-Instruct, model card (licence, 81 tokens a tile)",
            "huggingface.co/blog/smolvlm (SmolLM2 1.7B, SigLIP so400m, context of 16,384, tiles of 384)",
            "transformers 5.24, Idefics3Processor (what stands between the tiles)",
            "24 layers, 32 KV heads of 64, vocabulary of 49,155: recalled, not checked",
        ),
    ),
)
