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
# # SO-GAAL: a generator that makes potential outliers
#
# SO-GAAL {cite:p}`liu2019` turns a GAN around: the generator learns to make points close to the data, the
# discriminator to tell them from the data, and in the end the generator is thrown away. What the
# discriminator takes for generated is an outlier, so the anomaly score is $1 - D(x)$.
#
# Its authors published a Keras script; a widely read post ported it to PyTorch and showed learning curves
# on `onecluster`, 1,000 points of which 2 % are outliers. The two differ in details, and the details turn
# out to decide the result. This page draws the curves of both, with several seeds, and asks the question
# that a single curve hides: *when* do you stop?

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
# ## Other tables
#
# The official variant on three tables of the GAAL repository, with the `stop_epochs` that its authors give
# for each: the mean and standard deviation over the repetitions, and the median. Where the median and the
# mean part ways, most runs agree and a few fail; three repetitions would tell you either story.

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
