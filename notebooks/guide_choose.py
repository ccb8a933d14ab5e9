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
# # Which detector for my data
#
# In short, from the stored results of this book:

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale
data_root: str = None  # not used here
store: str = None  # not used here

# %%
from ganod_study import guide
from ganod_study.tables import guide as tables

mnist, cifar10, standings = guide.of_table1("mnist"), guide.of_table1("cifar10"), guide.on_tables()
tables.verdict_on_images("mnist", mnist)

# %%
tables.verdict_on_images("cifar10", cifar10)

# %%
tables.verdict_on_tables(standings)

# %% [markdown]
# The best of each kind was picked by these same results, which slightly favours whichever comes first. The comparison
# is also uneven: where the tables below say `medium` or `large`, the networks are small and were trained for a short
# time (less at `medium` than at `large`), while the classical methods chose PCA's dimension with labelled images. By
# the paper's printed numbers ADGAN is ahead: {doc}`table1` has both.
#
# ## What to do
#
# **Images**
#
# 1. Begin with a {doc}`GMM or KDE on PCA <guide_classic>` of the pixels: seconds for KDE, minutes for a GMM, and no
#    GPU.
# 2. If your images are photographs of scenes or things, products too, also try the features of a pretrained network, if
#    there is one for your kind of images. AlexNet's are no better than pixels on average below; others report far
#    better AUCs with newer networks ({doc}`baselines`). The command `own-images` ranks by AlexNet's, without code
#    ({doc}`own_images`).
# 3. If scores have to be fast and the images are aligned, try a {doc}`VAE <guide_autoencoders>`.
# 4. If you have a good generator of your normal images, or want to see what normal would have looked like, take
#    {doc}`ADGAN <guide_adgan>`.
#
# If some of the training images may be anomalies themselves, try an {doc}`isolation forest <guide_classic>` or ADGAN on
# digits and the like: with 10 % anomalies both lost less there than KDE, nearest neighbours and autoencoders
# ({doc}`baselines`; ADGAN was tried on three digits only).
#
# **Tables**
#
# 1. Begin with an {doc}`isolation forest <guide_classic>`, or scikit-learn's nearest neighbours.
# 2. If features are few and rows many, try {doc}`KDE or GMM <guide_classic>`.
# 3. {doc}`SO-GAAL and MO-GAAL <guide_gaal>` are worth a try beside these, with several seeds; don't choose the epoch by
#    looking at labels.
#
# **Both**: label a hundred of your own samples, with a few anomalies, and compare three detectors on them, because your
# data are not those below. Then {doc}`choose a threshold and save the detector <../guide/howto>`.
#
# ## Images: MNIST
#
# One class is normal, the nine others are anomalous. A mean's interval (95 %, Student's t) treats the classes as a
# sample, so it says what to expect of another class; {doc}`table1` has intervals for these particular classes.

# %%
tables.on_images(mnist)

# %% [markdown]
# ## Images: CIFAR-10

# %%
tables.on_images(cifar10)

# %% [markdown]
# ## What choosing the dimension did
#
# The classical methods chose PCA's dimension for each class on 500 labelled images. These are the mean AUCs on those
# images at each dimension; without labels you get one of these columns. MNIST comes first, then CIFAR-10.

# %%
tables.by_dimension(mnist)

# %%
tables.by_dimension(cifar10)

# %% [markdown]
# ## Tables
#
# The AUCs on a table's own rows, medians over repetitions; intervals (95 %, Student's t) are over tables. † was given
# the authors' epochs for each table; "as it comes" stops by the default rule. {doc}`gaal` has each table.

# %%
tables.on_tables(standings)
