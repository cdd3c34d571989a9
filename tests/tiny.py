"""Small random checkpoints of the architectures that the cards name, as from_pretrained reads them.

Each has its architecture's own processor, special tokens, way of writing a picture into a prompt and settings
of generation; only the sizes are small, so that a picture takes 16 to 40 tokens and an answer a blink.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Gemma3TextConfig,
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    SiglipVisionConfig,
)

from chat_app.models.cards import llava_med_7b
from chat_app.models.local.weights import without_video

SENTENCES = (
    "What kind of picture is this? Where are the lungs in the first image?",
    "The heart is not enlarged. No effusion, no pneumothorax. Is the second image normal?",
    "This is a chest radiograph, frontal view. There is an opacity in the right lower zone.",
    "You are a careful assistant. Answer in one sentence: 0 1 2 3 4 5 6 7 8 9.",
    "USER: ASSISTANT: User: Assistant: System: user model system assistant [INST] [/INST]",
)
VOCABULARY = 420
# A picture's side and its patches' in the towers.
SIDE, PATCH = 112, 14
# Shorter than any prompt with a picture in it, so that sliding layers do slide.
SLIDING = 32
HIDDEN, LAYERS = 64, 3
TEXT: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
}
TOWER: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "patch_size": PATCH,
}

LLAVA_CHAT = """\
{% for m in messages %}{% if m['role'] != 'system' %}{{ m['role'].upper() + ': ' }}{% endif %}\
{% for c in m['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}\
{% for c in m['content'] | selectattr('type', 'equalto', 'text') %}{{ c['text'] + ' ' }}{% endfor %}\
{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"""
GEMMA_CHAT = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}\
{% set first = messages[0]['content'][0]['text'] + '\n\n' %}{% set turns = messages[1:] %}\
{% else %}{% set first = '' %}{% set turns = messages %}{% endif %}\
{% for m in turns %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}\
{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' }}\
{{ first if loop.first else '' }}{% for c in m['content'] %}\
{% if c['type'] == 'image' %}{{ '<start_of_image>' }}{% else %}{{ c['text'] | trim }}{% endif %}{% endfor %}\
{{ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
QWEN_CHAT = """\
{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% for c in m['content'] %}\
{% if c['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}\
{% else %}{{ c['text'] }}{% endif %}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
# Qwen2.5-VL's says a system message of its own where there is none.
OLDER_QWEN_CHAT = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}" + QWEN_CHAT
)
SMOL_CHAT = """\
<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}\
{{ ':' if m['content'][0]['type'] == 'image' else ': ' }}{% for c in m['content'] %}\
{% if c['type'] == 'image' %}{{ '<image>' }}{% else %}{{ c['text'] }}{% endif %}{% endfor %}\
<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""

QWEN_SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
]
SMOL_SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<global-img>"),
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
    *("<fake_token_around_image>", "<image>", "<end_of_utterance>"),
]
GEMMA_SPECIAL = [
    *("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>"),
    *("<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"),
]


@dataclass(frozen=True)
class Made:
    """A model with random weights, its processor, its generation config and what it says of video."""

    model: Any
    processor: Any
    generation: dict[str, Any]
    video: dict[str, Any] | None = None


def save(card_name: str, folder: Path, seed: int = 0) -> Path:
    """Writes the small twin of that card's model into the folder and gives the folder back."""
    # Each card has weights of its own, even where two are of one architecture.
    torch.manual_seed(seed + zlib.crc32(card_name.encode()))
    made = MAKERS[card_name]()
    _enliven(made.model, _unspoken(made.processor.tokenizer, made.generation["eos_token_id"]))
    made.model.generation_config = GenerationConfig(**made.generation)
    made.model.save_pretrained(folder)
    made.processor.save_pretrained(folder)
    if made.video:
        (folder / "video_preprocessor_config.json").write_text(json.dumps(made.video))
    return folder


def _unspoken(tokenizer: Any, ends: int | list[int]) -> list[int]:
    """What a trained model would not say, or rarely: a picture's place, half a character, a control code."""
    spoken = {ends} if isinstance(ends, int) else set(ends)
    words = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    odd = {token for token, word in words.items() if not word.isprintable() or "\ufffd" in word}
    return sorted({*tokenizer.added_tokens_decoder, *odd} - spoken)


@torch.no_grad()
def _enliven(model: Any, unspoken: Sequence[int]) -> None:
    """Weights so large that what is read decides what is said, and two tokens are rarely as likely."""
    head, table = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and "norm" not in name:
            weight.normal_(std=1.6 * weight[0].numel() ** -0.5)
    if head is table:
        # Small beside what the layers add, or every token would say itself again; the last norm makes up.
        table *= 0.2
        model.get_decoder().norm.weight += 15
    else:
        table *= 5
        head *= 2
    head[list(unspoken)] *= 0.2


# Tokenizers


def _sentencepiece(special: Sequence[str], *, begins: bool, **roles: Any) -> PreTrainedTokenizerFast:
    """As Llama's, Mistral's and Gemma's: spaces are "▁", unknown characters are bytes, a first token <bos>.

    begins: a text begins with a space of its own, which decoding takes away again.
    """
    raw = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    spaces = normalizers.Replace(" ", "▁")
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if begins else spaces
    plain = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    raw.decoder = decoders.Sequence([*plain, decoders.Strip(" ", 1, 0)] if begins else plain)
    raw.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    known = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    size = len(known) + VOCABULARY - 256
    raw.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=size, special_tokens=known, show_progress=False)
    )
    # Bytes are ordinary tokens: the trainer knows no other way to give them places.
    data = json.loads(raw.to_str())
    data["added_tokens"] = [each for each in data["added_tokens"] if each["content"] in special]
    raw = Tokenizer.from_str(json.dumps(data))
    bos = roles["bos_token"]
    raw.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, raw.token_to_id(bos))]
    )
    return _tokenizer(raw, special, roles)


def _bytes(special: Sequence[str], **roles: Any) -> PreTrainedTokenizerFast:
    """As Qwen's and SmolLM's: byte-level BPE, and no token that begins a text."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(SENTENCES, trainer)
    return _tokenizer(raw, special, roles)


def _tokenizer(raw: Tokenizer, special: Sequence[str], roles: dict[str, Any]) -> PreTrainedTokenizerFast:
    named = {value for value in roles.values() if isinstance(value, str)}
    others = [token for token in special if token not in named]
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, additional_special_tokens=others, clean_up_tokenization_spaces=False, **roles
    )


# Architectures


def _llava(text: Any, chat: str) -> Made:
    special = ["<unk>", "<s>", "</s>", "<image>", "<pad>"]
    roles = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    tokenizer = _sentencepiece(special, begins=True, **roles, extra_special_tokens={"image_token": "<image>"})
    side = SIDE // 2
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**TOWER, image_size=side, projection_dim=HIDDEN),
        text_config=text(**TEXT, vocab_size=len(tokenizer), tie_word_embeddings=False, pad_token_id=4),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(side // PATCH) ** 2,
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat,
    )
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 4}
    return Made(LlavaForConditionalGeneration(config), processor, ids)


def _gemma() -> Made:
    roles = {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    extra = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    tokenizer = _sentencepiece(GEMMA_SPECIAL, begins=False, **roles, extra_special_tokens=extra)
    end, boi, eoi, image = (tokenizer.convert_tokens_to_ids(token) for token in GEMMA_SPECIAL[5:])
    tokens = (SIDE // PATCH // 2) ** 2
    text = {**TEXT, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": SLIDING}
    config = Gemma3Config(
        text_config=Gemma3TextConfig(
            **text,
            vocab_size=len(tokenizer),
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        ),
        vision_config=SiglipVisionConfig(**TOWER, image_size=SIDE, vision_use_head=False),
        mm_tokens_per_image=tokens,
        boi_token_index=boi,
        eoi_token_index=eoi,
        image_token_index=image,
    )
    images = Gemma3ImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor = Gemma3Processor(images, tokenizer, chat_template=GEMMA_CHAT, image_seq_length=tokens)
    ids = {"bos_token_id": 2, "eos_token_id": [1, end], "pad_token_id": 0}
    sampling = {"do_sample": True, "top_k": 64, "top_p": 0.95, "cache_implementation": "hybrid"}
    return Made(Gemma3ForConditionalGeneration(config), processor, {**ids, **sampling})


def _qwen_tokenizer() -> tuple[PreTrainedTokenizerFast, dict[str, int]]:
    tokenizer = _bytes(QWEN_SPECIAL, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return tokenizer, {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}


def _qwen3() -> Made:
    tokenizer, places = _qwen_tokenizer()
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config={**TEXT, "head_dim": 16, "vocab_size": len(tokenizer), "rope_parameters": rope},
        vision_config={
            "depth": 3,
            "hidden_size": HIDDEN,
            "intermediate_size": 128,
            "num_heads": 4,
            "patch_size": PATCH,
            "out_hidden_size": HIDDEN,
            "num_position_embeddings": (SIDE // PATCH) ** 2,
            "deepstack_visual_indexes": [0, 1],
        },
        **places,
    )
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": (2 * PATCH) ** 2, "longest_edge": SIDE**2},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        patch_size=PATCH,
    )
    processor = without_video(Qwen3VLProcessor)(images, tokenizer, chat_template=QWEN_CHAT)
    sampling = {"do_sample": True, "top_k": 20, "top_p": 0.8, "temperature": 0.7}
    ids = _qwen_ids(tokenizer)
    video = {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": PATCH}
    return Made(Qwen3VLForConditionalGeneration(config), processor, {**ids, **sampling}, video)


def _qwen2_5() -> Made:
    tokenizer, places = _qwen_tokenizer()
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 2, 2]}
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, **_qwen_ids(tokenizer), "vocab_size": len(tokenizer), "rope_parameters": rope},
        vision_config={
            "depth": 3,
            "hidden_size": HIDDEN,
            "intermediate_size": 128,
            "num_heads": 4,
            "patch_size": PATCH,
            "out_hidden_size": HIDDEN,
            "window_size": 56,
            "fullatt_block_indexes": [2],
        },
        tie_word_embeddings=False,
        **places,
    )
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": (2 * PATCH) ** 2, "longest_edge": SIDE**2}, patch_size=PATCH
    )
    processor = without_video(Qwen2_5_VLProcessor)(images, tokenizer, chat_template=OLDER_QWEN_CHAT)
    sampling = {"do_sample": True, "temperature": 1e-6, "repetition_penalty": 1.05}
    ids = _qwen_ids(tokenizer)
    video = {"video_processor_type": "Qwen2VLVideoProcessor", "patch_size": PATCH}
    return Made(Qwen2_5_VLForConditionalGeneration(config), processor, {**ids, **sampling}, video)


def _qwen_ids(tokenizer: Any) -> dict[str, Any]:
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    return {"eos_token_id": [end, pad], "pad_token_id": pad, "bos_token_id": pad}


def _smol() -> Made:
    tokenizer = _bytes(
        SMOL_SPECIAL, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>"
    )
    tile, scale = SIDE // 2, 2
    config = Idefics3Config(
        text_config=LlamaConfig(**TEXT, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id),
        vision_config={**TOWER, "image_size": tile},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=scale,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
    )
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": SIDE},
        max_image_size={"longest_edge": tile},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    tokens = (tile // PATCH // scale) ** 2
    processor = Idefics3Processor(images, tokenizer, image_seq_len=tokens, chat_template=SMOL_CHAT)
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": 1}
    return Made(Idefics3ForConditionalGeneration(config), processor, ids)


MAKERS: dict[str, Callable[[], Made]] = {
    "llava-15-7b": lambda: _llava(LlamaConfig, LLAVA_CHAT),
    "llava-med-7b": lambda: _llava(MistralConfig, llava_med_7b.CHAT),
    "medgemma-4b": _gemma,
    "medgemma-15-4b": _gemma,
    "medgemma-27b": _gemma,
    "qwen3-vl-8b": _qwen3,
    "lingshu-7b": _qwen2_5,
    "smolvlm-2b": _smol,
}
