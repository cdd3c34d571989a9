"""MedGemma 1.5 with four billion weights: reads slices of a volume side by side."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract, Window

CARD = Card(
    name="medgemma-15-4b",
    label="MedGemma 1.5 4B, a developers' model, not for clinical use",
    licence="Health AI Developer Foundations Terms of Use",
    about="A starting point for developers, for volumes too; its output must not inform diagnosis or care.",
    contract=Contract(
        size=896,
        resize="pad",
        most_images=16,
        context=8192,
        slices=16,
        # Trained on three windows in red, green and blue: -1024 to 1024, -135 to 215, 0 to 80 HU (notebook
        # high_dimensional_ct_hugging_face, Google-Health/medgemma).
        windows={"CT": (Window(0, 2048, "wide"), Window(40, 350, "soft tissue"), Window(40, 80, "brain"))},
        regions=True,
    ),
    # 256, two that begin and end them, two empty lines.
    image_tokens=260,
    weights=Weights(
        repo="google/medgemma-1.5-4b-it",
        architecture="Gemma3ForConditionalGeneration",
        linear=3_208_642_560,
        rest=1_091_436_912,
        # The sliding layers would need less; every layer is counted as if it kept the whole context.
        kv_bytes=2 * 2 * 34 * 4 * 256,
        # Gemma 3's activations overflow float16.
        half=False,
        gate="https://huggingface.co/google/medgemma-1.5-4b-it",
        sources=(
            "the model card as copied at fitmyllm.com/model/medgemma-1.5-4b (terms, use, 34 layers)",
            "transformers, convert_gemma3_weights.py (gemma3_4b: 34 layers, 4 KV heads of 256, 896 pixels)",
            "ollama.com/library/medgemma (4.3 billion weights)",
            "float16 overflows: recalled, not checked",
            "notebook high_dimensional_ct_hugging_face at d89262c (windows, at most 85 slices; here 16)",
        ),
    ),
)
