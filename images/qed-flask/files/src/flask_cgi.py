"""The REST service: its model runs in Celery, its answers come from there."""

from celery_cgi import celery, square
from flask import Flask, jsonify
from werkzeug.middleware.dispatcher import DispatcherMiddleware

hms = Flask("hms")
rest = Flask("rest")


@hms.get("/gis/test/")
def test():
    return jsonify(hms="works")


@rest.post("/rest/square/<int:number>")
def ask(number):
    return jsonify(job=square.delay(number).id), 202


@rest.get("/rest/jobs/<job>")
def look(job):
    found = celery.AsyncResult(job)
    return jsonify(state=found.state, result=found.result if found.successful() else None)


application = DispatcherMiddleware(rest, {"/hms": hms})
