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
# # How well scores that know nothing do
#
# An AUC means little until you know what a score reaches without learning. In short, from stored results:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper": of ADGAN's variants, the rest is stored results
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
# A score that "knows nothing" here has no network and nothing tuned. The best of the five was picked by these same
# AUCs, which favours it; ADGAN had no such choice. The interval of the difference treats the ten classes as a sample,
# and covers a single training of ADGAN.
#
# ## The scores
#
# No label was used to choose or tune any of them.
#
# | score | what it is | what it learns |
# | --- | --- | --- |
# | distance to the mean image | the squared L2 distance to the mean of the training images | one image |
# | k-NN, pixels | the mean L2 distance to the five nearest training images (five is scikit-learn's default) | the training images by heart |
# | complexity | the size of the image as lossless WebP, in bytes: the larger, the more anomalous; {cite:t}`serra2020` show how much of a generative model's likelihood this explains | nothing |
# | simplicity | the negative of complexity, so its AUC is one minus that of complexity; nobody can know beforehand which of the two will be the better one | nothing |
# | contrast | the standard deviation of the image's pixels: the larger, the more anomalous | nothing |
# | k-NN, AlexNet | the same as k-NN by pixels, after AlexNet's features and PCA to 100 dimensions, as the KDE of {doc}`table1` sees them | the training images, and ImageNet's before |
#
# The protocol is that of {doc}`table1` at the scale `paper`: all training images, 5,000 test images, three draws of
# them. ± is half of a 95 % interval over test images {cite:p}`delong1988`. ADGAN is shown at the best scale that has
# all ten classes, on the test images of that scale, which are the first of the 5,000.
#
# A score that learns nothing gives an image the same number whichever class is normal. What it gains on one class it
# then loses on the others, and its mean over equally common classes is .5. So complexity and contrast can do well or
# badly on a single class, but not on average over all ten. Of the five scores that know nothing, only the first two can
# come out best on average.

# %%
baselines.means(stored)

# %% [markdown]
# ## Class by class
#
# Complexity and contrast show how the classes differ. Where the AUC of one of the two is far from 0.5, images of the
# normal class are plainer or busier, or fainter or stronger, than the others. A detector that sees only this difference
# has the same AUC. A squared distance sees contrast too: an image of little contrast is close to anything grey,
# whatever was learned. So classes of strong contrast, such as CIFAR-10's cars and trucks, tend to come out the wrong
# way round.

# %% mystnb={"figure": {"caption": "MNIST: AUC of each class and the mean, with 95 % intervals over test images. Squares are ADGAN, filled ours and hollow the paper's; the hollow circle is on AlexNet's features.", "name": "baselines-mnist"}, "image": {"alt": "For each digit a row of points: ADGAN, k-NN on pixels and the distance to the mean image lie right of 0.7, as does k-NN on AlexNet's features except for the digit 8, the paper's ADGAN mostly furthest to the right; complexity, simplicity and contrast are spread from near 0 to near 1, with means of 0.5"}}
figures.baselines(stored, "mnist")

# %% tags=["hide-output"]
baselines.classes(stored, "mnist")

# %% mystnb={"figure": {"caption": "The same for CIFAR-10.", "name": "baselines-cifar10"}, "image": {"alt": "For each of CIFAR-10's classes a row of points, most of them between 0.3 and 0.75 and on both sides of 0.5; for automobile and truck our ADGAN is left of 0.5, and the paper's is mostly right of ours"}}
figures.baselines(stored, "cifar10")

# %% tags=["hide-output"]
baselines.classes(stored, "cifar10")

# %% [markdown]
# How closely does ADGAN follow such a score? The table has the correlation of its AUCs with each score's over the ten
# classes: near 1 where ADGAN is good at the same classes as the score. Following a score does not prove that ADGAN sees
# nothing else.

# %%
baselines.followed(stored)

# %% [markdown]
# ## ADGAN without its parts
#
# If the generator makes the score good, ADGAN should do worse without search steps (k = 0: the mean loss of the
# starting points as they are drawn), with a generator that was never trained, and with one that was trained on another
# class (the next of this scale's). This build computes all three at its own scale. Beside them is the distance to the
# mean image: ADGAN's score amounts to it if the generator shows the same picture for every image.

# %%
options = {"classes": classes, "seeds": seeds, "data_root": data_root, "store": store, "device": device}
groups = runner.attempt_each(scale, ("digits", "mnist", "cifar10"), methods=tuple(baselines.TITLES), **options)
entries = runner.entries_of(groups)
baselines.variants(entries)

# %% mystnb={"figure": {"caption": "ADGAN, its variants and the distance to the mean image at this build's scale, with 95 % intervals over test images.", "name": "baselines-variants"}, "image": {"alt": "Points for the AUC of ADGAN, of three variants of it and of the distance to the mean image, for each class"}}
figures.ablation_methods(entries, baselines.TITLES)

# %% [markdown]
# The same at the scale `large`, from stored results, in the classes for which all these variants have been run.
#
# - **In MNIST's classes 0, 1 and 8 the training matters, and the five steps hardly do.** An untrained generator, or
#   another class's, has a lower AUC in each class. The steps add 0.007 in class 1, and nothing that can be told in 0
#   and 8. Over all ten classes they add more ({ref}`ablation-large`). The distance to the mean image differs from ADGAN
#   by less than 0.03, with intervals that end below 0.06.
# - **In CIFAR-10's airplane, automobile and frog** another class's generator has a lower AUC, and so has an untrained
#   one, except in automobile. There the five steps lower the AUC by 0.07, below that of the distance to the mean image.
#   In the other two classes neither the steps nor the mean image make a difference that can be told.

# %%
at_large = baselines.variants_at("large", stored)
baselines.variants(at_large)

# %% [markdown]
# ## Beyond the AUC
#
# If somebody has to look at each alarm, what counts is how much is found at few false alarms. The table has the share
# of the anomalies found at 1 % and 5 % false positives. It also has the average precision, and beside it the
# prevalence, which is what guessing reaches: nine of ten test images are anomalous, so a high average precision is no
# feat. Means over the classes with their 95 % intervals (Student's t over classes). With 1,000 test images there are
# about a hundred normal ones, and 1 % of them is a single image. The file at {doc}`table1` has these numbers for each
# class.

# %%
baselines.beyond_auc(stored)

# %% [markdown]
# ## Anomalies among the training images
#
# All of the above learns from normal images alone, which somebody must have sorted. What if some of them are not
# normal? Here 1, 5 and 10 % of a class' training images, drawn at random, give way to training images of the other
# classes; test images and settings stay the same. The table names the scale and the number of classes, which is three
# for the networks, each trained once for each share. The last column is the mean change from no anomalies to 10 %, with
# its interval over classes; with three classes it is wide.
#
# On MNIST, methods that keep every training image lose most: KDE and k-NN take an anomaly for normal once they have
# learned one like it. A GMM loses 0.09. The autoencoders lose as much as KDE in the digits 0 and 8, 0.14 to 0.28: they
# learn to rebuild the anomalies. A method that keeps only an average, such as the mean image, loses little. **So does
# ADGAN**: with 10 % anomalies it loses 0.03 in the digit 0 and nothing that can be told in 1 and 8. On CIFAR-10 there
# is less to lose.

# %%
baselines.contaminated(stored)

# %% [markdown]
# Who is ahead on clean images and who with 10 % anomalies? The table has ADGAN's mean AUC minus each other method's, in
# the three classes that ADGAN has and on the same test images. The intervals are over these images, so they are about
# these classes and these trainings alone. On MNIST ADGAN goes from behind KDE, GMM and k-NN to ahead of all three, and
# can no longer be told from the isolation forest. On CIFAR-10 it stays behind all but the autoencoders.

# %%
baselines.contaminated_beside(stored)

# %% mystnb={"figure": {"caption": "Mean AUC against the percentage of anomalies among the training images, over the classes that all methods have, each at its scale in the table.", "name": "contamination"}, "image": {"alt": "Two panels, MNIST and CIFAR-10, with a line for each method over 0, 1, 5 and 10 % anomalies among the training images"}}
figures.contamination(stored)

# %% [markdown]
# ## Where the field is now
#
# Table 1 dates from 2018. In the same year {cite:t}`golan2018` trained a classifier to tell how an image was turned and
# shifted; on CIFAR-10, with no other data, it does much better than any column of Table 1. Since then features learned
# on other data have taken over. {cite:t}`reiss2021` fine-tune an ImageNet network on the normal images and measure
# distances to neighbours, as k-NN on AlexNet's features does above without the fine-tuning. They report a mean AUC of
# .962 on CIFAR-10's ten classes. With a contrastive loss instead, {cite:t}`reiss2023` report .986. These are their
# numbers, not ours, and their networks have seen a million photographs or more, some of the same things.
# {cite:t}`ruff2021` review the field.
#
# ## The records behind this page
#
# Hours are those of one core: with fits and searches, without the training of networks.

# %% tags=["hide-output"]
records.totals([e for e in stored if e.parameters["method"] in baselines.SHOWN])

# %% tags=["hide-output"]
records.listing(entries + at_large)
