"""The scores beside ADGAN's and the VAE's own, against torch's and SciPy's densities."""

import numpy as np
import pytest
import torch
from helpers import far_from_their_start
from scipy.stats import multivariate_normal
from torch.distributions import Normal

from ganod_lite.autoencoders import Autoencoder
from ganod_study.other_scores import posterior_scores, prior_scores


def test_prior_scores_are_the_mean_negative_log_density_of_the_final_latents():
    z = np.random.default_rng(0).normal(size=(4, 3, 6))
    wanted = [-np.mean([multivariate_normal(np.zeros(6)).logpdf(seed) for seed in image]) for image in z]
    np.testing.assert_allclose(prior_scores(z), wanted)


def test_scores_by_a_vae_s_posterior_are_those_of_a_plain_loop():
    torch.manual_seed(0)
    (model,) = far_from_their_start(Autoencoder((3, 16, 16), 6, 4, variational=True))
    x = torch.rand(70, 3, 16, 16) * 2 - 1  # more than pass through the network at one time
    scores = posterior_scores(model.train(), x, device="cpu")
    assert list(scores) == ["prior", "variance"] and model.training
    model.eval()
    for i, image in enumerate(x):
        mean, log_variance = model.encoder(image[None])[0].detach().double().chunk(2)
        assert scores["prior"][i] == pytest.approx(-Normal(0.0, 1.0).log_prob(mean).sum().item(), rel=1e-4)
        assert scores["variance"][i] == pytest.approx(log_variance.mean().item(), rel=1e-4, abs=1e-6)
