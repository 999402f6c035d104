import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """Nothing was released with the former key, so nothing has to be carried over."""

    dependencies = [("packages", "0003_outside")]

    operations = [
        migrations.DeleteModel("OutsidePolicy"),
        migrations.CreateModel(
            name="OutsidePolicy",
            fields=[
                ("id", models.UUIDField(default=uuid.UUID(int=1), editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(default="outside", editable=False, max_length=20)),
                (
                    "allowed",
                    models.BooleanField(
                        default=True,
                        help_text="By people who have the permission for it.",
                        verbose_name="Packages may be sent to outside e-mail addresses",
                    ),
                ),
                (
                    "days",
                    models.PositiveIntegerField(
                        blank=True,
                        default=30,
                        help_text="Empty: as long as the package.",
                        null=True,
                        verbose_name="Days a link is good at most",
                    ),
                ),
                (
                    "once",
                    models.BooleanField(
                        default=False, verbose_name="A link ends a day after everything was downloaded by it"
                    ),
                ),
                (
                    "password",
                    models.CharField(
                        choices=[("may", "may be asked for"), ("must", "must be asked for")],
                        default="may",
                        max_length=4,
                        verbose_name="A password for the link",
                    ),
                ),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
        ),
    ]
