from django.db import migrations


class Migration(migrations.Migration):
    """Two migrations came at the same time: both are seventh."""

    dependencies = [
        ("accounts", "0007_outside"),
        ("accounts", "0007_without_change_numbers"),
    ]

    operations = []
