"""The stable words for what is wrong. Machines read them (``--json``, exit decisions): never rename one."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why an object is not ready, as a word. Whether it can heal is decided case by case, not by the word:
    a missing executable and a runtime that timed out may both be ``container-run``.

    The families are those of the files of this package. A general word (``container-create``, ``admission``,
    ``unschedulable``) stands for what none of its finer ones fits.
    """

    NOT_READY = "not-ready"
    REQUEST_FAILED = "request-failed"
    DELETED = "deleted"
    # image
    IMAGE_INVALID_NAME = "image-invalid-name"
    IMAGE_NOT_FOUND = "image-not-found"
    IMAGE_DENIED = "image-denied"
    IMAGE_PULL = "image-pull"
    IMAGE_ARCHITECTURE = "image-architecture"
    # configuration
    CONFIG_MISSING = "config-missing"
    SERVICE_ACCOUNT_MISSING = "service-account-missing"
    COMMAND_NOT_FOUND = "command-not-found"
    CONTAINER_CREATE = "container-create"
    CONTAINER_RUN = "container-run"
    # process
    CRASH_LOOP = "crash-loop"
    OOM_KILLED = "oom-killed"
    COMPLETED = "completed"
    INIT_FAILED = "init-failed"
    PROBE_FAILING = "probe-failing"
    STARTUP_PROBE_FAILING = "startup-probe-failing"
    LIVENESS_RESTARTS = "liveness-restarts"
    POD_FAILED = "pod-failed"
    # scheduling
    UNSCHEDULABLE = "unschedulable"
    INSUFFICIENT_RESOURCES = "insufficient-resources"
    UNTOLERATED_TAINT = "untolerated-taint"
    NODE_SELECTOR = "node-selector"
    UNBOUND_CLAIM = "unbound-claim"
    NO_NODES = "no-nodes"
    EVICTED = "evicted"
    NODE_LOST = "node-lost"
    # admission
    QUOTA = "quota"
    LIMIT_RANGE = "limit-range"
    POD_SECURITY = "pod-security"
    WEBHOOK_DENIED = "webhook-denied"
    WEBHOOK_DOWN = "webhook-down"
    POLICY_DENIED = "policy-denied"
    ADMISSION = "admission"
    CREATE_FAILED = "create-failed"
    # storage
    CLAIM_PENDING = "claim-pending"
    NO_MATCHING_VOLUME = "no-matching-volume"
    STORAGE_CLASS_MISSING = "storage-class-missing"
    TWO_DEFAULT_CLASSES = "two-default-classes"
    PROVISIONER_FAILING = "provisioner-failing"
    PROVISIONER_ABSENT = "provisioner-absent"
    WAITS_FOR_CONSUMER = "waits-for-consumer"
    CLAIM_LOST = "claim-lost"
    VOLUME_RELEASED = "volume-released"
    VOLUME_FAILED = "volume-failed"
    NFS_UNREACHABLE = "nfs-unreachable"
    NFS_NO_EXPORT = "nfs-no-export"
    NFS_DENIED = "nfs-denied"
    MOUNT_HELPER_MISSING = "mount-helper-missing"
    MOUNT_FAILED = "mount-failed"
    ATTACH_FAILED = "attach-failed"
    DISK_FULL = "disk-full"
    # rollout
    DEADLINE_EXCEEDED = "deadline-exceeded"
    PROGRESS_DEADLINE = "progress-deadline"
    PAUSED = "paused"
    CONTROLLER_SILENT = "controller-silent"
    OLD_PODS_STAY = "old-pods-stay"
    DISRUPTION_BUDGET = "disruption-budget"
    OLD_REVISION = "old-revision"
    # service
    SELECTS_NOTHING = "selects-nothing"
    SELECTS_UNREADY = "selects-unready"
    NO_SUCH_PORT = "no-such-port"
    SERVICE_LINK_COLLISION = "service-link-collision"
    # jobs
    JOB_FAILED = "job-failed"
    JOB_RETRYING = "job-retrying"
    BACKOFF_LIMIT = "backoff-limit"
    ACTIVE_DEADLINE = "active-deadline"
    # custom
    CONDITION_FAILED = "condition-failed"
    NO_CONDITIONS = "no-conditions"
    CRD_NOT_ESTABLISHED = "crd-not-established"
    CONVERSION_WEBHOOK_DOWN = "conversion-webhook-down"
    APISERVICE_UNAVAILABLE = "apiservice-unavailable"
    # permission
    FORBIDDEN = "forbidden"
    # deletion
    TERMINATING = "terminating"
    FINALIZER = "finalizer"
    POD_ON_LOST_NODE = "pod-on-lost-node"
    CLAIM_IN_USE = "claim-in-use"
    VOLUME_IN_USE = "volume-in-use"
    DEPENDENTS = "dependents"
    POD_ENDING = "pod-ending"
    NOT_DELETED = "not-deleted"
    REMOVAL_PENDING = "removal-pending"
    NOT_ALLOWED_TO_LOOK = "not-allowed-to-look"
    NAMESPACE_STUCK = "namespace-stuck"
