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
# # SO-GAAL and MO-GAAL on the twelve tables
#
# The authors of SO-GAAL and MO-GAAL publish twelve tables and, for each, when to stop the training. How well do the two
# methods do on these tables, how much depends on when training stops, and how do other detectors compare? In short,
# from stored results:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper"
seeds: list = [0, 1, 2]  # repetitions of the learning curves
table_seeds: list = [0, 1]  # repetitions of all tables in this build
records: str = None  # folder of the stored results on tables; None: book/results/gaal
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results

# %%
from ganod_study import datasets, figures, gaal, runner, tabular
from ganod_study.methods import METHODS
from ganod_study.tables import gaal as tables

options = {"data_root": data_root, "store": store}
stored = gaal.stored(records)
values, stops = gaal.measured(stored), gaal.stops(stored)
tables.findings(values, stops)

# %% [markdown]
# SO-GAAL and MO-GAAL {cite:p}`liu2019` turn a GAN around. Generators learn to make points close to the data, a
# discriminator $D$ learns to tell them from the data, and in the end the generators are discarded. What the
# discriminator takes for generated is an outlier, so the anomaly score is $1 - D(x)$. SO-GAAL has one generator;
# MO-GAAL has ten, each with its own target.
#
# The authors' repository {cite:p}`gaalcode` has twelve tables, the scripts, and for each table the number of epochs
# after which the generators stop learning. Then the discriminator goes on alone for twice as many. A post
# {cite:p}`qarchli2020` ported SO-GAAL to PyTorch.
#
# ## The twelve tables
#
# Median AUCs over the stored repetitions on each table. SO-GAAL, MO-GAAL and PyOD's versions of the two have fifteen
# repetitions each, the isolation forest has five, and each detector without randomness has one. As in the sources, a
# detector scores the rows that it was fitted to. "SO" is SO-GAAL and "MO" is MO-GAAL, *stop* the epoch at which the
# generators stop, *end* three times as many. All others have their library's defaults. † marks what **was given the
# authors' stop epochs, which differ from table to table**, from 6 to 1500; they say that such a stop is read off the
# generator's loss by eye. The others were run without such a choice.

# %%
tables.compact(values)

# %% [markdown]
# Average precision depends on the share of outliers, the prevalence, which is also what guessing reaches. So the
# prevalence is shown too, and nothing is averaged over tables.

# %%
tables.compact(values, "AP")

# %% [markdown]
# Median, mean, and standard deviation (sd) over repetitions. KDE, OC-SVM, GMM, LOF and k-NN are the same in each repetition,
# so one is enough.

# %% tags=["hide-output"]
tables.long(values)

# %% [markdown]
# **Who is ahead?** A gap between AUCs means something different on each table, so the test compares ranks
# {cite:p}`demsar2006`. On each table the best median gets rank 1. PyOD's two are left out: their scores point the other
# way, as shown below, and with them the test finds differences that are theirs alone.

# %%
tables.ranking(values)

# %% [markdown]
# **Nobody**: no two of these ten differ significantly. The stop and the end of one method are two views of the same
# runs.
#
# ## Beside a port of the authors' script
#
# A port of the scripts was run independently of this project's code, three times for each table. "sd" is the standard
# deviation over runs.

# %%
tables.beside_port(values)

# %% [markdown]
# Three runs of the port say little about its spread, so many of the intervals are wide.
#
# ## Held-out rows
#
# The tables above score the rows that were fitted to. Here each of five repetitions fits to a random half of the rows
# and scores the other half. The stop epochs are the same, and an epoch has one batch for each whole 500 rows, so on
# seven tables there are fewer updates. On four of these, Shuttle, PenDigits, Annthyroid and PageBlocks, MO-GAAL's
# median AUC at the end of training is .23 to .57 lower; on the other three it hardly changes. On the five tables that
# have a single batch either way (Arrhythmia, Ionosphere, Pima, Stamps and WDBC) it loses nothing on average. So the
# shorter training may explain more of it than the new rows do.

# %%
held_out = gaal.measured(stored, "held-out")
tables.compact(held_out)

# %%
tables.ranking(held_out)

# %% [markdown]
# ## Scores that point the other way
#
# In an early result file of ADBench {cite:p}`han2022` SO-GAAL's AUC is below ½ on the six of these tables that it has:
# its ranking is upside down. (It scored other rows, held out, so only the direction can be compared.) PyOD
# {cite:p}`zhao2019` returns $D(x)$ as the outlier score, so the points that look most *real* come out on top. "Turned"
# is 1 minus the AUC, which is the AUC of $1 - D(x)$. {doc}`gaal_pictures` shows which end of $D$ is which. PyOD's
# version is in the records; it ran with the authors' stop epochs.

# %%
tables.elsewhere(values)

# %% [markdown]
# Turning alone does not put today's PyOD right. PyOD adds the losses of real and generated points where the authors
# average them. In the port this one change takes the final AUC on WDBC from .787 to .025, upside down. PyOD turns that
# round once more, so two mistakes give a good number there.
#
# ## When to stop
#
# The authors say: stop where the generator's loss levels off, as judged by eye. The package has two rules that need no
# labels. "auto" stops where the fall of the generator's loss becomes slow; "equilibrium" stops where the discriminator,
# having been ahead, is back at guessing. For MO-GAAL it never fires: the discriminator stays ahead, and each run goes
# on to the rule's bound of 2,000 updates. The bounds of both rules were set in view of these tables. The rules have
# five repetitions. The tables have median AUCs, and in brackets the median epoch. ‡ marks the best epoch of each run,
# which **used the labels**: nobody can stop there. Its *optimism* is the median of its AUC minus that at the fixed
# stop.
#
# SO-GAAL:

# %%
tables.by_stop(stops, "SO-GAAL")

# %% [markdown]
# MO-GAAL:

# %%
tables.by_stop(stops, "MO-GAAL")

# %% [markdown]
# How often each is within 0.02 of the median AUC at the fixed stop, or better or worse than that, in the repetitions
# that both have:

# %%
tables.rules(stops)

# %% [markdown]
# Left of the dotted line the curve is the AUC that a smaller `stop_epochs` would have given. Right of it the generators
# are frozen and the discriminator goes on.

# %% mystnb={"figure": {"caption": "AUC over epochs, as multiples of the authors' stop (dotted): the median over repetitions, and the band from the lowest to the highest.", "name": "gaal-epochs"}, "image": {"alt": "A panel for each table with two lines in bands. SO-GAAL's AUC falls after the stop on onecluster, SpamBase, Stamps and WDBC, where MO-GAAL's falls less or not at all; on Shuttle, PenDigits, PageBlocks and Annthyroid both rise after it. The bands are widest after the stop"}}
figures.gaal_epochs(stored)

# %% [markdown]
# ## The post's learning curves
#
# The post shows learning curves on `onecluster`, 1,000 points of which 2 % are outliers. It differs from the authors'
# script in details, and the details decide the result. Here are the curves of both, with several seeds.
#
# Where the authors' table is available, this page uses it. Otherwise it uses a table generated in the same way, which comes
# with the package under its own name, `onecluster-generated`.

# %%
name = tabular.onecluster(data_root)
table = datasets.load_table(name, root=data_root)
print(f"{name}: {table.X.shape[0]} points, {table.X.shape[1]} features, {table.y.sum()} outliers")

# %% mystnb={"figure": {"caption": "The table that this page uses: one cluster and outliers around it.", "name": "onecluster"}, "image": {"alt": "One dense round cluster of blue points with a few orange crosses scattered around it"}}
figures.labelled_points(table)

# %% [markdown]
# In the next figure the generator learns up to the dotted line. From there on only the discriminator learns, for twice
# as many epochs as before the line. "Official" is the Keras script's way. The post's version differs from it in four
# points: it passes `decay` as the *dampening* of momentum instead of as a decay of the learning rate, draws new batches
# in every epoch, starts the discriminator from other weights, and starts the generator's biases at 1 (its figure 4) or
# 10⁻⁵ (its figure 5) instead of 0.

# %%
variants = ("sogaal", "sogaal-post-1", "sogaal-post-1e-5")
curves = {METHODS[m].title: runner.attempt(scale, name, methods=[m], seeds=seeds, **options).entries for m in variants}

# %% mystnb={"figure": {"caption": "Losses and AUC over the epochs, one line for each seed.", "name": "sogaal-curves"}, "image": {"alt": "A panel for each variant: the discriminator's loss, the generator's loss and the AUC over the epochs, a line for each seed, with a dotted line where the generator stops. The table below has the AUCs"}}
figures.learning_curves(curves)

# %% [markdown]
# The AUC needs labels. They only serve to draw the curve: training does not see them, and no epoch is chosen by them.

# %%
tables.aucs(curves)

# %% [markdown]
# The two columns can be far apart: **"SO-GAAL's AUC" says nothing unless it names the epoch.** The post
# reports the value at the end; the paper does not say which.

# %% mystnb={"figure": {"caption": "What each variant's discriminator has learned by the end of training, for the first seed: the anomaly scores of the data.", "name": "sogaal-scores"}, "image": {"alt": "A panel for each variant: the points coloured by their score, from dark for a low one to bright for a high one, with rings around the outliers"}}
figures.scored_points(table, curves)

# %% [markdown]
# ## What this build has run
#
# The tables above are stored results. This build ran the same cells again with a few repetitions, on all available
# tables. In brackets is the stored median, of more repetitions. scikit-learn's wine and breast cancer data are always
# available, with one class thinned out to ten outliers and the features scaled to [0, 1]. They have no stored results
# and use the stop epoch of WDBC, 200. `onecluster-generated` replaces `onecluster` where that is not available.

# %%
embedded = [t for t in datasets.EMBEDDED_TABLES if t in (name, "wine", "breast-cancer")]  # onecluster once
built = {
    (table, methods): runner.attempt(scale, table, methods=methods, seeds=repetitions, **options)
    for table in (*datasets.TABLES, *embedded)
    for methods, repetitions in ((gaal.RANDOM, table_seeds), (gaal.FIXED, table_seeds[:1]))
}
entries = runner.entries_of(built)
tables.recomputed(gaal.measured(entries), values)

# %%
tables.absent(built)

# %% [markdown]
# {doc}`gaal_search` covers TensorBoard, GPUs, and a search for `k` and `stop_epochs` without labels.
#
# ## The records behind this page

# %% tags=["hide-output"]
tables.totals(stored)

# %% tags=["hide-output"]
tables.totals([*runner.entries_of(curves), *entries])
