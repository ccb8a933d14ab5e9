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
# same with what is at hand, and puts three numbers next to each other: the one that the paper prints, ours at
# the best scale at which all ten classes have been run, and the one that this very build computed.
#
# Three things to keep in mind while reading.
#
# - A number of this build at the scale `lite` comes from a network with a sixth of the parameters of
#   DCGAN's, trained for a minute or two on a processor, and from fewer training images, test images and
#   seeds: **it is not a reproduction of the paper's number**, it shows that the method works and which way
#   it errs.
# - A number of a single repetition stands with its 95 % interval over the test images (DeLong,
#   {cite:t}`delong1988`), [low, high] for a class and ± half its width for a mean; how much another training
#   would move it is not in there. A number of several repetitions stands with their standard deviation.
# - A mean is put next to a mean over the same classes only. "Ours" are results that the repository keeps, and
#   "at scale" names theirs: `paper`, the paper's protocol, or `medium`, all ten classes with all training images,
#   but the networks and seeds of `lite`, 2,000 generator steps and 1,000 test images, which a processor can do in
#   hours. Only what stands at `paper` can confirm or refute a number of the paper.

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium" or "paper"
classes: list = None  # normal classes, such as [3, 5]; None: those of the scale
seeds: list = [0]  # repetitions: each draws its own test images and trains its own networks
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_study import figures, runner
from ganod_study.methods import TABLE1
from ganod_study.summaries import complete
from ganod_study.tables import classical, records, table1

options = {"classes": classes, "seeds": seeds, "data_root": data_root, "store": store, "device": device}

# %% [markdown]
# ## The protocol
#
# | | the paper | this page |
# | --- | --- | --- |
# | training | one class's training images | the same; at `lite` 2,000 of MNIST's and of CIFAR-10's |
# | test | 5,000 images drawn from the test set, all classes | one draw for all methods and classes of a seed; at `medium` and `lite` 1,000 of MNIST and CIFAR-10, 400 of the digits |
# | repetitions | not said | each draws its test images and trains its networks anew. At the paper's scale the classical methods see all training images, so their repetitions are draws of the test images scored by one fit |
# | pixels | in [−1, 1]; no size named for MNIST | the same; MNIST padded with zeros to 32 × 32, digits 16 × 16 |
# | KDE, OC-SVM, IF, GMM | after PCA to 20, 40, …, 100 dimensions, "best performance on a small holdout set" | the holdout is drawn from the test set, and no image of it is among the test images; at `lite` up to 60 dimensions (40 for the digits) |
# | KDE | Gaussian, bandwidth by ten-fold likelihood over 1, √2, 2, …, 16 | the same |
# | OC-SVM | Gaussian, ν = 0.1, length scale tuned automatically | the rule of {cite:t}`evangelista2007` |
# | GMM | 2 to 20 components by BIC | the same, full covariances |
# | AlexNet's features | its final convolutional layer, then PCA | torchvision's AlexNet, which is the single tower of 2014 and not the original two; the whole image resized to 224 × 224; the fifth convolution after ReLU and max pooling, 9,216 numbers, then PCA as above |
# | DCAE and VAE | DCGAN's shape with batch normalisation and ReLU; neither optimiser nor sizes named | encoder and decoder as wide as ADGAN's networks, latent size 256, Adam as in DCGAN, a fixed number of steps, as many as the GAN's generator at the paper's scale, 1,000 at `medium` and `lite` |
# | DCAE's score | reconstruction error | squared L2 |
# | VAE's score | evidence lower bound | its negative with 8 posterior samples; the likelihood is Gaussian, with one variance for all pixels at its optimum on the training images |
# | AnoGAN | DCGAN's shape; the rest is left to {cite:t}`schlegl2017` | the WGAN of ADGAN; 500 steps of Adam (0.03) from one start, at `medium` and `lite` 100; 0.9 of the L1 distance of the images + 0.1 of that of the critic's last hidden layer |
# | ADGAN's generator | DCGAN trained as WGAN, latent size 256, until it has converged | a fixed number of generator steps; at `medium` and `lite` with gradient penalty {cite:p}`gulrajani2017` in place of weight clipping {cite:p}`arjovsky2017`, which needs several times as many |
# | ADGAN's search | 64 seeds, 5 steps of Adam for z (0.25) and the generator's weights (5·10⁻⁵), squared L2, mean over seeds | the same with the scale's number of seeds; batch normalisation in evaluation mode |
#
# What a scale means to the letter, and what each number was computed with, stands in its record.

# %% [markdown]
# ## MNIST
#
# First the means over classes. All classes are tested on the same images, so in a mean's interval an image counts
# once, with what it does to all of them.

# %%
stored = {name: runner.stored_results(name) for name in ("mnist", "cifar10")}
mnist = runner.attempt(scale, "mnist", **options)
table1.means(mnist, "mnist", stored["mnist"])

# %% [markdown]
# And every cell of the table. A click on a column's head sorts it, what is typed above it keeps the rows of a
# class or a method ("8 gan"), and the file holds the same numbers in full.

# %%
table1.full(mnist, "mnist", stored["mnist"])

# %% [markdown]
# ## CIFAR-10
#
# Photographs, in which the normal class looks less alike than a digit does. One of the means that the paper
# prints does not follow from its own cells; the table says which.

# %%
cifar10 = runner.attempt(scale, "cifar10", **options)
table1.means(cifar10, "cifar10", stored["cifar10"])

# %%
table1.full(cifar10, "cifar10", stored["cifar10"])

# %% [markdown]
# ## Is ADGAN ahead?
#
# The paper calls ADGAN the best on both data sets, by means without a spread. Here it is compared with each
# other method over the classes: the mean of the differences with its 95 % interval (Student's t), in how
# many classes it is ahead, and the p-value of Wilcoxon's signed-rank test. Each source is judged by itself:
# the numbers that the paper prints, ours, and this build's. Ours are each method's at its best scale, ADGAN's
# first: where the two differ, a small ADGAN stands against a method that had all that the paper gives it. Below
# six classes no signed-rank test reaches 0.05, whatever the numbers are, so nothing is judged there.
#
# Read the p-values as a guide: the classes share their test images, so that they are not independent, and of
# nine comparisons one in twenty goes wrong sooner than of one (0.05 / 9 ≈ 0.006 allows for that).

# %%
table1.against_adgan(mnist, "mnist", stored["mnist"])

# %% [markdown]
# The same on CIFAR-10:

# %%
table1.against_adgan(cifar10, "cifar10", stored["cifar10"])

# %% [markdown]
# ## Digits, embedded
#
# The small digits that come with scikit-learn are always there, so these rows exist in every build. The
# paper has no such rows: they are here to see every method at work, on about 120 training images a class.
# That is little for a network.

# %%
digits = runner.attempt(scale, "digits", **options)
table1.means(digits, "digits")

# %%
table1.full(digits, "digits")

# %% [markdown]
# ## ROC curves
#
# The counterpart of the paper's Figure 3: curves averaged over classes (and repetitions), with a band of one
# standard deviation. On AlexNet's features a method keeps its colour and is dashed. First this build's, at its
# scale and over its classes; then ours over all ten classes, each method's at the best scale that has them.

# %% mystnb={"figure": {"caption": "Mean ROC curves over the classes of this build.", "name": "roc-mnist"}, "image": {"alt": "Mean ROC curve of each method with bands in this build, MNIST and CIFAR-10 side by side"}}
figures.roc_curves({"MNIST": mnist, "CIFAR-10": cifar10})

# %% mystnb={"figure": {"caption": "Mean ROC curves over all ten classes, at the scale that stands behind the method's name.", "name": "roc-stored"}, "image": {"alt": "Mean ROC curve of each method with bands over all ten classes, MNIST and CIFAR-10 side by side"}}
figures.roc_curves({"MNIST": complete(stored["mnist"]), "CIFAR-10": complete(stored["cifar10"])})

# %% mystnb={"figure": {"caption": "The same on the embedded digits, in this build.", "name": "roc-digits"}, "image": {"alt": "Mean ROC curve of each method with bands on the embedded digits"}}
figures.roc_curves({"digits": digits})

# %% [markdown]
# ## The generators behind ADGAN
#
# ADGAN is no better than its generator: if that one can't make the normal class, no search finds it. So
# here is what they make. Training ends after the scale's number of steps, whatever the samples look like
# and whatever the AUC; the critic's estimate of the Wasserstein distance shows how far it got.

# %% mystnb={"figure": {"caption": "Training images of each normal class (upper rows) and unselected samples of the generator trained on them (lower rows).", "name": "samples-mnist"}, "image": {"alt": "Rows of real digits above rows of generated ones for each normal class"}}
mnist.show(figures.generated_images, store=store)

# %% mystnb={"figure": {"caption": "The same for CIFAR-10.", "name": "samples-cifar10"}, "image": {"alt": "Rows of real photographs above rows of generated ones for each normal class"}}
cifar10.show(figures.generated_images, store=store)

# %% mystnb={"figure": {"caption": "The critic's estimate of the Wasserstein distance between data and samples, MNIST.", "name": "critic-mnist"}, "image": {"alt": "Critic loss over generator steps, one line for each normal class"}}
mnist.show(figures.training_losses, store=store)

# %% mystnb={"figure": {"caption": "The same for the embedded digits, with about 120 training images a class.", "name": "samples-digits"}, "image": {"alt": "Rows of real small digits above rows of generated ones for each normal class"}}
digits.show(figures.generated_images, store=store)

# %% [markdown]
# ## What the holdout chose
#
# For each classical method and class the dimension of PCA that the holdout chose, and in brackets the AUC
# that it had there. The holdout is small, so neighbouring dimensions often differ by less than chance.

# %%
mnist.show(classical.chosen_dimensions)

# %%
cifar10.show(classical.chosen_dimensions)

# %% [markdown]
# ## The records behind this page
#
# One line for each number: the file it is in (under the store's folder, with per-sample scores and labels),
# the commit it was computed at, the machine, and the seconds that scoring took. What a number shares with
# others is not in its seconds: a fit's are in the record's file, and the training of a network has a record
# of its own, in the second table.

# %% tags=["hide-output"]
records.listing(mnist.entries + cifar10.entries + digits.entries)

# %% tags=["hide-output"]
records.networks(mnist.entries + cifar10.entries + digits.entries, store=store)

# %% [markdown]
# And those of ours, at the scales `paper` and `medium`, which the repository keeps:

# %% tags=["hide-output"]
ours = complete(stored["mnist"] + stored["cifar10"])
records.listing([e for e in ours if e.parameters["method"] in TABLE1])
