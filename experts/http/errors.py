"""What can go wrong between here and a server."""

from __future__ import annotations


class HttpError(Exception):
    """No answer, or none that can be read."""


class WrongAddress(HttpError):
    """Nothing can be sent there: it is no URL, its certificate is not to be trusted, or a header is not one."""


class Unreachable(HttpError):
    """No connection could be made."""


class HungUp(HttpError):
    """The connection ended before there was a whole head.

    Args:
        answered: Whether anything of an answer had come.
    """

    def __init__(self, *, answered: bool) -> None:
        super().__init__("the connection ended before an answer began")
        self.answered = answered


class UnreadableHead(HttpError):
    """What came is no head of an answer."""


class BrokeOff(HttpError):
    """The body ended, or made no sense, before it was whole."""
