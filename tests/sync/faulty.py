"""A network to several servers that does to calls what a test wants: loses, repeats and delays them, and kills."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from enum import Enum

from posthouse.cluster.certificate import Certificate
from posthouse.cluster.errors import Broken, NoConnection
from posthouse.cluster.transport import Reply
from tests.cluster.fake import Call, FakeNetwork
from tests.cluster.far import Far


class Fault(Enum):
    """What becomes of a call."""

    NONE = "it arrives"
    REFUSED = "no connection can be made"
    LOST = "it is lost on the way"
    UNANSWERED = "its answer is lost on the way back"
    TWICE = "it arrives twice"
    LATE = "it is taken for lost, and arrives after the next one"
    FAR_DIES = "the other server dies while it works on it"
    HERE_DIES = "this server dies before it is sent"
    HERE_DIES_AFTER = "this server dies before the answer is read"
    EDIT = "something changes here meanwhile"


class Killed(BaseException):
    """This server was killed."""


class Faulty(FakeNetwork):
    """A transport to several far servers. `plan` says what becomes of the next calls; all further ones arrive."""

    def __init__(self, fars: list[Far]) -> None:
        self.fars = {f"{far.name}.example": far for far in fars}
        self.plan: Iterator[Fault] = iter(())
        self.statements = 1
        """How many statements a server that dies has carried out before."""
        self.edit: Callable[[], None] = lambda: None
        self.edited = False
        self.late: list[Callable[[], object]] = []

    def certificate(self, host: str, port: int) -> Certificate:
        return self.fars[host].certificate(host, port)

    def answer(self, call: Call) -> Reply:
        far = self.fars[call.place.host]

        def arrive(statements: int = 0) -> Reply:
            found = far.ask(
                "request",
                method=call.method,
                target=call.target,
                headers=dict(call.headers),
                body=base64.b64encode(call.body).decode(),
                statements=statements,
            )
            if found is None:
                raise Broken("The connection broke.")
            return Reply(found["status"], found["headers"], base64.b64decode(found["body"]))

        fault = next(self.plan, Fault.NONE)
        late, self.late = self.late, []
        match fault:
            case Fault.REFUSED:
                self.late = late
                raise NoConnection("Nothing answers.")
            case Fault.LOST:
                self.late = late
                raise Broken("The connection broke.")
            case Fault.LATE:
                self.late = [*late, arrive]
                raise Broken("The connection broke.")
            case Fault.FAR_DIES:
                arrive(self.statements)
            case Fault.HERE_DIES:
                self.late = late
                raise Killed
            case Fault.TWICE:
                arrive()
            case Fault.EDIT:
                self.edited = True
                self.edit()
        reply = arrive()
        for each in late:
            each()
        if fault is Fault.UNANSWERED:
            raise Broken("The connection broke.")
        if fault is Fault.HERE_DIES_AFTER:
            raise Killed
        return reply
