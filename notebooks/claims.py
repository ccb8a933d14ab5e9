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
# # Does it hold?
#
# {cite:t}`deecke2018` and the post on SO-GAAL {cite:p}`qarchli2020` make claims that can be checked: mean AUCs, a
# ranking of methods, how methods behave. For each claim a fixed rule turns stored results into a verdict; no verdict is
# written by hand. The result:

# %% tags=["parameters"]
scale: str = "lite"  # "smoke", "lite", "medium", "large" or "paper"
classes: list = None  # normal classes, such as [3, 5]; None: those of the scale
seeds: list = [0]  # repetitions: each draws its own test images and trains its own networks
stability_seeds: list = [0, 1, 2]  # trainings of each objective that stability is judged by
data_root: str = None  # where the data lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %%
from ganod_study import claims
from ganod_study.tables import claims as page

places = {"data_root": data_root, "store": store, "device": device}
evidence = claims.collect(scale, classes=classes, seeds=seeds, stability_seeds=stability_seeds, **places)
verdicts = claims.judge(evidence)
page.summary(verdicts)

# %% tags=["remove-input"]
page.not_run(evidence)

# %% [markdown]
# ## What the verdicts mean
#
# | verdict | meaning |
# | --- | --- |
# | reproduced | an order or a statement holds at the paper's scale |
# | reproduced within 0.02 | our mean's whole 95 % interval lies within 0.02 of the paper's value |
# | not reproduced | our whole interval lies outside that range, or the order or statement does not hold |
# | undecided | our interval is too wide, our runs are too few, or part of the claim takes eyes |
# | reproduced at large or medium, not reproduced at large or medium | a statement about behaviour, decided by small networks, on all classes and training images of MNIST, CIFAR-10 or both, or on three categories of the scenes |
# | reproduced at lite, not reproduced at lite | the same, decided by this build's small networks on a few classes |
# | not yet checked at the paper's scale | the text names what is missing; this build's result is only an indication, not a verdict |
# | can't be checked here | and why |
#
# Only all ten classes at the paper's scale decide on a mean or an order. "±" is half of a 95 % interval, {term}`as
# everywhere in this book <±>`. For a mean it is Student's t interval over {term}`repetitions <repetition>`, or DeLong's
# over the test images if there is a single repetition or all repetitions share one fit. For a difference of two AUCs it
# is Student's t interval over classes, after averaging each class's repetitions, unless the claim's rule says
# otherwise. Each interval is for its claim alone: of 21 claims, one may be decided wrongly by chance. Some rules
# changed after results were seen; {ref}`rules-changed` says which, and what that did.
#
# ## The ADGAN paper

# %% [markdown]
# (claim-adgan-mnist-mean)=
# ### ADGAN's mean AUC on MNIST is 0.968

# %% tags=["remove-input"]
page.claim(verdicts, "adgan-mnist-mean")

# %% [markdown]
# (claim-adgan-cifar10-mean)=
# ### ADGAN's mean AUC on CIFAR-10 is 0.634

# %% tags=["remove-input"]
page.claim(verdicts, "adgan-cifar10-mean")

# %% [markdown]
# (claim-adgan-best-mnist)=
# ### ADGAN is the best of ten on MNIST

# %% tags=["remove-input"]
page.claim(verdicts, "adgan-best-mnist")

# %% [markdown]
# (claim-adgan-best-cifar10)=
# ### ADGAN is the best of ten on CIFAR-10

# %% tags=["remove-input"]
page.claim(verdicts, "adgan-best-cifar10")

# %% [markdown]
# (claim-discriminator-mnist)=
# ### The discriminator scores 0.625 on MNIST

# %% tags=["remove-input"]
page.claim(verdicts, "discriminator-mnist")

# %% [markdown]
# (claim-discriminator-cifar10)=
# ### The discriminator scores 0.513 on CIFAR-10

# %% tags=["remove-input"]
page.claim(verdicts, "discriminator-cifar10")

# %% [markdown]
# (claim-prior-mnist)=
# ### The prior's likelihood scores 0.721 on MNIST

# %% tags=["remove-input"]
page.claim(verdicts, "prior-mnist")

# %% [markdown]
# (claim-prior-cifar10)=
# ### The prior's likelihood scores 0.554 on CIFAR-10

# %% tags=["remove-input"]
page.claim(verdicts, "prior-cifar10")

# %% [markdown]
# (claim-k-saturates)=
# ### More search steps help, up to a point

# %% tags=["remove-input"]
page.claim(verdicts, "k-saturates")

# %% [markdown]
# (claim-theta-helps)=
# ### Adapting the generator helps

# %% tags=["remove-input"]
page.claim(verdicts, "theta-helps")

# %% [markdown]
# (claim-seeds-help)=
# ### Many starting points help

# %% tags=["remove-input"]
page.claim(verdicts, "seeds-help")

# %% [markdown]
# (claim-latents-no-structure)=
# ### Latents show no structure, losses do

# %% tags=["remove-input"]
page.claim(verdicts, "latents-no-structure")

# %% [markdown]
# (claim-alexnet-no-help)=
# ### What AlexNet's features gain or lose against PCA

# %% tags=["remove-input"]
page.claim(verdicts, "alexnet-no-help")

# %% [markdown]
# (claim-if-stable)=
# ### The isolation forest hardly depends on its parameters

# %% tags=["remove-input"]
page.claim(verdicts, "if-stable")

# %% [markdown]
# (claim-vae-elbo-best)=
# ### The evidence lower bound is a VAE's best score

# %% tags=["remove-input"]
page.claim(verdicts, "vae-elbo-best")

# %% [markdown]
# (claim-lsun-auc)=
# ### ADGAN's AUC on LSUN's bedrooms is 0.641

# %% tags=["remove-input"]
page.claim(verdicts, "lsun-auc")

# %% [markdown]
# (claim-lsun-rankings)=
# ### LSUN's odd images come out on top

# %% tags=["remove-input"]
page.claim(verdicts, "lsun-rankings")

# %% [markdown]
# (claim-wgan-stable)=
# ### WGAN is much more stable than GAN

# %% tags=["remove-input"]
page.claim(verdicts, "wgan-stable")

# %% [markdown]
# ## The SO-GAAL post
#
# The post shows one run of each figure. Here a statement about a curve holds if it does for most of the stored runs.
# {doc}`gaal` compares all twelve tables with a port of the authors' Keras scripts.

# %% [markdown]
# (claim-sogaal-bias-1)=
# ### With biases of 1 SO-GAAL overfits

# %% tags=["remove-input"]
page.claim(verdicts, "sogaal-bias-1")

# %% [markdown]
# (claim-sogaal-bias-small)=
# ### With biases of 0.00001 SO-GAAL settles

# %% tags=["remove-input"]
page.claim(verdicts, "sogaal-bias-small")

# %% [markdown]
# (claim-sogaal-matches-keras)=
# ### The PyTorch version is close to the Keras script

# %% tags=["remove-input"]
page.claim(verdicts, "sogaal-matches-keras")

# %% [markdown]
# (rules-changed)=
# ## When rules changed
#
# The rules were not all there before the results. Readers objected to some, and these changes came after results were
# seen, each with what it did to verdicts:
#
# | date | change | verdicts |
# | --- | --- | --- |
# | 25 November | the forest's range may be up to 0.02, as for all means, in place of 0.05 | held, then not reproduced |
# | 25 November | latents are judged in a plane, as in the paper's figure, no longer in ADGAN's own space | reproduced at medium, then not reproduced at lite |
# | 25 November | AlexNet is compared with printed differences; the VAE's other scores are turned round where upside down; 15 runs of the post in place of 3 | those of AlexNet and the VAE stayed "not reproduced" |
# | 25 November | a mean counts as close with its whole interval | less is reproduced |
# | 28 November | a statement is undecided where an interval reaches across its threshold; a run of SO-GAAL counts if all that the claim says is so in it; what takes eyes is left undecided | less is decided |
# | 28 November | 60 runs of the post in place of 15, *because* 15 could not tell: intervals don't allow for that | with biases of 1 not reproduced, with small ones undecided |
# | 28 November | the post's epochs are counted as its figures count them | none changed |
# | 29 November | each data set has to show a statement, no longer their pooled classes; that an AUC varies less with more starting points is not judged, as it can hardly fail | many starting points: reproduced at large, then undecided; the VAE's bound: not reproduced at medium, then undecided |
# | 29 November | images that are scored by their place in the plane no longer vote; voting had made the interval too narrow | not reproduced at lite, then undecided |
# | 29 November | the Keras script's part is played by 15 runs of this book, not 3 of a port, which could hardly show closeness | undecided, then not reproduced |
# | 29 November | only LSUN decides on an AUC on LSUN | undecided on other scenes, then can't be checked |
# | 29 November | a verdict on a mean takes three trainings; a difference in collapses counts with its interval | none changed |

# %% [markdown]
# ## A slip in the paper's table
#
# Table 1 prints a mean below each of its twenty columns. The means listed here differ from the mean of the ten cells
# above them by more than rounding can explain:

# %% tags=["remove-input"]
page.misprints()

# %% [markdown]
# This book compares with the cells, so nothing here depends on these misprints.
