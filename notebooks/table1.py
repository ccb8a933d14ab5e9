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
# # Table 1: one class against all others
#
# Table 1 of {cite:t}`deecke2018` trains a detector on one class of images and asks it to tell that class
# from the others: 5,000 test images of all classes, ROC-AUC, one row for each class. This page does the
# same with what is at hand, and puts three numbers next to each other: the one that the paper prints, ours
# at the paper's scale (where it has been run), and the one that this very build computed.
#
# Two things to keep in mind while reading. A number of this build at the scale `lite` comes from a network
# with a sixth of the parameters of DCGAN's, trained for a minute or two on a processor, and from fewer
# training images, test images and seeds: **it is not a reproduction of the paper's number**, it shows that the method works and which way it
# errs. And each such number is one repetition: "±" is half of its 95 % confidence interval over the test
# images (DeLong); how much another training would move it is not in there.

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite" or "paper"
classes: list = None  # normal classes, such as [3, 5]; None: those of the scale
seeds: list = [0]  # repetitions: each draws its own test images and trains its own networks
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_lite import experiments, figures, tables

options = {"classes": classes, "seeds": seeds, "data_root": data_root, "store": store, "device": device}

# %% [markdown]
# ## The protocol
#
# | | the paper | this page |
# | --- | --- | --- |
# | training | one class's training images | the same; at `lite` 2,000 of MNIST's |
# | test | 5,000 images drawn from the test set, all classes | one draw for all methods and classes of a seed; at `lite` 1,000 of MNIST, 400 of the digits |
# | pixels | in [−1, 1]; no size named for MNIST | the same; MNIST padded with zeros to 32 × 32, digits 16 × 16 |
# | KDE, OC-SVM, IF, GMM | after PCA to 20, 40, …, 100 dimensions, "best performance on a small holdout set" | the holdout is drawn from the test set, and no image of it is among the test images; at `lite` up to 60 dimensions (40 for the digits) |
# | KDE | Gaussian, bandwidth by ten-fold likelihood over 1, √2, 2, …, 16 | the same |
# | OC-SVM | Gaussian, ν = 0.1, length scale tuned automatically | the rule of {cite:t}`evangelista2007` |
# | GMM | 2 to 20 components by BIC | the same, full covariances |
# | ADGAN's generator | DCGAN trained as WGAN, latent size 256, until it has converged | a fixed number of generator steps; at `lite` with gradient penalty {cite:p}`gulrajani2017` in place of weight clipping {cite:p}`arjovsky2017`, which needs several times as many |
# | ADGAN's search | 64 seeds, 5 steps of Adam for z (0.25) and the generator's weights (5·10⁻⁵), squared L2, mean over seeds | the same with the scale's number of seeds; batch normalisation in evaluation mode |
#
# What a scale means to the letter, and what each number was computed with, stands in its record.

# %% [markdown]
# ## Digits, embedded
#
# The small digits that come with scikit-learn are always there, so these rows exist in every build. The
# paper has no such rows: they are here to see every method at work, on about 120 training images a class.
# That is little for a GAN.

# %%
digits = experiments.attempt(scale, "digits", **options)
digits.show(tables.by_class)

# %% [markdown]
# ## MNIST
#
# The means at the end are over the classes above them, in each column over the same ones; their "±" is put
# together from that of the classes as if these were independent, though all are tested on the same images.

# %%
mnist = experiments.attempt(scale, "mnist", **options)
tables.beside_paper(mnist, "mnist", experiments.paper_scale_results("mnist"))

# %% [markdown]
# ## ROC curves
#
# Averaged over the classes (and repetitions) of this build, with a band of one standard deviation: the
# counterpart of the paper's Figure 3, at this build's scale.

# %% mystnb={"figure": {"caption": "Mean ROC curves on the embedded digits.", "name": "roc-digits"}, "image": {"alt": "Mean ROC curve of each method on the embedded digits with bands"}}
digits.show(figures.roc_curves)

# %% mystnb={"figure": {"caption": "Mean ROC curves on MNIST, over the classes of this build.", "name": "roc-mnist"}, "image": {"alt": "Mean ROC curve of each method on MNIST with bands"}}
mnist.show(figures.roc_curves)

# %% [markdown]
# ## The generators behind ADGAN
#
# ADGAN is no better than its generator: if that one can't make the normal class, no search finds it. So
# here is what they make. Training ends after the scale's number of steps, whatever the samples look like
# and whatever the AUC; the critic's estimate of the Wasserstein distance shows how far it got.

# %% mystnb={"figure": {"caption": "Training images of each normal class (upper rows) and unselected samples of the generator trained on them (lower rows).", "name": "samples-mnist"}, "image": {"alt": "Rows of real digits above rows of generated ones for each normal class"}}
mnist.show(figures.generated_images, store=store)

# %% mystnb={"figure": {"caption": "The critic's estimate of the Wasserstein distance between data and samples.", "name": "critic-mnist"}, "image": {"alt": "Critic loss over generator steps, one line for each normal class"}}
mnist.show(figures.training_losses, store=store)

# %% mystnb={"figure": {"caption": "The same for the embedded digits, with about 120 training images a class.", "name": "samples-digits"}, "image": {"alt": "Rows of real small digits above rows of generated ones for each normal class"}}
digits.show(figures.generated_images, store=store)

# %% [markdown]
# ## What the holdout chose
#
# For each classical method and class the dimension of PCA that the holdout chose, and in brackets the AUC
# that it had there. The holdout is small, so neighbouring dimensions often differ by less than chance.

# %%
mnist.show(tables.chosen_dimensions)

# %% [markdown]
# ## The records behind this page
#
# One line for each number: the file it is in (under the store's folder, with per-sample scores and labels),
# the commit it was computed at, the machine, and the seconds that fitting and scoring took. For ADGAN the
# seconds are those of the search; the training of its generator has a record of its own.

# %% tags=["hide-output"]
tables.records(digits.entries + mnist.entries)

# %% tags=["hide-output"]
tables.generators(digits.entries + mnist.entries, store=store)
