"""A variational loop as for the real service; the first argument says how its jobs are sent."""

import sys

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import Batch, EstimatorV2, QiskitRuntimeService, Session
from scipy.optimize import minimize

HAMILTONIAN = SparsePauliOp.from_list(
    [("II", -1.05), ("IZ", 0.39), ("ZI", -0.39), ("ZZ", -0.01), ("XX", 0.18)]
)


def lowest_energy(mode, backend):
    """Minimise the energy over the parameters of a circuit, a job for each evaluation."""
    passes = generate_preset_pass_manager(target=backend.target, optimization_level=1, seed_transpiler=1)
    circuit = passes.run(efficient_su2(2, reps=1))
    observable = HAMILTONIAN.apply_layout(circuit.layout)
    estimator = EstimatorV2(mode=mode)

    def energy(parameters):
        return float(estimator.run([(circuit, observable, parameters)]).result()[0].data.evs)

    found = minimize(energy, np.ones(circuit.num_parameters), method="COBYLA", options={"maxiter": 25})
    return found.nfev, found.fun


def main(how):
    """Send the jobs one by one, in a batch, or in a session."""
    backend = QiskitRuntimeService().least_busy(operational=True, simulator=False)
    if how == "job":
        evaluations, energy = lowest_energy(backend, backend)
    else:
        with (Session if how == "session" else Batch)(backend=backend) as mode:
            evaluations, energy = lowest_energy(mode, backend)
    return f"{how}: {evaluations} evaluations, energy {energy:.2f}"


if __name__ == "__main__":
    print(main(sys.argv[1]))
