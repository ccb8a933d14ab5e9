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
# # Your own images
#
# Give this page a folder of normal images. It learns them and ranks images by how much they differ: those of a second
# folder if you name one, otherwise those of the first. Without a folder it shows an example, scikit-learn's digits:
# zeros are normal, and some of the images to rank are other digits. In short, in this build:

# %% tags=["parameters"]
scale: str = "lite"  # how long to train: "smoke", "lite", "medium", "large" or "paper"
folder: str = None  # normal images; None: the embedded digits
check: str = None  # images to rank; None: those of the folder
output: str = None  # a new folder for the results; None: one in `own-images` beside the store
size: int = 16  # height and width that images are scaled to: 8, 16, 32, 64 or 128; 32 or more for photographs
false_alarm_rate: float = 0.05  # the share of normal images that may be flagged
seed: int = 0  # draws the images held back, and the training
data_root: str = None  # where AlexNet's weights lie; None: GANOD_DATA, else the user's cache folder
store: str = None  # where results are kept; None: GANOD_STORE, else build/results
device: str = "auto"  # "cpu", "cuda", ...

# %% tags=["keep"]
from ganod_study import own_images

folder, check, output = own_images.places(folder, check, output, store, scale, size, false_alarm_rate, seed)
looked = own_images.look(folder, check, size=size)
found = own_images.rank(
    looked, output, scale=scale, false_alarm_rate=false_alarm_rate, seed=seed, data_root=data_root, device=device
)
own_images.findings(found)

# %% [markdown]
# The same without a notebook, at 32 × 32 pixels unless `--size` says otherwise. The first command is needed once: it
# downloads AlexNet's weights, with which the others rank by nearest neighbours, too. The second learns and ranks, the
# third ranks another folder with the same model:
#
# ```bash
# python -m ganod_study data alexnet
# python -m ganod_study own-images normal-images images-to-rank --output my-ranking
# python -m ganod_study own-images --model my-ranking more-images --output another-ranking
# ```
#
# ## What became of the files
#
# All files are checked before anything is trained. Images are turned upright by their EXIF tag, put on white where they
# are transparent, cropped to their central square and scaled. More than 8 bits are reduced to 8 by the type's range; of
# an animation only the first frame counts. If all images are grey they stay grey, otherwise all become colour. Files
# that can't be read are left out and named.

# %%
own_images.files_table(looked)

# %% [markdown]
# ## Has the generator learned these images?
#
# A ranking by ADGAN is only as good as its generator. Here are some normal images, and below them images that the
# generator makes from random latents.

# %% mystnb={"figure": {"caption": "Normal images, and images that the generator makes at random.", "name": "own-samples"}, "image": {"alt": "A row of normal images above a row of generated ones"}}
own_images.samples(found)

# %% [markdown]
# Looking is not enough, so this is measured too. For the normal images held back from the training, the search's best
# reconstruction is compared with the mean of the training images, which needs no learning. If the median ratio of their
# squared distances is 0.8 or more, the summary above says that the generator has not learned.
#
# ## The ranking

# %% mystnb={"figure": {"caption": "The most and the least anomalous images by ADGAN's score. Orange frames: flagged, with a score above the threshold.", "name": "own-ranking"}, "image": {"alt": "Twelve images with the highest scores, most of them in orange frames, above twelve with the lowest in blue frames; rank and score over each"}}
own_images.contact_sheet(found)

# %%
own_images.top_table(found)

# %% [markdown]
# What ADGAN misses in the most anomalous images: the image, the nearest one that the search found, and their difference
# at each pixel.

# %% mystnb={"figure": {"caption": "The most anomalous images, their best reconstructions, and the squared difference at each pixel, summed over channels.", "name": "own-differences"}, "image": {"alt": "Five columns: an image, its reconstruction, and a map that is bright where the two differ"}}
own_images.differences(found)

# %% [markdown]
# ## The threshold
#
# A quarter of the normal images are held back, or up to half if the false-alarm rate needs more. The threshold is the
# lowest that keeps to the rate on them. How often it really flags normal images depends on which ones were held back,
# and the interval in the summary says how much: a few dozen images can't promise 1 %. If they can't promise the rate
# you asked for, the threshold is their highest score, and the summary says so.

# %% mystnb={"figure": {"caption": "Scores of the held-back normal images and of those ranked.", "name": "own-scores"}, "image": {"alt": "Two histograms of scores and a dotted line at the threshold; the ranked images reach further to the right than the normal ones"}}
own_images.score_distributions(found)

# %% [markdown]
# ## How well it does on known anomalies
#
# For the embedded digits it is known which are odd; nothing above uses that. Brackets hold DeLong's 95 % intervals.

# %%
own_images.planted(found)

# %% [markdown]
# The *nearest neighbours* are found among the training images, by the features of AlexNet, a network trained on more
# than a million photographs: the mean over places of each channel of its last convolutional layer. The score is the
# mean distance to the nearest five. Nothing is trained for it, and the network sees the files at 224 × 224 pixels. For
# photographs this can be the better ranking; on CIFAR-10's tiny ones it was not ({doc}`baselines`). Look at both.
#
# ## What is in the output folder
#
# | file | what |
# | --- | --- |
# | `files.csv` | each file and what became of it |
# | `scores.csv` | file, score, rank, flagged; the same by neighbours; the most anomalous first |
# | `ranking.png`, `differences.png`, `samples.png` | the figures above |
# | `findings.md` | the summary above |
# | `model.ganod` | the trained detector, which `ganod_lite.load` reads |
# | `own-images.json`, `features.npy` | all settings, the held-back scores, the training images' features |
#
# An output folder that holds anything else, or results of other images or settings, is refused. The same call on the
# same folder resumes where it was interrupted.
#
# ## Settings
#
# The network and its training are those of {doc}`table1` at the scales `smoke` and `paper`, and of {doc}`scenes` at
# `medium`; `large` doubles the steps and the starting points of that. `lite` has a smaller latent space than in Table
# 1, and more starting points. At least 30 normal images are needed, and a quarter of them is held back; a GAN would
# rather have thousands than hundreds, and the summary above says whether yours were enough. On one core of an AMD EPYC,
# `lite` takes about 2 to 3 minutes for images of 32 × 32 pixels and four times as long for 64 × 64; `medium` takes
# about 10 minutes, `large` half an hour. `paper` needs a GPU.

# %%
own_images.settings_table(found)
