"""The embedded model. Importing this package teaches transformers the type of its vision tower."""

from __future__ import annotations

from transformers import AutoConfig, AutoModel

from chat_app.models.nano.tower import NanoVisionConfig, NanoVisionModel

AutoConfig.register(NanoVisionConfig.model_type, NanoVisionConfig)
AutoModel.register(NanoVisionConfig, NanoVisionModel)
