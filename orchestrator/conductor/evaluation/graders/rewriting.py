"""Rewrites what puzzles use and the sandbox lacks into what it has. Only what is listed here."""

from __future__ import annotations

import ast


def rewritten(source: str) -> str:
    """Return a puzzle's code with ``x.is_integer()`` written as ``x % 1 == 0``.

    Code without it, or that cannot be parsed here, is returned as it is.
    """
    if ".is_integer()" not in source:
        return source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    return ast.unparse(ast.fix_missing_locations(_Rewriting().visit(tree)))


class _Rewriting(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "is_integer" and not node.args:
            rest = ast.BinOp(function.value, ast.Mod(), ast.Constant(1))
            return ast.Compare(rest, [ast.Eq()], [ast.Constant(0)])
        return node
