"""User names in the form in which they are looked for: letters beyond ASCII in lower case.

Where SQLite had let in two names that differ in that alone, the later one gets a number behind it.
"""

from django.db import migrations

from posthouse.accounts.rules import normal


def bring_into_form(apps, _schema_editor):
    """Rename whom nobody could find under his name any more."""
    users = apps.get_model("accounts", "User").objects
    for pk, login, local in users.filter(removed_at=None).order_by("created_at").values_list("pk", "login", "local"):
        wanted = normal(login)
        if wanted == login:
            continue
        number, name = 1, wanted
        while users.filter(removed_at=None, local=local, login__iexact=name).exclude(pk=pk).exists():
            number += 1
            name = f"{wanted[:140]}-{number}"
        users.filter(pk=pk).update(login=name)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_mails"),
    ]

    operations = [
        migrations.RunPython(bring_into_form, migrations.RunPython.noop, elidable=True),
    ]
