"""Teaches the language model to say what the tower sees: dialogues about pictures, loss on the answers.

The tower stays as it is. A coordinate that is nearly right costs little: its target is a bell over the
neighbouring bins.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerBase

from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.tower import (
    DECISIONS,
    OBJECTS,
    OPEN_DECISION,
    OPEN_KIND,
    NanoVisionModel,
    Sight,
)
from chat_app.training.nano.augment import Batch, draw
from chat_app.training.nano.checkpoint import remember_rates, resume, save, set_rate
from chat_app.training.nano.dialogues import Seen, dialogue
from chat_app.training.nano.muon import Muon
from chat_app.training.nano.pictures import Album
from chat_app.training.nano.watch import Watch

STEPS = 700
WARM_UP = 40
SAVE_EVERY = 100
TURNS = (2, 5)
SPREAD = 1.2
KIND = tuple(DECISIONS).index("kind")


def train(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    album: Album,
    folder: Path,
    *,
    seed: int,
    steps: int,
    size: int,
    added: Specialty | None = None,
    watch: Watch | None = None,
) -> None:
    """`steps` batches of `size` dialogues; the model is changed in place.

    added: what is said of pictures of the kind that an adapter adds. watch: gets the losses.
    """
    tower = model.model.vision_tower
    assert isinstance(tower, NanoVisionModel)
    tower.requires_grad_(False).train(False)
    # An adapter's base is frozen: what has gradients is LoRA's alone.
    optimizers = adapting(p for p in model.parameters() if p.requires_grad) if added else _optimizers(model)
    first = resume(folder / "language.pt", {"model": model}, optimizers)
    bells = _bells(processor.tokenizer, len(processor.tokenizer))
    wrong = partial(_wrong, model, processor.tokenizer, bells, size, added, seed)
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="language")
    for step in bar:
        loss = wrong(album, step)
        set_rate(optimizers, min((step + 1) / WARM_UP, (steps - step) / max(1, steps - WARM_UP)))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        for optimizer in optimizers:
            optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if watch:
            watch.learnt(step + 1, loss.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            if watch:
                with torch.no_grad():
                    watch.validated(step + 1, wrong(watch.held_out, 0).item())
            save(folder / "language.pt", {"model": model}, optimizers, step + 1)


def _wrong(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    bells: Tensor,
    size: int,
    added: Specialty | None,
    seed: int,
    album: Album,
    step: int,
) -> Tensor:
    """How wrong the model is in the dialogues that this step draws from the album."""
    tower = model.model.vision_tower
    drawn = draw(album, size, tower.config.image_size, np.random.default_rng((seed, 1, step)))
    with torch.no_grad():
        sight = tower.look(drawn.pixels.contiguous(memory_format=torch.channels_last))
    rng = random.Random(f"{seed} {step}")
    said = [dialogue(seen, rng, rng.randint(*TURNS)) for seen in _seen(sight, drawn, added)]
    return _loss(model, sight.tokens, *_tokens(tokenizer, said, model.config.image_seq_length), bells)


def _optimizers(model: LlavaForConditionalGeneration) -> list[torch.optim.Optimizer]:
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    deep = [p for n, p in trained if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    ids = {id(p) for p in deep}
    rest = [p for _, p in trained if id(p) not in ids]
    optimizers = [Muon(deep, lr=0.01), torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)]
    remember_rates(optimizers)
    return optimizers


def adapting(weights: Iterable[nn.Parameter]) -> list[torch.optim.Optimizer]:
    """For the two thin matrices of a LoRA layer, which Muon would make orthogonal for nothing."""
    optimizers = [torch.optim.AdamW(weights, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0)]
    remember_rates(optimizers)
    return list(optimizers)


def _seen(sight: Sight, drawn: Batch, added: Specialty | None) -> list[Seen]:
    """The tower's sight in words, but for the kind of picture, which is what the data says."""
    kinds = [added.kind if added and kind == OPEN_KIND else kind for kind in DECISIONS["kind"]]
    chances = {name: logits.softmax(-1) for name, logits in sight.decisions.items()}
    if added and added.classes:
        # At first it may lean to one of the classes that this adapter has no use for.
        chances[OPEN_DECISION] = chances[OPEN_DECISION][:, : len(added.classes)]
    found = sight.maps.amax(-1) > 0
    bins = (sight.box * 100).floor().clamp(0, 99).int()
    result = []
    for row in range(len(sight.tokens)):
        kind = kinds[int(drawn.decisions[row, KIND])]
        decisions = {
            name: (DECISIONS[name][int(chance[row].argmax())], float(chance[row].max()))
            for name, chance in chances.items()
        }
        boxes = {}
        for what, thing in enumerate(OBJECTS):
            x0, y0, x1, y1 = bins[row, what].tolist()
            if x0 < x1 and y0 < y1 and (bool(found[row, what]) or "lung" in thing or thing == "tumour"):
                boxes[thing] = (x0, y0, x1, y1)
        result.append(Seen(kind, decisions, boxes, added if added and kind == added.kind else None))
    return result


def _tokens(
    tokenizer: PreTrainedTokenizerBase, dialogues: list[list[tuple[str, str]]], pictures: int
) -> tuple[Tensor, Tensor]:
    """Ids (B, length), right-padded, and whether each id is part of an answer (B, length)."""
    names = ["<|user|>", "<|assistant|>", "<|end|>", "<image>"]
    user, assistant, end, image = (tokenizer.get_vocab()[name] for name in names)
    texts = [text for said in dialogues for pair in said for text in pair]
    ids_of: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
    encoded = iter(ids_of)
    rows, marks = [], []
    for said in dialogues:
        ids: list[int] = []
        mark: list[bool] = []
        for turn in range(len(said)):
            shown = [image] * pictures if turn == 0 else []
            question: list[int] = [user, *shown, *next(encoded), end, assistant]
            answer: list[int] = [*next(encoded), end]
            ids += question + answer
            mark += [False] * len(question) + [True] * len(answer)
        rows.append(ids)
        marks.append(mark)
    longest = max(map(len, rows))
    padded = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in rows]
    return torch.tensor(padded), torch.tensor([m + [False] * (longest - len(m)) for m in marks])


def _bells(tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> Tensor:
    """(vocabulary, vocabulary) rows of target probabilities for coordinates; 0 for every other token."""
    bells = torch.zeros(vocabulary, vocabulary)
    steps = torch.arange(100).float()
    for axis in "xy":
        ids = torch.tensor(tokenizer.convert_tokens_to_ids([f"<{axis}{i}>" for i in range(100)]))
        shape = torch.softmax(-((steps[:, None] - steps[None, :]) ** 2) / (2 * SPREAD**2), -1)
        bells[ids.unsqueeze(1), ids] = shape
    return bells


def _loss(
    model: LlavaForConditionalGeneration, seen: Tensor, ids: Tensor, answers: Tensor, bells: Tensor
) -> Tensor:
    embeds = model.get_input_embeddings()(ids)
    pictures = model.model.multi_modal_projector(seen)
    where = (ids == model.config.image_token_index).unsqueeze(-1).expand_as(embeds)
    embeds = embeds.masked_scatter(where, pictures.to(embeds.dtype))
    # Padding stands to the right of every answer, where a causal model never looks.
    hidden = model.model.language_model(inputs_embeds=embeds)
    wanted = answers[:, 1:]
    logits = model.lm_head(hidden.last_hidden_state[:, :-1][wanted])
    truth = ids[:, 1:][wanted]
    bell = bells[truth]
    place = bell.sum(-1) > 0
    words = F.cross_entropy(logits[~place], truth[~place])
    places = -(bell[place] * logits[place].log_softmax(-1)).sum(-1).mean() if bool(place.any()) else words * 0
    return words + 0.3 * places
