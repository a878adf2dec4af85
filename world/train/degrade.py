"""Image augmentation: turns clean pictures into amateur ones with crops, other light, noise, blur, compression,
occlusion.

They are not flipped: traffic keeps right, so a mirrored street would have wrong lane labels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from world.perceive.sight import Sight, reframed

ZOOM, SHIFT = (0.92, 1.35), 0.06  # of the crop: enlargement, and offset as a share of the picture
BLUR = (0.3, 1.4)  # pixels
QUALITY = (15, 80)  # of JPEG


def degrade(pictures: np.ndarray, sights: Sequence[Sight], random: np.random.Generator) -> tuple[Tensor, list[Sight]]:
    """Augments pictures uint8 [B, H, W, 3] to float32 [B, 3, H, W] in [0, 1], with their labels after cropping."""
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    images, sights = _part(images, sights, random)
    images = _light(images, random)
    images = _blur(images, random)
    images = images + torch.from_numpy(random.normal(0, 1, images.shape).astype(np.float32)) * _each(
        random, 0, 0.04, len(images)
    )
    images = images.clamp(0, 1)
    for picture in images:
        _in_the_way(picture, random)
    return torch.stack([_compress(picture, random) for picture in images]), sights


def _each(random: np.random.Generator, low: float, high: float, count: int, channels: int = 1) -> Tensor:
    return torch.from_numpy(random.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))


def _part(images: Tensor, sights: Sequence[Sight], random: np.random.Generator) -> tuple[Tensor, list[Sight]]:
    zoom = random.uniform(*ZOOM, len(images))
    right, down = random.uniform(-SHIFT, SHIFT, (2, len(images)))
    unchanged = random.random(len(images)) < 0.25  # as they are
    zoom[unchanged], right[unchanged], down[unchanged] = 1, 0, 0
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = torch.from_numpy(1 / zoom)
    theta[:, 0, 2], theta[:, 1, 2] = torch.from_numpy(2 * right), torch.from_numpy(2 * down)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    crops = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    aspect = images.shape[2] / images.shape[3]
    labels = [
        reframed(sight, float(zoom[k]), float(right[k]), float(down[k]), aspect) if not unchanged[k] else sight
        for k, sight in enumerate(sights)
    ]
    return crops, labels


def _light(images: Tensor, random: np.random.Generator) -> Tensor:
    """Exposure and white balance in linear light, then contrast, gamma and colour."""
    count = len(images)
    stops, tint = _each(random, -0.9, 0.7, count), _each(random, -0.22, 0.22, count, 3)
    images = (images.clamp_min(1e-4) ** 2.2 * torch.exp2(stops + tint)) ** (1 / 2.2)
    images = images ** torch.exp(_each(random, -0.25, 0.25, count))
    images = 0.45 + (images - 0.45) * _each(random, 0.7, 1.3, count)
    grey = images.mean(1, keepdim=True)
    return grey + (images - grey) * _each(random, 0.2, 1.4, count)


def _blur(images: Tensor, random: np.random.Generator) -> Tensor:
    """Blurs half of them, each by its own Gaussian."""
    sigma = torch.from_numpy(random.uniform(*BLUR, len(images)).astype(np.float32))
    sigma[torch.from_numpy(random.random(len(images)) < 0.5)] = 0.05
    reach = torch.arange(-3, 4)
    kernel = torch.exp(-0.5 * (reach / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = functional.pad(images.reshape(1, -1, *images.shape[2:]), (3, 3, 3, 3), mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=flat.shape[1])
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=flat.shape[1])
    return flat.reshape(images.shape)


def _in_the_way(picture: Tensor, random: np.random.Generator) -> None:
    """Adds a bonnet, black bars and patches that hide parts of a picture, in place."""
    height, width = picture.shape[1:]
    colour = torch.from_numpy(random.uniform(0, 0.7, (3, 1)).astype(np.float32))
    if random.random() < 0.35:
        x = torch.linspace(-1, 1, width)
        top = height * (1 - random.uniform(0.04, 0.2) * (1 - random.uniform(0, 0.8) * x**2))
        hidden = torch.arange(height)[:, None] > top
        shade = torch.linspace(1.2, 0.6, height)[:, None].expand(height, width)[hidden]
        picture[:, hidden] = (colour * shade).clamp(0, 1)
    if random.random() < 0.15:
        bar = int(random.integers(1, 1 + height // 10))
        picture[:, :bar], picture[:, -bar:] = 0, 0
    for _ in range(int(random.integers(0, 3)) if random.random() < 0.4 else 0):
        tall, wide = int(random.integers(4, height // 5)), int(random.integers(4, width // 6))
        y, x0 = int(random.integers(0, height - tall)), int(random.integers(0, width - wide))
        picture[:, y : y + tall, x0 : x0 + wide] = colour[:, :, None]


def _compress(picture: Tensor, random: np.random.Generator) -> Tensor:
    """Half of them through JPEG, a third of those at a smaller size."""
    if random.random() < 0.5:
        return picture
    image = Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())
    size = image.size
    if random.random() < 0.33:
        share = random.uniform(0.4, 0.9)
        image = image.resize((round(size[0] * share), round(size[1] * share)), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(random.integers(*QUALITY)))
    back = np.asarray(Image.open(file).resize(size, Image.Resampling.BILINEAR))
    return torch.from_numpy(back.astype(np.float32)).permute(2, 0, 1) / 255
