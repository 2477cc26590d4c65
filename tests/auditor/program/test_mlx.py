"""Scripts on MLX: gradients are values, an optimizer is handed the model, and `__call__` is the forward pass."""

from __future__ import annotations

import pytest
from program_samples import pairs, program

from auditor.program.scores import unfollowed

SCRIPT = """
import glob
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten, tree_map, tree_unflatten

class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)
    def __call__(self, x):
        q, k, v = mx.split(self.qkv(x)[None, None], 3, axis=-1)
        t = x.shape[0]
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=1.0{mask})[0, 0]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
        self.attn = Attention()
    def __call__(self, x):
        return self.attn(self.emb(x))
    def loss(self, x, y):
        logits = 30.0 * mx.tanh(self(x) @ self.emb.weight.T / 30.0)
        return nn.losses.cross_entropy(logits, y, reduction="mean")

def load(pattern):
    return np.concatenate([np.fromfile(p, dtype="<u2") for p in sorted(glob.glob(pattern))])

val = load("./data/fineweb_val_*.bin")
train = load("./data/fineweb_train_*.bin")
net = Net()
opt = optim.Adam(learning_rate=0.1)
loss_and_grad = mx.compile(nn.value_and_grad(net, lambda x, y: net.loss(x, y)), inputs=net.state, outputs=net.state)

def batch(tokens, at):
    return mx.array(tokens[at:at + 8], dtype=mx.int32), mx.array(tokens[at + 1:at + 9], dtype=mx.int32)

for at in range(0, {tokens}.size - 9, 8):
    x, y = batch({tokens}, at)
    {step}
nats, count = 0.0, 0.0
for at in range(0, val.size - 9, 8):
    x, y = batch(val, at)
    loss = net.loss(x, y)
    mx.eval(loss)
    nats += float(loss.item()) * float(y.size)
    count += float(y.size)
print(f"final val_bpb:{{nats / count}}")
"""
CAUSAL = ', mask="causal"'
STEPS = {
    "an optimizer": "loss, grads = loss_and_grad(x, y); opt.update(net, grads)",
    "gradients applied": "loss, grads = loss_and_grad(x, y); net.update(opt.apply_gradients(grads, net))",
    "one of the core": (
        "grads = mx.grad(lambda p: net.update(p).loss(x, y))(net.trainable_parameters())\n    opt.update(net, grads)"
    ),
    "a tree that is mapped": (
        "grads = loss_and_grad(x, y)[1]\n    net.update(tree_map(lambda p, g: p - 0.1 * g, net.parameters(), grads))"
    ),
    "a weight": 'loss, grads = loss_and_grad(x, y); net.emb.weight = net.emb.weight - 0.1 * grads["emb"]["weight"]',
    "a flat tree": (
        "grads = dict(tree_flatten(loss_and_grad(x, y)[1])); weights = dict(tree_flatten(net.parameters()))\n"
        "    net.update(tree_unflatten([(k, weights[k] - 0.1 * grads[k]) for k in weights]))"
    ),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_way_to_train_is_seen_on_validation_tokens(step: str) -> None:
    assert pairs(SCRIPT.format(mask=CAUSAL, tokens="val", step=step), head="")


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_training_on_training_tokens_is_followed(step: str) -> None:
    text = SCRIPT.format(mask=CAUSAL, tokens="train", step=step)
    assert not pairs(text, head="")
    assert not unfollowed(program(text, head=""), "final")


MASKS = {
    "none": ("", True),
    "causal": (CAUSAL, False),
    "its own function": (", mask=nn.MultiHeadAttention.create_additive_causal_mask(t)", False),
    "its own function, cast": (", mask=nn.MultiHeadAttention.create_additive_causal_mask(t).astype(q.dtype)", False),
    "a triangle": (", mask=mx.tril(mx.ones((t, t), dtype=mx.bool_))", False),
    "a triangle that leaves one more": (", mask=mx.tril(mx.ones((t, t), dtype=mx.bool_), k=1)", True),
}


@pytest.mark.parametrize(("mask", "sees"), MASKS.values(), ids=MASKS)
def test_what_a_mask_leaves(mask: str, sees: bool) -> None:
    followed = program(SCRIPT.format(mask=mask, tokens="train", step="pass"), head="")
    assert bool(followed.trace.open_attention) is sees
    assert not unfollowed(followed, "final")
