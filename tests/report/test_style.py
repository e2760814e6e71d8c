"""Colours that everybody tells apart, and text that can be read on them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from qsession_sim.report import style
from qsession_sim.results.waits import PARTS

THEMES = {"light": style.LIGHT, "dark": style.DARK}

VISIONS = {
    "normal": np.eye(3),
    # G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009) 1291, table 1, severity 1.0
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}

# B. Ottosson, "A perceptual color space for image processing" (2020): from linear sRGB to cones to OKLab
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour: str):
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str):
    """A colour in OKLab as people with a kind of sight see it."""
    return TO_LAB @ np.cbrt(TO_CONES @ np.clip(np.array(VISIONS[vision]) @ linear(colour), 0, 1))


def contrast(one: str, other: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(weights @ linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_white_is_one_and_black_is_zero_in_this_arithmetic():
    """Else differences would be in other units: white has lightness 1 and no colour, for every sight."""
    for vision in VISIONS:
        assert seen("#ffffff", vision) == pytest.approx([1, 0, 0], abs=1e-3)
        assert seen("#000000", vision) == pytest.approx([0, 0, 0])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_two_fills_differ_by_10_for_every_kind_of_sight(theme, vision):
    fills = [seen(fill, vision) for fill in theme.fills.values()]
    assert min(100 * np.linalg.norm(one - other) for one, other in combinations(fills, 2)) >= 10


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_there_is_a_fill_for_everything_that_a_qpu_does(theme):
    assert sorted(theme.fills) == sorted(PARTS)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_can_be_read(theme):
    for background in (theme.page, theme.panel):
        for text in (theme.ink, theme.muted, theme.link, theme.alert):
            assert contrast(text, background) >= 4.5
    for fill in theme.fills.values():
        assert contrast(style.text_on(fill), fill) >= 4.5


def test_text_can_be_read_on_every_colour_of_a_difference():
    for share in np.linspace(-1, 1, 201):
        fill = style.diverging(float(share))
        assert contrast(style.text_on(fill), fill) >= 4.5


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_of_differences_get_darker_from_0_on(vision):
    """So that -1 and 1 are not only other colours than 0 but darker, and in steps that are all seen."""
    for sign in (-1, 1):
        lightness = [seen(style.diverging(sign * share), vision)[0] for share in np.linspace(0, 1, 21)]
        assert all(np.diff(lightness) < 0)
    ends = [seen(style.diverging(sign), vision) for sign in (-1, 1)]
    assert 100 * np.linalg.norm(ends[0] - ends[1]) >= 10


def test_the_contrast_of_a_colour_is_that_of_its_definition():
    for one, other in combinations(style.LIGHT.fills.values(), 2):
        assert style.contrast(one, other) == pytest.approx(contrast(one, other))
