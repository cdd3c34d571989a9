"""What of nano's sight makes two pictures alike: where things are, what was decided, and the texture.

Chosen on the validation pictures of five sets (docs/retrieval.md). It says nothing of kinds of picture that
the tower was never taught, except that their texture is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from torch import Tensor

    from chat_app.models.nano.gate import Gate
    from chat_app.models.nano.tower import Sight

# The cosine below which two pictures are not alike: see docs/retrieval.md.
FLOOR = 0.9
GRID = 49


def vectors(sight: Sight, gate: Gate) -> Tensor:
    """(B, 472) float32 of length one: mean of the grid, chances of every decision, and texture.

    The texture counts from the middle of the kinds that the gate knows, in their spreads: as it is, all
    pictures would look much the same. Each part has the same weight.
    """
    chances = torch.cat([logits.softmax(-1) for logits in sight.decisions.values()], 1)
    texture = (sight.texture.float() - gate.means.mean(0)) * gate.precision.diagonal().sqrt()
    parts = (sight.tokens[:, :GRID].float().mean(1), chances.float(), texture)
    return normalize(torch.cat([normalize(part) for part in parts], 1))
