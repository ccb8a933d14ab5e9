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
# # What a score that knows nothing reaches
#
# An AUC means little until one knows what a score without learning reaches. In short, from the results that the repository keeps:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium" or "paper": of ADGAN's variants, the rest is stored results
classes: list = None  # normal classes, such as [3, 5]; None: those of the scale
seeds: list = [0]  # repetitions: each draws its own test images and trains its own networks
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_study import figures, runner
from ganod_study.tables import baselines, records

stored = runner.entries_of({name: runner.stored_results(name) for name in ("mnist", "cifar10")})
baselines.verdict(stored)

# %% [markdown]
# The best is picked by these very AUCs, among five, which is in its favour; ADGAN has had no such choice. The interval
# of the difference takes the ten classes as a sample, and there is one training of ADGAN in it.
#
# ## The scores
#
# None of them was chosen or tuned by a label.
#
# | score | what it is | what it learns |
# | --- | --- | --- |
# | distance to the mean image | the squared L2 distance to the mean of the training images | one image |
# | k-NN, pixels | the mean L2 distance to the five nearest training images (five is scikit-learn's default) | the training images by heart |
# | complexity | the bytes of the image as lossless WebP, more being more anomalous; {cite:t}`serra2020` show how much of a generative model's likelihood is this | nothing |
# | simplicity | the negative of it; its AUC is one minus the other's, and which of the two is the better one, no one can know beforehand | nothing |
# | contrast | the standard deviation of the image's pixels, more being more anomalous | nothing |
# | k-NN, AlexNet | the same as k-NN by pixels, after AlexNet's features and PCA to 100 dimensions, as the KDE of {doc}`table1` sees them | the training images, and ImageNet's before |
#
# The protocol is that of {doc}`table1` at the scale `paper`: all training images, 5,000 test images, three draws of
# them. ± is half of a 95 % interval over test images {cite:p}`delong1988`. ADGAN stands there at the best scale that
# all ten classes have been run at, with the test images of that scale, the first of the 5,000.
#
# A score that learns nothing gives an image the same number whichever class is normal. What it wins on one class it
# then loses on the others, and over all classes, if they are equally common, its mean is .5: complexity and contrast
# can be good or bad at a class, not at a column. So only the first two can be the best of a column.

# %%
baselines.means(stored)

# %% [markdown]
# ## Class by class
#
# Complexity and contrast show what kind of classes there are: where one of them is far from 0.5, the images of the
# normal class are plainer or busier, fainter or stronger, than the others, and a detector that sees only that has this
# AUC. A squared distance sees contrast too: an image of little contrast is close to anything grey, whatever was
# learned. So a class of strong contrasts, as CIFAR-10's cars and trucks are, comes out the wrong way round.

# %% mystnb={"figure": {"caption": "MNIST: AUC of each class and the mean, with 95 % intervals over test images. Squares are ADGAN, filled ours and hollow the paper's; the hollow circle is on AlexNet's features.", "name": "baselines-mnist"}, "image": {"alt": "For each digit a row of points: the AUCs of ADGAN, of the paper's ADGAN and of the scores that know nothing"}}
figures.baselines(stored, "mnist")

# %% tags=["hide-output"]
baselines.classes(stored, "mnist")

# %% mystnb={"figure": {"caption": "The same for CIFAR-10.", "name": "baselines-cifar10"}, "image": {"alt": "For each of CIFAR-10's classes a row of points: the AUCs of ADGAN, of the paper's ADGAN and of the scores that know nothing"}}
figures.baselines(stored, "cifar10")

# %% tags=["hide-output"]
baselines.classes(stored, "cifar10")

# %% [markdown]
# How closely does ADGAN follow such a score? Over the ten classes, the correlation of its AUCs with each score's: near
# 1 where ADGAN is good at what the score is good at. That it follows a score does not prove that it sees nothing else.

# %%
baselines.followed(stored)

# %% [markdown]
# ## ADGAN without what it is made of
#
# If a generator is what makes the score good, ADGAN should do worse without its steps (k = 0: the mean loss of the
# starting points as they are drawn), with a generator that was never trained, and with one that was trained on another
# class, the next one of this scale's. This is computed in this build, at its scale, beside the distance to the mean
# image, which is what ADGAN's score comes to where the generator shows all images the same.

# %%
options = {"classes": classes, "seeds": seeds, "data_root": data_root, "store": store, "device": device}
groups = runner.attempt_each(scale, ("digits", "mnist", "cifar10"), methods=tuple(baselines.TITLES), **options)
entries = runner.entries_of(groups)
baselines.variants(entries)

# %% mystnb={"figure": {"caption": "ADGAN, its variants and the distance to the mean image at this build's scale, with 95 % intervals over test images.", "name": "baselines-variants"}, "image": {"alt": "Points for the AUC of ADGAN, of three variants of it and of the distance to the mean image, for each class"}}
figures.ablation_methods(entries, baselines.TITLES)

# %% [markdown]
# ## Beyond the AUC
#
# Who has to look at each alarm asks what is found while few normal images are called anomalous. So here is the share
# of the anomalies found at 1 % and 5 % false positives, and the average precision with the prevalence, which is what
# a score reaches that says nothing: nine test images of ten are anomalous, so a high average precision is no
# feat. Means over the classes with their 95 % intervals (Student's t over classes). With 1,000 test images there are
# about a hundred normal ones, and 1 % of them is a single image. The file at {doc}`table1` has these numbers for each
# class.

# %%
baselines.beyond_auc(stored)

# %% [markdown]
# ## Where the field is now
#
# Table 1 is of 2018. {cite:t}`golan2018`, of the same year, train a classifier to tell how an image was turned and
# shifted, and reach much more than any column of Table 1 on CIFAR-10 with no other data. Since then features that
# were learned elsewhere have taken over. {cite:t}`reiss2021` fine-tune a network of ImageNet's on the normal images and
# measure distances to neighbours, as k-NN on AlexNet's features does above without the fine-tuning; they report a mean
# AUC of .962 on CIFAR-10's ten classes. With a contrastive loss in its place {cite:t}`reiss2023` report .986. These are
# their numbers, not ours, and their networks have seen a million photographs or more, of the same things
# among others. {cite:t}`ruff2021` review all of it.
#
# ## The records behind this page
#
# Hours of one core, with the fits.

# %%
records.totals([e for e in stored if e.parameters["method"] in (*baselines.SCORES, "adgan")])

# %%
records.listing(entries)
