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
# ADGAN {cite:p}`deecke2018` is known as slow, and its algorithm says why: 64 seeds for every test image,
# each with a copy of the generator of its own, each moved by five steps of Adam. At the paper's scale,
# Table 1 has 20 generators and 5,000 test images for each of them. This page counts what that takes, says
# what it is bound by, and shows what was measured.

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
measured = [search, floor, scaling, training, grid, gaal, anogan]
tables.benchmark_records(measured, cpu_only=("grid", "gaal", "anogan"))

# %% [markdown]
# ## The model
#
# A *seed-step* is one step of one seed of one image. Its weights are its own, so each is read for this one
# image, at a few positions, and then replaced. For each parameter, in float32, that moves

# %%
tables.search_bytes(cost.BYTES)

# %% [markdown]
# It also takes six operations for each position that the weight is used at: two forward, two for the
# gradient of the layer's input, two for that of the weight. For DCGAN's generator of 32 × 32 images from 256
# latents, with the width that this book takes at the paper's scale (the paper names none), and with the one
# of the scale `lite`:

# %%
tables.layer_costs(cost.layers(Generator(ngf=ngf)))

# %%
tables.layer_costs(cost.layers(Generator(ngf=16)))

# %% [markdown]
# Most parameters are in the first layer, which uses each of them at one single position: there are far
# fewer operations for each byte than any processor could do. The search is bound by memory. What the layers
# put out is little beside the parameters, so it is left out of the model; it is not nothing at small
# widths.
#
# ## The floor, and ways below it
#
# The time for which a memory is busy with these bytes is a floor under any implementation that keeps dense
# copies and dense Adam moments. It is not a floor under the algorithm, because the gradients have
# structure. A layer's gradient is a sum of as many outer products as there are positions. The first layer's
# is a single one, of $z$ and the gradient $d$ of the layer's output, so that after $t$ steps Adam's moments
# are
#
# $$ m = \sum_s a_s\, z_s d_s^\top, \qquad v = \sum_s b_s\, z_s^2 (d_s^2)^\top, $$
#
# with squares taken element by element: $t$ pairs of vectors stand for two matrices. For the other layers
# that does not work: the square of a sum of outer products is no sum of as few.
#
# All of Table 1, at the parameters' bandwidth:

# %%
tables.search_ways(cost.ways(Generator(ngf=ngf), n_steps), n_images * n_seeds, bandwidth)

# %% [markdown]
# **Taken**: batched matrix products over images and seeds (a transposed convolution is a matrix product
# whose columns are added up); Adam's fused kernel for all but the first layer; the first layer's outer products;
# copies of nothing but what changes (with θ frozen there are none); and memory that is kept from chunk to chunk
# and step to step, as fresh pages cost a CPU more than the arithmetic. In plain PyTorch the first layer's moments
# still take shape for a moment, one copy after the other, so that small ones (ngf = 16) stay in the processor's
# cache. `torch.compile` makes one loop of them that leaves nothing but the weights to move; as it takes some seconds,
# only searches long enough to win them back are compiled, and without a C++ compiler none is. Of the row about the
# first step only the first layer's shared weights are taken, and the last row not at all. Searches of many steps
# keep dense moments, as the sums grow by a term with each step. Rounding aside, all ways compute the same scores,
# and tests hold them against the plain loop.
#
# A share of the floor above 1 is below the floor.

# %% mystnb={"figure": {"caption": "Share of the floor that a search reaches: the time that dense copies and dense Adam would need for their bytes at the bandwidth measured in the same round, over the time of the search. Medians, and the range over rounds.", "name": "cost-floor"}, "image": {"alt": "Bars of the share of the memory floor that latent_search reaches, compiled and not, for each width and machine"}}
floor.show(figures.benchmark_ratios, value="share_of_floor", by="ngf", label="share of the floor")

# %% [markdown]
# ## Against the plain loop
#
# Public implementations loop over images and seeds. The plain loop here is that, without needless copies:
# one network, reset in place for each search, autograd and `torch.optim.Adam`. "Any generator" is the path
# that `latent_search` takes for a module that it does not recognise as a DCGAN (`torch.func`); "compiled"
# has the first layer's update compiled, as it is for longer searches, without the seconds that this takes.

# %% mystnb={"figure": {"caption": "How many times faster than the plain loop with PyTorch's default Adam: medians, and the range over rounds, in which all variants take turns.", "name": "cost-search"}, "image": {"alt": "Bars of the speed of each variant of the search relative to the plain loop, for each width and machine"}}
search.show(figures.benchmark_ratios, value="times_plain", by="ngf", label="times as fast as the plain loop")

# %% [markdown]
# What all searches of Table 1 would take at the measured time for each image, with that time scaled to the
# number of seeds above; and how far the scores are from the plain loop's:

# %%
search.show(tables.benchmark_job, n_images=n_images, n_seeds=n_seeds)

# %% [markdown]
# ## Scaling
#
# Time for each image, seed, step and parameter, relative to the smallest case of each panel. Flat is
# proportional. Images are varied with a smaller generator and two seeds.

# %% mystnb={"figure": {"caption": "Relative cost against images, seeds, steps and width.", "name": "cost-scaling"}, "image": {"alt": "Four panels of relative cost, against images, seeds, steps and width"}}
scaling.show(figures.benchmark_scaling)

# %% [markdown]
# How much memory a search takes beyond its result, at its peak, in a process of its own:

# %%
scaling.show(tables.benchmark_memory)

# %% [markdown]
# ## Training
#
# Table 1 needs twenty generators. Several can be trained as the groups of one network: they share kernels,
# nothing else. Beside them stands one alone under bfloat16 autocast, and one whose networks are compiled by
# `torch.compile` (with the gradient penalty its generator only: a compiled network can't be differentiated twice).
# Neither is in the package: compiling would have to show a gain, which on a GPU is that it spares launches, as CUDA
# graphs; and mixed precision would first have to be shown not to move the AUCs.

# %% mystnb={"figure": {"caption": "Steps of one generator in a given time, relative to one trained alone.", "name": "cost-training"}, "image": {"alt": "Bars of the training speed of ten generators at once, and of one compiled and one under bfloat16, relative to one generator alone"}}
training.show(figures.benchmark_ratios, value="times_one", by="objective", label="times as fast as one alone")

# %% [markdown]
# ## More than one process
#
# {doc}`../machines` says how the grid is spread over processes and machines. Here the same
# jobs were done by one process, by two of joblib's, and by a Dask cluster's two workers, each with one thread.

# %% mystnb={"figure": {"caption": "The grid's speed on two processes relative to one.", "name": "cost-grid"}, "image": {"alt": "Bars of the grid's speed on two processes and on two Dask workers relative to one process"}}
grid.show(figures.benchmark_ratios, value="times_one", by="cells", label="times as fast as one process")

# %% [markdown]
# ## Beside PyOD
#
# The training of SO-GAAL and MO-GAAL against PyOD's, for the same number of epochs, on a CPU: one run, and fifteen
# repetitions, which PyOD makes one after the other.

# %% mystnb={"figure": {"caption": "The speed of SO-GAAL and MO-GAAL relative to PyOD's.", "name": "cost-gaal"}, "image": {"alt": "Bars of the speed of SO-GAAL and MO-GAAL relative to PyOD's for each table"}}
gaal.show(figures.benchmark_ratios, value="times_pyod", by="table", label="times as fast as PyOD's")

# %% [markdown]
# AnoGAN's search against PyOD's, with the same networks and number of steps, on a CPU. PyOD's takes one image after
# the other, and also moves the networks.

# %% mystnb={"figure": {"caption": "The speed of AnoGAN's search relative to PyOD's.", "name": "cost-anogan"}, "image": {"alt": "Bars of the speed of AnoGAN's search relative to PyOD's for each width"}}
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
