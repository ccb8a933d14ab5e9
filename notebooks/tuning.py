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
# # Tuning
#
# {cite:t}`deecke2018` leave some things open that a reader who wants their numbers has to decide: how many critic
# steps there are to a generator step, how long to train, what batch normalisation does during the search, what size
# MNIST has. Whoever decides these by the AUC on test images reports a number that is too good. So nothing on this page
# has seen a test image, a test label or an anomaly.
#
# Of a class' training images 500 are held out. A generator is trained on the others, with the networks, the
# batches and the search of the scale "medium", and measured on those held out:
#
# - **Fréchet distance** between generated images and those held out, after PCA of the pixels to 50 dimensions, the
#   same PCA for all candidates of a class and size. It is small if the samples have the right mean and covariance.
#   "Training images" in a table's last rows is the distance that real images have, below which no generator is
#   expected.
# - **Search loss**: what ADGAN's search leaves unexplained of 100 images held out.
# - **Diversity**: the mean distance between two samples over that between two images held out.
#
# The first two are divided by the variance of the images held out, so that classes and sizes compare. "±" is the
# standard deviation over classes and seeds.
#
# The rule was fixed before there were results: the option with the lowest mean Fréchet distance is chosen. Only where
# the samples are the same, for batch normalisation, the search loss decides. Means are over classes and seeds, then
# over data sets, of what all options that were run have in common. What has diverged anywhere is never chosen.
#
# A better generator need not be a better detector: one that also makes anomalies would be worse. That is the price of
# choosing without anomalies. Nor do these choices follow from large networks: they are of small ones.
#
# The settings of `lite` and `medium` were fixed, and the results at medium made, before there was anything on this
# page; where the choice differs, the scale would have to be run anew, all twenty classes of it. The scale `paper`
# keeps to what the paper and those whom it cites describe. Each section says how far both are from the choice.

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale: it shows stored results
data_root: str = None  # not used here
store: str = None  # not used here

# %%
from ganod_study import figures, tuning
from ganod_study.tables import tuning as tables

entries = tuning.stored_results()

# %% [markdown]
# ## Objective and critic steps
#
# *What the paper says:* it trains a WGAN, and names neither critic steps nor an optimiser for it. *Tried:* clipped weights
# {cite:p}`arjovsky2017` and the gradient penalty {cite:p}`gulrajani2017` with 1, 2 and 5 critic steps. All have
# 1,000 generator steps, half of the scale's, so more critic steps cost more time: this compares results, not what they
# cost. Nor do 1,000 steps say how either does after the 20,000 of the scale "paper".

# %%
tables.table(entries, "critic")

# %%
tables.sentence(entries, "critic")

# %% [markdown]
# ## Generator steps
#
# *What the paper says:* nothing on epochs or steps. *Tried:* the doublings from 250 to 4,000, with the objective and
# the critic steps of the scale "medium".

# %% mystnb={"figure": {"caption": "The three measures against generator steps: each class (thin) and the data set's mean (thick). Dotted: the steps of the scale \"medium\". Fréchet distance and search loss are better when lower; diversity is that of real images at 1.", "name": "tuning-steps"}, "image": {"alt": "Frechet distance, search loss and diversity over the number of generator steps, a line for each data set"}}
figures.tuning_curves(entries)

# %%
tables.table(entries, "steps")

# %%
tables.sentence(entries, "steps")

# %% [markdown]
# ## Batch normalisation in the search
#
# *What the paper says:* the generator has batch normalisation; whether it normalises by the running statistics of the
# training or by those of the batch while the search goes on, it does not say. In a search of one image the batch is
# one image, and its statistics are its own. *Tried:* both, with the same generators of 1,000 steps.

# %%
tables.table(entries, "batch norm")

# %%
tables.sentence(entries, "batch norm")

# %% [markdown]
# ## The size of MNIST
#
# *What the paper says:* nothing; its images have 28 × 28 pixels, which DCGAN's doublings from 4 × 4 do not reach.
# *Tried:* zeros around them up to 32 × 32, and bilinear interpolation to 32 × 32, with 1,000 steps.

# %%
tables.table(entries, "size")

# %%
tables.sentence(entries, "size")

# %% [markdown]
# ## The records behind this page
#
# A row for each candidate; seconds are those of the training and those of the measuring. A generator that is searched
# in two ways was trained once. What a folder lacks of them is run by
# `python -m ganod_study tune --dataset mnist --classes 8 --seeds 0 --store FOLDER`; this page reads
# `book/results/tuning`.

# %% tags=["hide-output"]
tables.records(entries)
