"""LoRA adapters: their cards, their base, and that switching them changes nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import minds
import pytest
import torch
from minds import begun, cold, done, engine, job
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from chat_app.errors import SetupError
from chat_app.models import adapters
from chat_app.models.local.engine import Engine

BASE = "llava-15-7b"
LANGUAGE = r".*language_model.*\.(q_proj|v_proj|gate_proj)"
TOWER = r".*(language_model.*\.q_proj|vision_tower.*\.q_proj)"

CARD = """\
base = "{base}"
base_sha256 = "{sha256}"
about = "Says other things, for tests."
licence = "Apache-2.0"
modalities = ["US"]
"""


def write(place: Path, seed: int, sha256: str, base: str = BASE, **config: object) -> None:
    """Trains nothing: an adapter with random weights, and its card."""
    torch.manual_seed(seed)
    model = get_peft_model(
        minds.opened(BASE).model, LoraConfig(**{"r": 4, "target_modules": LANGUAGE, **config})
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(place)
    (place / "card.toml").write_text(CARD.format(base=base, sha256=sha256), encoding="utf-8")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    sha256 = minds.opened(BASE).sha256
    write(folder / "breast", 1, sha256)
    write(folder / "nerve", 2, sha256)
    write(folder / "bridge", 3, sha256, modules_to_save=["multi_modal_projector"])
    write(folder / "tower", 4, sha256, target_modules=TOWER)
    return folder


@pytest.fixture(scope="module")
def speaking(shelf: Path) -> Iterator[Engine]:
    made = engine(BASE, adapters.found(str(shelf)))
    yield made
    made.close()


NAMES = ["breast", "nerve", "bridge", "tower"]


def alone(shelf: Path, name: str) -> list[int]:
    """What the model with that adapter writes without any of our code, read anew."""
    bare = engine(BASE)
    if name:
        PeftModel.from_pretrained(bare.model, shelf / name).eval()
    written = cold(bare, begun())
    bare.close()
    return written


@pytest.fixture(scope="module")
def expected(shelf: Path) -> dict[str, list[int]]:
    found = {name: alone(shelf, name) for name in ["", *NAMES]}
    assert len({tuple(tokens) for tokens in found.values()}) == len(found), "the adapters say the same"
    return found


def said(engine: Engine, adapter: str, owner: str = "o") -> list[int]:
    one = job(engine, begun(), owner, adapter)
    done(one)
    return one.row.written


@pytest.mark.parametrize("order", [NAMES, ["", *reversed(NAMES), ""], ["nerve", "", "nerve", "breast"]])
def test_each_question_is_answered_by_its_own_adapter(
    speaking: Engine, expected: dict[str, list[int]], order: list[str]
) -> None:
    for name in order:
        assert said(speaking, name) == expected[name], name


def test_side_by_side_each_speaks_with_its_own(speaking: Engine, expected: dict[str, list[int]]) -> None:
    names = ["", "breast", "tower", "breast"]
    jobs = [job(speaking, begun(), f"user {n}", name) for n, name in enumerate(names)]
    for one in jobs:
        done(one)
    assert [one.row.written for one in jobs] == [expected[name] for name in names]


def test_what_one_adapter_read_another_does_not_take_for_its_own(speaking: Engine) -> None:
    said(speaking, "breast", "switcher")
    other = job(speaking, begun(), "switcher", "nerve")
    done(other)
    assert other.cached == 0
    back = job(speaking, begun(), "switcher", "breast")
    done(back)
    assert back.cached == len(back.row.prompt) - 1


def test_with_the_adapter_off_the_numbers_are_those_of_the_base_bit_for_bit(speaking: Engine) -> None:
    given = minds.inputs(speaking, begun())

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            return speaking.model(**given).logits

    said(speaking, "tower")
    after = speaking.call(logits)
    with torch.inference_mode():
        before = minds.opened(BASE).model(**given).logits
    assert torch.equal(before, after)


def test_an_adapter_is_read_once(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf, tmp_path / "shelf")
    made = engine(BASE, adapters.found(str(tmp_path / "shelf")))
    first = [said(made, name) for name in ("breast", "nerve")]
    shutil.rmtree(tmp_path / "shelf")
    assert [said(made, name) for name in ("breast", "nerve")] == first
    made.close()


@pytest.mark.parametrize("fault", ["shape", "missing", "biases", "other"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_an_adapter_that_cannot_be_put_in_changes_nothing(
    shelf: Path, tmp_path: Path, expected: dict[str, list[int]], fault: str, first: bool
) -> None:
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path / "breast", fault)
    made = engine(BASE, adapters.found(str(tmp_path)))
    if not first:
        assert said(made, "nerve") == expected["nerve"]
    for _ in range(2):
        with pytest.raises(SetupError, match="damaged" if fault in ("shape", "missing") else "no LoRA"):
            said(made, "breast")
        assert [said(made, name) for name in ("", "nerve", "")] == [expected[n] for n in ("", "nerve", "")]
    made.close()


def spoil(folder: Path, fault: str) -> None:
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    stated, tensors = json.loads(config.read_text()), load_file(weights)
    if fault == "shape":
        name = next(iter(tensors))
        tensors[name] = tensors[name][:, :3].clone()
    elif fault == "missing":
        tensors = dict(list(tensors.items())[3:])
    elif fault == "biases":
        stated["bias"] = "all"
    else:
        stated = {"peft_type": "IA3", "target_modules": ["q_proj"], "feedforward_modules": []}
    save_file(tensors, weights)
    config.write_text(json.dumps(stated))


def test_one_half_written_adapter_keeps_no_other_from_being_used(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    (tmp_path / "breast" / "card.toml").unlink()
    made = engine(BASE, adapters.found(str(tmp_path)))
    assert made.adapters.names == ("bridge", "nerve", "tower")
    with pytest.raises(SetupError, match="no readable card"):
        said(made, "breast")
    made.close()


def test_an_adapter_of_other_weights_is_refused_with_the_reason(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf / "breast", tmp_path / "breast")
    (tmp_path / "breast" / "card.toml").write_text(CARD.format(base=BASE, sha256="f" * 64), encoding="utf-8")
    made = engine(BASE, adapters.found(str(tmp_path)))
    assert made.adapters.names == ()
    with pytest.raises(SetupError, match="trained on other weights"):
        said(made, "breast")
    assert said(made, "")
    made.close()


def test_an_adapter_of_another_model_is_refused_with_the_reason(shelf: Path) -> None:
    card = adapters.card(shelf / "breast")
    assert "is for llava-15-7b, not for nano" in card.misfit("nano", card.base_sha256)
    assert card.misfit(BASE, card.base_sha256) == ""


def test_damaged_files_are_said_and_the_next_question_works(
    shelf: Path, tmp_path: Path, expected: dict[str, list[int]]
) -> None:
    shutil.copytree(shelf, tmp_path, dirs_exist_ok=True)
    (tmp_path / "breast" / "adapter_model.safetensors").write_bytes(b"\0" * 100)
    made = engine(BASE, adapters.found(str(tmp_path)))
    for _ in range(2):
        with pytest.raises(SetupError, match="damaged"):
            said(made, "breast")
        assert [said(made, name) for name in ("", "nerve")] == [expected[name] for name in ("", "nerve")]
    made.close()


def test_an_unknown_adapter_is_refused_with_those_that_are_known(speaking: Engine) -> None:
    with pytest.raises(SetupError, match="known are breast, bridge, nerve, tower"):
        said(speaking, "liver")


# Cards


def test_a_card_says_what_its_adapter_is_for(shelf: Path) -> None:
    card = adapters.card(shelf / "nerve")
    assert (card.name, card.base, card.modalities) == ("nerve", BASE, ("US",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no readable card.toml"),
        ("base = ", "not valid TOML"),
        ('base = "x"', "must state its base_sha256"),
        (CARD.format(base="x", sha256="y") + "colour = 1", "unknown key: colour"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    place = tmp_path / "some-name"
    place.mkdir()
    if text is not None:
        (place / "card.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match=says):
        adapters.card(place)


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="small letters"):
        adapters.card(tmp_path / "Über.adapter")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="LIGHTBOX_ADAPTERS"):
        adapters.found(str(tmp_path / "nowhere"))
