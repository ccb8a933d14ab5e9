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
# # ADGAN
#
# A generator learns to make normal images. For a new image, ADGAN searches for the nearest image that the generator can
# make; the distance that remains is the score {cite:p}`deecke2018`. Reference: {class}`~ganod_lite.ADGAN`,
# {func}`~ganod_lite.latent_search`; how it is implemented: {doc}`../methods/adgan`.

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

from ganod_lite import ADGAN

X, y = load_digits(return_X_y=True)
images = (X.reshape(-1, 8, 8) * (255 / 16)).astype("uint8")  # (1797, 8, 8)
normal = images[:1000][y[:1000] == 0]
new, labels = images[1000:1200], y[1000:1200] != 0
options = {"objective": "gan", "n_iter": 500, "ngf": 16, "latent_size": 32}
detector = ADGAN(n_seeds=8, random_state=0, **options).fit(normal)
roc_auc_score(labels, detector.anomaly_score(new))

# %% [markdown]
# ## What it sees

# %% mystnb={"figure": {"caption": "New digits with their scores, the nearest image that the search found from its best starting point, and the squared difference.", "name": "guide-adgan"}, "image": {"alt": "Two normal zeros and three other digits in the upper row, under each the nearest image of the generator, which look like zeros throughout, and below the residual, small for the zeros and large for the others"}}
from ganod_study import guide

guide.reconstructions(detector, new, labels)

# %% [markdown]
# ## What it assumes
#
# - All training images are normal (a few anomalies among them cost little on digits: {doc}`baselines`), and there are
#   enough of them to train a GAN: better thousands than hundreds.
# - Normal images look alike: one digit, one product in one position. The generator has to be able to make any normal
#   image, and nothing else.
# - An anomaly changes many pixels or changes them a lot, since the score is a sum over pixels.
#
# ## When to use it, and when not
#
# Use it if you already have a generator (a GAN, or a VAE's decoder; then nothing is trained), or if you want to see for
# each image what normal would have looked like. Don't begin with it: in this book's runs, with small networks,
# classical methods come first on both of the paper's data sets, in a fraction of the time ({doc}`guide_choose`). Don't
# use it for images that differ in many ways at once, such as photographs of animals, or where a score is needed within
# milliseconds.
#
# ## Three arguments
#
# - `n_iter`, with `objective`: how long the generator learns. A generator that can't make the normal class finds
#   everything anomalous, so look at what it makes before you trust a score. On digits the paper's objective, "wgan", is
#   far behind "wgan-gp" after 1,000 steps; on CIFAR-10 it is not. {doc}`tuning` and {doc}`ablations` compare them.
# - `n_seeds`, with `n_steps`: the starting points of each search and its steps, 64 and 5 in the paper. In the book's
#   largest run ten steps ranked better than five on MNIST, but not on CIFAR-10. On both, a generator left as it was
#   trained (`lr_theta=0`, several times as fast) ranked as well. These were narrow networks: {ref}`ablation-large`.
# - `ngf`, the networks' width: 64 is the scale `paper`'s and needs a GPU; 16 is enough for small images on a processor.
#
# ## Time
#
# Measured times, with the settings that decide them. Scoring time is proportional to the starting points and to steps +
# 1; {doc}`cost` has the rest.

# %%
from ganod_study import cost
from ganod_study.tables import guide as tables

cost.measured("search").show(tables.search_time)

# %%
cost.measured("training").show(tables.per_step, objective="wgan-gp")

# %% [markdown]
# ## Pitfalls
#
# - **The threshold.** `predict` goes by the scores of training images, which the generator has seen. New normal images
#   score higher, so more of them are called outliers than `contamination` says: {doc}`../guide/howto` takes the
#   threshold from images held back.
# - **Simple images score low.** A smooth or empty image is easy to make for any generator. On photographs this can turn
#   the ranking upside down: see the worst classes of CIFAR-10 in {doc}`guide_choose`.
# - **Sizes.** Images are square, of 8, 16, 32, 64, ... pixels, and in [−1, 1] or uint8.
# - **`fit` searches too**: up to 200 training images for the threshold. `contamination=None` saves that.
