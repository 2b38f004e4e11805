"""The first page, and one that asks the database pisces and the REST service."""

import json
import os
from urllib.request import urlopen

from django.db import connections
from django.http import HttpResponse, JsonResponse
from django.urls import path


def home(request):
    return HttpResponse("<!doctype html><title>QED</title><h1>QED</h1><p>A stand-in for the site.")


def pisces(request):
    with connections["pisces_db"].cursor() as cursor:
        cursor.execute("select current_user, current_database()")
        user, database = cursor.fetchone()
    return JsonResponse({"user": user, "database": database})


def models(request):
    with urlopen(os.environ["UBERTOOL_REST_SERVER"] + "/hms/gis/test/", timeout=20) as answer:
        return JsonResponse(json.load(answer))


urlpatterns = [path("", home), path("pisces/", pisces), path("models/", models)]
