"""The settings: who wins, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_app import settings
from chat_app.errors import SetupError
from chat_app.settings import Settings


def test_the_defaults_need_nothing() -> None:
    assert settings.load(environ={}) == Settings()


def test_the_page_listens_to_this_machine_only() -> None:
    assert Settings().host == "127.0.0.1"


def test_answers_are_greedy_unless_asked_otherwise() -> None:
    assert Settings().temperature == 0


@pytest.mark.parametrize(
    ("given", "environ", "port"),
    [
        ({}, {}, 7860),
        ({}, {"LIGHTBOX_PORT": "81"}, 81),
        ({"port": 82}, {"LIGHTBOX_PORT": "81"}, 82),
        ({"port": None}, {"LIGHTBOX_PORT": "81"}, 81),
    ],
)
def test_the_command_line_wins_over_the_environment(
    given: dict[str, int | None], environ: dict[str, str], port: int
) -> None:
    assert settings.load(given, environ).port == port


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("MODEL", "other", "other"), ("SEED", "7", 7), ("TEMPERATURE", "0.5", 0.5), ("UPLOAD_MB", "10", 10)],
)
def test_a_variable_takes_its_setting_s_type(name: str, text: str, value: object) -> None:
    assert getattr(settings.load(environ={f"LIGHTBOX_{name}": text}), name.lower()) == value


def test_a_value_of_the_wrong_type_names_the_variable() -> None:
    with pytest.raises(SetupError, match=r"^LIGHTBOX_PORT must be a value of type int\.$"):
        settings.load(environ={"LIGHTBOX_PORT": "many"})


def test_an_unknown_variable_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"^LIGHTBOX_PROT is not a setting of Lightbox; known are .*port"):
        settings.load(environ={"LIGHTBOX_PROT": "1"})


def test_others_variables_are_not_ours() -> None:
    assert settings.load(environ={"PORT": "81", "lightbox_port": "82"}) == Settings()


def test_the_real_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_SEED", "11")
    assert settings.load().seed == 11


@pytest.mark.parametrize(
    ("environ", "given", "store"),
    [
        ({}, {}, ""),
        ({"SPACE_ID": "a/b"}, {}, "none"),
        ({"SPACE_ID": "a/b", "LIGHTBOX_STORE": "sqlite:///x"}, {}, "sqlite:///x"),
        ({"LIGHTBOX_STORE": "sqlite:///x"}, {"store": "none"}, "none"),
    ],
    ids=["kept", "on a Space", "on a Space that names a store", "told to keep nothing"],
)
def test_nothing_is_kept_on_a_space_or_when_told_so(
    environ: dict[str, str], given: dict[str, str], store: str
) -> None:
    chosen = settings.load(given, environ)
    assert chosen.store == store
    assert chosen.is_ephemeral == (store == "none")


def test_what_is_kept_lies_in_the_user_s_own_folder_or_the_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings(data=str(tmp_path)).folder == tmp_path
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert Settings().folder.name == "lightbox"


def test_no_secret_is_shown_with_the_settings() -> None:
    shown = repr(
        Settings(
            api_key="Zq", embedder_key="Zq", dicomweb_password="Zq", store="postgresql://user:Zq@host/name"
        )
    )
    assert "Zq" not in shown
