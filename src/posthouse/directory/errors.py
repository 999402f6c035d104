"""What can go wrong with a directory. Every message is a sentence for an administrator, and `cure` says what to do.

DirectoryError
    Away                   no server of the directory can be reached, or it broke off
        NameUnknown        ... because the name service does not know its name
        WrongCertificate   ... because of its certificate
    Incomplete             an answer that is not whole: what was read so far counts for nothing
    NotFound               there is no such entry, base or group
    Forbidden              the directory does not let this server do it
        WrongPassword      ... because name or password are wrong
        NotActive          ... because the account may not log in: switched off, expired
        MustChange         ... before the password is changed: it has expired
    BadSetting             something that was set cannot be used: a filter, a name, a certificate
"""

from __future__ import annotations


class DirectoryError(Exception):
    """A directory does not do what was asked."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class Away(DirectoryError):
    """No server of the directory can be reached, or the line broke."""


class NameUnknown(Away):
    """The name service does not know the name of the directory's server."""


class WrongCertificate(Away):
    """The directory's server shows a certificate that proves nothing."""


class Incomplete(DirectoryError):
    """The directory did not send everything: nobody may be missed because of it."""


class NotFound(DirectoryError):
    """There is no such entry."""


class Forbidden(DirectoryError):
    """The directory does not let this server do it."""


class WrongPassword(Forbidden):
    """The name or the password is wrong."""


class NotActive(Forbidden):
    """The account may not log in."""


class MustChange(Forbidden):
    """The password is right, but has expired."""


class BadSetting(DirectoryError):
    """Something that was set cannot be used."""
