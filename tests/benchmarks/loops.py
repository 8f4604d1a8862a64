"""Training loops written by hand, for `bench_train.py` to compare the engine with."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.data.batch_loader import BatchPlan
from fertools.training.data.faces import Faces
from fertools.training.recipes.domains import FACES
from fertools.training.systems.base import Noise, System

Turn = tuple[BatchPlan, Noise]
"""The faces of an iteration, with all that is drawn for them."""


class Plain(ABC):
    """A loop written by hand; it goes on a block at a time.

    Args:
        tuned: take the options of torch that make it faster, and wait for no loss.
    """

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str, *, tuned: bool) -> None:
        self.recipe, self.total, self.device, self.tuned, self.done = recipe, total, device, tuned, 0
        self.order = torch.channels_last if tuned else torch.contiguous_format
        self.options = {"fused": True} if tuned else {}
        self.networks = {
            name: copy.deepcopy(network).to(device, memory_format=self.order)  # type: ignore[call-overload]  # untyped
            for name, network in system.networks.items()
        }
        averaged = system.averaged if recipe.ema else ()
        self.averages = {name: copy.deepcopy(self.networks[name]) for name in averaged}
        self.labels = torch.from_numpy(faces.emotions).to(device)
        self.losses: list[dict[str, Tensor | float]] = []
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    def run(self, batches: Iterator[Tensor], turns: list[Turn]) -> None:
        for order, draws in turns:
            images = next(batches)
            mirrored = order.augmentation_draws[FACES][:, 0].lt(0.5).to(self.device)
            images[mirrored] = images[mirrored].flip(3)
            images = images.contiguous(memory_format=self.order)
            losses = self.step(images, self.labels[order.rows[FACES].to(self.device)], draws)
            self.losses.append({name: loss.detach() if self.tuned else loss.item() for name, loss in losses.items()})
            for name, average in self.averages.items():
                self.follow([*average.parameters()], [*self.networks[name].parameters()])
            self.done += 1

    @torch.no_grad()
    def follow(self, average: list[Tensor], weights: list[Tensor]) -> None:
        """Move an average of weights towards them."""
        if self.tuned:
            torch._foreach_lerp_(average, weights, 1 - self.recipe.ema)
            return
        for kept, new in zip(average, weights, strict=True):
            kept.lerp_(new, 1 - self.recipe.ema)

    @abstractmethod
    def step(self, images: Tensor, labels: Tensor, draws: Noise) -> dict[str, Tensor]:
        """Train on one batch and return its losses."""

    def update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.recipe.clip_norm)
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.lr * self.factor()
        optimiser.step()

    def factor(self) -> float:
        rising: float = min(1.0, (self.done + 1) / (self.recipe.warmup + 1))
        if self.recipe.lr_schedule == "linear":
            return rising * min(1.0, 2 * (self.total - self.done) / self.total)
        if self.recipe.lr_schedule == "cosine":
            done = max(0, self.done - self.recipe.warmup) / (self.total - self.recipe.warmup)
            return rising * (1 + math.cos(math.pi * done)) / 2
        return rising


class PlainStargan(Plain):
    """StarGAN's two steps as its reference takes them."""

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str, *, tuned: bool) -> None:
        super().__init__(recipe, system, faces, total, device, tuned=tuned)
        betas = recipe.beta1, recipe.beta2
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), recipe.lr, betas, **self.options)
            for name, network in self.networks.items()
        }

    def step(self, images: Tensor, labels: Tensor, draws: Noise) -> dict[str, Tensor]:
        recipe = self.recipe
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        wanted = draws["emotions"].to(self.device)
        own, target = (F.one_hot(classes, 7).float() for classes in (labels, wanted))
        critic, head = discriminator(images)
        real, named = -critic.mean(), F.cross_entropy(head, labels)
        made = generator(images, target).detach()
        fake = discriminator(made)[0].mean()
        alpha = draws["alpha"].to(self.device)
        between = (alpha * images + (1 - alpha) * made).requires_grad_()
        score = discriminator(between)[0]
        (slope,) = torch.autograd.grad(score, between, torch.ones_like(score), retain_graph=True, create_graph=True)
        penalty = ((slope.flatten(1).square().sum(dim=1).sqrt() - 1) ** 2).mean()
        self.update("discriminator", real + fake + recipe.lambda_cls * named + recipe.lambda_gp * penalty)
        losses = {"D/loss_real": real, "D/loss_fake": fake, "D/loss_cls": named, "D/loss_gp": penalty}
        if (self.done + 1) % recipe.n_critic == 0:
            made = generator(images, target)
            critic, head = discriminator(made)
            back = (images - generator(made, own)).abs().mean()
            losses |= {
                "G/loss_fake": -critic.mean(),
                "G/loss_rec": back,
                "G/loss_cls": F.cross_entropy(head, wanted),
            }
            loss = losses["G/loss_fake"] + recipe.lambda_rec * back + recipe.lambda_cls * losses["G/loss_cls"]
            self.update("generator", loss)
        return losses


class PlainClassifier(Plain):
    """Cross-entropy and a step."""

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str, *, tuned: bool) -> None:
        super().__init__(recipe, system, faces, total, device, tuned=tuned)
        network = self.networks["network"]
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in network.parameters() if weight.ndim > 1]},
            {"params": [weight for weight in network.parameters() if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        rest = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, **self.options}
        betas = recipe.beta1, recipe.beta2
        if recipe.optimiser == "sgd":
            self.optimisers["network"] = torch.optim.SGD(groups, momentum=recipe.momentum, **rest)
        else:
            kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
            self.optimisers["network"] = kind(groups, betas=betas, **rest)
        self.mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1)

    def step(self, images: Tensor, labels: Tensor, draws: Noise) -> dict[str, Tensor]:
        outputs = self.networks["network"](((images + 1) / 2 - self.mean) / self.std)
        loss = F.cross_entropy(outputs, labels, label_smoothing=self.recipe.label_smoothing)
        self.update("network", loss)
        return {"loss": loss}


PEERS = ("plain", "tuned")
PLAIN: dict[str, type[Plain]] = {"stargan": PlainStargan, "classifier": PlainClassifier}
