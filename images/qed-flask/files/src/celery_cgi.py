"""The queue ``qed``: one model, which squares a number."""

import os

from celery import Celery

# As QED's own code: what a service link would set, and a URL, both become a URL of Redis.
BROKER = os.environ.get("REDIS_PORT", "redis://redis:6379").replace("tcp", "redis") + "/0"

celery = Celery("celery_cgi", broker=BROKER, backend=BROKER)
celery.conf.update(
    task_default_queue="qed",
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 5},  # TCP alone would try for two minutes
)


@celery.task(name="qed.square")
def square(number):
    return number * number
