"""The published recipe in PyTorch: what people use today. Instances side by side, as in the paper's public notebook."""

import time
from typing import NamedTuple

import numpy as np
import torch


class Trained(NamedTuple):
    """Parameters W (model, hidden, feature) and b (model, feature), and the seconds that the steps took."""

    W: np.ndarray
    b: np.ndarray
    seconds: float


def train(density: np.ndarray, importance: np.ndarray, hidden: int, *, steps: int, seed: int, init: str = "xavier") -> Trained:
    """AdamW 1e-3 with PyTorch's defaults (so weight decay 1e-2), batches of 1,024, loss a mean over batch and features.

    Args:
      density: 1 − S of every model (model,).
      importance: (model, feature).
      hidden: m.
      steps: 10,000 in the notebook.
      seed: of initial weights and data.
      init: `xavier` for each model alone, or `notebook`, which reads fan-in and fan-out off the tensor of all models.
    """
    torch.manual_seed(seed)
    models, features = importance.shape
    p = torch.tensor(density, dtype=torch.float32)[:, None]
    weight = torch.tensor(importance, dtype=torch.float32)
    fan = features + hidden if init == "xavier" else (features + models) * hidden
    W = torch.nn.Parameter(torch.randn(models, features, hidden) * (2 / fan) ** 0.5)
    b = torch.nn.Parameter(torch.zeros(models, features))
    optimizer = torch.optim.AdamW([W, b], lr=1e-3)
    began = time.perf_counter()
    for _ in range(steps):
        value = torch.rand(1024, models, features)
        x = torch.where(torch.rand(1024, models, features) <= p, value, torch.zeros(()))
        h = torch.einsum("bif,ifh->bih", x, W)
        out = torch.relu(torch.einsum("bih,ifh->bif", h, W) + b)
        loss = (weight * (x - out) ** 2).mean(dim=(0, 2)).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - began
    return Trained(W.detach().numpy().transpose(0, 2, 1), b.detach().numpy(), seconds)
