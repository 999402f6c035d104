"""Numbers as words that two people can read to one another over a bad line. Pure.

Each byte is one of 256 everyday words, no two of which are easily mistaken for one another. The list is part of what
servers of all versions agree on: a word is never changed, and none is moved.
"""

from __future__ import annotations

import re

_LIST = """
    acid acorn actor album alley amber anchor angel apple apron arctic armor arrow atlas attic autumn badge
    bagel bamboo banana banjo barrel basket beaver beetle bell bishop blanket bottle branch bridge bronze bucket
    buffalo bundle butter cabin cactus camel candle canyon carpet castle cedar cellar chapel cherry chimney
    cinema circus clover cobra coffee compass copper coral cotton cousin cradle crystal cushion daisy dancer
    desert diamond dinner doctor dolphin donkey dragon drummer eagle echo eclipse elbow elephant engine equator
    falcon farmer feather ferry fiddle finger flamingo flute forest fossil fountain fox frost galaxy garden
    garlic gazelle ginger giraffe glacier goblet gorilla granite grape guitar hammer harbor hazel helmet heron
    hippo hockey honey hotel hunter iceberg igloo indigo insect island ivory jacket jaguar jasmine jelly jersey
    jigsaw jungle kangaroo kayak kernel kettle kidney kitchen koala ladder lagoon lantern lemon leopard library
    lily lion lizard llama lobster lotus magnet mango maple marble meadow mirror monkey moose mosaic mountain
    mushroom napkin nectar needle nephew nickel noodle novel nugget oasis ocean octopus olive onion opera orange
    orchid otter oyster paddle palace panda paper parrot peanut pebble pelican pencil pepper piano pigeon pillow
    pirate planet plaza pocket pony potato puzzle pyramid quail quartz queen rabbit radish raven ribbon river
    robin rocket rose ruby sailor salmon sandal saturn scarf shadow silver siren sister snail sofa spider spoon
    squirrel stadium sugar sunset tablet teapot temple tennis thunder tiger timber toast tomato topaz trumpet
    tulip tunnel turtle umbrella unicorn vacuum valley vanilla velvet violin volcano vulture waffle wagon walnut
    window winter yellow yogurt zebra zigzag
"""
WORDS = _LIST.split()

GROUP = 4


def spell(data: bytes) -> str:
    """Return bytes as words, in groups of four: "acid-acorn-actor-album alley-…"."""
    words = [WORDS[byte] for byte in data]
    return " ".join("-".join(words[start : start + GROUP]) for start in range(0, len(words), GROUP))


def read(text: str) -> bytes | None:
    """Return the bytes that words stand for, however they are parted and written; None when one is no such word."""
    found = [word for word in re.split(r"[^a-z]+", text.lower()) if word]
    if not found or not all(word in _NUMBERS for word in found):
        return None
    return bytes(_NUMBERS[word] for word in found)


_NUMBERS = {word: number for number, word in enumerate(WORDS)}
