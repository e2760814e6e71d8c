from qsession_sim.kernel.core import Agenda as Agenda
from qsession_sim.kernel.core import Clients as Clients
from qsession_sim.kernel.core import Core as Core
from qsession_sim.kernel.core import Jobs as Jobs
from qsession_sim.kernel.core import Qpus as Qpus
from qsession_sim.kernel.core import Queue as Queue
from qsession_sim.kernel.core import Sessions as Sessions
from qsession_sim.kernel.core import Tables as Tables
