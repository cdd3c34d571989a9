"""LLaVA 1.5 with seven billion weights: the general model that the medical LLaVAs grew from."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract

CARD = Card(
    name="llava-15-7b",
    label="LLaVA 1.5, a general model without medical training, not for clinical use",
    licence="Llama 2 Community License",
    about="For research on multimodal models; it was never trained on medical images.",
    # Trained on pictures padded to a square (LLaVA 1.5, arXiv 2310.03744) and on one at a time; the padding
    # was of the images' mean colour, here it is black.
    contract=Contract(size=336, resize="pad", most_images=1, context=4096),
    image_tokens=576,
    weights=Weights(
        repo="llava-hf/llava-1.5-7b-hf",
        architecture="LlavaForConditionalGeneration",
        linear=6_476_005_376,
        rest=587_421_696,
        kv_bytes=2 * 2 * 32 * 32 * 128,
        sources=(
            "huggingface.co/llava-hf/llava-1.5-7b-hf, model card (licence, prompt, several images untrained)",
            "fitmyllm.com/model/llava-1.5-7b (7.1 billion, 32 layers, 32 KV heads of 128, context of 4,096)",
            "transformers 5.24, LlavaConfig (CLIP ViT-L/14 of 336 pixels, 576 tokens)",
            "vocabulary of 32,064: recalled, not checked",
        ),
    ),
)
