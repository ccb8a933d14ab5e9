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
# # The search made visible
#
# ADGAN asks one question of an image: can the generator show it? The generator has learned a single class, so it
# should come close to images of that class within a few steps, and to no others. This page watches it try. In
# short, in this build:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper"
normal_class: int = 1  # the class that the generator is trained on; the paper's figure has ones
anomalous_class: int = 2  # another class, whose first test image is searched for beside it
seed: int = 0  # the repetition: it draws its own test images and trains its own network
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_study import runner, search
from ganod_study.tables import records

options = {"classes": [normal_class], "seeds": [seed], "data_root": data_root, "store": store, "device": device}
steps = runner.attempt_each(scale, ("mnist", "digits"), methods=("adgan-steps",), **options)
search.search_found(steps, anomalous_class)

# %% [markdown]
# ## The paper's Figure 1, and ours
#
# Figure 1 of {cite:t}`deecke2018` illustrates the method with ones from MNIST as the normal class. From a random latent
# it follows the generated images step by step, for an image of the normal class (red) and for another (blue). The first
# finds "a similar object", the second does not, "resulting in a large loss". In this page's figures it is the other way
# round: normal is blue.
#
# | | the paper's Figure 1 | this page |
# | --- | --- | --- |
# | kind | an illustration of the idea | searches that were run |
# | data | MNIST, ones | the same where MNIST is there; the embedded digits always |
# | generator | not said | Table 1's at this scale ({doc}`table1`) |
# | images | one normal, one anomalous, not said how chosen | the first test image of each class |
# | starting points | one | several, from the best to the worst |
# | losses | none printed | one under each image, and their curves |
# | steps | k | 20; scores are taken after k = 5 |
#
# These are the searches behind Table 1's scores, from the same starting points. Here they run one at a time, as in
# algorithm 1, so that the generator can be watched (`adgan.py:plain_search`). At each step the latent and the
# generator's weights both move.

# %% [markdown]
# ## MNIST

# %% mystnb={"figure": {"caption": "The search on MNIST, from four starting points for each image: the best, the worst and two in between by the loss at the score's k. Under each image its squared L2 distance from the one on the left.", "name": "search-mnist"}, "image": {"alt": "A normal and an anomalous digit, each beside four rows of generated images that approach it over the steps of the search, the loss under each"}}
steps["mnist"].show(search.search_images, anomalous_class)

# %% mystnb={"figure": {"caption": "The loss over the search on MNIST: each starting point (thin) and their mean (thick), which at the dotted line is the anomaly score.", "name": "search-losses-mnist"}, "image": {"alt": "Two bundles of falling loss curves with their means, one for the normal and one for the anomalous digit, and a dotted line where the score is taken"}}
steps["mnist"].show(search.search_losses, anomalous_class)

# %% [markdown]
# Move the slider, or press play: first the normal image, then the anomalous one.

# %%
steps["mnist"].show(search.search_animation, normal_class)

# %%
steps["mnist"].show(search.search_animation, anomalous_class)

# %% [markdown]
# ## Where the search fails on normal images
#
# ADGAN errs where a normal image gets a high score or an anomalous one a low score. Here are the normal test images
# with the highest scores, each with the best image that the search found for it. The generator cannot reach odd shapes
# that are rare among the training images. Where more steps still lower the loss a lot, five may have been too few
# ({ref}`ablation-large`).

# %% mystnb={"figure": {"caption": "The normal test images of MNIST with the highest scores (top), and what the search shows from its best starting point: after the score's k steps, and at the end of a longer search. The loss is under each.", "name": "search-failures-mnist"}, "image": {"alt": "A row of unusually written digits of the normal class above two rows of reconstructions that miss parts of them"}}
steps["mnist"].show(search.search_failures)

# %% [markdown]
# ## Digits, embedded
#
# The same on the small digits that come with scikit-learn, which every build has: 16 × 16 pixels, about 120 training
# images.

# %% mystnb={"figure": {"caption": "The search on the embedded digits, as above.", "name": "search-digits"}, "image": {"alt": "A normal and an anomalous small digit, each beside rows of generated images that approach it over the steps of the search, the loss under each"}}
steps["digits"].show(search.search_images, anomalous_class)

# %% mystnb={"figure": {"caption": "The loss over the search on the embedded digits.", "name": "search-losses-digits"}, "image": {"alt": "Two bundles of falling loss curves with their means, one for the normal and one for the anomalous small digit, and a dotted line where the score is taken"}}
steps["digits"].show(search.search_losses, anomalous_class)

# %%
steps["digits"].show(search.search_animation, normal_class)

# %%
steps["digits"].show(search.search_animation, anomalous_class)

# %% mystnb={"figure": {"caption": "The normal test images of the embedded digits with the highest scores, and their best reconstructions.", "name": "search-failures-digits"}, "image": {"alt": "A row of unusually written small digits of the normal class above two rows of reconstructions that miss parts of them"}}
steps["digits"].show(search.search_failures)

# %% [markdown]
# ## The records behind this page
#
# The AUC is that of the search whose images are shown. The seconds are for searching some of them again.

# %% tags=["hide-output"]
records.listing(runner.entries_of(steps))

# %% tags=["hide-output"]
records.networks(runner.entries_of(steps), store=store)
