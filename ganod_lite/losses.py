"""How far generated images are from others: (m, channels, height, width), the same -> (m,)."""

from collections.abc import Callable

import torch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def squared_l2(generated: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Squared L2 distance, summed over channels and pixels: what ADGAN is measured with (section 4.2)."""
    return (generated - x).square().flatten(1).sum(1)


def l1(generated: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """L1 distance, summed over all but the first axis; of features (m, ...) too."""
    return (generated - x).abs().flatten(1).sum(1)
