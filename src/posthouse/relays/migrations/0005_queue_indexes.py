"""The indexes of the queue: by themselves, for PostgreSQL alters no table in a transaction that changed its rows."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("relays", "0004_queue"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AlterField(
            model_name="relay",
            name="sender",
            field=models.ForeignKey(
                db_index=False,
                help_text="the package's: senders take turns",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(
                fields=["destination", "state", "size_class", "priority", "rank", "id"], name="relay_new"
            ),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(fields=["destination", "state", "size_class", "next_try_at"], name="relay_again"),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(fields=["sender", "destination", "size_class", "state", "rank"], name="relay_last"),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(fields=["state", "since"], name="relay_state"),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(fields=["-created_at"], name="relay_made"),
        ),
        migrations.AddIndex(
            model_name="relay",
            index=models.Index(fields=["sender", "-created_at"], name="relay_sent"),
        ),
    ]
