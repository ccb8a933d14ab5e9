# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # KDE, GMM, OC-SVM and isolation forest
#
# Four methods without a network, for tables, and for images as rows of pixels after PCA. Three learn where training
# samples are dense; the forest measures how soon random cuts isolate a sample. Reference: {class}`~ganod_lite.KDE`,
# {class}`~ganod_lite.GMM`, {class}`~ganod_lite.OCSVM`, {class}`~ganod_lite.IForest`; how they are implemented:
# {doc}`../methods/classic`.

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale
data_root: str = None  # not used here
store: str = None  # not used here

# %% [markdown]
# ## Ten lines
#
# The zeros among scikit-learn's 8 × 8 digits are normal, each a row of 64 pixels; the task is to find the other digits
# among 200 new images. The results are ROC-AUCs: the chance that an anomaly scores above a normal image. Digits are
# easy; {doc}`guide_choose` has harder data.

# %% tags=["keep"]
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from ganod_lite import GMM, KDE, OCSVM, IForest

X, y = load_digits(return_X_y=True)  # (1797, 64), in 0 ... 16
normal, new, labels = X[:1000][y[:1000] == 0], X[1000:1200], y[1000:1200] != 0
detectors = KDE(20), GMM(20, mixture_sizes=(1, 2, 3)), OCSVM(20), IForest(20)  # PCA to 20
for detector in detectors:
    detector.set_params(random_state=0).fit(normal)
{type(d).__name__: roc_auc_score(labels, d.anomaly_score(new)) for d in detectors}

# %% [markdown]
# ## What they see
#
# A ring with outliers in and around it shows how the methods differ.

# %% mystnb={"figure": {"caption": "The shading ranks the score at each point among the scores of the rows. Dots are normal rows, crosses are outliers, and the line is the threshold of predict.", "name": "guide-classic"}, "image": {"alt": "Four panels of a ring of grey dots with crosses inside and outside, the plane shaded by the scores of KDE, GMM, OC-SVM and isolation forest, and the threshold as a line along the ring's inner and outer edge as far as the method finds it"}}
import numpy as np

from ganod_study import datasets, guide

_, X, y = datasets.load_table("ring")
methods = {
    "KDE": KDE(bandwidths=np.geomspace(0.01, 1, 9)),
    "GMM": GMM(),
    "OC-SVM": OCSVM(),
    "isolation forest": IForest(),
}
guide.planes({title: method.set_params(random_state=0).fit(X) for title, method in methods.items()}, X, y)

# %% [markdown]
# ## What they assume
#
# - All training samples are normal, or nearly all. The forest tolerates some outliers well; OC-SVM, whose kernel is
#   narrow here, draws islands around them, as above.
# - Distances mean something: features have a common scale, and images are aligned.
# - The normal data lie in few dimensions. So use PCA first, above all for images.
#
# ## When to use them, and when not
#
# Always use them first. They are ahead on both data sets of images and hard to beat on tables ({doc}`guide_choose`).
# They take seconds, a GMM of thousands of images some minutes. Take a GMM or KDE where there are enough samples for the
# dimensions, a forest where there are many features or you don't want to choose anything. Don't use them where objects
# move: to them a shifted image is far away.
#
# ## Three arguments
#
# - `n_components`: the dimensions that PCA leaves. {doc}`guide_choose` shows how much it matters; {doc}`classical` has
#   more on it.
# - `bandwidths` of KDE and `mixture_sizes` of GMM: the values to choose from, by likelihood and without labels. The
#   default bandwidths, from 1 to 16, are the paper's for pixels in [−1, 1]; **features in [0, 1] need others**, such as
#   `np.geomspace(0.01, 1, 9)`.
# - `nu` of OC-SVM: the share of training samples that may lie outside.
#
# ## Time

# %%
from ganod_study.tables import guide as tables

tables.per_image("kde", "gmm", "ocsvm", "iforest")

# %% [markdown]
# ## Pitfalls
#
# - **A bandwidth at the end of the list** means that the list ends too soon: look at `detector.pipeline_[-1].bandwidth`.
# - **Too many dimensions for the samples.** A GMM with full covariances has about d²/2 numbers for each Gaussian.
# - **Choosing with labels.** The paper's classical columns chose the dimension with labelled images, so ours do as
#   well. Without labels, take as many dimensions as explain most of the variance.
# - **KDE keeps all training samples**, so scoring takes longer the more there are.
