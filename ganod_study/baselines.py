"""Scores that know nothing of what is normal, or next to nothing: what ADGAN has to beat on any images.

Functions that end in `_cell` compute a cell of the registry: they take the job and the cell and return arrays by name
and details. What sets a score is written down here; none of it was chosen by labels.
"""

import io
from functools import lru_cache

import numpy as np
from sklearn.neighbors import NearestNeighbors

from .classical import seen_by

NEIGHBOURS = 5  # neighbours: scikit-learn's default, as for tables
# Lossless, so that quality and method, Pillow's defaults, say how hard it tries
WEBP = {"format": "WEBP", "lossless": True, "quality": 80, "method": 4, "exact": True}


def mean_image_cell(job, cell):
    """The squared L2 distance to the mean training image."""
    mean = job.once("mean", lambda: seen_by(job, cell, job.x_train).mean(0))
    return {"scores": np.square(seen_by(job, cell, job.split(cell).x_test) - mean).sum(1)}, {}


def knn_cell(job, cell):
    """The mean Euclidean distance to the nearest training images, by pixels or by what AlexNet makes of them."""

    def fit():
        x = seen_by(job, cell, job.x_train)
        return NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(x)

    x_test = seen_by(job, cell, job.split(cell).x_test)
    distances, _ = job.once(f"neighbours of {cell.features}", fit).kneighbors(x_test)  # (n, NEIGHBOURS)
    return {"scores": distances.mean(1)}, {"n_neighbors": NEIGHBOURS}


def complexity_cell(job, cell, sign):
    """The bytes of each image as lossless WebP, or, with sign -1, their negative; both are scores of their own."""
    from PIL import features

    scores = [sign * n_bytes(image.tobytes(), image.shape) for image in job.split(cell).x_test]
    return {"scores": scores}, {"format": f"WebP, libwebp {features.version('webp')}"}


def contrast_cell(job, cell):
    """The standard deviation of each image's pixels, over all places and channels."""
    return {"scores": seen_by(job, cell, job.split(cell).x_test).std(1)}, {}


@lru_cache(2**15)  # all classes of a data set are tested on the same images
def n_bytes(pixels, shape):
    """The size of one uint8 image (height, width[, channels]), given by its bytes, as lossless WebP."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape)).save(file, **WEBP)
    return len(file.getvalue())
