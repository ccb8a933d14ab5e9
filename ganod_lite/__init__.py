"""GANs for outlier detection: ADGAN's latent search, SO-GAAL, and the baselines they are measured against."""

from .adgan import ADGAN, latent_search
from .classic import GMM, KDE, OCSVM, IForest
from .gaal import SOGAAL

__all__ = ["ADGAN", "GMM", "KDE", "OCSVM", "SOGAAL", "IForest", "latent_search"]
