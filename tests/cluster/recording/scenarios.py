"""All scenarios of the corpus by name, family after family."""

from __future__ import annotations

from tests.cluster.recording.families import (
    admission,
    configuration,
    custom,
    deletion,
    healthy,
    images,
    jobs,
    permission,
    process,
    rollout,
    scheduling,
    services,
    storage,
)
from tests.cluster.recording.scenario import named

_FAMILIES = (
    *(images, configuration, process, scheduling, admission, storage),
    *(rollout, services, jobs, custom, permission, deletion, healthy),
)
SCENARIOS = named(scenario for family in _FAMILIES for scenario in family.SCENARIOS)
