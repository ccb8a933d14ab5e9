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
# # SO-GAAL and MO-GAAL at work
#
# This page shows what the generators and the discriminator $D$ do on tables of two features, where everything can be
# drawn. In short, in this build:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper"
repetitions: int = 5  # on the ring and the four clusters
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results

# %%
from ganod_study import datasets, pictures, runner, tabular
from ganod_study.tables import records

name = tabular.onecluster(data_root)
table, made = datasets.load_table(name, root=data_root), [datasets.load_table(n) for n in ("ring", "four-clusters")]
runs = {name: 1} | {t.name: repetitions for t in made}
cells = [c for n, k in runs.items() for c in runner.grid(scale, n, pictures.METHODS_IN_PLANE, seeds=range(k))]
entries = runner.run(cells, runner.open_store(store), data_root=data_root)  # all at once, so that no core waits

# %%
pictures.findings(entries, table)

# %% [markdown]
# ## One generator and ten
#
# In the orange areas $D$ is low: it takes a point there for generated, an outlier. In the purple ones it is high.

# %% mystnb={"figure": {"caption": "D over the plane, the data and what the generators make, at four epochs of the first repetition.", "name": "gaal-stills"}, "image": {"alt": "Panels of the plane shaded by D, SO-GAAL on the left and MO-GAAL on the right, from the first epoch at the top to the last below; green dots are generated points, grey dots the cluster, crosses outliers"}}
pictures.stills(entries, table)

# %% [markdown]
# The same as a film: drag the slider, or press play.

# %%
pictures.animation(entries, table)

# %% [markdown]
# ## Which end is called an outlier
#
# $D$ is low where a point is unlike the data, so the anomaly score is $1 - D$. PyOD returns $D$ itself, so its ranking
# is upside down ([PyOD #119](https://github.com/yzhao062/pyod/issues/119)). So are results computed with it, such as
# the AUC of .030 for WDBC in an early result file of ADBench.

# %% mystnb={"figure": {"caption": "D at the end of the training, and the AUC of both scores.", "name": "gaal-inversion"}, "image": {"alt": "On the left the plane shaded by D, with the outliers as crosses; the key marks D = 0 as outlier and D = 1 as data. On the right two bars: the AUC of 1 minus D, and that of D, as far on the other side of one half"}}
pictures.inversion(entries, table)

# %% [markdown]
# ## A ring and four clusters
#
# Two tables of our own, with outliers also inside the ring and between the clusters. The authors expect several
# generators to do better than one on data of such shapes.

# %% mystnb={"figure": {"caption": "The AUC of each repetition, and their median as a line; SO is SO-GAAL, MO is MO-GAAL.", "name": "gaal-made-aucs"}, "image": {"alt": "A panel for the ring and one for the four clusters, each with four columns of dots: SO-GAAL's and MO-GAAL's AUCs at the stop and at the end, a line at each median"}}
pictures.auc_dots(entries)

# %%
pictures.auc_table(entries)

# %% mystnb={"figure": {"caption": "D at the end, of the repetition with the median AUC.", "name": "gaal-made"}, "image": {"alt": "The plane shaded by D for the ring above and the four clusters below, SO-GAAL on the left and MO-GAAL on the right"}}
pictures.ends(entries, made)

# %% [markdown]
# ## Learning curves
#
# Each sub-generator aims at its own quantile of $D$, so their losses differ; the first aims lowest. After the stop
# their losses are recorded, but they no longer learn from them.

# %% mystnb={"figure": {"caption": "Losses and AUC of the first repetition.", "name": "gaal-curves"}, "image": {"alt": "Curves over the epochs of the losses and the AUC, SO-GAAL above, MO-GAAL below with its sub-generators' losses in shades of grey"}}
pictures.learning_curves(entries, name)

# %% [markdown]
# ## The records behind this page

# %% tags=["hide-output"]
records.listing(entries)
