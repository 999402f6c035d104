"""A relay that is for nobody any more says so by itself, not by the words of who cancelled it."""

from django.db import migrations, models


def mark(apps, schema_editor):
    relays = apps.get_model("relays", "Relay").objects.using(schema_editor.connection.alias)
    relays.filter(cancelled_by="this server, for nobody whom it is for lives there any more").update(for_nobody=True)


class Migration(migrations.Migration):
    dependencies = [
        ("relays", "0006_cut_through"),
    ]

    operations = [
        migrations.AddField(
            model_name="relay",
            name="for_nobody",
            field=models.BooleanField(
                default=False,
                help_text="it ends because nobody whom it was for lives there any more: it counts no longer",
            ),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
