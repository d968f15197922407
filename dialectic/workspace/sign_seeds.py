"""Whether a seed is the runner's: ``prepare.run_seed()``, or counted on from it."""

from __future__ import annotations

import ast

from dialectic.workspace.sign_names import Names, Tree
from dialectic.workspace.sign_rules import SEEDING

BINDING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.comprehension)
DEPTH = 3
"""So many names are followed from a seed back to where it comes from."""


class Seeds:
    """The seeds of one file."""

    def __init__(self, tree: Tree, names: Names) -> None:
        self.tree = tree
        self.names = names

    def sets(self, call: ast.Call) -> bool:
        """Whether a call fixes or draws a seed."""
        method = isinstance(call.func, ast.Attribute) and call.func.attr == "manual_seed"
        return method or bool(self.names.paths(call.func) & SEEDING)

    def from_the_runner(self, call: ast.Call) -> bool:
        """Whether the seed that it sets is the runner's; a call without one draws it, which is not."""
        seeds = [*call.args[:1], *(word.value for word in call.keywords)]
        return bool(seeds) and all(self._follows(seed, DEPTH) for seed in seeds)

    def _follows(self, node: ast.expr, depth: int) -> bool:
        if isinstance(node, ast.Call):
            if "builtins.int" in self.names.paths(node.func) and len(node.args) == 1:
                return self._follows(node.args[0], depth)
            # A bit generator may stand between: Generator(PCG64(run_seed())).
            between = self.sets(node) and self.from_the_runner(node)
            return between or "prepare.run_seed" in self.names.paths(node.func)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.BitXor):
            # Anything else can make a constant of it: 0 * run_seed() + 42.
            return self._follows(node.left, depth) or self._follows(node.right, depth)
        if isinstance(node, ast.Tuple | ast.List):
            return any(self._follows(one, depth) for one in node.elts)
        if isinstance(node, ast.Name) and depth:
            values = self._values(node.id)
            return bool(values) and all(self._follows(value, depth - 1) for value in values)
        return False

    def _values(self, name: str) -> list[ast.expr]:
        """Every value that a plain name is given anywhere."""
        found = []
        for node in self.tree.of(*BINDING):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.iter if isinstance(node, ast.For | ast.comprehension) else node.value
            if value is not None and any(isinstance(one, ast.Name) and one.id == name for one in targets):
                found.append(value)
        return found
