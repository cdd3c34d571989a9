"""Text becomes unit vectors: by a checkpoint, by a server, by what comes inside a package."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from servers import Talk, fake
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from chat_app.errors import ModelError, SetupError
from chat_app.retrieval import embedders
from chat_app.retrieval.embedders import cards, checkpoint
from chat_app.retrieval.embedders.server import BATCH
from chat_app.settings import Settings

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "liver",
    "is",
    "seen",
    "in",
    "its",
    "usual",
    "place",
    "query:",
    "passage:",
]
TEXTS = ("the liver is seen", "in its usual place the liver is", "place")
DENSE = "sentence_transformers.models.Dense"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights without any file of sentence-transformers."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    raw = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def copied(bert: Path, folder: Path, **files: Any) -> Path:
    """The same checkpoint with these JSON files; "__" is a folder's end in their names."""
    folder.mkdir()
    for path in bert.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def stated(mode: str) -> dict[str, Any]:
    """What sentence-transformers writes for one pooling."""
    names = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")
    flags = {f"pooling_mode_{name}": name == mode for name in names}
    return {"word_embedding_dimension": 16, **flags, "include_prompt": True}


def modules(*types: str) -> list[dict[str, Any]]:
    places = {"Transformer": "", "Pooling": "1_Pooling"}
    kinds = [f"sentence_transformers.models.{each}" for each in ("Transformer", "Pooling")]
    return [
        {"type": each, "path": places.get(each.rpartition(".")[2], "2_More")} for each in (*kinds, *types)
    ]


def states(bert: Path, text: str) -> Any:
    """What the model says of each token of one text alone, (tokens, d)."""
    numbers = [2, *(WORDS.index(word) for word in text.split()), 3]
    with torch.inference_mode():
        return BertModel.from_pretrained(bert).eval()(torch.tensor([numbers])).last_hidden_state[0].numpy()


def loaded(folder: Path | str, **settings: Any) -> embedders.Embedder:
    found = embedders.chosen(Settings(embedder=str(folder), **settings))
    assert found is not None
    return found


# Every kind


def named(bert: Path) -> dict[str, str]:
    return {"checkpoint": str(bert), "server": "openai:m@http://127.0.0.1:9/v1", "wordllama": "wordllama"}


def test_each_kind_takes_its_own_names_only(bert: Path) -> None:
    kinds = {each.__name__.rpartition(".")[2]: each for each in embedders.kinds()}  # type: ignore[attr-defined]
    assert set(kinds) == set(named(bert))
    for own, name in named(bert).items():
        assert [kind for kind in kinds if kinds[kind].takes(name)] == [own]


def test_none_is_asked_unless_named() -> None:
    assert embedders.chosen(Settings()) is None


@pytest.mark.parametrize("name", ["nothing", "openai", "a/b/c", "Wordllama", "openai:x"])
def test_an_unknown_name_is_refused_with_the_forms(name: str) -> None:
    with pytest.raises(SetupError, match=r"server is named|wordllama"):
        loaded(name)


def test_vectors_have_length_one_and_texts_without_any_have_none() -> None:
    rows = embedders.unit([[3.0, 4.0], [0.0, 0.0]])
    assert rows.dtype == np.float32
    assert rows.tolist() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


# A checkpoint


def by_hand(rows: Any, mode: str) -> Any:
    vector = {"cls_token": rows[0], "mean_tokens": rows.mean(axis=0), "max_tokens": rows.max(axis=0)}[mode]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("mode", ["cls_token", "mean_tokens", "max_tokens"])
def test_a_checkpoint_pools_as_its_own_files_say(mode: str, bert: Path, tmp_path: Path) -> None:
    layers = modules("sentence_transformers.models.Normalize")
    embedder = loaded(copied(bert, tmp_path / "own", modules=layers, **{"1_Pooling__config": stated(mode)}))
    rows = embedder.passages(TEXTS)
    assert rows.dtype == np.float32
    for text, row in zip(TEXTS, rows, strict=True):
        assert row == pytest.approx(by_hand(states(bert, text), mode), abs=1e-5)
        assert embedder.query(text) == pytest.approx(row, abs=1e-5)


def test_without_files_that_say_so_it_is_the_mean(bert: Path) -> None:
    expected = by_hand(states(bert, TEXTS[0]), "mean_tokens")
    assert loaded(bert).query(TEXTS[0]) == pytest.approx(expected, abs=1e-5)


def test_the_newer_form_names_the_pooling(bert: Path, tmp_path: Path) -> None:
    form = {"embedding_dimension": 16, "pooling_mode": "max", "include_prompt": True}
    folder = copied(bert, tmp_path / "new", modules=modules(), **{"1_Pooling__config": form})
    assert loaded(folder).query(TEXTS[0]) == pytest.approx(
        by_hand(states(bert, TEXTS[0]), "max_tokens"), abs=1e-5
    )


@pytest.mark.parametrize(
    "files",
    [
        {"modules": modules(DENSE), "1_Pooling__config": stated("mean_tokens")},
        {"modules": modules(), "1_Pooling__config": stated("lasttoken")},
        {"1_Pooling__config": stated("mean_sqrt_len_tokens")},
        {"1_Pooling__config": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}},
    ],
    ids=["a further layer", "the last token", "another mean", "two at once"],
)
def test_a_pooling_that_is_not_known_is_refused(files: dict[str, Any], bert: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="pooling"):
        loaded(copied(bert, tmp_path / "odd", **files))


def test_no_more_tokens_are_read_than_it_says(bert: Path, tmp_path: Path) -> None:
    short = loaded(copied(bert, tmp_path / "short", sentence_bert_config={"max_seq_length": 4}))
    assert short.query("the liver is seen") == pytest.approx(short.query("the liver in place"), abs=1e-6)
    assert loaded(bert).query("the liver is seen") != pytest.approx(
        loaded(bert).query("the liver in place"), abs=1e-3
    )


def test_words_that_it_wants_before_a_text_are_put_there(bert: Path, tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    embedder, plain = (
        loaded(copied(bert, tmp_path / "e5", config_sentence_transformers=prompts)),
        loaded(bert),
    )
    assert embedder.query("liver") == pytest.approx(plain.query("query: liver"), abs=1e-6)
    assert embedder.passages(["liver"])[0] == pytest.approx(plain.query("passage: liver"), abs=1e-6)


def test_the_identity_is_of_the_files_and_not_of_their_place(bert: Path, tmp_path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    copied(bert, same)
    copied(bert, other, **{"1_Pooling__config": stated("cls_token")})
    assert loaded(same).identity == loaded(bert).identity != loaded(other).identity


def test_passages_and_questions_may_have_an_encoder_each(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = cards.card("medcpt")
    assert card is not None and card.passages != card.questions and card.pooling == "cls"
    questions = copied(bert, tmp_path / "q", **{"1_Pooling__config": stated("max_tokens")})
    made = replace(card, passages=str(bert), questions=str(questions))
    monkeypatch.setattr(cards, "card", lambda name: made if name == "medcpt" else None)
    embedder = loaded("medcpt")
    said = states(bert, TEXTS[0])
    assert embedder.passages(TEXTS[:1])[0] == pytest.approx(by_hand(said, "cls_token"), abs=1e-5)
    assert embedder.query(TEXTS[0]) == pytest.approx(by_hand(said, "max_tokens"), abs=1e-5)


@pytest.mark.parametrize("card", cards.known(), ids=lambda card: card.name)
def test_a_card_says_what_must_be_known(card: cards.Card) -> None:
    assert card.licence and card.about and card.sources and card.pooling in checkpoint.MODES
    assert checkpoint.HUB.fullmatch(card.passages) and checkpoint.HUB.fullmatch(card.questions)
    assert checkpoint.takes(card.name) and card.name in checkpoint.FORM


@pytest.mark.parametrize("lost", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_checkpoint_that_lacks_a_file_is_said(lost: str, bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "lacking")
    (folder / lost).unlink()
    with pytest.raises(SetupError, match="damaged or incomplete"):
        loaded(folder)


def test_weights_that_are_missing_are_never_made_up(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "deeper")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(SetupError, match="damaged or incomplete"):
        loaded(folder)


def test_pickled_weights_are_not_read(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "pickled")
    torch.save(BertModel.from_pretrained(bert).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SetupError):
        loaded(folder)


# A server


def embeds(talk: Talk) -> None:
    """Of each text a vector that hangs on its length, in turned order."""
    data = [
        {"object": "embedding", "index": number, "embedding": [float(len(text)), 1.0, 0.0]}
        for number, text in enumerate(talk.asked["input"])
    ]
    talk.refuse(200, {"object": "list", "model": "m", "data": data[::-1], "usage": {}})


def served(script: Callable[[Talk], None], texts: list[str], **settings: Any) -> tuple[Any, Any]:
    with fake(script) as running:
        embedder = loaded(f"openai:med-embed@{running.url}", **settings)
        return embedder.passages(texts), running


def test_a_server_is_asked_in_batches_and_answers_are_put_in_order() -> None:
    texts = ["x" * (number + 1) for number in range(BATCH + 3)]
    rows, running = served(embeds, texts)
    assert [len(each["input"]) for each in running.asked] == [BATCH, 3]
    assert {each["model"] for each in running.asked} == {"med-embed"}
    expected = [[len(text), 1.0, 0.0] for text in texts]
    assert rows == pytest.approx(embedders.unit(expected))


def test_only_the_embedder_s_own_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "Zqopenai")
    monkeypatch.setenv("OPENAI_ORG_ID", "Zqorg")
    _, running = served(embeds, ["a"], api_key="Zqchat", embedder_key="ours")
    assert {each["authorization"] for each in running.headers} == {"Bearer ours"}
    assert "Zq" not in json.dumps([running.headers, running.asked])


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (401, SetupError, "LIGHTBOX_EMBEDDER_KEY"),
        (404, SetupError, "no embedder of that name"),
        (302, SetupError, "no embedder of that name"),
        (400, SetupError, "512 tokens"),
        (503, ModelError, "try again"),
    ],
)
def test_what_a_server_refuses_is_said_in_our_words(code: int, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        served(lambda talk: talk.refuse(code, {"error": {"message": "Zqbody"}}), ["a"])
    assert "Zq" not in str(caught.value) and "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {},
        {"data": None},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": [float("nan")]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
    ],
)
def test_nonsense_is_no_embedding(body: object) -> None:
    with pytest.raises(ModelError, match="no embedding"):
        served(lambda talk: talk.refuse(200, body), ["a"])


def test_a_server_that_is_away_is_said() -> None:
    with fake(embeds) as running:
        embedder = loaded(f"openai:m@{running.url}")
    with pytest.raises(ModelError, match="cannot be reached"):
        embedder.query("a")


# Inside a package


def test_wordllama_needs_no_network_and_leaves_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = list(logging.getLogger().handlers), logging.getLogger().level
    embedder = loaded("wordllama")
    assert (list(logging.getLogger().handlers), logging.getLogger().level) == before
    attack, infarct, bread = embedder.passages(["heart attack", "myocardial infarction", "banana bread"])
    assert attack @ attack == pytest.approx(1) and attack @ infarct > attack @ bread + 0.1
    assert embedder.query("heart attack") == pytest.approx(attack)
    assert not embedder.query("").any()


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    embedders.chosen.cache_clear()
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(SetupError, match=r"lightbox-chat\[dense\]"):
        loaded("wordllama")


def test_a_search_by_words_loads_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The femur is the longest bone.")
    program = (
        "import sys; from pathlib import Path; from chat_app.retrieval import index, search;"
        "from chat_app.settings import Settings;"
        f"kept, folder = Settings(data={str(tmp_path / 'kept')!r}), Path({str(tmp_path / 'a.txt')!r});"
        "index.index(folder, 'a', kept); assert search.search('longest bone', ['a'], kept);"
        "print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "wordllama", "openai", "huggingface_hub", "tokenizers"}
    assert not heavy & set(shown.stdout.split())
