"""Single-line mistakes that the fast tests must notice: data only, so that a list of them can be read.

`line` is a whole line of the source without its indentation. It must stand there exactly once, which
`test_mutations.py` checks, so that a mutation that no longer fits is noticed at once.
"""

from __future__ import annotations

from .kernel_mutations import KERNEL_MUTATIONS
from .mutation import Mutation
from .queue_mutations import QUEUE_MUTATIONS
from .service_mutations import SERVICE_MUTATIONS
from .session_mutations import SESSION_MUTATIONS

MUTATIONS: list[Mutation] = [*SESSION_MUTATIONS, *SERVICE_MUTATIONS, *QUEUE_MUTATIONS, *KERNEL_MUTATIONS]
"""All of them."""
