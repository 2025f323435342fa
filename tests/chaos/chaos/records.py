# SPDX-License-Identifier: Apache-2.0
"""What is known of a run once it is over: plain data, so that the checks can be tested with made-up ones."""

import dataclasses


@dataclasses.dataclass
class Fault:
    """Something that was broken, from when to when (seconds since the epoch). `target` is a process, a node's part or a disk by its name."""
    begin: float
    end: float
    kind: str
    target: str
    node: str = ""
    detail: str = ""

    def overlaps(self, begin, end):
        return self.begin <= end and begin <= self.end


@dataclasses.dataclass
class Attempt:
    """An execution as the controller has it. state and reason are the names of the protocol without their prefix."""
    id: str
    node: str
    number: int
    state: str
    reason: str = ""
    exit_code: int = None
    message: str = ""
    uncertain: bool = False
    # Seconds since the epoch; 0 where it has none.
    assigned: float = 0
    ended: float = 0
    stdout: bytes = b""
    stderr: bytes = b""
    # Its log breaks the protocol's contract: in these words.
    log_error: str = ""


@dataclasses.dataclass
class JobRecord:
    id: str
    # By the job's label.
    number: int
    state: str
    reason: str = ""
    exit_code: int = None
    attempts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Run:
    plans: list
    # Job id by number, as CreateJob answered.
    answered: dict
    # Every job that the controller lists.
    jobs: list
    # witness.Event
    events: list
    # Attempt by job number: what the newest attempt that could has set its job's variable to.
    variables: dict
    faults: list
    max_attempts: int
    lost_after: float
