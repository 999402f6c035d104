from django.db import migrations

FIELDS = ("login", "name", "email")


def add(_apps, schema_editor):
    """PostgreSQL meets LIKE 'al%' only in an index by code point; SQLite's indexes are all of that kind."""
    if schema_editor.connection.vendor == "postgresql":
        for field in FIELDS:
            schema_editor.execute(
                f"CREATE INDEX user_{field}_prefix ON accounts_user (LOWER({field}) text_pattern_ops)"
            )


def remove(_apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for field in FIELDS:
            schema_editor.execute(f"DROP INDEX user_{field}_prefix")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
