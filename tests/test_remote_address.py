"""The name of a model on a server: which model, on which machine, and what to know of the way there."""

from __future__ import annotations

import pytest

from chat_app import hosts
from chat_app.errors import SetupError
from chat_app.models import cards, remote


@pytest.mark.parametrize(
    ("name", "model", "url", "host"),
    [
        ("openai:llava@http://127.0.0.1:8000/v1", "llava", "http://127.0.0.1:8000/v1", ""),
        ("openai:llava@http://127.3.4.5:8000", "llava", "http://127.3.4.5:8000/v1", ""),
        ("openai:llava:7b@http://localhost:11434/v1/", "llava:7b", "http://localhost:11434/v1", ""),
        ("openai:llava@http://LOCALHOST", "llava", "http://LOCALHOST/v1", ""),
        ("openai:llava@http://[::1]:8000/v1", "llava", "http://[::1]:8000/v1", ""),
        ("openai:org/m@main@https://gpu.example/v1", "org/m@main", "https://gpu.example/v1", "gpu.example"),
        ("openai:m@https://gpu.example:8443/a/v1", "m", "https://gpu.example:8443/a/v1", "gpu.example:8443"),
        ("openai:m@http://10.0.0.7:8000", "m", "http://10.0.0.7:8000/v1", "10.0.0.7:8000"),
        ("openai:m@http://localhost.example", "m", "http://localhost.example/v1", "localhost.example"),
        ("openai:m@http://127.0.0.1.example", "m", "http://127.0.0.1.example/v1", "127.0.0.1.example"),
        ("openai:m@http://grösse.example", "m", "http://grösse.example/v1", "grösse.example"),
        (
            "openai:m@http://xn--grsse-kua.example",
            "m",
            "http://xn--grsse-kua.example/v1",
            "xn--grsse-kua.example",
        ),
        ("openai:m@http://gpu_1.example.:80", "m", "http://gpu_1.example.:80/v1", "gpu_1.example.:80"),
        ("openai:m@http://[2001:db8::7]:8000", "m", "http://[2001:db8::7]:8000/v1", "[2001:db8::7]:8000"),
    ],
)
def test_a_name_says_which_model_and_where(name: str, model: str, url: str, host: str) -> None:
    place = remote.address.parsed(name)
    assert (place.model, place.url, place.elsewhere) == (model, url, host)
    card = cards.card(name)
    assert (card.name, card.host, card.label, card.weights) == (name, host, remote.LABEL, None)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "llava",
        "@http://127.0.0.1:8000",
        " @http://127.0.0.1:8000",
        "llava@",
        "llava@127.0.0.1:8000",
        "llava@ftp://127.0.0.1",
        "llava@http://",
        "llava@http://:8000",
        "llava@http://host:port",
        "llava@http://host:0",
        "llava@http://host:99999",
        "llava@http://[::1",
        "llava@http://ho st",
        "llava@http://host/\nv1",
        "llava@http://[::1].evil.example",
        "llava@http://[::1]evil.example:80",
        "llava@http://evil.example[::1]",
        "llava@http://[127.0.0.1]",
        "llava@http://[v1.x]",
        "llava@http://ⓛocalhost",
        "llava@http://größe.example",
        "llava@http://loc%61lhost",
        "llava@http://a..b",
        "llava@http://.b",
        "llava@http://" + "a" * 300,
        "llava@http://b." + "a" * 64 + ".example",
        "llava@http://" + "ö" * 70,
        "llava@http://host/" + "a" * 70_000,
        "llava@http://127.1",
        "llava@http://2130706433",
        "llava@http://127.0.0.999",
        "llava@http://ho<st",
        "llava@http://host:٣",
        "llava@http://host?key=zqsecret",
        "llava@http://host/v1?",
        "llava@http://host/v1#zqsecret",
        "llava@http://zquser:zqsecret@host/v1",
        "http://zquser:zqsecret@host/v1",
    ],
)
def test_a_malformed_name_is_refused_and_not_repeated(rest: str) -> None:
    with pytest.raises(SetupError) as caught:
        cards.card(f"openai:{rest}")
    assert "zq" not in str(caught.value)


@pytest.mark.parametrize(
    "model", ["kimi-k2:cloud", "qwen3-vl:235b-cloud", "gpt-oss:20b:cloud", "a/b:1B-Cloud"]
)
def test_a_model_of_ollama_s_cloud_is_elsewhere_whoever_is_asked(model: str) -> None:
    for host in ("127.0.0.1:11434", "gpu.example:11434"):
        card = cards.card(f"openai:{model}@http://{host}")
        assert card.host == f"ollama.com, by way of {host}"
    assert cards.card(f"openai:{model}@https://ollama.com").host == "ollama.com"


@pytest.mark.parametrize(
    "model", ["llava", "cloud", "my-cloud", "llava:7b", "llava:cloudy", "cloud:7b", "x-cloud"]
)
def test_a_model_with_a_cloud_elsewhere_in_its_name_is_where_it_is_asked(model: str) -> None:
    assert cards.card(f"openai:{model}@http://127.0.0.1:11434").host == ""


@pytest.mark.parametrize("url", ["http://10.0.0.7:8000", "http://gpu.example/v1", "HTTP://localhost.example"])
def test_plain_http_to_another_machine_is_warned_of(url: str) -> None:
    words = remote.warning(f"openai:llava@{url}")
    assert "unencrypted" in words and words.endswith(".") and "gpu" not in words


@pytest.mark.parametrize(
    "name",
    [
        "openai:llava@https://gpu.example",
        "openai:llava@http://127.0.0.1:8000",
        "openai:llava@http://[::1]:8000",
        "openai:llava@http://localhost",
        "openai:kimi-k2:cloud@http://127.0.0.1:11434",
        "nano",
    ],
)
def test_there_is_no_warning_where_nobody_can_listen(name: str) -> None:
    assert remote.warning(name) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.3", "::1", "localhost"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.7", "::2", "localhost.example", "127.0.0.1.example"])
def test_other_machines_are_not_taken_for_this_one(host: str) -> None:
    assert not hosts.is_loopback(host)


def test_an_address_with_a_user_is_whole() -> None:
    parts = hosts.split("https://ward:secret@pacs.example:8443/dicom-web")
    assert parts is not None and (parts.hostname, parts.port) == ("pacs.example", 8443)
