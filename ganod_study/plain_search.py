"""Algorithm 1 of the ADGAN paper line by line, which `latent_search` is checked against and measured by."""

import copy

import numpy as np
import torch

from ganod_lite.adgan import SearchResult
from ganod_lite.base import own_state
from ganod_lite.copies import BETAS
from ganod_lite.losses import squared_l2


@own_state()
def plain_search(generator, x, z, *, n_steps=5, lr_z=0.25, lr_theta=5e-5, loss=squared_l2):
    """Algorithm 1 as printed, one start after the other: slow, to read and to watch.

    x (n, channels, height, width) and the starting points z (n, s, latent_size) -> SearchResult.
    """
    z, trained = torch.as_tensor(z).to(x, copy=True), generator.state_dict()
    g = copy.deepcopy(generator).to(x).eval()  # g_theta
    losses, made = x.new_empty(*z.shape[:2], n_steps + 1), x.new_empty(*z.shape[:2], *x.shape[1:])
    for i, j in np.ndindex(*z.shape[:2]):  # of image i: for j = 1 to n_seed do
        g.load_state_dict(trained)  # theta_j,0 = theta
        z_j = z[i, j : j + 1].clone().requires_grad_()  # z_j,0 ~ p_z
        groups = [{"params": z_j, "lr": lr_z}, {"params": g.parameters(), "lr": lr_theta}]
        adam = torch.optim.Adam(groups, betas=BETAS)  # in place of plain descent: section 4.2
        for t in range(n_steps):  # for t = 1 to k do
            losses[i, j, t] = value = loss(g(z_j), x[i : i + 1])
            adam.zero_grad()
            value.backward()  # the gradients of l(g(z_j), x) by z_j and by theta_j
            adam.step()  # z_j,t <- z_j,t-1 - ...; theta_j,t <- theta_j,t-1 - ...
        with torch.no_grad():
            image = g(z_j)
            losses[i, j, n_steps] = loss(image, x[i : i + 1])  # l(g_theta_j,k (z_j,k), x)
        made[i, j] = image[0]
        z[i, j] = z_j.detach()
    losses = losses.detach()
    nearest = made[torch.arange(len(x)), losses[:, :, -1].argmin(1)]
    found = losses.double(), z, nearest
    return SearchResult(*(values.cpu().numpy() for values in found))  # its `scores`: the mean over j
