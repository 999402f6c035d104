"""`posthouse send`, `fetch`, `list` and the others: what people do with packages, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from posthouse.cli.errors import Stop
from posthouse.cli.letter import Letter

app = typer.Typer()

Server = Annotated[str, typer.Option(help="Address of the server: https://host/namespace/.")]
Person = Annotated[str, typer.Option(help="User name there.")]
Pinned = Annotated[Path | None, typer.Option(help="Accept this certificate (PEM) and no other.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File with the password; without it, you are asked.")]
PassphraseFile = Annotated[Path | None, typer.Option(help="File with the passphrase; without it, you are asked.")]
PackageId = Annotated[str, typer.Argument(help="Id of the package, or the address of its page.")]

Names = list[str] | None
To = Annotated[Names, typer.Option(help="User name or e-mail address; more than once.")]
Private = Annotated[Names, typer.Option(help="Private recipient: gets it, and no other recipient is told; likewise.")]
CcUpload = Annotated[Names, typer.Option(help="CC on upload: told when it has been uploaded; likewise.")]
CcReceipt = Annotated[Names, typer.Option(help="CC on receipt: told when every recipient can fetch it; likewise.")]
CcDownload = Annotated[Names, typer.Option(help="CC on download: told when a recipient has downloaded all; likewise.")]
Title = Annotated[str, typer.Option(help="Title of the package.")]
Note = Annotated[str, typer.Option(help="A note to the recipients.")]
Days = Annotated[int | None, typer.Option(min=0, help="Days until it ends; 0: it does not end by itself.")]
After = Annotated[str, typer.Option(help="When it was downloaded: keep, any or all.")]
Release = Annotated[str, typer.Option(help="Nobody can fetch it before: 2030-12-31T18:00.")]
LinkDays = Annotated[
    int | None, typer.Option(min=0, help="Days a link for people outside is good; 0: as long as the package.")
]
LinkOnce = Annotated[bool, typer.Option("--link-once", help="A link ends a day after everything was downloaded by it.")]
LinkPasswordFile = Annotated[Path | None, typer.Option(help="File with a password for the links.")]


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    server: Server,
    user: Person,
    to: To = None,
    private: Private = None,
    cc_upload: CcUpload = None,
    cc_receipt: CcReceipt = None,
    cc_download: CcDownload = None,
    title: Title = "",
    note: Note = "",
    days: Days = None,
    after: After = "",
    release: Release = "",
    link_days: LinkDays = None,
    link_once: LinkOnce = False,
    link_password_file: LinkPasswordFile = None,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt the files with a passphrase.")] = False,
    go_on: Annotated[str, typer.Option(help="Id of a package whose upload was interrupted: send the rest.")] = "",
    certificate: Pinned = None,
    password_file: PasswordFile = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Send files and folders as a package."""
    from posthouse.cli import post

    place = post.Place(server, user, certificate, password_file)
    if go_on:
        post.go_on(place, go_on, files, lambda: post.secret(passphrase_file, "Passphrase"), typer.echo)
        return
    passphrase = post.secret(passphrase_file, "Passphrase") if encrypt or passphrase_file else None
    cc = _cc(cc_upload, cc_receipt, cc_download)
    links = (link_days, link_once, _password(link_password_file))
    letter = Letter(title, note, to or [], private or [], cc, days, after, release, *links)
    post.send(place, letter, files, passphrase, typer.echo)


@app.command()
def forward(
    package: PackageId,
    server: Server,
    user: Person,
    to: To = None,
    private: Private = None,
    cc_upload: CcUpload = None,
    cc_receipt: CcReceipt = None,
    cc_download: CcDownload = None,
    title: Title = "",
    note: Note = "",
    days: Days = None,
    after: After = "",
    release: Release = "",
    link_days: LinkDays = None,
    link_once: LinkOnce = False,
    link_password_file: LinkPasswordFile = None,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """Send the files of a package on in a new one, without a new upload. It keeps the title if none is given."""
    from posthouse.cli import desk, post

    cc = _cc(cc_upload, cc_receipt, cc_download)
    links = (link_days, link_once, _password(link_password_file))
    letter = Letter(title, note, to or [], private or [], cc, days, after, release, *links)
    desk.forward(post.Place(server, user, certificate, password_file), package, letter, typer.echo)


@app.command()
def fetch(
    package: Annotated[str, typer.Argument(help="Id of the package, or the address of its page or link.")],
    server: Server,
    paths: Annotated[list[str] | None, typer.Argument(help="Only these files and folders of it.")] = None,
    folder: Annotated[Path, typer.Option("--into", help="Folder to put them in.")] = Path(),
    user: Person = "",
    certificate: Pinned = None,
    password_file: PasswordFile = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Fetch a package. Run again after an interruption, it goes on where it was."""
    from posthouse.cli import post

    place = post.Place(server, user, certificate, password_file)
    post.fetch(place, package, paths or [], folder, lambda: post.secret(passphrase_file, "Passphrase"), typer.echo)


@app.command("list")
def list_(
    server: Server,
    user: Person,
    name: Annotated[str, typer.Argument(metavar="LIST", help="received, sent or archive.")] = "received",
    search: Annotated[str, typer.Option(help="Only packages with all these words.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """List packages, newest first, or search them."""
    from posthouse.cli import desk, post

    rows = desk.listed(post.Place(server, user, certificate, password_file), name, search, limit)
    if as_json:
        typer.echo(json.dumps({"packages": rows}, indent=2))
        return
    for row in rows:
        typer.echo(desk.line(row))


@app.command()
def recall(
    package: PackageId,
    server: Server,
    user: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Recall it without a question.")] = False,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """Recall a package that one has sent: nobody can fetch it any more, on any server."""
    if not yes and not typer.confirm("Nobody will be able to fetch it any more. This cannot be undone. Recall it?"):
        raise Stop("Nothing was changed.")
    _act(server, user, certificate, password_file, package, "end/recall")


@app.command()
def release(
    package: PackageId,
    server: Server,
    user: Person,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """Let recipients fetch a package now that was to wait."""
    _act(server, user, certificate, password_file, package, "release")


@app.command()
def archive(
    package: PackageId,
    server: Server,
    user: Person,
    back: Annotated[bool, typer.Option("--back", help="Put it back among the received ones.")] = False,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """Put a package that one has received into the archive."""
    _act(server, user, certificate, password_file, package, "put/back" if back else "put/archive")


@app.command()
def delete(
    package: PackageId,
    server: Server,
    user: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it without a question.")] = False,
    certificate: Pinned = None,
    password_file: PasswordFile = None,
) -> None:
    """Delete a package that one has received, for oneself."""
    if not yes and not typer.confirm("You will not be able to fetch it any more. Delete it?"):
        raise Stop("Nothing was changed.")
    _act(server, user, certificate, password_file, package, "put/delete")


def _act(server: str, user: str, certificate: Path | None, password: Path | None, package: str, way: str) -> None:
    from posthouse.cli import desk, post

    desk.act(post.Place(server, user, certificate, password), package, way, typer.echo)


def _cc(upload: Names, receipt: Names, download: Names) -> dict[str, list[str]]:
    return {"upload": upload or [], "receipt": receipt or [], "download": download or []}


def _password(file: Path | None) -> str:
    from posthouse.cli import post

    return post.secret(file, "Password of the links") if file else ""
