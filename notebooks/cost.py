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
# # What a search costs
#
# ADGAN {cite:p}`deecke2018` is known to be slow: for every test image it starts 64 searches, each with its own copy of
# the generator and five steps of Adam. At the paper's scale Table 1 has 20 generators and 5,000 test images for each of
# them. What does that take?

# %% tags=["parameters"]
scale: str = "lite"  # the same page at each scale: it shows stored records
ngf: int = 64  # width of the generator that the floor is counted for
bandwidth: float = 4.3e12  # bytes a second that the memory moves, about an H200's
n_images: int = 100_000  # test images to search: Table 1 has 20 times 5,000
n_seeds: int = 64  # starting points for each
n_steps: int = 5  # Adam's steps
records: str = None  # folder of the benchmarks' records; None: book/results/benchmarks
data_root: str = None  # not used here
store: str = None  # not used here

# %%
from ganod_lite.dcgan import Generator
from ganod_study import cost, figures
from ganod_study.tables import cost as tables

names = "search", "floor", "scaling", "training", "grid", "gaal", "anogan"
search, floor, scaling, training, grid, gaal, anogan = (cost.measured(name, records) for name in names)
ways = cost.ways(Generator(ngf=ngf), n_steps)
tables.found(search, floor, n_images, n_seeds, bandwidth, ways)

# %% [markdown]
# ## The model
#
# A *seed-step* is one step from one starting point of one image. It has its own copy of the weights: each weight is
# read for this one image, at a few positions, and then replaced. For each parameter, in float32, a step moves these
# bytes:

# %%
tables.search_bytes(cost.BYTES)

# %% [markdown]
# For each position at which a weight is used there are six operations: two forward, two for the
# gradient of the layer's input, two for that of the weight. For DCGAN's generator of 32 × 32 images from 256
# latents, first with the width that this book takes at the paper's scale (the paper names none), then with that
# of the scale `lite`:

# %%
tables.layer_costs(cost.layers(Generator(ngf=ngf)))

# %%
tables.layer_costs(cost.layers(Generator(ngf=16)))

# %% [markdown]
# Most parameters are in the first layer, which uses each of them at a single position. For each byte there are few
# operations, so memory bounds the search where arithmetic is fast enough. The layers' outputs are small compared
# with the parameters, so the model leaves them out; at small widths they do count.
#
# ## The floor, and ways below it
#
# The time that a memory needs to move these bytes bounds any implementation with dense copies and dense Adam moments.
# It does not bound the algorithm, because the gradients have structure. A layer's gradient is a sum of as many outer
# products as there are positions. The first layer's is a single one, of $z$ and the gradient $d$ of the layer's output,
# so that after $t$ steps Adam's moments are
#
# $$ m = \sum_s a_s\, z_s d_s^\top, \qquad v = \sum_s b_s\, z_s^2 (d_s^2)^\top, $$
#
# with squares taken element by element: $t$ pairs of vectors replace two matrices. That does not work for the other
# layers: the square of a sum of outer products is a sum of many more.
#
# All of Table 1, at the bandwidth given in this page's parameters:

# %%
tables.search_ways(ways, n_images * n_seeds, bandwidth)

# %% [markdown]
# **Taken**: batched matrix products over images and seeds (a transposed convolution is a matrix product whose columns
# are added up); Adam's fused kernel for all but the first layer; the first layer's outer products; copies of nothing
# but what changes (with θ frozen there are none); and memory that is reused from chunk to chunk and step to step, as
# fresh pages cost a CPU more than the arithmetic. In plain PyTorch the first layer's moments are still formed, one copy
# after the other, so that small ones (ngf = 16) stay in the processor's cache. `torch.compile` turns this into one loop
# that moves only the weights. Compiling takes some seconds, so only searches long enough to recoup them are compiled,
# and only where there is a C++ compiler. Of the table's row about the first step, only the first layer's shared weights
# are implemented; the last row is not implemented at all. Searches of many steps keep dense moments, as the sums grow
# by a term with each step.
#
# All ways compute the same search but round differently, which a search can magnify; a table below has the largest
# relative difference of a score. Tests compare them with the plain loop.
#
# A value above 1 means faster than this bound for dense implementations.

# %% mystnb={"figure": {"caption": "The bound for dense implementations over the time of the search: the bound is the time for their bytes at the bandwidth measured in the same round. Medians, and the range over rounds; the machine is named above the bars.", "name": "cost-floor"}, "image": {"alt": "Four bars for each machine: at each width the compiled search is faster than the one that is not. On the Intel processor they are about 1, the dotted line, or above it, on the AMD one about half of it"}}
floor.show(figures.benchmark_ratios, value="share_of_floor", by="ngf", label="share of the floor")

# %% [markdown]
# **On the AMD processor it is arithmetic that bounds the search**: its memory is as fast as the Intel processor's, but its
# two cores do less arithmetic in the same time. In a profile of one thread there, about half of the time went to the
# batched matrix products of the later layers and more than a tenth to Adam's square roots.
#
# ## Against the plain loop
#
# Public implementations loop over images and starting points. So does the plain loop here, without needless copies: one
# network, reset in place for each search, autograd and `torch.optim.Adam`. "Any generator" is the path that
# `latent_search` takes for a module that it does not recognise as a DCGAN (`torch.func`); "compiled" has the first
# layer's update compiled, as it is for longer searches, without the seconds that this takes.

# %% mystnb={"figure": {"caption": "How many times faster than the plain loop with PyTorch's default Adam: medians, and the range over rounds, in which all variants take turns; the machine is named above the bars.", "name": "cost-search"}, "image": {"alt": "Bars of the speed of each variant, the plain loop having 1. latent_search is several times as fast, compiled more so, and the gain is larger for the small network"}}
search.show(figures.benchmark_ratios, value="times_plain", by="ngf", label="times as fast as the plain loop")

# %% [markdown]
# What all searches of Table 1 would take at the time measured for each image, scaled to the
# number of seeds in this page's parameters; and the largest relative difference from the plain loop's scores:

# %%
search.show(tables.benchmark_job, n_images=n_images, n_seeds=n_seeds)

# %% [markdown]
# ## Scaling
#
# Time for each image, seed, step and parameter, relative to the smallest case of each panel. A flat line means that
# the time is proportional, a falling one that large cases are cheaper. Images are varied with a smaller generator and two seeds.

# %% mystnb={"figure": {"caption": "Relative cost against images, seeds, steps and width.", "name": "cost-scaling"}, "image": {"alt": "Four panels of relative cost: it falls with the number of images, seeds and steps, and is level over the width"}}
scaling.show(figures.benchmark_scaling)

# %% [markdown]
# How much memory a search takes beyond its result, at its peak, in a process of its own:

# %%
scaling.show(tables.benchmark_memory)

# %% [markdown]
# ## Training
#
# Table 1 needs twenty generators. Several can be trained as the groups of one network: they share kernels and nothing
# else. Also measured: one generator under bfloat16 autocast, and one whose networks are compiled by `torch.compile`
# (with the gradient penalty only its generator, as a compiled network can't be differentiated twice). Neither is in the
# package. Compiling shows no gain here; on a GPU it could save launches, as CUDA graphs do. Mixed precision would first
# need proof that it leaves the AUCs unchanged.

# %% mystnb={"figure": {"caption": "Steps of one generator in a given time, relative to one trained alone.", "name": "cost-training"}, "image": {"alt": "Bars of the training speed relative to one generator alone. All are near 1; ten at once and bfloat16 are a little faster on most machines, compiling is not"}}
training.show(figures.benchmark_ratios, value="times_one", by="objective", label="times as fast as one alone")

# %% [markdown]
# ## More than one process
#
# {doc}`../machines` says how the grid is spread over processes and machines. Here the same
# jobs were done by one process, by two of joblib's, and by a Dask cluster's two workers, each with one thread.

# %% mystnb={"figure": {"caption": "The grid's speed on two processes relative to one.", "name": "cost-grid"}, "image": {"alt": "Bars of the grid's speed: two processes are nearly twice as fast as one, two Dask workers somewhat less"}}
grid.show(figures.benchmark_ratios, value="times_one", by="cells", label="times as fast as one process")

# %% [markdown]
# ## Beside PyOD
#
# The training of SO-GAAL and MO-GAAL against PyOD's, for the same number of epochs, on a CPU: one run, and fifteen
# repetitions, which PyOD makes one after the other. Our step is by now mostly arithmetic, which limits our lead. As in
# the authors' script, each of our MO-GAAL's ten sub-generators learns from a whole batch. PyOD gives each only a share
# of one batch, which is a tenth of the work. Fifteen repetitions on two cores can at most double the lead of one. And
# on the two largest tables the benchmark has one epoch until the stop, so that preparing and scoring weigh more than in
# a real run.

# %% mystnb={"figure": {"caption": "The speed of SO-GAAL and MO-GAAL relative to PyOD's.", "name": "cost-gaal"}, "image": {"alt": "Bars of the speed of SO-GAAL and MO-GAAL relative to PyOD's for each table"}}
gaal.show(figures.benchmark_ratios, value="times_pyod", by="table", label="times as fast as PyOD's")

# %% [markdown]
# AnoGAN's search against PyOD's, with the same networks and number of steps, on a CPU. PyOD's takes one image after
# the other, and also changes the networks.

# %% mystnb={"figure": {"caption": "The speed of AnoGAN's search relative to PyOD's.", "name": "cost-anogan"}, "image": {"alt": "Bars of the speed of AnoGAN's search, which is many times PyOD's at both widths"}}
anogan.show(figures.benchmark_ratios, value="times_pyod", by="ngf", label="times as fast as PyOD's")

# %% [markdown]
# ## Measure it yourself
#
# ```bash
# make benchmarks                          # all of them, some 12 minutes on two quiet cores
# pip install pyod                         # for the last two, which make leaves out without it
# python -m benchmarks.search --device cuda
# ```
#
# Each prints its table and writes the record that this page is drawn from.

# %% [markdown]
# ## The records behind this page

# %%
measured = [search, floor, scaling, training, grid, gaal, anogan]
tables.benchmark_records(measured, cpu_only=("grid", "gaal", "anogan"))
