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
# # AnoGAN
#
# ADGAN's predecessor {cite:p}`schlegl2017`. It takes many descent steps from one starting point and moves only the
# latent. Its distance compares not just the pixels but also what the critic sees. Reference:
# {class}`~ganod_lite.AnoGAN`; how it is implemented: {doc}`../methods/anogan`.

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale
data_root: str = None  # not used here
store: str = None  # not used here

# %% [markdown]
# ## Ten lines
#
# The zeros among scikit-learn's 8 × 8 digits are normal; the task is to find the other digits among 200 new images. The
# result is the ROC-AUC: the chance that an anomaly scores above a normal image. Digits are easy; {doc}`guide_choose`
# has harder data.

# %% tags=["keep"]
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from ganod_lite import AnoGAN

X, y = load_digits(return_X_y=True)
images = (X.reshape(-1, 8, 8) * (255 / 16)).astype("uint8")  # (1797, 8, 8)
normal = images[:1000][y[:1000] == 0]
new, labels = images[1000:1200], y[1000:1200] != 0
detector = AnoGAN(n_iter=500, ngf=16, latent_size=32, n_steps=100, random_state=0)
detector.fit(normal)
roc_auc_score(labels, detector.anomaly_score(new))

# %% [markdown]
# ## What it sees

# %% mystnb={"figure": {"caption": "New digits with their scores, what the search ended at, and the squared difference of the pixels.", "name": "guide-anogan"}, "image": {"alt": "Two normal zeros and three other digits in the upper row, under each the image that the search ended at, and below the residual"}}
from ganod_study import guide

guide.reconstructions(detector, new, labels)

# %% [markdown]
# ## What it assumes
#
# The same as {doc}`ADGAN <guide_adgan>`: normal training images that look alike, and enough of them for a GAN. It also
# assumes that the critic's last hidden layer sees something useful, which is not certain once the critic has won its
# game.
#
# ## When to use it, and when not
#
# Use it to compare with published results that used it. Otherwise take ADGAN, which starts from several points and
# takes five steps from each, or begin with a classical method: {doc}`guide_choose` compares all of them.
#
# ## Three arguments
#
# - `n_steps`: the steps of the descent, 500 in the paper. Scoring time is proportional to it.
# - `discrimination_weight`: how much the critic's features count beside the pixels; 0 leaves them out. Both are sums,
#   so the balance changes with the size of the images.
# - `n_iter`: steps of the GAN's training. `objective="wgan-gp"` gives the GAN that this book's ADGAN has below the
#   scale `paper`; a trained `generator` and `critic` can be given instead.
#
# ## Time
#
# The times depend on the settings: AnoGAN moves one point for many steps; ADGAN takes few steps from each of its
# starting points, with a copy of the generator for each.

# %%
from ganod_study.tables import guide as tables

tables.per_image("anogan", "adgan")

# %% [markdown]
# ## Pitfalls
#
# - **One starting point.** A search can end in a poor place by bad luck; a normal image then looks anomalous. Another
#   `random_state` gives another point.
# - **Rounding.** A long search along absolute values magnifies the last bit of a float. Scores repeat to the bit on one
#   thread of one processor, and nearly so elsewhere.
# - **The threshold** from training images is too low for new ones: {doc}`../guide/howto`.
