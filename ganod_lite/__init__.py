"""GANs for outlier detection: ADGAN, AnoGAN, SO-GAAL, autoencoders and the classical methods they are compared with."""

from .adgan import ADGAN, latent_search
from .anogan import AnoGAN
from .autoencoders import DCAE, VAE
from .classic import GMM, KDE, OCSVM, IForest
from .gaal import MOGAAL, SOGAAL
from .saving import load

__all__ = ["ADGAN", "AnoGAN", "DCAE", "GMM", "IForest", "KDE", "MOGAAL", "OCSVM", "SOGAAL", "VAE"]
__all__ += ["latent_search", "load"]
