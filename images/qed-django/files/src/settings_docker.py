"""The settings QED's Django has in its image, as far as the way they come goes."""

import os
from pathlib import Path

_SECRETS = Path("/src/secrets")


def _secret(name):
    return (_SECRETS / name).read_text().strip()


SECRET_KEY = _secret("secret_key_django_dropbox.txt")
DEBUG = os.environ.get("IS_PUBLIC") != "True"
ALLOWED_HOSTS = ["*"] if "KUBE" in os.environ["DOCKER_HOSTNAME"] else ["localhost"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409"]  # nobody logs in here
ROOT_URLCONF = "demo.urls"
STATIC_URL = "/static_qed/"
STATIC_ROOT = "/src/collected_static"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/src/db.sqlite3"},
    "pisces_db": {  # a server of somebody else's, as in the original
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "pisces",
        "USER": "somebody",
        "PASSWORD": _secret("secret_key_database.txt"),
        "HOST": "database.invalid",
        "PORT": "5432",
    },
}
