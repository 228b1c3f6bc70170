"""What is said to the text tower: phrases for the cells, and which windows they are true of."""

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

GROUNDS = ['grass', 'sand', 'water', 'sky', 'brick', 'wood', 'snow', 'road', 'wall']
COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown', 'black', 'white', 'grey']
MATERIALS = ['plain', 'striped', 'dotted', 'checked']
SYNONYMS = {
    'cat': ['kitten', 'tabby cat'], 'dog': ['puppy'], 'ladybug': ['ladybird', 'beetle'],
    'turtle': ['tortoise'], 'boat': ['ship', 'sailing boat'], 'house': ['home', 'building'],
    'cup': ['mug', 'coffee cup'], 'gift': ['present', 'gift box'], 'moon': ['crescent'],
    'car': ['vehicle'], 'rocket': ['spaceship'], 'mushroom': ['toadstool'], 'flower': ['blossom'],
    'circle': ['disc', 'round shape'], 'umbrella': ['parasol'], 'grey': ['gray'],
    'dotted': ['spotted'], 'checked': ['checkered'], 'striped': ['stripy'],
    'grass': ['lawn', 'meadow'], 'sand': ['beach', 'desert'], 'water': ['sea', 'lake'],
    'sky': ['clouds'], 'brick': ['bricks', 'brick wall'], 'wood': ['wooden floor', 'planks'],
    'road': ['street', 'asphalt'], 'wall': ['wallpaper'],
}
PLURALS = {'fish': 'fish', 'butterfly': 'butterflies', 'cactus': 'cacti'}
TEMPLATES = (
    (Path(__file__).parents[3] / 'src' / 'prompt' / 'templates.txt').read_text().splitlines()
)

Phrase = tuple[str | None, str | None, str | None]
"""Colour, material and name; `None` where the phrase leaves it open."""


def synonym(word: str, chance: float = 0.15) -> str:
    others = SYNONYMS.get(word)
    return random.choice(others) if others and random.random() < chance else word


def spoken(phrase: Phrase) -> str:
    """The phrase in words: bare, with an article, as a plural or in one of CLIP's templates."""
    colour, material, name = phrase
    form = random.random()
    noun = synonym(name) if name else 'thing'
    if name and noun == name and name not in GROUNDS and form < 0.06:
        noun = PLURALS.get(name, name + 's')
    if name is None and form < 0.35:
        return synonym(colour)
    words = ' '.join([synonym(w) for w in (material, colour) if w] + [noun])
    if form < 0.38:
        return words
    if form < 0.5:
        return ('an ' if words[0] in 'aeiou' else 'a ') + words
    return random.choice(TEMPLATES).replace('{}', words)


def truth(phrases: list[Phrase], windows: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """For each window and phrase, whether any of the window is what the phrase says, and whether
    that is plain to see: two arrays `[windows, phrases]`.
    """
    place = {phrase: i for i, phrase in enumerate(phrases)}
    true = np.zeros((len(windows), len(phrases)), bool)
    plain = np.zeros_like(true)
    for row, window in enumerate(windows):
        for said, seen in claims(window):
            column = place.get(said)
            if column is not None:
                true[row, column] = True
                plain[row, column] |= seen
    return true, plain


def claims(window: dict) -> Iterator[tuple[Phrase, bool]]:
    """Every phrase that is true of a window, with whether it is plain to see."""
    for ground, plain in window['grounds']:
        yield (None, None, ground), plain
        yield (None, None, 'background'), plain
    for *attributes, plain in window['things']:
        for phrase in product(*((None, said) for said in attributes)):
            yield phrase, plain


def combinations(windows: list[dict], most: int) -> list[Phrase]:
    """Phrases with attributes for a batch: true ones and their near misses, and all grounds."""
    phrases: set[Phrase] = set()
    things = [thing for window in windows for thing in window['things'] if thing[3]]
    random.shuffle(things)
    for colour, material, name, _ in things:
        if len(phrases) >= most:
            break
        kind = random.random()
        if kind < 0.15:
            phrases.add((colour, None, None))
        elif kind < 0.3:
            phrases.add((None, material, name))
        elif kind < 0.42:
            phrases.add((colour, material, name))
        else:
            phrases.add((colour, None, name))
        if kind >= 0.42 and random.random() < 0.6:
            phrases.add((random.choice(COLOURS), None, name))
    chosen = sorted(phrases, key=str)
    if random.random() < 0.3:
        return [*chosen, (None, None, 'background')]
    return [*chosen, *((None, None, ground) for ground in GROUNDS)]
