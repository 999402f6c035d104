"""Django's settings, made from the server's options."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from posthouse.config.options import Options

POSTHOUSE = Options()

DEBUG = POSTHOUSE.debug
# A missing secret means that `posthouse init` has not run: a passing one lets the other commands say so.
SECRET_KEY = POSTHOUSE.secret.read_text().strip() if POSTHOUSE.secret.is_file() else secrets.token_urlsafe(64)
ALLOWED_HOSTS = ["*"]  # Links are made from the options, never from the Host header.

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "posthouse.web",
    "posthouse.jobs",
    "posthouse.audit",
    "posthouse.licensing",
    "posthouse.store",
    "posthouse.cluster",
    "posthouse.accounts",
    "posthouse.notices",
    "posthouse.directory",
    "posthouse.homes",
    "posthouse.contacts",
    "posthouse.packages",
    "posthouse.outside",
    "posthouse.transfers",
    "posthouse.relays",
    "posthouse.dispatches",
    "posthouse.sync",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "posthouse.accounts.middleware.SessionTimeoutMiddleware",
    "posthouse.accounts.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "posthouse.config.urls"
ASGI_APPLICATION = "posthouse.config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "posthouse.web.context.server",
                "posthouse.notices.context.conditions",
            ],
            "builtins": ["posthouse.web.templatetags.posthouse"],
        },
    }
]


def _database(options: Options) -> dict[str, Any]:
    """Return Django's description of the database: SQLite in the data folder, or the PostgreSQL of the URL."""
    if options.database_url is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": options.data_dir / "posthouse.sqlite3",
            "OPTIONS": {
                # IMMEDIATE: a transaction that will write waits for its turn at the start, not half way.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # FULL: with NORMAL a power cut loses commits that were acknowledged.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            # Tests share one file among their threads, as the server does.
            "TEST": {"NAME": options.data_dir / "test.sqlite3"},
        }
    url = urlsplit(options.database_url)
    if url.scheme not in {"postgres", "postgresql"} or not url.path.strip("/"):
        raise ImproperlyConfigured("database_url must read postgresql://user@host:5432/name")
    password = unquote(url.password or "")
    if options.database_password_file:
        password = options.database_password_file.read_text().strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": password,
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        # A connection that the pool has kept over a restart of the database is noticed, and replaced.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 16, "timeout": 30}},
    }


DATABASES = {"default": _database(POSTHOUSE)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "posthouse.accounts.backends.PasswordBackend",
    "posthouse.directory.backends.DirectoryBackend",
]
# A constraint of its own keeps a user name to one shared and one local account, and the backend knows both.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
PASSWORD_HASHERS = ["posthouse.accounts.hashers.TakingTurns"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("login", "name", "email")},
    },
    {"NAME": "posthouse.accounts.passwords.Rules"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "packages:received"
LOGOUT_REDIRECT_URL = "accounts:login"

SESSION_ENGINE = "posthouse.accounts.sessions"
SESSION_COOKIE_AGE = POSTHOUSE.session_minutes * 60
# Cookies are not kept apart by port, and several servers may share one host name: each has names of its own.
SESSION_COOKIE_NAME = f"posthouse_{POSTHOUSE.port}"
CSRF_COOKIE_NAME = f"posthouse_csrf_{POSTHOUSE.port}"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = POSTHOUSE.prefix + "/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "posthouse.web.errors.csrf_failure"

SECURE_PROXY_SSL_HEADER = None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # log-in names are unique by a constraint of their own, which knows of case and of removed users
    "security.W004",  # HSTS would lock people out of a server whose certificate is self-made
    "security.W008",  # plain HTTP is not served at all, so there is nothing to redirect
    "security.W018",  # DEBUG: posthouse.W010 says it with its cure
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the style sheet draws its small icons as data: images
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

STATIC_URL = f"{POSTHOUSE.prefix}/static/"
STATIC_ROOT = Path(POSTHOUSE.data_dir) / "static"
SERVESTATIC_USE_FINDERS = True

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# Pages and forms are small; file contents never pass through Django.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
# A body up to this size waits in memory, a longer one on the disk; 0 would mean: in memory, however long it is.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LOGGING_CONFIG = None  # posthouse.config.logs sets it up, at the start of each process
