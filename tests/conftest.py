"""The tests' networks are tiny: sharing their work out among threads or processes costs more than it gains."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when torch is imported; the processes that tests start have it too

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)
os.environ["GANOD_JOBS"] = "1"  # the build sets it for all that it starts, and a test may run a build


@pytest.fixture(scope="session")
def digits():
    from ganod_study.datasets import load_images

    return load_images("digits")
