"""One Chromium for the tests of a file."""

from __future__ import annotations

import pytest
from report.browser import browser


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started
