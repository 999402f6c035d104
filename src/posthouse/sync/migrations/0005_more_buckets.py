"""Buckets by four digits instead of three. Their digests and indexes are made anew after the migrations."""

from django.db import migrations, models

TABLES = (
    "cluster_server",
    "accounts_workgroup",
    "accounts_standard",
    "packages_outsidepolicy",
    "accounts_passwordrules",
    "accounts_user",
    "homes_rule",
)


def forget(apps, schema_editor):
    """Forget the digests of the old buckets, and drop the indexes that find their rows."""
    apps.get_model("sync", "Bucket").objects.all().delete()
    for table in TABLES:
        schema_editor.execute(f"DROP INDEX IF EXISTS {table}_bucket")


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0004_remove_counter_quiet"),
    ]

    operations = [
        migrations.RunPython(forget, forget, elidable=True),
        migrations.AlterField(
            model_name="bucket",
            name="name",
            field=models.CharField(max_length=4),
        ),
    ]
