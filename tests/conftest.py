"""Settings of Hypothesis for all tests."""

from __future__ import annotations

from hypothesis import settings

# a busy machine makes any example slow now and then, which says nothing about the code
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
