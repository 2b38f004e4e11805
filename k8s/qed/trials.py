"""``inv qed.verify``: the ways a person's request takes through QED, tried from inside, one by one."""

from __future__ import annotations

from allup import RunTrials, Trial

_FETCH = (
    "import sys, urllib.request as r; a = r.urlopen(sys.argv[1], timeout=20); print(a.status, a.read(200))"
)
_TASK = (
    "from celery import Celery; "
    "c = Celery(broker='redis://redis:6379/0', backend='redis://redis:6379/0'); "
    "found = c.control.inspect(timeout=10).active_queues() or {}; "
    "print(*sorted({queue['name'] for queues in found.values() for queue in queues}))"
)


def verify() -> RunTrials:
    """Runs in the pods of Celery, which can do what the apps do: resolve, reach, ask the broker."""
    return RunTrials(
        name="verify",
        help="Try the ways through QED from inside: nginx to flask and to Django, Celery's queue.",
        trials=(
            Trial(
                name="flask through nginx, as Django and HMS ask it",
                where="deploy/qed-celery",
                command=("python3", "-c", _FETCH, "http://qed-nginx:7777/hms/gis/test/"),
                expect="^200",
                fails="nginx on 7777 does not lead to flask",
                signs=(("502", "nginx is there and flask does not answer it"),),
            ),
            Trial(
                name="the site through nginx, as people ask for it",
                where="deploy/qed-celery",
                command=("python3", "-c", _FETCH, "http://qed-nginx/"),
                expect="^200",
                fails="nginx does not lead to Django",
                signs=(
                    ("502", "nginx is there and Django does not answer it"),
                    ("CERTIFICATE_VERIFY_FAILED", "it leads to HTTPS, with a certificate that nobody trusts"),
                ),
            ),
            Trial(
                name="a worker listens to the queue qed",
                where="deploy/qed-celery",
                command=("python3", "-c", _TASK),
                expect=r"\bqed\b",
                fails="nobody takes tasks from the queue qed",
            ),
        ),
        good="The site, the models' REST service and the queue work together.",
    )
