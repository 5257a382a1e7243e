"""Refusals about long work (A9)."""

from __future__ import annotations

from shared.errors import LoyaltyError


class JobEnded(LoyaltyError):
    """The job has ended already."""

    code = "job_ended"
    status = 409


class JobGoesOn(LoyaltyError):
    """What this job does cannot be called off."""

    code = "job_goes_on"
    status = 409


class JobNotFinished(LoyaltyError):
    """The job has no result yet."""

    code = "job_not_finished"
    status = 409


class JobHasNoFile(LoyaltyError):
    """The job made no file; its result is all in the job itself."""

    code = "job_has_no_file"
    status = 404


class JobNotYours(LoyaltyError):
    """Only whoever started a job, managers and admins may cancel it."""

    code = "job_not_yours"
    status = 403


class TooManyJobs(LoyaltyError):
    """You have too many jobs that have not ended; wait for some, or cancel them."""

    code = "too_many_jobs"
    status = 409


class InputClosed(LoyaltyError):
    """The job's input is complete; nothing can be added or changed."""

    code = "job_input_closed"
    status = 409


class InputRefused(LoyaltyError):
    """The uploaded file cannot be read."""

    code = "unreadable_file"
    status = 422
