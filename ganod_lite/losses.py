"""How far generated images are from others: (m, channels, height, width), the same -> (m,)."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def squared_l2(generated: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Squared L2 distance, summed over channels and pixels: what ADGAN is measured with (section 4.2)."""
    return (generated - x).square().flatten(1).sum(1)


def l1(generated: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """L1 distance, summed over all but the first axis; of features (m, ...) too."""
    return (generated - x).abs().flatten(1).sum(1)


def laplacian_pyramid(generated: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Laplacian pyramid loss (the ADGAN paper's outlook; Ling and Okada 2006).

    The L1 distance of each level of the two pyramids, the j-th from the finest weighed by 4^j, which
    is what one of its pixels covers. Being linear, the pyramid of the difference is the difference of
    the pyramids. Levels are halved by a 5-tap binomial filter down to 4 x 4 pixels.
    """
    level, total, weight = generated - x, torch.zeros(()), 1
    while min(level.shape[2:]) >= 8:
        coarse = _blur(level)[:, :, ::2, ::2]
        expanded = _blur(F.interpolate(coarse, size=level.shape[2:], mode="nearest"))
        total = total + weight * l1(level, expanded)
        level, weight = coarse, 4 * weight
    return total + weight * level.abs().flatten(1).sum(1)


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Images under the binomial filter (1, 4, 6, 4, 1) / 16 along both axes, edges repeated."""
    channels = images.shape[1]
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=images.dtype, device=images.device) / 16
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)
