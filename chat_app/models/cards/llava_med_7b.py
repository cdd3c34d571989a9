"""LLaVA-Med 1.5 on Mistral: the medical LLaVA, in the form that transformers reads."""

from __future__ import annotations

from chat_app.models.cards import Card, Weights
from chat_app.records import Contract

# The conversation it was trained on: microsoft/LLaVA-Med, llava/conversation.py, "mistral_instruct" (style
# LLAMA_2: the system's words inside the first instruction). Mistral's own template takes no pictures.
CHAT = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set first = '<<SYS>>\n' + messages[0]['content'][0]['text'] + '\n<</SYS>>\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set first = '' %}{% set turns = messages %}{% endif %}"
    "{{ bos_token }}{% for m in turns %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' }}{{ first if loop.first else '' }}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{{ ' [/INST]' }}{% else %}{{ ' ' }}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}"
    "{{ ' ' + eos_token }}{% endif %}{% endfor %}"
)

CARD = Card(
    name="llava-med-7b",
    label="LLaVA-Med 1.5, a research model, not for clinical use",
    licence="Apache-2.0 (Mistral-7B-Instruct-v0.2); research use only",
    about="For research on biomedical questions about figures and images; not to be used in clinical care.",
    contract=Contract(size=336, resize="pad", most_images=1, context=4096),
    image_tokens=576,
    weights=Weights(
        repo="chaoyinshe/llava-med-v1.5-mistral-7b-hf",
        architecture="LlavaForConditionalGeneration",
        linear=6_979_321_856,
        rest=587_421_696,
        kv_bytes=2 * 2 * 32 * 8 * 128,
        chat=CHAT,
        sources=(
            "huggingface.co/microsoft/llava-med-v1.5-mistral-7b, model card (licence, intended use)",
            "github.com/microsoft/LLaVA-Med, llava/conversation.py at 821e1c7 (prompt)",
            "public code that reads the repository as LlavaForConditionalGeneration (576 tokens)",
            "transformers 5.24, MistralConfig (32 layers, 8 KV heads of 128)",
            "that the conversion equals Microsoft's weights, its licence tag, its vocabulary: not checked",
        ),
    ),
)
