# SPDX-License-Identifier: Apache-2.0
"""What the jobs are, what each of them writes, and the submitter that insists until it is answered."""

import dataclasses
import pathlib
import random
import threading
import time

import grpc

from chaos import image
from harness.api import duration, spec

_SCRIPT = (pathlib.Path(__file__).parent / "job.sh").read_text(encoding="utf-8")
LABEL = "chaos.job"
# The least there is: leases do end within the run.
LOST_AFTER = 10
STOP_GRACE = 2
MAX_ATTEMPTS = 10
_RETRY_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Plan:
    """One job: what it is told to do."""
    number: int
    lines: int
    burst: int
    pause: float
    exit_code: int
    stubborn: bool

    @property
    def stdout(self):
        return "".join(f"job {self.number} line {line}\n" for line in range(1, self.lines + 1)).encode()

    @property
    def stderr(self):
        return "".join(f"job {self.number} burst {burst}\n" for burst in range(1, self.lines // self.burst + 1)).encode()


def plan(count, lines, seed):
    """The jobs of a run. They live 3 to 14 seconds."""
    rng = random.Random(f"jobs {seed}")
    bursts = 20
    return [Plan(number, lines, max(1, lines // bursts), round(rng.uniform(0.15, 0.7), 3), exit_code=number % 50, stubborn=number % 4 == 0)
            for number in range(count)]


def job_spec(job, node=""):
    """node: the only one that it may run on."""
    made = spec(_SCRIPT, image=image.NAME, node=node, labels={LABEL: str(job.number)}, cpu_millis=500, memory_bytes=64 << 20,
                args=[str(job.number), str(job.lines), str(job.burst), str(job.pause), str(job.exit_code),
                      "yes" if job.stubborn else "no"],
                timeouts={"stop_grace": STOP_GRACE})
    made.lost_after.CopyFrom(duration(LOST_AFTER))
    made.max_attempts = MAX_ATTEMPTS
    return made


class Submitter:
    """Submits a job each so many seconds, again and again until the controller has answered. One thread."""

    def __init__(self, api, plans, period, name):
        self._api, self._plans, self._period, self._name = api, plans, period, name
        # The id that a job was answered with, by its number.
        self.answered = {}
        self.refusals = 0
        # What ended the thread before its time.
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def join(self, deadline):
        self._thread.join(deadline)
        assert not self._thread.is_alive() and not self.error, f"{self.error or ''} {len(self.answered)} of {len(self._plans)} jobs were answered for"

    def submit(self, job):
        """The job's id. It is the same however often it is asked for."""
        while True:
            try:
                return self._api.create(job_spec(job), request_id=f"{self._name}-{job.number}").id
            except grpc.RpcError as error:
                # Away, starting, or with a full disk; everything else is a defect.
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                                        grpc.StatusCode.RESOURCE_EXHAUSTED), error
                self.refusals += 1
                time.sleep(_RETRY_SECONDS)

    def _run(self):
        begin = time.monotonic()
        try:
            for count, job in enumerate(self._plans):
                time.sleep(max(0, begin + count * self._period - time.monotonic()))
                self.answered[job.number] = self.submit(job)
        except Exception as error:  # It is for the thread that joins.
            self.error = error
