"""Sending, as a job: one attempt at a mail, and what follows from how it went."""

from __future__ import annotations

import random

from django.utils import timezone

from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.worker import Kind, register, register_periodic
from posthouse.notices import outbox, smtp
from posthouse.notices.decide import LIFETIME, delay, too_old
from posthouse.notices.models import OutgoingMail


def run(job: Job[OutgoingMail]) -> None:
    """Make one attempt at a mail, and end or defer it accordingly. Raises LostLease and Stopping."""
    job.check()
    try:
        smtp.send(job.row)
    except smtp.NotSent as problem:
        _after(job.row, problem)
    else:
        outbox.server_works()
        if job.row.secret:
            leases.finish(job.row, secret="")


def _after(mail: OutgoingMail, problem: smtp.NotSent) -> None:
    error, now = str(problem), timezone.now()
    if problem.of_server:
        outbox.server_failed(error)
    else:
        outbox.server_works()
    if problem.permanent:
        leases.fail(mail, error)
    elif too_old(mail.created_at, now):
        leases.fail(mail, f"{error} It was tried for {LIFETIME.days} days.")
    elif problem.of_server:
        leases.defer(mail, error, now)  # it waits for the server like all others, not beyond
    else:
        leases.defer(mail, error, now + delay(mail.attempts, random.random()))  # noqa: S311 - guards nothing


register(Kind("mail", outbox.due, run, concurrency=2))
register_periodic("end old mails", 3600, outbox.end_old)
register_periodic("forget old mails", 3600, outbox.forget_old)
