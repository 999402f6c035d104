import django.db.models.functions.text
from django.db import migrations, models

import posthouse.lib.ids


class Migration(migrations.Migration):
    """Nothing was released with the former key, so nothing has to be carried over."""

    dependencies = [("accounts", "0008_outside")]

    operations = [
        migrations.DeleteModel("Standard"),
        migrations.CreateModel(
            name="Standard",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=posthouse.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("role", models.CharField(max_length=16)),
                (
                    "permissions",
                    models.CharField(
                        help_text="words of posthouse.accounts.permissions, with spaces between", max_length=200
                    ),
                ),
                (
                    "quota",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="bytes that a person may send within quota_days; empty: no limit",
                        null=True,
                    ),
                ),
                ("quota_days", models.PositiveIntegerField(default=30)),
                (
                    "package_limit",
                    models.PositiveBigIntegerField(
                        blank=True, help_text="bytes of one package; empty: no limit", null=True
                    ),
                ),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("role"),
                        condition=models.Q(("removed_at", None)),
                        name="standard_once",
                    )
                ],
            },
        ),
    ]
