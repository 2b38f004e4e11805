"""allup: brings multi-part systems up on Kubernetes. What a platform.py may import is what stands here."""

from allup.errors import AllupError, InputError
from allup.model.checks import HealthCheck, command, http, jq, tcp
from allup.model.extras import PROBE, ExtraTask, ListChildren, ProbePod, Reading, RunCommand, RunTrials, Trial
from allup.model.live import live
from allup.model.platform import (
    Children,
    Component,
    Config,
    Platform,
    await_log_line,
    config_map,
    config_secret,
    pin,
    requirement,
    scale_to_zero,
)
from allup.model.secrets import (
    Password,
    Provided,
    RsaPrivateKey,
    RsaPublicKey,
    Secret,
    Tls,
    Token,
    Uuid,
)
from allup.model.settings import PlatformSettings, setting
from allup.quantities import Quantity

__all__ = [
    "PROBE",
    "AllupError",
    "Children",
    "Component",
    "Config",
    "ExtraTask",
    "HealthCheck",
    "InputError",
    "ListChildren",
    "Password",
    "Platform",
    "PlatformSettings",
    "ProbePod",
    "Provided",
    "Quantity",
    "Reading",
    "RsaPrivateKey",
    "RsaPublicKey",
    "RunCommand",
    "RunTrials",
    "Secret",
    "Tls",
    "Token",
    "Trial",
    "Uuid",
    "await_log_line",
    "command",
    "config_map",
    "config_secret",
    "http",
    "jq",
    "live",
    "pin",
    "requirement",
    "scale_to_zero",
    "setting",
    "tcp",
]
__version__ = "0.1.0"
