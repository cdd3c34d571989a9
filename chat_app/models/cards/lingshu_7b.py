"""Lingshu with seven billion weights: Qwen2.5-VL trained further on a dozen medical modalities."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract

CARD = Card(
    name="lingshu-7b",
    label="Lingshu 7B, a research model, not for clinical use",
    licence="MIT",
    about="For research on medical images and reports; its authors ask for tests before any use.",
    # It takes any size in steps of 28 pixels; 672 gives 24 x 24 tokens.
    contract=Contract(size=672, resize="pad", most_images=4, context=8192, slices=4, regions=True),
    # 576 and the two that begin and end them.
    image_tokens=578,
    weights=Weights(
        repo="lingshu-medical-mllm/Lingshu-7B",
        architecture="Qwen2_5_VLForConditionalGeneration",
        linear=6_525_288_448,
        rest=1_766_878_208,
        kv_bytes=2 * 2 * 28 * 4 * 128,
        half=False,
        sources=(
            "in float16 Qwen2.5-VL writes only \"!\" (vllm-project/vllm, issue 13817)",
            "huggingface.co/lingshu-medical-mllm/Lingshu-7B, model card (modalities, disclaimer)",
            "bio.rodeo/models/lingshu (licence MIT, built on Qwen2.5-VL)",
            "Qwen2.5-VL technical report, table 1 (28 layers, 4 KV heads of 128, patches of 14 pixels)",
            "transformers 5.24, Qwen2_5_VLConfig (vocabulary, width of the tower's feed-forward layers)",
            "that it was trained on several pictures at once: not checked",
        ),
    ),
)
