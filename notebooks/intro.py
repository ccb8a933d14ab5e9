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
# # GANs for outlier detection
#
# Two sources say that generative adversarial networks find outliers: **ADGAN** {cite:p}`deecke2018` in images,
# **SO-GAAL** {cite:p}`liu2019,qarchli2020` in tables. Do their numbers hold?

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper"
classes: list = None  # normal classes, such as [3, 5]; None: those of the scale
seeds: list = [0]  # repetitions that the page of the claims has computed
anomalous_class: int = 2  # of MNIST: the anomaly that is searched for
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results

# %% tags=["remove-input"]
from ganod_study import claims, front

# What the page of the claims has computed and what the repository keeps; nothing is computed here.
evidence = claims.collect(scale, classes=classes, seeds=seeds, data_root=data_root, store=store, compute=False)
verdicts = claims.judge(evidence)
searched = front.stored_search()
front.answer(verdicts, evidence)

# %% tags=["remove-input"]
front.tiles(verdicts)

# %% tags=["remove-input", "half"] mystnb={"figure": {"caption": "ADGAN searches its generator for an image. Under each picture is the loss of the best of eight starting points; the score is the mean over all of them after k = 5 steps. First test images of MNIST, scale medium.", "name": "front-search"}, "image": {"alt": "A handwritten one: within five steps the generator comes close, and little is left. Below it a two, of which a bright outline is left"}}
front.strip(searched, anomalous_class)

# %% tags=["remove-input", "half"] mystnb={"figure": {"caption": "Table 1: means over ten classes, ours with 95 % intervals. Hollow: small networks, each at the best scale that was run.", "name": "front-means"}, "image": {"alt": "For each method of Table 1 the paper's mean AUC as a tick and ours as a dot, filled where it was run at the paper's scale and hollow where it comes from small networks"}}
front.dots(evidence)

# %% [markdown]
# ::::{grid} 1 3 3 3
# :gutter: 2
#
# :::{grid-item}
# ```{button-ref} claims
# :ref-type: doc
# :color: primary
# :expand:
# Check the numbers
# ```
# :::
#
# :::{grid-item}
# ```{button-ref} use-on-images
# :ref-type: ref
# :color: primary
# :outline:
# :expand:
# Use it on my images
# ```
# :::
#
# :::{grid-item}
# ```{button-ref} use-on-table
# :ref-type: ref
# :color: primary
# :outline:
# :expand:
# Use it on my table
# ```
# :::
# ::::
#
# ## How to read this book
#
# Every number comes from a stored {term}`record`, which names its parameters, machine and commit. Tables show the
# paper's number, ours, and this build's, each with its {term}`scale`: a number at a small scale neither confirms nor
# refutes the paper's. "±" is always half of a 95 % interval. {doc}`claims` lists all verdicts, {doc}`search` shows
# ADGAN at work, {doc}`table1` has its numbers and {doc}`gaal` those of SO-GAAL. {doc}`../glossary` defines the words.
# <span id="pdf"></span>
#
# (use-on-images)=
# ## Use it on my images
#
# `python -m ganod_study own-images FOLDER` learns a folder of normal images and ranks what differs from it
# ({doc}`own_images`; {doc}`../guide/index` says how to install it). In Python:
#
# ```python
# from ganod_lite import ADGAN
#
# detector = ADGAN(n_iter=2000, objective="wgan-gp", ngf=16, n_seeds=8, random_state=0)
# detector.fit(normal_images)  # uint8 (n, height, width[, 3])
# detector.anomaly_score(new_images)  # (n,): the higher, the more anomalous
# ```
#
# On a processor, training on images of 32 × 32 pixels takes minutes and scoring one takes a fraction of a second. In
# this book's runs the best classical method ranks as well as any network or better, and is much faster.
# {doc}`guide_choose` helps you choose; {doc}`guide_adgan` explains the arguments.
#
# (use-on-table)=
# ## Use it on my table
#
# Scale each feature to [0, 1] first:
#
# ```python
# from ganod_lite import IForest, SOGAAL
#
# detector = SOGAAL(random_state=0).fit(table)  # (n, d), features in [0, 1]
# detector.anomaly_score(table)  # (n,): the higher, the more anomalous
# IForest(random_state=0).fit(table).anomaly_score(table)  # to compare with
# ```
#
# The result depends on the epoch at which training stops (`stop_epochs`; by default a rule chooses it), and on half of
# twelve tables a default isolation forest does better. {doc}`gaal` compares both on twelve tables; {doc}`guide_gaal`
# explains how to use them.
