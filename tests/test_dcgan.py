"""The networks: sizes, what they refuse, and several side by side as one."""

import copy

import pytest
import torch
from torch import nn

from ganod_lite.dcgan import Critic, Encoder, Generator, stack, unstack

SIZES = {  # state after each layer as (width in ngf, height), from the latents' side to the images'
    8: [(1, 4)],
    16: [(2, 4), (1, 8)],
    32: [(4, 4), (2, 8), (1, 16)],
    64: [(8, 4), (4, 8), (2, 16), (1, 32)],
}


def shapes_after(network, x, kind):
    """The shapes that the layers of a kind return."""
    shapes = []
    for layer in network:
        if isinstance(layer, kind):
            layer.register_forward_hook(lambda layer, args, out: shapes.append(tuple(out.shape[1:])))
    network(x)
    return shapes


@pytest.mark.parametrize("size", SIZES)
def test_state_has_the_documented_size_after_every_layer(size):
    ngf, states = 3, [(3 * width, height, height) for width, height in SIZES[size]]
    generator, critic = Generator((3, size, size), 7, ngf), Critic((3, size, size), ngf)
    shapes = shapes_after(generator, torch.randn(2, 7), nn.ConvTranspose2d)
    assert shapes == [*states, (3, size, size)]
    shapes = shapes_after(critic, torch.randn(2, 3, size, size), nn.Conv2d)
    assert shapes == [*states[::-1], (1, 1, 1)]
    assert critic(torch.randn(2, 3, size, size)).shape == (2, 1)
    encoder = Encoder((3, size, size), 7, ngf)
    shapes = shapes_after(encoder, torch.randn(2, 3, size, size), nn.Conv2d)
    assert shapes == [*states[::-1], (7, 1, 1)]
    assert encoder(torch.randn(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("make", [Generator, Critic, Encoder])
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 16), (1, 4, 4), (3, 48, 48), (3, 0, 0)])
def test_other_image_shapes_are_refused(make, shape):
    with pytest.raises(ValueError, match=r"image_shape: .* 8, 16, 32, 64, .* got \(\d, \d+, \d+\)"):
        make(shape)


def test_generator_takes_latents_with_and_without_the_two_single_axes():
    generator, z = Generator((1, 16, 16), 5, 4).eval(), torch.randn(3, 5)
    assert torch.equal(generator(z), generator(z[:, :, None, None]))
    nn.init.normal_(generator[0].weight, std=10.0)
    low, high = generator(z).aminmax()
    assert -1 <= low < high <= 1


def test_weights_start_as_in_dcgan():
    torch.manual_seed(0)
    for network in (Generator((1, 32, 32), 64, 16), Critic((1, 32, 32), 16), Encoder((1, 32, 32), 64, 16)):
        for layer in network:
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.2)
                assert layer.bias is None or not layer.bias.any()
            elif isinstance(layer, nn.BatchNorm2d):
                assert layer.weight.mean().item() == pytest.approx(1, abs=0.02)
                assert not layer.bias.any()


def test_critic_goes_without_batch_normalisation_where_asked():
    normalised = [isinstance(layer, nn.BatchNorm2d) for layer in Critic()]
    assert sum(normalised) == 2 and not normalised[1]  # not on the first layer, as in DCGAN
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in Critic(batch_norm=False))


def test_encoder_normalises_and_cuts_after_every_layer_but_the_last():
    layers = [type(layer) for layer in Encoder((1, 16, 16), 5, 4)]
    assert layers == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2 + [nn.Conv2d, nn.Flatten]


def different_networks(make, **options):
    """Three networks with weights and statistics of their own, in float64 for exact comparisons."""
    networks = []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(make((2, 16, 16), ngf=4, **options).double())
        for name, buffer in networks[-1].named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 2)
    return networks


KINDS = [(Generator, {"latent_size": 5}), (Critic, {}), (Critic, {"batch_norm": False})]


@pytest.mark.parametrize(("make", "options"), KINDS)
def test_unstack_gives_back_what_was_stacked(make, options):
    networks = different_networks(make, **options)
    before = copy.deepcopy([network.state_dict() for network in networks])
    random_state = torch.get_rng_state()
    stacked = stack(networks)
    back = unstack(stacked, 3)
    assert torch.equal(torch.get_rng_state(), random_state)  # copying is no reason to draw
    with torch.no_grad():
        for p in stacked.parameters():
            p.zero_()
    for network, again, state in zip(networks, back, before):
        assert network.arguments == again.arguments
        assert list(state) == list(again.state_dict())
        for name, value in state.items():  # none of the three shares memory with another
            assert torch.equal(network.state_dict()[name], value)
            assert torch.equal(again.state_dict()[name], value)


@pytest.mark.parametrize(("make", "options"), KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_stacked_networks_compute_what_each_computes_alone(make, options, training):
    networks = [network.train(training) for network in different_networks(make, **options)]
    stacked = stack(networks).train(training)
    shape = (4, 5) if make is Generator else (4, 2, 16, 16)
    inputs = [torch.randn(shape, dtype=torch.float64) for _ in networks]
    together = stacked(torch.cat(inputs, 1))
    alone = torch.cat([network(x) for network, x in zip(networks, inputs)], 1)
    torch.testing.assert_close(together, alone)
    for network, part in zip(networks, unstack(stacked, 3)):
        for name, buffer in network.named_buffers():  # the running statistics, moved or not
            torch.testing.assert_close(part.get_buffer(name), buffer)
