"""allup: brings multi-part systems up on Kubernetes. What a platform.py may import is what stands here."""

from allup.errors import AllupError, InputError
from allup.images.references import Reference
from allup.model.checks import HealthCheck, command, http, jq, tcp
from allup.model.extras import (
    PROBE,
    DataServer,
    ExtraTask,
    HostsLine,
    ImageTask,
    ListChildren,
    PodShell,
    ProbePod,
    Reading,
    RunCommand,
    RunImage,
    RunTrials,
    Trial,
)
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
    RegistryLogin,
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
    "DataServer",
    "ExtraTask",
    "HealthCheck",
    "HostsLine",
    "ImageTask",
    "InputError",
    "ListChildren",
    "Password",
    "Platform",
    "PlatformSettings",
    "PodShell",
    "ProbePod",
    "Provided",
    "Quantity",
    "Reading",
    "Reference",
    "RegistryLogin",
    "RsaPrivateKey",
    "RsaPublicKey",
    "RunCommand",
    "RunImage",
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
