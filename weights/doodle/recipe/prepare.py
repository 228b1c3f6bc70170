"""Cuts the captioned windows out of generated scenes and packs them for training.

Reads `pictures/` and `scenes.jsonl` of `wordmask scenes --views N`. Never opens `masks/`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

PIXELS = {'small': 32, 'medium': 64, 'whole': 128}
"""Side of a window in pixels: at this scale a whole picture has a short side of 128."""


def describe(scene: dict, view: dict) -> dict:
    """What somebody who sees the window would say: things with attributes, grounds, captions."""
    things = []
    for seen in view['things']:
        thing = scene['things'][seen['thing']]
        plain_to_see = seen['cover'] > 0.02 or (seen['part'] > 0.5 and seen['cover'] > 0.006)
        things.append([thing['colour'], thing['material'], thing['name'], plain_to_see])
    grounds = [[g['name'], g['cover'] > 0.03] for g in view['grounds']]
    return {'things': things, 'grounds': grounds, 'captions': view['captions']}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scenes', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    with open(args.scenes / 'scenes.jsonl') as lines:
        scenes = [json.loads(line) for line in lines]
    totals = {size: sum(v['size'] == size for s in scenes for v in s['views']) for size in PIXELS}
    arrays = {
        size: np.lib.format.open_memmap(
            args.out / f'{size}.npy', mode='w+', dtype=np.uint8, shape=(totals[size], side, side, 3)
        )
        for size, side in PIXELS.items()
    }
    words = {size: [] for size in PIXELS}
    for scene in scenes:
        picture = Image.open(args.scenes / 'pictures' / scene['file']).convert('RGB')
        for view in scene['views']:
            size, side = view['size'], PIXELS[view['size']]
            box = (view['x'], view['y'], view['x'] + view['side'], view['y'] + view['side'])
            window = picture.resize((side, side), Image.Resampling.BICUBIC, box=box)
            arrays[size][len(words[size])] = np.asarray(window)
            words[size].append(describe(scene, view))
    for size in PIXELS:
        arrays[size].flush()
        (args.out / f'{size}.json').write_text(json.dumps(words[size]))


if __name__ == '__main__':
    main()
