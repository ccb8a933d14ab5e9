"""GANs whose generators are also averaged over the steps of their training, as the library's are not."""

import copy

import torch

from ganod_lite.base import own_state
from ganod_lite.gan import GANTraining


class AveragedTraining(GANTraining):
    """The training behind `train_gans`, and beside it an exponential moving average of the generators' weights.

    The average is that of Karras et al., "Progressive Growing of GANs" (2018), appendix: decay 0.999 for each step
    of the generator. BatchNorm's running statistics are averaged likewise. The first steps count less, so that
    nothing of the generator's start is left. What is trained is the same to the bit with an average and without.
    """

    def __init__(self, *sets, decay, **options):
        super().__init__(*sets, **options)
        self.decay, self.arguments["average"] = decay, decay
        self.average = copy.deepcopy(self.generator)
        self.parts.append(self.average)

    def block(self, n_steps):
        self.n_done = len(self.losses)
        return super().block(n_steps)

    def step(self, real, noise, mix):
        losses = super().step(real, noise, mix)
        self.n_done += 1
        decay = min(self.decay, self.n_done / (self.n_done + 9))
        averages, latest = (
            [value for value in network.state_dict().values() if value.is_floating_point()]
            for network in (self.average, self.generator)
        )
        torch._foreach_lerp_(averages, latest, 1 - decay)
        return losses

    def finish(self):
        """Two lists of `GAN`, one for each set: with the generators of the last step, and with the averaged ones."""
        last = super().finish()
        self.generator = self.average
        return last, super().finish()


@own_state()
def train_averaged(image_sets, seeds, *, checkpoint=None, stop_at=None, verbose=True, keep=False, **options):
    """As `train_gans`, with `decay`, below 1, of the average: what `AveragedTraining.finish` returns."""
    training = AveragedTraining(image_sets, seeds, **options)
    return training.run(checkpoint, stop_at=stop_at, verbose=verbose, keep=keep)
