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
# # Tuning without labels
#
# {cite:t}`deecke2018` leave open some choices that decide the numbers: the critic steps for each generator step, the
# training time, batch normalisation during the search, the size of MNIST's images, the networks' width and the batch
# size. Whether to average the generator's weights is a choice of ours. Here they are chosen without test images, test
# labels or anomalies:

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale: it shows stored results
data_root: str = None  # not used here
store: str = None  # not used here

# %%
from ganod_study import figures, tuning
from ganod_study.tables import tuning as tables

entries = tuning.stored_results()
tables.found(entries)

# %% [markdown]
# ## How
#
# Choosing by the AUC on test images would give numbers that are too good. So 500 training images of a class are held
# out. A generator is trained on the others, with the networks, the batches and the search of the scale `medium` (but
# for the section on width and batch size), and measured on those held out:
#
# - **Fréchet distance** between generated images and those held out, after PCA of the pixels to 50 dimensions, the same
#   PCA for all candidates of a class and size. It is small if the samples have the right mean and covariance. The rows
#   "training images" have the distance of real images; no generator is expected to get below it.
# - **Search loss**: what ADGAN's search leaves unexplained of 100 images held out.
# - **Diversity**: the mean distance between two samples over that between two images held out.
#
# The first two are divided by the variance of the images held out, so that classes and sizes can be compared. "sd" is the
# standard deviation over classes and seeds.
#
# **The rule was fixed before there were results**: the option with the lowest mean Fréchet distance is chosen. Only for
# batch normalisation, where the samples are the same, the search loss decides. Means are taken over classes and seeds,
# then over data sets, of the trainings that all options share. An option that diverged anywhere is never chosen. A
# margin was added later, because two trainings decide little: the choice is preferred to what the book does only if it
# is ahead in three quarters of the trainings.
#
# A better generator need not be a better detector: one that also makes anomalies would be worse. That is the price of
# choosing without anomalies. And what suits small networks, as here, need not suit large ones.
#
# The settings of `lite` and `medium` were fixed, and the results at `medium` computed, before this page existed. Where
# the choice differs, these two scales keep what they had, as all their results would have to be computed anew. The
# scale `large` came after this page: the networks and the objective of `medium` with four times the steps, which is
# half an hour of a core for each class, and what "Averaged weights" below chooses; {doc}`table1` shows how far that
# moves the AUC. The scale `paper` follows the paper and the papers that it cites wherever they name a setting. Each
# section says how far these scales are from the choice.

# %% [markdown]
# ## Objective and critic steps
#
# *What the paper says:* it trains a WGAN, and names neither critic steps nor an optimiser for it. *Tried:* clipped
# weights {cite:p}`arjovsky2017` and the gradient penalty {cite:p}`gulrajani2017` with 1, 2 and 5 critic steps. All have
# 1,000 generator steps, half of the scale's. More critic steps take more time, which this comparison leaves out: with
# five, 1,000 steps take about as long as 2,000 with two (next section), and reach about the same mean distance. So the
# scale `large` keeps two. And 1,000 steps don't tell how either does after the 20,000 of the scale `paper`.

# %%
tables.table(entries, "critic")

# %%
tables.sentence(entries, "critic")

# %% [markdown]
# ## Generator steps
#
# *What the paper says:* nothing on epochs or steps. *Tried:* the doublings from 250 to 4,000, with the objective and
# the critic steps of the scale `medium`.

# %% mystnb={"figure": {"caption": "The three measures against generator steps: each class (thin) and the data set's mean (thick). Dotted: the steps of the scale \"medium\". Fréchet distance and search loss are better when lower; diversity is that of real images at 1.", "name": "tuning-steps"}, "image": {"alt": "Three panels over the number of generator steps, a line for each data set: the Fréchet distance falls throughout, the search loss falls and on MNIST turns up again at the end, the diversity rises to that of real images"}}
figures.tuning_curves(entries)

# %%
tables.table(entries, "steps")

# %%
tables.sentence(entries, "steps")

# %% [markdown]
# ## Batch normalisation in the search
#
# *What the paper says:* the generator is DCGAN's, which has batch normalisation. The paper does not say whether, during
# the search, this uses the running statistics from training or those of the batch. In a search for one image the batch
# is that image, so the batch's statistics are the image's own. *Tried:* both, with the same generators of 1,000 steps.

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
# ## Averaged weights
#
# *What the paper says:* nothing. The weights of a generator go on moving until training ends, and so does what it makes
# {cite:p}`karras2018`. *Tried:* the weights of the last step and their exponential moving average (decay 0.999 for each
# step, BatchNorm's statistics included), both of the same trainings of 2,700 steps, a third of those of the scale
# `large`. The average is in if it is ahead in three quarters of the trainings.

# %%
tables.table(entries, "average")

# %%
tables.sentence(entries, "average")

# %% [markdown]
# ## Width and batch size
#
# *What the paper says:* nothing on the width of the networks (`ngf`) or on batches. *Tried:* widths of 16, 32 and 64
# with batches of 64, and batches of 128 with a width of 16. All options take about as long as the 2,700 steps above on
# a machine of their own, and all use the moving average. (The records' seconds don't show that: the 2,700 steps ran
# beside other work and took 1,270 to 1,410 s, the others 410 to 620 s. Go by the steps.) A step takes two and a half
# times as long at twice the width, eight times at four times the width, and not quite twice as long with twice the
# batch. That leaves 1,100 steps for a width of 32, 350 for 64, and 1,450 for batches of 128. So the question is how
# best to spend a given time on a processor, not which network is best if time doesn't matter.

# %%
tables.table(entries, "width")

# %%
tables.sentence(entries, "width")

# %%
tables.table(entries, "batch")

# %%
tables.sentence(entries, "batch")

# %% [markdown]
# ## The records behind this page
#
# A row for each candidate; seconds are those of the training and those of the measuring. A generator that is searched
# in two ways was trained once. This command computes the candidates that a folder lacks: `python -m ganod_study tune
# --dataset mnist --classes 8 --seeds 0 --store FOLDER`; this page reads `book/results/tuning`.

# %% tags=["hide-output"]
tables.records(entries)
