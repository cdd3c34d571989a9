"""LLaVAs of random weights to measure speed with: `python -m benchmarks.models FOLDER [--size small]`.

A picture takes as many tokens as in LLaVA-1.5 (336 px, 576 tokens), whatever the size of the rest. What they
say are whole words, none of them final: a text read again gives the tokens that wrote it, as nearly always
with trained models. Speed can be measured so, quality cannot.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.utils.logging import disable_progress_bar

ROOT = Path(__file__).parents[1]
TEXTS = (*sorted(ROOT.glob("prompts/**/*.*")), ROOT / "README.md")
VOCABULARY = 4096
PATCH = 14
CONTEXT = 4096
SPECIAL = ["<pad>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<image>"]
CHAT = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}{{ '<image>' }}{% elif p['type'] == 'text' %}{{ p['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """hidden, inner, layers, heads, shared: of the language model, `shared` its key and value heads."""

    hidden: int
    inner: int
    layers: int
    heads: int
    shared: int
    tower: int
    tower_layers: int
    side: int = 336


# tiny: for the tests. 7b: LLaVA-1.5's. 4b: a language model of MedGemma's size. These two only on a GPU.
SHAPES = {
    "tiny": Shape(hidden=64, inner=128, layers=2, heads=2, shared=2, tower=64, tower_layers=2, side=56),
    "small": Shape(hidden=512, inner=1408, layers=6, heads=8, shared=8, tower=256, tower_layers=4),
    "medium": Shape(hidden=1024, inner=2816, layers=12, heads=16, shared=16, tower=384, tower_layers=4),
    "4b": Shape(hidden=2560, inner=10240, layers=34, heads=20, shared=4, tower=1024, tower_layers=24),
    "7b": Shape(hidden=4096, inner=11008, layers=32, heads=32, shared=32, tower=1024, tower_layers=24),
}
LARGE = ("4b", "7b")
NO_GPU = "This size is for a GPU, and there is none here: choose small or medium."


def pictured(shape: Shape) -> int:
    """How many tokens a picture takes."""
    return (shape.side // PATCH) ** 2


@contextmanager
def place(size: str, folder: Path | None = None) -> Iterator[Path]:
    """The folder with a model of that size: the one given, or a new one that is deleted afterwards."""
    if size in LARGE and not torch.cuda.is_available():
        raise SystemExit(NO_GPU)
    with tempfile.TemporaryDirectory(prefix="lightbox-benchmark-") as made:
        yield folder or save(size, Path(made))


def save(size: str, folder: Path, seed: int = 0) -> Path:
    """Writes the model with its processor into the folder, as from_pretrained reads them."""
    disable_progress_bar()
    torch.manual_seed(seed)
    shape, words = SHAPES[size], tokenizer()
    with torch.device("cuda" if size in LARGE else "cpu"):
        model = LlavaForConditionalGeneration(_config(shape, words))
    _enliven(model.to(torch.bfloat16 if size in LARGE else torch.float32), words)
    # Nothing ends an answer but its length.
    model.generation_config = GenerationConfig(pad_token_id=words.pad_token_id)
    model.save_pretrained(folder)
    _processor(shape, words).save_pretrained(folder)
    return folder


def opened(folder: Path) -> tuple[Any, Any]:
    """The model, in its own numbers and on the GPU where there is one, and its processor."""
    disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype="auto", device_map={"": device})
    return model.eval(), LlavaProcessor.from_pretrained(folder)


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE of this project's own prompts and README."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([path.read_text(encoding="utf-8") for path in TEXTS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        eos_token="<|end|>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        extra_special_tokens={"image_token": "<image>"},
    )


def _config(shape: Shape, words: PreTrainedTokenizerFast) -> LlavaConfig:
    tower = CLIPVisionConfig(
        hidden_size=shape.tower,
        intermediate_size=4 * shape.tower,
        num_hidden_layers=shape.tower_layers,
        num_attention_heads=max(1, shape.tower // 64),
        image_size=shape.side,
        patch_size=PATCH,
        projection_dim=shape.tower,
    )
    text = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.shared,
        max_position_embeddings=CONTEXT,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
        eos_token_id=None,
    )
    image = words.convert_tokens_to_ids("<image>")
    return LlavaConfig(
        vision_config=tower, text_config=text, image_token_index=image, image_seq_length=pictured(shape)
    )


@torch.no_grad()
def _enliven(model: Any, words: PreTrainedTokenizerFast) -> None:
    """Weights so large that what is read decides what is said, in words and nothing else."""
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and "norm" not in name:
            weight.normal_(std=1.6 * weight[0].numel() ** -0.5)
    model.get_input_embeddings().weight.mul_(5)
    head = model.get_output_embeddings().weight
    head[[token for token in range(VOCABULARY) if not _is_word(token, words)]] = 0


def _is_word(token: int, words: PreTrainedTokenizerFast) -> bool:
    """Whether it is a word with the space before it, which is read as this very token again."""
    text = words.decode([token])
    return text[:1] == " " and text[1:].isascii() and text[1:].isalpha() and words(text).input_ids == [token]


def _processor(shape: Shape, words: PreTrainedTokenizerFast) -> LlavaProcessor:
    square = {"height": shape.side, "width": shape.side}
    images = CLIPImageProcessorPil(size={"shortest_edge": shape.side}, crop_size=square)
    return LlavaProcessor(
        images,
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a model of random weights into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SHAPES, default="small")
    options = parser.parse_args()
    with place(options.size, save(options.size, options.folder)) as folder:
        model, _ = opened(folder)
    print(f"{sum(weight.numel() for weight in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
