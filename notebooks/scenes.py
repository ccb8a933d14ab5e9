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
# # Scenes, ranked
#
# Anomaly detection is mostly needed where nothing is labelled: which of these photographs are odd? The paper trains
# ADGAN on scenes and lets it rank photographs it has not seen. This page does the same on a folder of photographs, or
# on LSUN if its databases are available. In short:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite" or "medium"
classes: list = None  # categories to rank, such as [0, 2, 4]; None: those of the scale
seeds: list = [0]  # repetitions of the pooled experiment: each trains its own networks
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_study import runner, scenes
from ganod_study.tables import records

data = scenes.at_hand(data_root)
options = {"data_root": data_root, "store": store, "device": device}
stored = runner.stored_results(data) or runner.stored_results("scenes")
scenes.summary(stored)

# %% [markdown]
# ## What the paper does, and what this page does
#
# Section 4.4 of {cite:t}`deecke2018` trains a generator on the images of an LSUN category {cite:p}`yu2015` and ranks
# that category's 300 validation images. Figures 4, 5 and 6 show bedrooms, conference rooms and churches: the highest
# scores on top, the lowest below. Of the low ones it says that they "show plain colors, are devoid of foreign
# objects, and were shot from conventional angles", and of ADGAN that it "does not merely look at colors, but also
# takes into account whether shown geometries are canonical, or whether an image contains a foreign object (like a
# caption)". Then it trains on bedrooms alone, pools the validation images of all scenes, and finds an AUC of 0.641
# for bedrooms against the rest.
#
# | | the paper | this page |
# | --- | --- | --- |
# | data | LSUN, ten categories | a folder called `scenes`, nine of these categories; LSUN itself where it is there |
# | training images | 126,000 churches to 3 million bedrooms | 900 of each category; of LSUN the first 10,000 |
# | ranked | 300 validation images of the category | 100; of LSUN 300 |
# | pooled | 300 bedrooms against 2,700 others | 100 against 800; of LSUN as the paper |
# | image size | not said | 64 × 64, the central square |
# | generator | DCGAN's shape, trained as a WGAN | the same with a quarter of the width of the scale `paper` and a gradient penalty {cite:p}`gulrajani2017` |
# | training | until it has converged | 4,000 generator steps; 300 with half the width in a build at `lite` |
# | search | 64 starting points, 5 steps | 32 starting points (`lite`: 8), 5 steps |
# | scores beside ADGAN's | none | five, two of which know nothing of scenes |
# | scores printed | none but the AUC | under each image, and all of them |
#
# So both the data and the number of training images differ from the paper's. A GAN can memorise 900 images; below each
# ranking a figure shows how near generated images come to training images.
#
# The stored results are from MiniPlaces, a part of Places2 {cite:p}`zhou2018` with images of 128 × 128 pixels: those of
# its categories that LSUN has too.

# %% [markdown]
# ## Figure 4: bedrooms
#
# The next three figures show stored results at the scale `medium`. Judge for yourself whether the upper rows are odder
# than the lower ones. How plain an image is can be measured, by its size as a lossless file. The summary above has the
# rank correlation of that size with ADGAN's score. If it were close to 1, ADGAN would rank by how much there is to see,
# and that takes no generator.

# %% mystnb={"figure": {"caption": "Bedrooms as ADGAN ranks them: the highest scores (top rows) and the lowest (bottom rows), the score under each image; below, the scores of all bedrooms that were ranked and of the other scenes.", "name": "scenes-bedrooms"}, "image": {"alt": "Two grids of small photographs of bedrooms, above those with the highest anomaly scores and below those with the lowest, and two overlapping histograms of scores"}}
scenes.ranked_images(stored, 0)

# %% [markdown]
# Does the generator make new bedrooms, or repeat those it has seen? Under each generated image is the nearest training
# image. Nearness alone does not prove copying: blurred images are near to everything. Copies would be much nearer than
# held-out photographs are, and would look the same.

# %% mystnb={"figure": {"caption": "Unselected generated bedrooms (top) and the training image nearest to each (bottom), with their distance in grey levels (root mean square over pixels).", "name": "scenes-neighbours"}, "image": {"alt": "A row of small generated bedrooms above a row of the training photographs that are nearest to them, with a number under each pair"}}
scenes.nearest_neighbours(stored, 0)

# %% [markdown]
# ## Figure 5: conference rooms

# %% mystnb={"figure": {"caption": "Conference rooms as ADGAN ranks them, as above.", "name": "scenes-conference-rooms"}, "image": {"alt": "Two grids of small photographs of conference rooms, above those with the highest anomaly scores and below those with the lowest, and two overlapping histograms of scores"}}
scenes.ranked_images(stored, 4)

# %% mystnb={"figure": {"caption": "Unselected generated conference rooms and the training image nearest to each.", "name": "scenes-neighbours-conference-rooms"}, "image": {"alt": "A row of small generated conference rooms above a row of the training photographs that are nearest to them, with a number under each pair"}}
scenes.nearest_neighbours(stored, 4)

# %% [markdown]
# ## Figure 6: churches

# %% mystnb={"figure": {"caption": "Churches as ADGAN ranks them, as above.", "name": "scenes-churches"}, "image": {"alt": "Two grids of small photographs of churches, above those with the highest anomaly scores and below those with the lowest, and two overlapping histograms of scores"}}
scenes.ranked_images(stored, 2)

# %% mystnb={"figure": {"caption": "Unselected generated churches and the training image nearest to each.", "name": "scenes-neighbours-churches"}, "image": {"alt": "A row of small generated churches above a row of the training photographs that are nearest to them, with a number under each pair"}}
scenes.nearest_neighbours(stored, 2)

# %% [markdown]
# ## Section 4.4: bedrooms against all other scenes
#
# Every method is trained on bedrooms alone and tested on images of all categories. KDE and the isolation forest use the
# first 100 principal components. *Complexity* is the size of an image as a lossless file, in bytes. *The distance to
# the mean image* is measured from the pixelwise mean of the training bedrooms. Neither of the two knows what a bedroom
# is. Intervals are DeLong's {cite:p}`delong1988`, over the test images; compare the seeds to see what another training
# changes.

# %%
scenes.pooled_table(stored)

# %% mystnb={"figure": {"caption": "The AUC of each score with its 95 % interval, over all repetitions.", "name": "scenes-pooled"}, "image": {"alt": "A dot with an interval for each of six scores, beside a dotted line for guessing and a dashed one for the paper's AUC on LSUN"}}
scenes.pooled_aucs(stored)

# %% [markdown]
# ## This build
#
# At `lite` the page trains small networks on bedrooms for 300 steps and scores 450 of the test images, which takes a
# few minutes. That is enough to see all parts at work, but not to compare with the paper. It does raise a question: if
# a generator whose images show no bedroom has an AUC like the stored one's, what does that AUC say about bedrooms?
# Perhaps little: on the stored results, too, the intervals of its lead over the distance to the mean image include
# zero.

# %%
ranked = runner.attempt(scale, data, methods=(scenes.RANKING,), classes=classes, seeds=seeds[:1], **options)
pooled = runner.attempt(scale, data, methods=scenes.POOLED, classes=[scenes.BEDROOMS], seeds=seeds, **options)
both = runner.entries_of({"ranked": ranked, "pooled": pooled})
scenes.summary(both)

# %%
pooled.show(scenes.pooled_table)

# %% mystnb={"figure": {"caption": "Bedrooms as the small ADGAN of this build ranks them.", "name": "scenes-build"}, "image": {"alt": "Two grids of small photographs of bedrooms, above those with the highest anomaly scores and below those with the lowest, and two overlapping histograms of scores"}}
ranked.show(scenes.ranked_images, 0)

# %% mystnb={"figure": {"caption": "Unselected images of this build's small generator and the training image nearest to each.", "name": "scenes-neighbours-build"}, "image": {"alt": "A row of small generated images above a row of the training photographs that are nearest to them, with a number under each pair"}}
ranked.show(scenes.nearest_neighbours, 0)

# %% [markdown]
# ## With photographs of your own, or with LSUN
#
# The folder `scenes` in the data root needs two folders, `train` and `val`, each with these categories, spelled like
# this: bedroom, bridge, church_outdoor, classroom, conference_room, dining_room, kitchen, living_room, restaurant. A
# folder with other categories is not used; a message in place of this build's results then names the missing and the
# extra ones.
#
# LSUN's authors provide [download.py](https://github.com/fyu/lsun), which fetches one zip file for each category and
# split. Unpack these under `lsun` in the data root: the training images of bedrooms (43 GB), churches (2 GB) and
# conference rooms (4 GB), and the validation images of all ten categories (a few MB each). Reading them takes `pip
# install "ganod-lite[lsun]"`. At most 10,000 training images of a category are decoded, and only their 64 × 64 pixels
# are kept. Once the databases are there, this page uses them, under their own name.
#
# One training at `medium` (4,000 steps) takes about 20 to 35 minutes on one core of an Intel Xeon, whatever the number
# of images. At `medium` this page trains three generators and an autoencoder, and runs the searches:
#
#     papermill build/notebooks/scenes.ipynb out.ipynb -p scale medium

# %% [markdown]
# ## The records behind this page
#
# First the stored ones, then this build's.

# %% tags=["hide-output"]
records.listing(stored)

# %% tags=["hide-output"]
records.listing(both)

# %% tags=["hide-output"]
records.networks(both, store=store)
