"""Measures a doodle CLIP on held-out scenes (seeds below 1,000,000). The only reader of `masks/`.

- mIoU of all kinds of things and a background made of all grounds, for several ways through the
  last block;
- retrieval: share of scenes whose class token finds its own caption among all;
- combinations: of scenes with two things of one kind in two colours, the share of the pixels of
  the two that the right one of "red circle" and "blue circle" wins.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers import CLIPModel

import words
from model import GRID, MEAN, PATCH, STD, attention, encode_texts, heads, trunk

METHODS = ['maskclip', 'maskclip+residual', 'clearclip', 'sclip', 'naclip', 'plain']


def class_vectors(model: CLIPModel, tokenizer: Tokenizer, names: list[str]) -> Tensor:
    rows = []
    for name in names:
        said = [t.replace('{}', name) for t in [*words.TEMPLATES, '{}']]
        rows.append(F.normalize(encode_texts(model, tokenizer, said).mean(0), dim=-1))
    return torch.stack(rows)


def positions(model: CLIPModel, rows: int, columns: int) -> Tensor:
    table = model.vision_model.embeddings.position_embedding.weight
    grid = table[1:].T.reshape(1, -1, GRID, GRID)
    grid = F.interpolate(grid, (rows, columns), mode='bicubic', align_corners=False)
    return torch.cat([table[:1], grid.flatten(2)[0].T])


def neighbourhood(rows: int, columns: int, sigma: float = 5.0) -> Tensor:
    """NACLIP's Gaussian over cells, `[cells, cells]`."""
    r, c = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing='ij')
    r, c = r.flatten().float(), c.flatten().float()
    d = (r[:, None] - r) ** 2 + (c[:, None] - c) ** 2
    return torch.exp(-d / (2 * sigma**2))


def last_block(model: CLIPModel, h: Tensor, method: str, rows: int, columns: int) -> Tensor:
    """The cells after the last block, read by `method`."""
    layer = model.vision_model.encoder.layers[-1]
    attn, n = layer.self_attn, layer.self_attn.num_heads
    x = layer.layer_norm1(h)
    if method == 'plain':
        h = h + attention(attn, x)
        return (h + layer.mlp(layer.layer_norm2(h)))[:, 1:]
    if method.startswith('maskclip'):
        out = attn.out_proj(attn.v_proj(x))
        if method == 'maskclip':
            return out[:, 1:]
        h = h + out
        return (h + layer.mlp(layer.layer_norm2(h)))[:, 1:]
    x = x[:, 1:] if method == 'naclip' else x
    q, k, v = heads(attn.q_proj(x), n), heads(attn.k_proj(x), n), heads(attn.v_proj(x), n)
    temper = q.shape[-1] ** -0.5
    if method == 'clearclip':
        mix = (q @ q.transpose(-1, -2) * temper).softmax(-1)
    elif method == 'sclip':
        mix = (q @ q.transpose(-1, -2) * temper).softmax(-1) + (k @ k.transpose(-1, -2) * temper).softmax(-1)
    else:
        mix = (k @ k.transpose(-1, -2) * temper + neighbourhood(rows, columns)).softmax(-1)
    out = attn.out_proj((mix @ v).transpose(1, 2).flatten(2))
    return out if method == 'naclip' else out[:, 1:]


def scores(model: CLIPModel, picture: Image.Image, short: int, methods: list[str]) -> dict[str, Tensor]:
    """Normalised cell embeddings by method, `[128, rows, columns]`."""
    zoom = short / min(picture.size)
    columns, rows = (max(1, round(side * zoom / PATCH)) for side in picture.size)
    small = picture.resize((columns * PATCH, rows * PATCH), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.asarray(small).copy()).float() / 255
    pixels = ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None]
    h = trunk(model, pixels, positions(model, rows, columns))
    found = {}
    for method in methods:
        cells = model.vision_model.post_layernorm(last_block(model, h, method, rows, columns))
        cells = F.normalize(model.visual_projection(cells), dim=-1)[0]
        found[method] = cells.T.unflatten(1, (rows, columns))
    return found


def labels(cells: Tensor, vectors: Tensor, owner: Tensor, size: tuple[int, int]) -> np.ndarray:
    """The class of each pixel: `owner[i]` is the class of vector i; a class scores its best."""
    maps = torch.einsum('chw,kc->khw', cells, vectors)
    best = torch.stack([maps[owner == c].amax(0) for c in range(int(owner.max()) + 1)])
    best = F.interpolate(best[None], (size[1], size[0]), mode='bilinear', align_corners=False)[0]
    return best.argmax(0).numpy()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('model', type=Path)
    parser.add_argument('scenes', type=Path, help='written by `wordmask scenes` with a seed below 1000000')
    parser.add_argument('kinds', help='all kinds of things, comma-separated, in the order of the masks')
    parser.add_argument('--count', type=int, default=64)
    parser.add_argument('--short', type=int, nargs='+', default=[128])
    parser.add_argument('--methods', nargs='+', default=METHODS)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--classes', action='store_true', help='IoU of each class by the first method')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = CLIPModel.from_pretrained(args.model).eval()
    tokenizer = Tokenizer.from_file(str(args.model / 'tokenizer.json'))
    kinds = args.kinds.split(',')
    vectors = class_vectors(model, tokenizer, [*words.GROUNDS, *kinds])
    owner = torch.tensor([0] * len(words.GROUNDS) + list(range(1, len(kinds) + 1)))
    lines = (args.scenes / 'scenes.jsonl').read_text().splitlines()[: args.count]
    scenes = [json.loads(line) for line in lines]
    pictures = [Image.open(args.scenes / 'pictures' / s['file']).convert('RGB') for s in scenes]
    masks = [np.asarray(Image.open(args.scenes / 'masks' / s['file'])) for s in scenes]
    classes = len(kinds) + 1
    for short in args.short:
        confusion = {m: np.zeros((classes, classes), np.int64) for m in args.methods}
        right = total = 0
        for scene, picture, mask in zip(scenes, pictures, masks):
            found = scores(model, picture, short, args.methods)
            for method, cells in found.items():
                guess = labels(cells, vectors, owner, picture.size)
                pairs = mask.astype(np.int64) * classes + guess
                confusion[method] += np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
            for rivals in twins(scene):
                instances = np.asarray(Image.open(args.scenes / 'instances' / scene['file']))
                won, of = combination(model, tokenizer, found[args.methods[0]], scene, rivals, instances)
                right, total = right + won, total + of
        for method, table in confusion.items():
            iou = np.diag(table) / np.maximum(1, table.sum(0) + table.sum(1) - np.diag(table))
            present = table.sum(1) > 0
            accuracy = np.diag(table).sum() / table.sum()
            print(f'short {short} {method:18} mIoU {iou[present].mean():.3f} background {iou[0]:.3f} pixels {accuracy:.3f}')
            if args.classes and method == args.methods[0]:
                print('  ' + ' '.join(f'{n} {v:.2f}' for n, v, p in zip(['background', *kinds], iou, present) if p))
        if total:
            print(f'short {short} combinations {right / total:.3f} of pixels, {args.methods[0]}')
    print(f'retrieval {retrieval(model, tokenizer, scenes, pictures):.3f}')


def twins(scene: dict) -> list[tuple[str, str, str]]:
    """Kind and two colours, for each kind that occurs just twice and in two colours."""
    found = []
    for name in sorted({t['name'] for t in scene['things']}):
        same = [t for t in scene['things'] if t['name'] == name]
        if len(same) == 2 and same[0]['colour'] != same[1]['colour']:
            found.append((name, same[0]['colour'], same[1]['colour']))
    return found


def combination(model, tokenizer, cells: Tensor, scene: dict, rivals, instances: np.ndarray) -> tuple[int, int]:
    """Pixels of the two things that the right colour wins, and all of them."""
    name, colours = rivals[0], rivals[1:]
    vectors = class_vectors(model, tokenizer, [f'{colour} {name}' for colour in colours])
    guess = labels(cells, vectors, torch.tensor([0, 1]), (scene['width'], scene['height']))
    right = total = 0
    for index, thing in enumerate(scene['things']):
        if thing['name'] == name:
            mine = instances == index + 1
            right += int((guess[mine] == colours.index(thing['colour'])).sum())
            total += int(mine.sum())
    return right, total


def retrieval(model, tokenizer, scenes, pictures) -> float:
    texts = [s['captions'][0] for s in scenes]
    captions = encode_texts(model, tokenizer, texts)
    hits = 0
    for text, picture in zip(texts, pictures):
        side = min(picture.size)
        left, upper = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.resize((128, 128), Image.Resampling.BICUBIC, box=(left, upper, left + side, upper + side))
        pixels = torch.from_numpy(np.asarray(square).copy()).float() / 255
        pixels = ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None]
        h = trunk(model, pixels, positions(model, GRID, GRID))
        layer = model.vision_model.encoder.layers[-1]
        h = h + attention(layer.self_attn, layer.layer_norm1(h))
        h = (h + layer.mlp(layer.layer_norm2(h)))[:, :1]
        vector = F.normalize(model.visual_projection(model.vision_model.post_layernorm(h[:, 0])), dim=-1)
        hits += texts[int((captions @ vector[0]).argmax())] == text
    return hits / len(scenes)


if __name__ == '__main__':
    main()
