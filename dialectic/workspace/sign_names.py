"""What names stand for: imports, aliases and the ways around them, followed to dotted paths.

``a = os`` makes ``a.system`` the path ``os.system``; so do ``from os import system as s``, ``getattr(os, "system")``,
``torch.os.system``, ``f(m=os)``, ``[os][0].system``, ``self.o = os`` and a function that returns ``os``. Scopes are not
told apart: a name has every path that it has anywhere. What cannot be followed has none, and is looked at by the
cage alone.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from typing import Any

from dialectic.workspace.sign_rules import BUILTINS, THROUGH

Paths = frozenset[str]
NOTHING: Paths = frozenset()
ROUNDS = 4
"""How many aliases of aliases are followed."""
INSTANCES = ("ctypes.", "prepare.Clock", "prepare.LiveEvents", "prepare.current_profile", "torch.Generator")
"""Calls whose result keeps the path, so that what is done with it can be told."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
BINDING = (
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.withitem, ast.For, ast.comprehension,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef,
)  # fmt: skip
"""Nodes that give names a meaning."""


def folded(node: ast.AST | None) -> str | None:
    """The string that a constant expression makes, also one that is put together of pieces; None for anything else."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = folded(node.left), folded(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.JoinedStr):
        parts = [folded(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
        return None if None in parts else "".join(part for part in parts if part is not None)
    return None


class Tree:
    """The nodes of one file by their kind, outer ones before inner ones."""

    def __init__(self, text: str) -> None:
        self.kinds: dict[type[ast.AST], list[Any]] = {}
        self.returned: list[tuple[str, ast.expr]] = []
        """What functions return, as far as it is a name: ``name()`` and the value."""
        waiting: deque[tuple[ast.AST, str]] = deque([(ast.parse(text), "")])
        while waiting:
            node, owner = waiting.popleft()
            kind = type(node)
            self.kinds.setdefault(kind, []).append(node)
            if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                owner = f"{node.name}()"  # type: ignore[attr-defined]
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Name | ast.Attribute):
                self.returned.append((owner, node.value))
            for name in kind._fields:
                part = getattr(node, name, None)
                if type(part) is list:
                    waiting.extend((one, owner) for one in part if isinstance(one, ast.AST))
                elif isinstance(part, ast.AST) and name not in ("ctx", "op"):
                    waiting.append((part, owner))

    def of(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """The nodes of these kinds."""
        for kind in kinds:
            yield from self.kinds.get(kind, ())


class Names:
    """The names of one file."""

    def __init__(self, tree: Tree) -> None:
        self.found: dict[str, Paths] = {}
        """Name → paths; ``.name`` for an attribute that was set on anything, ``name()`` for what a function returns."""
        self.own: set[str] = set()
        """Names of functions, classes and parameters: they hide a builtin of the same name."""
        self.imported: set[str] = set()
        self.settled = False
        self.settled_paths: dict[int, Paths] = {}
        given: list[tuple[str, ast.expr]] = []
        for statement in tree.of(ast.Import, ast.ImportFrom):
            self._import(statement)
        self.brought = dict(self.found)
        """What the import statements alone bind."""
        for node in tree.of(*BINDING):
            self._read(node, given)
        given += tree.returned
        for _ in range(ROUNDS):
            before = dict(self.found)
            for name, value in given:
                self._add(name, self.paths(value))
            if before == self.found:
                break
        self.settled = True

    def paths(self, node: ast.AST | None) -> Paths:
        """Every dotted path that an expression may stand for."""
        if not self.settled:
            return self._paths(node)
        known = self.settled_paths.get(id(node))
        if known is None:
            known = self.settled_paths[id(node)] = self._paths(node)
        return known

    def _paths(self, node: ast.AST | None) -> Paths:
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(self.paths(node.value), node.attr) or self.found.get(f".{node.attr}", NOTHING)
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Starred):
            return self.paths(node.value)
        parts: list[ast.expr] = []
        if isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            parts = node.values
        elif isinstance(node, ast.Lambda):
            return NOTHING
        return frozenset().union(*(self.paths(part) for part in parts)) if parts else NOTHING

    def module(self, path: str) -> bool:
        """Whether a path begins at something that was imported, or at a builtin."""
        return path.split(".", 1)[0] in self.imported

    def _named(self, name: str) -> Paths:
        known = self.found.get(name, NOTHING)
        if name in BUILTINS and name not in self.own:
            return known | {f"builtins.{name}"}
        return known

    def _attribute(self, bases: Paths, attribute: str) -> Paths:
        found = set()
        for base in bases:
            if base == "builtins.__builtins__" or base.endswith(".__builtins__"):
                found.add(f"builtins.{attribute}")
            elif attribute in THROUGH and not (base == "numpy" and attribute == "random"):
                found.add("random" if base == "torch" and attribute == "random" else attribute)
            else:
                found.add(f"{base}.{attribute}")
        if "torch" in bases and attribute in ("random", "multiprocessing"):
            return frozenset({f"torch.{attribute}"})
        return frozenset(found)

    def _called(self, node: ast.Call) -> Paths:
        callee = self.paths(node.func)
        first = folded(node.args[0]) if node.args else None
        if "builtins.getattr" in callee and len(node.args) > 1:
            name = folded(node.args[1])
            return self._attribute(self.paths(node.args[0]), name) if name else NOTHING
        if callee & {"builtins.__import__", "importlib.import_module"} and first:
            self.imported.add(first.split(".")[0])
            return frozenset({first})
        if isinstance(node.func, ast.Name) and f"{node.func.id}()" in self.found:
            return self.found[f"{node.func.id}()"]
        kept = {path for path in callee if path.startswith(INSTANCES) and not path.endswith("()")}
        return frozenset(f"{path}()" for path in kept)

    def _item(self, node: ast.Subscript) -> Paths:
        key = folded(node.slice)
        bases = self.paths(node.value)
        if key and "sys.modules" in bases:
            return frozenset({key})
        if key and any(base.endswith(("__builtins__", "__dict__", "globals()")) for base in bases):
            return self._attribute(frozenset(base.removesuffix(".__dict__") for base in bases), key)
        parts: list[ast.expr] = []
        if isinstance(node.value, ast.List | ast.Tuple | ast.Set):
            parts = node.value.elts
        elif isinstance(node.value, ast.Dict):
            parts = node.value.values
        return frozenset().union(*(self.paths(part) for part in parts)) if parts else bases

    def _add(self, name: str, paths: Paths) -> None:
        if paths:
            self.found[name] = self.found.get(name, NOTHING) | paths

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = getattr(node, "module", None) or ""
        for alias in node.names:
            self.imported.add((module or alias.name).split(".")[0])
            if module:
                self._add(alias.asname or alias.name, self._attribute(frozenset({module}), alias.name))
            else:
                root = alias.name.split(".")[0]
                self._add(alias.asname or root, frozenset({alias.name if alias.asname else root}))

    def _read(self, node: ast.AST, given: list[tuple[str, ast.expr]]) -> None:
        """Take in what one node binds."""
        if isinstance(node, ast.Assign):
            for target in node.targets:
                given += _bindings(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            given += _bindings(node.target, node.value)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            given += _bindings(node.optional_vars, node.context_expr)
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple | ast.List | ast.Set):
            given += [pair for one in node.iter.elts for pair in _bindings(node.target, one)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            self._read_function(node, given)
        elif isinstance(node, ast.ClassDef):
            self.own.add(node.name)

    def _read_function(self, node: Function | ast.Lambda, given: list[tuple[str, ast.expr]]) -> None:
        arguments = node.args
        defaults = dict(_defaults(arguments))
        given += defaults.items()
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            default = defaults.get(argument.arg)
            if not (isinstance(default, ast.Name) and default.id in BUILTINS):
                self.own.add(argument.arg)
        if isinstance(node, ast.Lambda):
            return
        self.own.add(node.name)


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    if arguments.defaults:
        for argument, default in zip(plain[-len(arguments.defaults) :], arguments.defaults, strict=True):
            yield argument.arg, default
    for argument, maybe in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if maybe is not None:
            yield argument.arg, maybe


def _bindings(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    """Names, and attributes as ``.name``, that a target binds to a value."""
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Attribute):
        return [(f".{target.attr}", value)]
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        return [pair for one, part in zip(target.elts, value.elts, strict=False) for pair in _bindings(one, part)]
    return []
