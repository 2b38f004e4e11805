"""The queues of CTS: the manager gives out, the worker computes."""

import os

from celery import Celery

URL = f"redis://{os.environ.get('REDIS_HOSTNAME', 'localhost')}:6379/0"

app = Celery("tasks", broker=URL, backend=URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 5},  # TCP alone would try for two minutes
)


@app.task(name="tasks.length", queue="cts_queue")
def length(chemical):
    return len(chemical)


@app.task(name="tasks.manage", queue="manager_queue")
def manage(chemical):
    return length.apply_async((chemical,), queue="cts_queue").id
