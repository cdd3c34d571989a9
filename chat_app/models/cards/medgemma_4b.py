"""MedGemma with four billion weights: Gemma 3 whose vision tower was trained on medical images."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract, Window

CARD = Card(
    name="medgemma-4b",
    label="MedGemma 4B, a developers' model, not for clinical use",
    licence="Health AI Developer Foundations Terms of Use",
    about="A starting point for developers; its output is not meant to inform diagnosis or treatment.",
    contract=Contract(
        size=896,
        resize="pad",
        most_images=2,
        context=8192,
        slices=1,
        # Trained on three windows in red, green and blue: -100/2250, 40/350, 40/80 (technical report, arXiv
        # 2507.05201; Google-Health/medgemma issue 27).
        windows={"CT": (Window(-100, 2250, "wide"), Window(40, 350, "soft tissue"), Window(40, 80, "brain"))},
        regions=True,
    ),
    # 256, two that begin and end them, two empty lines.
    image_tokens=260,
    weights=Weights(
        repo="google/medgemma-4b-it",
        architecture="Gemma3ForConditionalGeneration",
        linear=3_208_642_560,
        rest=1_091_436_912,
        # The sliding layers would need less; every layer is counted as if it kept the whole context.
        kv_bytes=2 * 2 * 34 * 4 * 256,
        # Gemma 3's activations overflow float16.
        half=False,
        gate="https://huggingface.co/google/medgemma-4b-it",
        sources=(
            "developers.google.com/health-ai-developer-foundations/medgemma/model-card (terms, use)",
            "transformers, convert_gemma3_weights.py (gemma3_4b: 34 layers, 4 KV heads of 256, 896 pixels)",
            "ollama.com/library/medgemma (4.3 billion weights)",
            "float16 overflows: recalled, not checked",
        ),
    ),
)
