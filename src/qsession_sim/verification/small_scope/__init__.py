"""Every small case: all workloads up to a size, checked by the rules, and by the rules written once more.

`python -m qsession_sim.verification.small_scope --jobs 4` runs a size and reports; the page on small scope
says what that shows, and what it does not.
"""

from qsession_sim.verification.small_scope.cases import Scope as Scope
from qsession_sim.verification.small_scope.exploration import Played as Played
from qsession_sim.verification.small_scope.exploration import Tally as Tally
from qsession_sim.verification.small_scope.exploration import explore as explore
