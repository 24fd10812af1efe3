"""Checkmate in one: the move is legal in the position, and it is mate. Any mate is right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask

if TYPE_CHECKING:
    import chess

_SAN = re.compile(r"(?:[KQRBN]?[a-h]?[1-8]?x?[a-h][1-8](?:=?[QRBN])?|O-O(?:-O)?)")
_NUMBER = re.compile(r"[0-9]{1,3}[ \t]*(?:\.\.\.|…|\.)[ \t]*")
_MOVETEXT = re.compile(r"[0-9]+\.+[ \t]*([^\s.]+)|(\S+)")
_INSTALL = "chess positions are graded by a package: pip install 'composition-of-experts[chess]'"
_FEN = re.compile(
    r"(?:[pnbrqkPNBRQK1-8]+/){7}[pnbrqkPNBRQK1-8]+ [wb] (?:[KQkq]+|-) (?:[a-h][36]|-)\S*"
)


class ChessMissing(Exception):
    """The package that knows the rules of chess is not installed; says how to get it."""


def grade(answer: str, task: GradedTask) -> Grade:
    """Grade a move in algebraic notation, with or without its number and its ``+``, ``#``, ``!``.

    Raises:
        ValueError: If the prompt holds no position.
        ChessMissing: If the package is not installed.
    """
    board = position_of(task)
    move = _NUMBER.sub("", answer.strip(), count=1) if _NUMBER.match(answer.strip()) else answer
    move = move.strip().rstrip("+#!?").replace("0-0-0", "O-O-O").replace("0-0", "O-O")
    if not _SAN.fullmatch(move):
        return wrong("it is not one move in algebraic notation")
    try:
        board.push_san(move)
    except ValueError as error:
        ambiguous = "ambiguous" in str(error)
        return wrong(f"{move} {'may be several moves' if ambiguous else 'is no legal move here'}")
    return RIGHT if board.is_checkmate() else wrong(f"{move} is not mate")


def position_of(task: GradedTask) -> chess.Board:
    """Return the position: the prompt's FEN, or where its moves lead from the beginning.

    Raises:
        ValueError: If there are neither.
        ChessMissing: If the package is not installed.
    """
    try:
        import chess
    except ImportError as error:
        raise ChessMissing(_INSTALL) from error
    fen = task.fields.get("fen") or (found[0] if (found := _FEN.search(task.prompt)) else None)
    if fen:
        return chess.Board(str(fen))
    start = re.search(r"\b1\.", task.prompt)
    if start is None:
        raise ValueError("the prompt holds no position")
    board = chess.Board()
    for numbered, bare in _MOVETEXT.findall(task.prompt[start.start() :]):
        move = numbered or bare
        if not _SAN.fullmatch(move.rstrip("+#!?")):
            break  # words follow the moves
        board.push_san(move.rstrip("!?"))
    return board
