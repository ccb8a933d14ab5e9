"""Autoencoders trained until they get no better on images held out, where the library trains for a number of steps."""

import copy

import torch
from torch import nn

from ganod_lite.autoencoders import AutoencoderTraining
from ganod_lite.base import own_state
from ganod_lite.images import as_images

SHARE = 10  # one of so many training images is held out
LOOKS = 4  # at the held-out loss in as many steps as the patience


class StoppedTraining(AutoencoderTraining):
    """The training behind `train_autoencoder` on nine tenths of the images, stopped by the loss on the last tenth.

    That tenth is drawn at random by the seed. Four times in `patience` steps the loss on it is looked at; once it has
    not been lower than its least for `patience` steps, training ends, after `n_steps` at the latest. The network is
    that of the least loss. The rule is one for a DCAE and a VAE, and sees neither test images nor anomalies.
    """

    def __init__(self, images, seed, *, patience, **options):
        images = as_images(images, min_samples=2, name="images")
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        n = -(-len(images) // SHARE)
        super().__init__(images[order[n:]], seed, **options)
        self.held_out = images[order[:n]].to(self.device)
        self.patience, self.arguments["patience"] = patience, patience
        self.best = nn.Module()
        self.best.model = copy.deepcopy(self.model)
        self.best.register_buffer("loss", torch.tensor(torch.inf, device=self.device))
        self.best.register_buffer("step", torch.tensor(0, device=self.device))
        self.parts.append(self.best)

    def block(self, n_steps):
        losses, every = super().block(n_steps), max(1, self.patience // LOOKS)
        n_done = len(self.losses) + n_steps
        if n_done // every > len(self.losses) // every or n_done == self.n_steps:
            loss = self.held_out_loss()
            self._check_finite(loss.expand(n_steps, 1, 1))
            if loss < self.best.loss:
                self.best.model.load_state_dict(self.model.state_dict())
                self.best.loss.fill_(loss)
                self.best.step.fill_(n_done)
        self._end_at(n_done)
        return losses

    def _load(self, path):
        super()._load(path)
        self._end_at(len(self.losses))  # which may be the end, if it was killed there

    def _end_at(self, n_done):
        if n_done - self.best.step >= self.patience:
            self.n_steps = n_done

    @torch.no_grad()
    def held_out_loss(self):
        """The training's mean loss of the images held out, in evaluation mode and with the same noise each time."""
        self.model.eval()
        rng = torch.Generator(self.device).manual_seed(self.seeds[0])
        losses = [self.loss(x, rng) * len(x) for x in self.held_out.split(self.batch_size)]
        self.model.train()
        return sum(losses) / len(self.held_out)

    def finish(self):
        """The `Autoencoder` of the least held-out loss, and what to record of the stop."""
        self.model = self.best.model
        about = {"held_out_loss": self.best.loss.item(), "step": self.best.step.item(), "n_steps": len(self.losses)}
        return super().finish(), about


@own_state()
def train_stopped(images, seed, *, checkpoint=None, stop_at=None, verbose=True, keep=False, **options):
    """As `train_autoencoder`, with `patience`: what `StoppedTraining.finish` returns. `n_steps` is the most."""
    training = StoppedTraining(images, seed, **options)
    return training.run(checkpoint, stop_at=stop_at, verbose=verbose, keep=keep)
