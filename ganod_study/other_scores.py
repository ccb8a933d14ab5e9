"""Scores that the ADGAN paper found to do worse (sections 3.2 and 4.2), of the same networks and the same search."""

import copy
import math

import numpy as np
import torch

from ganod_lite.autoencoders import CHUNK
from ganod_lite.base import own_state, resolve_device
from ganod_lite.images import as_images


def prior_scores(z):
    """The latents (n, s, latent_size) that a search ended at -> (n,).

    The mean over starts of -log p_z, for a standard normal prior (section 3.2).
    """
    return (z**2 + np.log(2 * np.pi)).sum(2).mean(1) / 2


@own_state()
@torch.no_grad()
def posterior_scores(model, x, *, device="auto"):
    """Scores of images by a VAE's posterior, {"prior": (n,), "variance": (n,)}; higher for what is more anomalous.

    "prior" is the negative log density of the posterior's mean under the prior, in nats; "variance" the posterior's
    log variance, the mean over latent dimensions. That an uncertain encoder means an anomaly is our reading; the paper
    does not give its formula.
    """
    device = resolve_device(device)
    model = copy.deepcopy(model).to(device).eval()
    parts = [model.posterior(part.to(device)) for part in as_images(x, name="x").split(CHUNK)]
    mean, log_variance = (torch.cat(part) for part in zip(*parts))
    scores = {
        "prior": (mean.square().sum(1) + mean.shape[1] * math.log(2 * math.pi)) / 2,
        "variance": log_variance.mean(1),
    }
    return {name: values.double().cpu().numpy() for name, values in scores.items()}
