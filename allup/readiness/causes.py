"""The stable words for what is wrong. Machines read them (``--json``, exit decisions): never rename one."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why an object is not ready, as a word. Whether it can heal is decided case by case, not by the word:
    a missing executable and a runtime that timed out are both ``container-create``.
    """

    IMAGE_INVALID_NAME = "image-invalid-name"
    IMAGE_NOT_FOUND = "image-not-found"
    IMAGE_DENIED = "image-denied"
    IMAGE_PULL = "image-pull"
    CONFIG_MISSING = "config-missing"
    CONTAINER_CREATE = "container-create"
    CRASH_LOOP = "crash-loop"
    OOM_KILLED = "oom-killed"
    COMPLETED = "completed"
    INIT_FAILED = "init-failed"
    PROBE_FAILING = "probe-failing"
    POD_FAILED = "pod-failed"
    UNSCHEDULABLE = "unschedulable"
    EVICTED = "evicted"
    NODE_LOST = "node-lost"
    QUOTA = "quota"
    ADMISSION = "admission"
    CREATE_FAILED = "create-failed"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    OLD_REVISION = "old-revision"
    PAUSED = "paused"
    JOB_FAILED = "job-failed"
    JOB_RETRYING = "job-retrying"
    CLAIM_LOST = "claim-lost"
    CLAIM_PENDING = "claim-pending"
    VOLUME_RELEASED = "volume-released"
    VOLUME_FAILED = "volume-failed"
    CONDITION_FAILED = "condition-failed"
    TERMINATING = "terminating"
