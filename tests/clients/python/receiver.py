"""A receiver as its owner would have written it: Django with django-anymail's Mailgun view.

Prints the port it listens on, then one JSON line for each request: the status it answered, what
the vendor's own verifier says of the signature, and the tracking events that anymail read.
"""

import json
import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.dispatch import receiver

SIGNING_KEY = os.environ["WAYPOST_SIGNING_KEY"]

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ANYMAIL={"MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY},
    INSTALLED_APPS=["anymail"],
    MIDDLEWARE=["receiver.Witness"],
    ROOT_URLCONF="receiver",
    SECRET_KEY="none is needed here",
    USE_TZ=True,
)
django.setup()

from anymail.signals import tracking  # noqa: E402  (wants the settings above)
from django.urls import include, path  # noqa: E402
from mailgun.security import SecurityGuard  # noqa: E402

urlpatterns = [path("anymail/", include("anymail.urls"))]
seen = []


@receiver(tracking)
def remember(sender, event, esp_name, **kwargs):
    fields = ("event_type", "recipient", "message_id", "tags", "metadata", "reject_reason",
              "description", "mta_response", "click_url", "user_agent")
    seen.append({field: getattr(event, field) for field in fields})


class Witness:
    """Writes down each request with the answer it got."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        body = json.loads(request.body)
        signature = body["signature"]
        parts = {part: signature[part] for part in ("token", "timestamp", "signature")}
        genuine = SecurityGuard.verify_webhook(signing_key=SIGNING_KEY, **parts)
        seen.clear()
        response = self.get_response(request)
        print(json.dumps({"status": response.status_code, "genuine": genuine, "events": seen,
                          "body": body}), flush=True)
        return response


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    # Django imports the middleware by name; it must find this very module.
    sys.modules["receiver"] = sys.modules["__main__"]
    from django.core.wsgi import get_wsgi_application

    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
