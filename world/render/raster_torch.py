"""The z-buffer in torch, on a CPU or a GPU: depth, normal, albedo and surface, equal to the kernels' up to rounding.

Plain and dense: every triangle of a block meets every sample. For checks and for machines where only a GPU is fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from world.render.atlas import CUTOUT, DECAL, TWO_SIDED, Library, decoded
from world.render.camera import View
from world.render.mesh import Mesh
from world.render.raster import NEAR

BLOCK = 64  # triangles that meet all samples at once


@dataclass(frozen=True, eq=False)
class TorchGBuffer:
    """float32 [H, W, 3], [H, W, 3], [H, W], [H, W] and uint8 [H, W], as in the GBuffer."""

    albedo: Tensor
    normal: Tensor
    inverse_depth: Tensor
    coverage: Tensor
    surface: Tensor


class _Textures:
    """The atlas on a device, with look-ups for many points at once."""

    def __init__(self, library: Library, device: torch.device) -> None:
        self.texels = torch.as_tensor(library.atlas.texels, device=device)
        self.table = torch.as_tensor(library.atlas.table, device=device).long()
        self.linear = torch.as_tensor(decoded(), device=device)

    def level(self, texture: Tensor, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        offset, width, height = self.table[texture, 0], self.table[texture, 1], self.table[texture, 2]
        for step in range(int(level.max()) if level.numel() else 0):
            deeper = level > step
            offset = torch.where(deeper, offset + width * height, offset)
            width = torch.where(deeper, (width >> 1).clamp(min=1), width)
            height = torch.where(deeper, (height >> 1).clamp(min=1), height)
        return offset, width, height

    def bilinear(self, texture: Tensor, level: Tensor, uv: Tensor) -> Tensor:
        offset, width, height = self.level(texture, level)
        x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
        fx, fy = (x - x.floor())[:, None], (y - y.floor())[:, None]
        i, j = x.floor().long() & (width - 1), y.floor().long() & (height - 1)
        k, m = (i + 1) & (width - 1), (j + 1) & (height - 1)
        a, b, c, d = (
            self.texels[offset + row * width + col, :3].float() for row, col in ((j, i), (j, k), (m, i), (m, k))
        )
        return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy

    def looks(self, texture: Tensor, level: Tensor, uv: Tensor, longer: Tensor, looks: Tensor) -> Tensor:
        total = torch.zeros(len(uv), 3, device=uv.device)
        for k in range(4):
            at = uv + longer * ((k + 0.5) / looks - 0.5)[:, None]
            total += torch.where((k < looks)[:, None], self.bilinear(texture, level, at), 0.0)
        return total / looks[:, None]

    def filtered(self, texture: Tensor, uv: Tensor, per_x: Tensor, per_y: Tensor) -> Tensor:
        """As world.render.surfaces.albedo: averages bytes and decodes the mean."""
        size = self.table[texture, 1:3].float()
        across, along = (per_x * size).norm(dim=1), (per_y * size).norm(dim=1)
        longer = torch.where((along < across)[:, None], per_x, per_y)
        across, along = torch.minimum(across, along), torch.maximum(across, along)
        looks = (along / across.clamp(min=1e-6)).ceil().clamp(1, 4)
        lod = (along / looks).clamp(min=1e-6).log2().clamp(min=0)
        last = self.table[texture, 3] - 1
        level = torch.minimum(lod.long(), last)
        between = torch.where(level < last, ((lod - level) * 1.6 - 0.3).clamp(0, 1), 0.0)[:, None]
        fine = self.looks(texture, level, uv, longer, looks)
        coarse = self.looks(texture, torch.minimum(level + 1, last), uv, longer, ((looks + 1) / 2).floor())
        byte = torch.lerp(fine, coarse, between)
        whole = byte.long().clamp(max=254)
        return torch.lerp(self.linear[whole], self.linear[whole + 1], byte - whole)


def draw(mesh: Mesh, view: View, library: Library, device: torch.device | str = "cpu") -> TorchGBuffer:
    """The G-buffer of a mesh in a view."""
    device = torch.device(device)
    textures = _Textures(library, device)
    height, width = 2 * view.height, 2 * view.width
    axes, eye = torch.as_tensor(view.axes, device=device), torch.as_tensor(view.eye, device=device)
    corners = (torch.as_tensor(mesh.position, device=device).double() - eye) @ axes.T.double()
    middle = torch.tensor([width / 2, height / 2], device=device, dtype=torch.float64)
    homogeneous = torch.cat([corners[..., :2] * 2 * view.focal + middle * corners[..., 2:], corners[..., 2:]], -1)
    det = torch.linalg.det(homogeneous)
    kinds = torch.as_tensor(library.material, device=device).long()[
        torch.as_tensor(mesh.material, device=device).long()
    ]
    flags, back = kinds[:, 3], det > 0
    good = (det.abs() > 1e-9) & (~back | ((flags & TWO_SIDED) > 0)) & (homogeneous[..., 2].amax(1) > NEAR)
    visible = good.nonzero()[:, 0]
    planes = torch.linalg.inv(homogeneous[visible]).mT  # rows: E_i over (x, y, 1)
    uv = torch.as_tensor(mesh.uv, device=device).double()[visible]
    y, x = torch.meshgrid(*(torch.arange(n, device=device) + 0.5 for n in (height, width)), indexing="ij")
    sample = torch.stack([x, y, torch.ones_like(x)], -1).reshape(-1, 3).double()
    threshold = (50 + 50 * ((y.long() & 1) * 2 + ((x.long() + y.long()) & 1))).reshape(-1)
    deepest = torch.zeros(len(sample), device=device, dtype=torch.float64)
    owner = torch.full((len(sample),), -1, device=device)
    for first in range(0, len(visible), BLOCK):
        part = slice(first, min(len(visible), first + BLOCK))
        e = torch.einsum("tic,sc->tis", planes[part], sample)
        w = e.sum(1)
        inside = (e >= -1e-9).all(1) & (w <= 1 / NEAR) & (w > 0)
        cut = ((flags[visible[part]] & CUTOUT) > 0) & (kinds[visible[part], 0] >= 0)
        for t in cut.nonzero()[:, 0].tolist():
            where = inside[t].nonzero()[:, 0]
            texture = kinds[visible[first + t], 0].expand(len(where))
            at = (e[t][:, where].T @ uv[first + t]) / w[t, where, None]
            level = _cut_level(
                homogeneous[visible[first + t]], det[visible[first + t]], uv[first + t], textures.table[texture[:1]]
            )
            offset, wide, high = textures.level(texture, torch.full_like(texture, level))
            i, j = (at[:, 0] * wide).floor().long() & (wide - 1), (at[:, 1] * high).floor().long() & (high - 1)
            inside[t, where] = textures.texels[offset + j * wide + i, 3] > threshold[where]
        bias = torch.where((flags[visible[part]] & DECAL) > 0, 1.001, 1.0).double()
        near, which = torch.where(inside, w * bias[:, None], 0.0).max(0)
        nearer = near > deepest
        deepest, owner = torch.where(nearer, near, deepest), torch.where(nearer, which + first, owner)
    return _resolved(mesh, view, textures, kinds, back, visible, planes, uv, owner.reshape(height, width))


def _cut_level(p: Tensor, det: Tensor, uv: Tensor, row: Tensor) -> int:
    """The mip level of a triangle's cutout."""
    if float(p[:, 2].min()) <= NEAR:
        return 0
    a, b = uv[1] - uv[0], uv[2] - uv[0]
    texels = float((a[0] * b[1] - a[1] * b[0]).abs() * row[0, 1] * row[0, 2])
    ratio = max(texels / max(float(det.abs() / p[:, 2].prod()), 1e-9), 1.0)
    return min(int(0.5 * float(torch.tensor(ratio).log2()) + 0.5), int(row[0, 3]) - 1)


def _resolved(
    mesh: Mesh, view: View, textures: _Textures, kinds: Tensor, back: Tensor, visible: Tensor, planes: Tensor, uv: Tensor, owner: Tensor
) -> TorchGBuffer:  # fmt: skip
    device, h, w = owner.device, view.height, view.width
    four = owner.reshape(h, 2, w, 2).permute(0, 2, 1, 3).reshape(-1, 4)
    albedo, normal = torch.zeros(h * w, 3, device=device), torch.zeros(h * w, 3, device=device)
    depth, best, best_depth = (torch.zeros(h * w, device=device) for _ in range(3))
    surface = torch.zeros(h * w, dtype=torch.uint8, device=device)
    hits = (four >= 0).sum(1)
    row, col = torch.arange(h * w, device=device) // w, torch.arange(h * w, device=device) % w
    shift = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=device).double()
    for k in range(4):
        same = four == four[:, k : k + 1]
        new = (four[:, k] >= 0) & ~same[:, :k].any(1)
        here = new.nonzero()[:, 0]
        if not len(here):
            continue
        n, weight = four[here, k], same[here].sum(1)
        at = (same[here, :, None] * shift).sum(1) / weight[:, None]
        xy1 = torch.stack(
            [2 * col[here] + at[:, 0] + 0.5, 2 * row[here] + at[:, 1] + 0.5, torch.ones(len(here), device=device)], 1
        )
        e = (planes[n] * xy1.double()[:, None]).sum(-1)
        deep = e.sum(1, keepdim=True)
        bary = (e / deep).float()
        triangle = visible[n]
        facing = torch.as_tensor(mesh.normal, device=device)[triangle]
        facing = (facing * bary[..., None]).sum(1) * torch.where(back[triangle], -1.0, 1.0)[:, None]
        facing = torch.nn.functional.normalize(facing, dim=1)
        at_uv = (uv[n] * (e / deep)[..., None]).sum(1)
        slope = torch.einsum("nic,nij->ncj", planes[n][..., :2], uv[n])
        slope = 2 * (slope - at_uv[:, None] * planes[n][..., :2].sum(1)[..., None]) / deep[..., None]
        texture = kinds[triangle, 0]
        colour = torch.ones(len(here), 3, device=device)
        textured = (texture >= 0).nonzero()[:, 0]
        if len(textured):
            colour[textured] = textures.filtered(
                texture[textured], at_uv[textured].float(), slope[textured, 0].float(), slope[textured, 1].float()
            )
        colour *= torch.as_tensor(mesh.tint, device=device)[triangle]
        share = (weight / hits[here]).float()
        albedo[here] += colour * share[:, None]
        normal[here] += facing * share[:, None]
        z = deep[:, 0].float()
        depth[here] += z * share
        better = (weight > best[here]) | ((weight == best[here]) & (z > best_depth[here]))
        pixels = here[better]
        best[pixels], best_depth[pixels] = weight[better].float(), z[better]
        surface[pixels] = kinds[triangle[better], 1].to(torch.uint8)
    normal = torch.nn.functional.normalize(normal, dim=1)
    return TorchGBuffer(
        albedo.reshape(h, w, 3),
        normal.reshape(h, w, 3),
        depth.reshape(h, w),
        (hits / 4).reshape(h, w),
        surface.reshape(h, w),
    )
