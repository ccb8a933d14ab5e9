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
# # DCAE and VAE
#
# An encoder squeezes an image into a few numbers, and a decoder turns them back into an image. Both learn this on
# normal images only, so an image that comes back changed is anomalous. The VAE {cite:p}`kingma2014` also asks how
# likely those numbers are. Reference: {class}`~ganod_lite.DCAE`, {class}`~ganod_lite.VAE`; how they are implemented:
# {doc}`../methods/autoencoders`.

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale
data_root: str = None  # not used here
store: str = None  # not used here

# %% [markdown]
# ## Ten lines
#
# The zeros among scikit-learn's 8 × 8 digits are normal; the task is to find the other digits among 200 new images. The
# results are ROC-AUCs: the chance that an anomaly scores above a normal image. Digits are easy; {doc}`guide_choose` has
# harder data.

# %% tags=["keep"]
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from ganod_lite import DCAE, VAE

X, y = load_digits(return_X_y=True)
images = (X.reshape(-1, 8, 8) * (255 / 16)).astype("uint8")  # (1797, 8, 8)
normal = images[:1000][y[:1000] == 0]
new, labels = images[1000:1200], y[1000:1200] != 0
options = {"n_iter": 600, "ngf": 16, "latent_size": 16, "random_state": 0}
dcae, vae = (network(**options).fit(normal) for network in (DCAE, VAE))
[roc_auc_score(labels, detector.anomaly_score(new)) for detector in (dcae, vae)]

# %% [markdown]
# ## What they see

# %% mystnb={"figure": {"caption": "New digits with the DCAE's scores, their reconstructions, and the squared difference.", "name": "guide-dcae"}, "image": {"alt": "Two normal zeros and three other digits in the upper row, under each its reconstruction, and below the residual, small for the zeros and large for the others"}}
from ganod_study import guide

guide.reconstructions(dcae, new, labels)

# %% mystnb={"figure": {"caption": "The same of the VAE, whose score is the negative ELBO in nats.", "name": "guide-vae"}, "image": {"alt": "Two normal zeros and three other digits in the upper row, under each its reconstruction by the VAE, and below the residual"}}
guide.reconstructions(vae, new, labels)

# %% [markdown]
# ## What they assume
#
# - All training images are normal. With 10 % anomalies among them both lose up to 0.28 on a digit ({doc}`baselines`).
# - Anything never seen is reconstructed badly. That holds only if the latent is too small to copy an image through; if
#   it is not, a VAE's prior helps.
#
# ## When to use them, and when not
#
# Use them where scores have to be fast: one pass through the networks, and no search. At the scale
# `medium` the VAE is the best of this book's networks on MNIST. Begin with a classical method all the same
# ({doc}`guide_choose`), and don't expect much on photographs, where all the networks are close to chance.
#
# ## Three arguments
#
# - `latent_size`: the bottleneck. The default, 256, is ADGAN's and meant for 32 × 32 pixels; an 8 × 8 image has 64
#   pixels, so a DCAE could copy it.
# - `n_iter`: with too many steps on a few images, the networks memorise them.
# - `ngf`, the networks' width: 64 is the scale `paper`'s and needs a GPU; 16 is enough for small images on a processor.
#
# ## Time
#
# The DCAE's and the VAE's scores, at the scale of the stored results; the VAE decodes several samples.

# %%
from ganod_study.tables import guide as tables

tables.per_image("dcae", "vae")

# %% [markdown]
# ## Pitfalls
#
# - **The threshold.** Training images are reconstructed much better than new normal ones, above all after a long
#   training on a few. Here `predict` calls this share of the new zeros outliers, though `contamination` is 0.1:

# %% tags=["keep"]
print(f"DCAE {(dcae.predict(new[~labels]) == -1).mean():.2f}, VAE {(vae.predict(new[~labels]) == -1).mean():.2f}")

# %% [markdown]
# - Take the threshold from images held back instead: {doc}`../guide/howto`.
# - **A DCAE that copies.** If anomalies come back unchanged, lower `latent_size`.
# - **Simple images score low**, whatever they show: an empty image is reconstructed well.
