"""The tests' networks are tiny: sharing their work out among threads costs more than it gains."""

import torch

torch.set_num_threads(1)
