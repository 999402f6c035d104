from django.db import migrations

TABLES = ("cluster_server", "accounts_workgroup", "accounts_user", "accounts_membership")


def drop_triggers(_apps, schema_editor):
    """Drop SQLite's triggers, which name the column. They are made anew after the migrations."""
    if schema_editor.connection.vendor == "sqlite":
        for table in TABLES:
            for event in ("insert", "update", "delete"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_note_{event}")


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0003_marks_holds_rhythm"),
    ]

    operations = [
        migrations.RunPython(drop_triggers, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField(
            model_name="counter",
            name="quiet",
        ),
    ]
