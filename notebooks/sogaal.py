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
# # SO-GAAL and MO-GAAL: generators that make potential outliers
#
# SO-GAAL {cite:p}`liu2019` turns a GAN around: the generator learns to make points close to the data, the
# discriminator to tell them from the data, and in the end the generator is thrown away. Anything the
# discriminator takes for generated is an outlier, so the anomaly score is $1 - D(x)$. MO-GAAL has several
# generators, each of which aims at another quantile of the discriminator's values.
#
# Its authors published [Keras scripts](https://github.com/leibinghe/GAAL-based-outlier-detection); a widely read
# [post](https://qarchli.github.io/2020-05-10-gans-for-outlier-detection) ported SO-GAAL to PyTorch and showed learning
# curves on `onecluster`, 1,000 points of which 2 % are outliers. The two differ in details, and the details
# decide the result. This page draws the curves of both, runs both methods on the authors' twelve tables, and asks the
# question that a single curve hides: *when* do you stop?

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium" or "paper"
seeds: list = [0, 1, 2]  # repetitions of the learning curves
table_runs: int = 15  # repetitions on the other tables, where a run takes about a second
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results

# %%
from ganod_study import datasets, figures, runner, tabular
from ganod_study.claims import SOGAAL, SOME_TABLES
from ganod_study.methods import METHODS
from ganod_study.tables import records
from ganod_study.tables import sogaal as tables

options = {"data_root": data_root, "store": store}
stored = tables.stored_results()

# %% [markdown]
# What the stored results say, medians over the repetitions of each table:

# %%
tables.findings(stored)

# %% [markdown]
# ## The data
#
# Where the GAAL authors' table is at hand, this page uses it. Otherwise it uses a table generated in its
# manner, which comes with the package and goes by its own name, `onecluster-generated`.

# %%
name = tabular.onecluster(data_root)
table = datasets.load_table(name, root=data_root)
print(f"{name}: {table.X.shape[0]} points, {table.X.shape[1]} features, {table.y.sum()} outliers")

# %% mystnb={"figure": {"caption": "The table that this page uses: one cluster and outliers around it.", "name": "onecluster"}, "image": {"alt": "Scatter plot of one cluster of points with a few outliers around it"}}
figures.labelled_points(table)

# %% [markdown]
# ## Learning curves
#
# Up to the dotted line the generator learns; from there on only the discriminator does, for twice as many
# epochs again. "Official" is the Keras script's way. The post's version differs from it in four points: it
# passes `decay` as the *dampening* of momentum instead of as a decay of the learning rate, draws new
# batches in every epoch, starts the discriminator from other weights, and starts the generator's biases
# at 1 (its figure 4) or 10⁻⁵ (its figure 5) instead of 0.

# %%
curves = {METHODS[m].title: runner.attempt(scale, name, methods=[m], seeds=seeds, **options).entries for m in SOGAAL}

# %% mystnb={"figure": {"caption": "Losses and AUC over the epochs, one line for each seed.", "name": "sogaal-curves"}, "image": {"alt": "Learning curves of SO-GAAL: both losses and the AUC over epochs, a panel for each variant"}}
figures.learning_curves(curves)

# %% [markdown]
# The AUC needs labels. They are looked at here after the fact, to draw this curve; training does not see
# them, and no epoch is chosen by them.

# %%
tables.aucs(curves)

# %% [markdown]
# The two columns can be far apart: **"SO-GAAL's AUC" says nothing unless it names the epoch.** The post
# reports the value at the end, the paper does not say.

# %% [markdown]
# ## The twelve tables
#
# Median AUCs over the stored repetitions, with the epochs that the authors give for each table: at the stop, where
# the generators freeze, and at the end, three times as far. Beside them what PyOD's versions return for the same
# epochs, and scikit-learn's detectors with their defaults. Methods are fitted to the rows that they score, as the
# sources do. PyOD returns $D(x)$ where the authors return $1 - D(x)$, so values far below ½ are a ranking turned round.

# %%
tables.twelve(stored)

# %% [markdown]
# The same fitted to one half of a table's rows and scored on the other half, which the seed draws:

# %%
tables.twelve(stored, rows="held-out")

# %% [markdown]
# Means with the standard deviation over the repetitions, beside the AUCs of an independent port of the authors'
# script (three runs). Where the median above and the mean part ways, most runs agree and a few fail.

# %%
tables.spreads(stored)

# %% [markdown]
# ## When to stop without labels
#
# The authors leave the stop to the eye, and their values go from 6 to 1,500 epochs. Two rules that see no labels:
# `auto` stops where the fall of the generator's loss becomes slow, their advice; `equilibrium` where the
# discriminator, having been ahead, is back at guessing. The last column shows the best epoch of each run, which only
# labels can find: its distance to the others is the optimism of choosing by them.

# %%
tables.stops(stored, "SO-GAAL")

# %%
tables.stops(stored, "MO-GAAL")

# %% [markdown]
# ## Tables that this build ran
#
# SO-GAAL on three of the tables: the mean and standard deviation over the repetitions, and the median.

# %%
runs = {"methods": ["sogaal"], "seeds": range(table_runs), **options}
others = {name: runner.attempt(scale, name, **runs) for name in SOME_TABLES[scale]}
tables.aucs(others)

# %% mystnb={"figure": {"caption": "What each variant's discriminator has learned by the end of training, for the first seed: the anomaly scores of the data.", "name": "sogaal-scores"}, "image": {"alt": "Scatter plot coloured by anomaly score"}}
figures.scored_points(table, curves)

# %% [markdown]
# ## The records behind this page

# %% tags=["hide-output"]
records.listing(runner.entries_of(curves, others))
