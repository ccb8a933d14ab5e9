"""AlexNet's last convolutional layer as features, the input that the ADGAN paper gives KDE and OC-SVM.

Deecke et al., "Image Anomaly Detection with Generative Adversarial Networks" (ECML PKDD 2018), section
4.2: the detectors work "on the representation in the final convolutional layer of Alexnet", pretrained on
ImageNet, projected down by PCA. So, for one of the classical detectors:

    make_pipeline(AlexNetFeatures("alexnet-owt-7be5be79.pth"), KDE(n_components=60))

The paper does not say which AlexNet, nor what it does to the images. Here: torchvision's (the one-tower
network of Krizhevsky 2014, "One weird trick") with its ImageNet weights; the layer's output after ReLU and
max pooling; whole images resized to 224x224, with none of torchvision's centre crop, which would cut the
border of an image that its data set has already framed.
"""

from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_scalar
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from ganod_lite.base import resolve_device
from ganod_lite.images import as_images

# torchvision's file (AlexNet_Weights.IMAGENET1K_V1), 233 MB, most of them the classifier's
FILE = "alexnet-owt-7be5be79.pth"
URL = f"https://download.pytorch.org/models/{FILE}"

SIZE = 224
SMALLEST = 63  # pixels of which one is left after the last pooling
# Of ImageNet's red, green and blue in [0, 1], as torchvision prescribes for these weights.
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)


class AlexNetFeatures(TransformerMixin, BaseEstimator):
    """A scikit-learn transformer from images to what AlexNet's last convolutional layer makes of them.

    weights: a file with the network's weights: torchvision's state dict (see URL), or an .npz of the arrays
        `features.0.weight`, `features.0.bias`, and so on for the layers 3, 6, 8 and 10. None: torchvision's
        file in torch's download cache, if it is there. Nothing is downloaded.
    pooled: the layer's output after ReLU and max pooling; False: that of the convolution itself.
    size: pixels in height and width to which images are resized; the weights were trained at 224.
    batch_size: images at a time; it changes time and memory, not the features. One CPU core takes about
        13 ms an image.

    There is nothing to fit, and a sample's features do not depend on the others. The weights are read at
    each `transform` and not kept, so that a pickled pipeline is small and needs the file again.
    """

    def __init__(self, weights=None, *, pooled=True, size=SIZE, batch_size=32, device="auto", verbose=True):
        self.weights = weights
        self.pooled = pooled
        self.size = size
        self.batch_size = batch_size
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None):
        """Does nothing; X and y are ignored."""
        return self

    def transform(self, X):
        """The features (n, 9216) float32 of images X, of any size, in a form that `as_images` takes.

        Each row is the layer's output of 256 channels x 6 x 6, laid out in that order. If not `pooled`
        these are 43,264 of 256 x 13 x 13; smaller images leave fewer (256 of 64 x 64).
        Raises FileNotFoundError if there are no weights, ValueError for a file that does not hold them,
        ValueError or TypeError for images that can't be used.
        """
        check_scalar(self.batch_size, "batch_size", Integral, min_val=1)
        check_scalar(self.size, "size", Integral, min_val=SMALLEST)
        device = resolve_device(self.device)
        images = as_images(X)
        if images.shape[1] not in (1, 3):
            raise ValueError(f"X: images must have 1 or 3 channels; got {images.shape[1]}.")
        network = _load(_find(self.weights)).to(device, memory_format=torch.channels_last)
        if not self.pooled:
            network = network[:-2]
        features = []
        progress = tqdm(total=len(images), unit="image", desc="AlexNet", disable=not self.verbose)
        with torch.inference_mode(), progress:
            for some in images.split(self.batch_size):
                batch = prepare(some.to(device), self.size).contiguous(memory_format=torch.channels_last)
                features.append(network(batch).flatten(1).cpu().numpy())
                progress.update(len(batch))
        return np.concatenate(features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def __sklearn_is_fitted__(self):
        return True


def prepare(images, size=SIZE):
    """What AlexNet was trained to see: images (n, 1 or 3, height, width) in [-1, 1] -> (n, 3, size, size).

    Resized (bilinear, antialiased), brought to [0, 1], normalised by ImageNet's mean and deviation.
    """
    images = F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, deviation = (images.new_tensor(values)[:, None, None] for values in (MEAN, STANDARD_DEVIATION))
    return ((images + 1) / 2 - mean) / deviation  # grey is broadcast to red, green and blue


def _network():
    """torchvision's `alexnet().features`; comments give the state's channels x height x width."""
    return nn.Sequential(  # 3 x 224 x 224
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),  # 64 x 55 x 55
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2),  # 64 x 27 x 27
        nn.Conv2d(64, 192, kernel_size=5, padding=2),  # 192 x 27 x 27
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2),  # 192 x 13 x 13
        nn.Conv2d(192, 384, kernel_size=3, padding=1),  # 384 x 13 x 13
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),  # 256 x 13 x 13
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),  # 256 x 13 x 13
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2),  # 256 x 6 x 6
    )


def _find(weights):
    """The file of weights that `weights` stands for, which must be there."""
    path = Path(torch.hub.get_dir(), "checkpoints", FILE) if weights is None else Path(weights).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={weights!r}: there is no file {path}. Download {URL} and give its path as weights, or let "
            'torchvision put it where weights=None looks: torchvision.models.alexnet(weights="DEFAULT").'
        )
    return path


def _load(path):
    """The network with the weights of a file; ValueError if they are not all there, or not AlexNet's."""
    try:
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw) as file:  # np.load alone leaves a damaged file open
                given = {name: torch.from_numpy(file[name]) for name in file}
        else:
            given = torch.load(path, map_location="cpu", weights_only=True)
        state = {name: value.float() for name, value in given.items() if name.startswith("features.")}  # no classifier
    except Exception as error:  # a cut file fails in many ways
        raise ValueError(f"weights: {path} can't be read as a .npz or .pth file of weights: {error!r}.") from error
    with torch.device("meta"):  # shapes alone: there are no weights yet, not even random ones
        network = nn.ModuleDict({"features": _network()})
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:  # which names what is missing, unknown, or of another shape
        raise ValueError(f"weights: {path} does not hold AlexNet's: {error}") from error
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"weights: {name} must be finite; in {path} it has NaN or infinity.")
    return network["features"].eval()
