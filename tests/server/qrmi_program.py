"""What an integration of a resource manager does with QRMI; started by a test, with QRMI's own environment."""

import json
import os
import subprocess
import sys
import time
import urllib.request

from qrmi import Payload, QuantumResource, ResourceType

VARIABLES = "qpu_QRMI_IBM_QCS_"
FINAL = ("Completed", "Failed", "Cancelled")
MEASURED = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[1] c;\nx $0;\nc[0] = measure $0;\n'
TURNED = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nx $0;\n'

qpu = QuantumResource("qpu", ResourceType.IBMQuantumComputeService)


def start(program="sampler", pub=(MEASURED, None, 1000)):
    content = {"pubs": [pub], "version": 2, "support_qiskit": True, "options": {}}
    return qpu.task_start(Payload.QiskitPrimitive(input=json.dumps(content), program_id=program))


def statuses(task):
    seen = [""]
    while seen[-1] not in FINAL:
        seen.append(str(qpu.task_status(task)).rpartition(".")[2])
        time.sleep(0.01)
    return seen[1:]


def wait(seconds):
    url = os.environ[VARIABLES + "IAM_ENDPOINT"] + "/qsession-sim/wait"
    headers = {"Authorization": "apikey " + os.environ[VARIABLES + "IAM_APIKEY"]}
    body = json.dumps({"seconds": seconds}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)):
        pass


def say(what, *values):
    sys.stdout.write(json.dumps([what, *values]) + "\n")
    sys.stdout.flush()


if len(sys.argv) > 1:  # a second process, which was told the session
    task = start()
    say("second process", task, statuses(task), qpu.acquire())
    sys.exit()

session = qpu.acquire()
say("acquired", session)
task = start()
say("sampler", task, statuses(task), "PrimitiveResult" in qpu.task_result(task).value)
task = start("estimator", [TURNED, {"Z": 1.0}, [], 0.1])
say("estimator", task, statuses(task), "PrimitiveResult" in qpu.task_result(task).value)
say("target", sorted(json.loads(qpu.target().value)))
first, second = start(), start()
qpu.task_stop(second)
say("cancelled", statuses(second), statuses(first))
wait(61)
say("after a timeout", qpu.acquire())
told = {**os.environ, VARIABLES + "SESSION_ID": session}
subprocess.run([sys.executable, __file__, "second"], env=told, check=True)
qpu.release(session)
another = qpu.acquire()
say("released and acquired", another)
pending = [start() for _ in range(3)]
qpu.release(another)
say("released with pending jobs", [statuses(task)[-1] for task in pending])
