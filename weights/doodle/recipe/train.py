"""Trains the doodle CLIP on captioned windows of procedural scenes.

No mask enters. A window comes with its captions and with the names of what somebody who looks at
it would see. The losses:

- `captions`: CLIP's symmetric contrast between the class token of a window and its caption.
- `names`: every cell is one of the things or grounds that the window shows, whichever (a softmax
  over all names, of which the true ones share the credit), and every one that is plain to see has
  some cells of its own (the best few).
- `kinds`: which of the things it is, for the cells that are taken for a thing; and `pictures`, the
  same for the class token.
- `texts`: a name alone is nearer to that name in a sentence than to any other. Without it the names
  of all things start out alike, and neither tower has a reason to tell them apart.
- `phrases`: the same as `names` for phrases with colours and materials, against near misses.

The schedule follows the clock, not the step count, so that a run ends on time on any machine.
"""

import argparse
import json
import math
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor
from transformers import CLIPModel

import words
from model import CONTEXT, GRID, MEAN, STD, IMAGE, PATCH, build, class_and_cells, encode_texts
from model import START, END, train_tokenizer, window_positions

BATCH = {'small': 96, 'medium': 24, 'whole': 7}
"""Windows of a step, for each process."""
WEIGHTS = {'names': 1.0, 'kinds': 1.5, 'phrases': 0.7, 'pictures': 0.5, 'captions': 0.3, 'texts': 0.5}
BEST = {'small': 2, 'medium': 4, 'whole': 12}
"""Cells that a thing which is plain to see must have at least."""


CROWDED = 0.6
"""Share of the windows of a step that are drawn among those with a thing that is plain to see."""
NOISE = 0.02
"""Variance under which a direction of patches counts as noise and is not made louder."""


class Windows:
    """The windows of one size: pixels, which processes share, and the words for them."""

    def __init__(self, folder: Path, size: str):
        self.size = size
        self.pixels = np.load(folder / f'{size}.npy', mmap_mode='r')
        self.words = json.loads((folder / f'{size}.json').read_text())
        plain = [any(thing[3] for thing in w['things']) for w in self.words]
        self.with_things = np.flatnonzero(plain)
        self.mean, self.std = torch.tensor(MEAN), torch.tensor(STD)

    def draw(self, count: int) -> tuple[Tensor, list[dict]]:
        index = np.random.randint(0, len(self.pixels), count)
        crowd = round(count * CROWDED)
        index[:crowd] = np.random.choice(self.with_things, crowd)
        pixels = torch.from_numpy(self.pixels[index]).float() / 255
        pixels = pixels * (0.85 + 0.3 * torch.rand(count, 1, 1, 1))
        pixels = ((pixels - self.mean) / self.std).permute(0, 3, 1, 2)
        return pixels.contiguous(), [self.words[i] for i in index]


@torch.no_grad()
def whiten(model: CLIPModel, windows: Windows) -> None:
    """Fixes the patch embedding to the whitening of patches.

    A patch of 8 by 8 by 3 has as many values as the tower is wide, so that nothing is lost. Nearly
    all variance of patches is their mean colour; with a random embedding a short training learns
    colours and little else. Whitened, texture is as loud as colour from the first step.
    """
    state = np.random.get_state()
    np.random.seed(0)
    pixels, _ = windows.draw(2000)
    np.random.set_state(state)
    patches = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    variance, axes = torch.linalg.eigh(torch.cov(patches.T))
    filters = (axes / (variance + NOISE).sqrt()).T
    weight = model.vision_model.embeddings.patch_embedding.weight
    weight.copy_(filters.reshape(weight.shape))
    weight.requires_grad = False


def shared_tokenizer(sizes: dict[str, Windows]) -> Tokenizer:
    """Trains the tokenizer in the first process and hands it to the others."""
    trained = [None]
    if dist.get_rank() == 0:
        text = [c for size in sizes.values() for w in size.words[:8_000] for c in w['captions']]
        spare = [' '.join([*others, word]) for word, others in words.SYNONYMS.items()]
        trained = [train_tokenizer([*text, *words.TEMPLATES * 30, *spare * 50]).to_str()]
    dist.broadcast_object_list(trained)
    return Tokenizer.from_str(trained[0])


def caption_loss(pictures: Tensor, captions: Tensor, which: Tensor, scale: Tensor) -> Tensor:
    """Contrast of pictures `[n, d]` with unique captions `[m, d]`; `which[i]` is picture i's."""
    logits = scale * pictures @ captions.T
    to_text = F.cross_entropy(logits, which)
    mine = F.one_hot(which, len(captions)).bool()
    of_text = logits.masked_fill(~mine, -1e4).logsumexp(0) - logits.logsumexp(0)
    return (to_text - of_text.mean()) / 2


def cell_loss(logits: Tensor, true: Tensor, plain: Tensor, exclusive: bool, best: int) -> Tensor:
    """`logits` `[n, cells, phrases]`; `true` and `plain` `[n, phrases]` say of each window which
    phrases are true of any of it, and which are plain to see.

    With `exclusive` phrases (names) a cell can be only one of them; else several may be true of
    one cell, and a true phrase is held only against false ones.
    """
    normaliser = logits.logsumexp(-1)
    hidden = ~true[:, None]
    among_true = logits.masked_fill(hidden, -1e4).logsumexp(-1) - normaliser
    known = true.any(1)
    covered = -among_true[known].mean()
    if exclusive:
        claim = logits - normaliser[..., None]
    else:
        false = logits.masked_fill(true[:, None], -1e4).logsumexp(-1, keepdim=True)
        claim = -F.softplus(false - logits)
    top = claim.topk(best, dim=1).values.mean(1)
    return covered - top[plain].mean()


def kind_loss(logits: Tensor, kinds: int, true: Tensor, plain: Tensor) -> Tensor:
    """Which kind, given that it is a thing: every cell counts as much as the model itself takes it
    for a thing, so that the whole body of a thing teaches and not only its best cells.
    """
    with torch.no_grad():
        thing = logits.softmax(-1)[..., :kinds].sum(-1)
        weight = thing / thing.sum(1, keepdim=True)
    among = logits[..., :kinds].log_softmax(-1).masked_fill(~true[:, None], -1e4).logsumexp(-1)
    return -(weight * among).sum(1)[plain.any(1)].mean()


def step_loss(model: CLIPModel, tokenizer, drawn, names: list[words.Phrase], size: str) -> dict[str, Tensor]:
    pixels, windows = drawn
    side = pixels.shape[-1] // PATCH
    row, column = random.randint(0, GRID - side), random.randint(0, GRID - side)
    pictures, cells = class_and_cells(model, pixels, window_positions(model, side, row, column))

    captions = [random.choice(w['captions']) for w in windows[:32]]
    unique = sorted(set(captions))
    combined = words.combinations(windows, 48)
    spoken = [words.spoken(p) for p in [*names, *combined]]
    bare = [name for _, _, name in names]
    texts = sorted({*unique, *spoken, *bare})
    place = {text: i for i, text in enumerate(texts)}
    embedded = encode_texts(model, tokenizer, texts)
    scale = model.logit_scale.exp()

    which = torch.tensor([unique.index(c) for c in captions])
    sentences = embedded[[place[c] for c in unique]]
    vocabulary = embedded[[place[s] for s in spoken]]
    logits = scale * cells @ vocabulary.T
    n = len(names)
    losses = {
        'captions': caption_loss(pictures[: len(captions)], sentences, which, scale),
        'texts': caption_loss(embedded[[place[b] for b in bare]], vocabulary[:n], torch.arange(n), scale),
    }
    true, plain = map(torch.from_numpy, words.truth(names, windows))
    kinds = n - len(words.GROUNDS)
    losses['kinds'] = kind_loss(logits[..., :n], kinds, true[:, :kinds], plain[:, :kinds])
    whole = (scale * pictures @ vocabulary[:kinds].T).log_softmax(-1)
    losses['pictures'] = -whole[plain[:, :kinds]].mean()
    for name, phrases, part in (('names', names, logits[..., :n]), ('phrases', combined, logits[..., n:])):
        true, plain = map(torch.from_numpy, words.truth(phrases, windows))
        losses[name] = cell_loss(part, true, plain, name == 'names', BEST[size])
    return losses


def share_gradients(learned: list[torch.nn.Parameter], world: int) -> None:
    """Averages the gradients over the processes."""
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in learned]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= world
    for parameter, mean in zip(learned, flat.split([g.numel() for g in grads])):
        parameter.grad = mean.view_as(parameter)


def choose_size(progress: float, dice: random.Random) -> str:
    """Small windows at first, for they all but localise by themselves; whole pictures later."""
    whole = 0.05 + 0.25 * progress
    medium = 0.2 + 0.15 * progress
    return dice.choices(['small', 'medium', 'whole'], [1 - whole - medium, medium, whole])[0]


def learning_rate(progress: float, peak: float) -> float:
    warm = 0.03
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm))))


def save(model: CLIPModel, average: list[Tensor], tokenizer, folder: Path) -> None:
    """Writes the averaged weights as a Hugging Face folder, and puts it in place at once."""
    raw = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for parameter, mean in zip(model.parameters(), average):
            parameter.copy_(mean)
    fresh = folder.with_name(folder.name + '.new')
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), raw):
            parameter.copy_(value)
    tokenizer.save(str(fresh / 'tokenizer.json'))
    (fresh / 'tokenizer_config.json').write_text(json.dumps({
        'tokenizer_class': 'CLIPTokenizer', 'model_max_length': CONTEXT,
        'bos_token': START, 'eos_token': END, 'unk_token': END, 'pad_token': END,
    }, indent=2))
    (fresh / 'preprocessor_config.json').write_text(json.dumps({
        'image_processor_type': 'CLIPImageProcessor', 'do_resize': True,
        'size': {'shortest_edge': IMAGE}, 'resample': 3, 'do_center_crop': True,
        'crop_size': {'height': IMAGE, 'width': IMAGE}, 'do_rescale': True,
        'rescale_factor': 1 / 255, 'do_normalize': True, 'image_mean': MEAN, 'image_std': STD,
        'do_convert_rgb': True,
    }, indent=2))
    old = folder.with_name(folder.name + '.old')
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(fresh, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('windows', type=Path, help='what prepare.py wrote')
    parser.add_argument('out', type=Path, help='folder for latest/ and final/')
    parser.add_argument('--minutes', type=float, default=65)
    parser.add_argument('--peak', type=float, default=1.5e-3, help='highest learning rate')
    parser.add_argument('--continue-from', type=Path, metavar='MODEL', help='go on from this model instead of from nothing')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    # One thread a process and one meeting a step: threads that meet at every operation stall on a
    # machine with other work.
    torch.set_num_threads(1)
    dist.init_process_group('gloo')
    rank, world = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(args.seed)
    dice = random.Random(args.seed)
    random.seed(args.seed + 1000 * rank)
    np.random.seed(args.seed + 1000 * rank)
    args.out.mkdir(parents=True, exist_ok=True)

    sizes = {size: Windows(args.windows, size) for size in BATCH}
    kinds = sorted({t[2] for w in sizes['whole'].words for t in w['things']})
    names = [(None, None, name) for name in [*kinds, *words.GROUNDS]]
    if args.continue_from:
        tokenizer = Tokenizer.from_file(str(args.continue_from / 'tokenizer.json'))
        model = CLIPModel.from_pretrained(args.continue_from)
        model.vision_model.embeddings.patch_embedding.weight.requires_grad = False
    else:
        tokenizer = shared_tokenizer(sizes)
        model = build(tokenizer)
        whiten(model, sizes['small'])
    learned = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in learned if p.ndim > 1]
    others = [p for p in learned if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{'params': decayed, 'weight_decay': 0.05}, {'params': others, 'weight_decay': 0.0}],
        betas=(0.9, 0.98), eps=1e-6,
    )
    average = [p.detach().clone() for p in model.parameters()]
    if rank == 0:
        print(f'{sum(p.numel() for p in model.parameters()):,} parameters', flush=True)

    clock = torch.zeros(1)
    start, step, saved = time.monotonic(), 0, 0.0
    seen: dict[str, list[float]] = {}
    while True:
        # All processes go by the first one's clock.
        clock[0] = (time.monotonic() - start) / 60
        dist.broadcast(clock, 0)
        elapsed = clock.item()
        if elapsed >= args.minutes:
            break
        progress = elapsed / args.minutes
        # What goes on has seen its share of small windows.
        size = choose_size((1 + progress) / 2 if args.continue_from else progress, dice)
        for group in optimiser.param_groups:
            group['lr'] = learning_rate(progress, args.peak)
        losses = step_loss(model, tokenizer, sizes[size].draw(BATCH[size]), names, size)
        loss = sum(WEIGHTS[name] * value for name, value in losses.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(learned, world)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
            keep = min(0.996, (1 + step) / (10 + step))
            torch._foreach_lerp_(average, list(model.parameters()), 1 - keep)
        if rank > 0:
            continue
        for name, value in losses.items():
            seen.setdefault(f'{size[0]}.{name}', []).append(value.item())
        if step % 25 == 0:
            means = ' '.join(f'{k} {np.mean(v):.3f}' for k, v in sorted(seen.items()))
            print(f'{elapsed:6.2f} min step {step} scale {model.logit_scale.exp().item():.1f} {means}', flush=True)
            seen.clear()
        if elapsed - saved > 3:
            save(model, average, tokenizer, args.out / 'latest')
            saved = elapsed
    if rank == 0:
        save(model, average, tokenizer, args.out / 'latest')
        save(model, average, tokenizer, args.out / 'final')
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
