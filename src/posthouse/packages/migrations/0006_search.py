import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

WORDS = {
    # Without an index for the beginnings of words all words that begin so would be put together for each question.
    # "=" and "@" mark words that no text yields. Words are cut before they come here.
    "sqlite": """
        CREATE VIRTUAL TABLE packages_words
        USING fts5(words, tokenize="ascii tokenchars '=@'", detail=none, prefix='2 3 4 5 6')
    """,
    # Without a list of pending changes: that would be read from its start to its end by every question.
    "postgresql": """
        ALTER TABLE packages_place ADD COLUMN words tsvector;
        CREATE INDEX packages_words ON packages_place USING gin (words) WITH (fastupdate = off)
    """,
}


def add(_apps, schema_editor):
    schema_editor.execute(WORDS[schema_editor.connection.vendor])


def remove(_apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE packages_words")


def begin(apps, _schema_editor):
    """Packages that are there already are put into the index by the worker, batch by batch."""
    if apps.get_model("packages", "Package").objects.exists():
        apps.get_model("packages", "Indexing").objects.create()


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("packages", "0005_encryption"),
    ]
    operations = [
        migrations.CreateModel(
            name="Place",
            fields=[
                (
                    "number",
                    models.BigAutoField(
                        help_text="grows with the time at which the package came here",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "package",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="place", to="packages.package"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Indexing",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "number",
                    models.BigIntegerField(default=0, help_text="the last number that was given; they go down from -1"),
                ),
                (
                    "before_at",
                    models.DateTimeField(blank=True, help_text="packages made before are still to be done", null=True),
                ),
                ("before_id", models.UUIDField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Renamed",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "behind",
                    models.BigIntegerField(
                        blank=True, help_text="places with smaller numbers are still to be done", null=True
                    ),
                ),
            ],
        ),
        migrations.RunPython(add, remove),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
