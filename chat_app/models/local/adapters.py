"""LoRA adapters in memory: each is read once, several stay, one at a time is switched on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safetensors import SafetensorError

from chat_app.errors import SetupError
from chat_app.models.adapters import AdapterCard

# What peft, safetensors and the file system raise for an adapter that is not as it must be.
FAULTS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)


class Adapters:
    """The adapters that may be used with one model. Only the model's own thread may call `use`.

    base, sha256: the model's card and the hash of its weights, against which every adapter's card is held.
    """

    def __init__(
        self, model: Any, cards: Iterable[AdapterCard] = (), base: str = "", sha256: str = ""
    ) -> None:
        self._cards = {card.name: card for card in cards}
        self._misfits = {name: card.misfit(base, sha256) for name, card in self._cards.items()}
        self._model = model
        self._wrapped: Any = None
        self._on = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Those that fit the model."""
        return tuple(name for name, misfit in self._misfits.items() if not misfit)

    def check(self, name: str) -> None:
        """Raises SetupError when there is none of that name, or it was made for other weights."""
        if name not in self._cards:
            known = ", ".join(self.names) or "none"
            raise SetupError(f"There is no adapter called {name!r} for this model; known are {known}.")
        if misfit := self._misfits[name]:
            raise SetupError(misfit)

    def use(self, name: str) -> None:
        """Switches to that adapter, or with "" to the weights as they came; nothing is read twice.

        Raises:
            SetupError: it cannot be used with this model, or its files are damaged.
        """
        if name == self._on:
            return
        if name:
            self._load(name)
            self._wrapped.base_model.enable_adapter_layers()
            self._wrapped.set_adapter(name, inference_mode=True)
        else:
            self._wrapped.base_model.disable_adapter_layers()
        self._on = name

    def merged(self) -> Any:
        """The model with the adapter in use added to its weights for good; the others are lost."""
        return self._wrapped.merge_and_unload(safe_merge=True, adapter_names=[self._on])

    def _load(self, name: str) -> None:
        if self._wrapped is not None and name in self._wrapped.peft_config:
            return
        self.check(name)
        # peft takes seconds to import, and most people use no adapter.
        from peft import PeftConfig

        folder = str(self._cards[name].folder)
        try:
            config = PeftConfig.from_pretrained(folder)
            if config.peft_type != "LORA" or config.bias != "none":
                # Biases are written over the base's own, for everybody and for good.
                raise SetupError(f"The adapter {name} is no LoRA, or trains biases: train it without them.")
            self._put_in(name, folder, config)
        except FAULTS as error:
            self._take_out(name)
            raise SetupError(f"The adapter {name} cannot be read: its files are damaged.") from error

    def _put_in(self, name: str, folder: str, config: Any) -> None:
        from peft import PeftModel

        config.inference_mode = True
        if self._wrapped is None:
            self._wrapped = PeftModel(self._model, config, adapter_name=name)
        else:
            self._wrapped.add_adapter(name, config)
        if self._wrapped.load_adapter(folder, adapter_name=name).missing_keys:
            # peft fills what is missing with random numbers, and says nothing.
            raise ValueError("weights are missing")
        self._wrapped.eval()

    def _take_out(self, name: str) -> None:
        """Leaves the model as it was before that adapter was put in; none is on."""
        if self._wrapped is None:
            return
        if list(self._wrapped.peft_config) == [name]:
            self._wrapped.unload()
            self._wrapped = None
        else:
            if name in self._wrapped.peft_config:
                self._wrapped.delete_adapter(name)
            self._wrapped.base_model.disable_adapter_layers()
        self._on = ""
