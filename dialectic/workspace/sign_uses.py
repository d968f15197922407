"""What one ``train.py`` uses that could be a sign of cheating; comments and docstrings are no code."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from dialectic.workspace.sign_names import Names, Paths, Tree, folded
from dialectic.workspace.sign_rules import (
    CLOCK_PARTS,
    DANGEROUS,
    DUNDERS,
    FILE_METHODS,
    HONEST_IMPORTS,
    PREPARE_DATA,
    PREPARE_OPEN,
    SETTINGS,
    Rule,
    import_rule,
    rule_of,
    string_rule,
)
from dialectic.workspace.sign_seeds import Seeds

SHOWN = 80
"""Characters of the code that a sign quotes."""
STORES = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.For, ast.withitem)
RAW_NAMES = ("builtins.__builtins__", "builtins.__loader__", "builtins.__spec__")
ACCESS = {
    "builtins.getattr": "get",
    "builtins.hasattr": "get",
    "builtins.vars": "vars",
    "builtins.setattr": "set",
    "builtins.delattr": "set",
}
CLOCK = "prepare.Clock"


@dataclass(frozen=True)
class Use:
    """One use; two with the same rule and key are the same thing done twice."""

    rule: Rule
    key: str
    line: int
    text: str


@functools.lru_cache(maxsize=64)
def uses(text: str) -> tuple[Use, ...]:
    """Every use in ``text``, in the order of its lines; ``text`` parses."""
    return tuple(sorted(_Reader(*_read(text)).read(), key=lambda use: (use.line, use.rule, use.key)))


@functools.lru_cache(maxsize=64)
def uses_prepare(text: str, name: str) -> bool:
    """Whether ``text`` names ``prepare.<name>`` anywhere."""
    tree, names = _read(text)
    wanted = frozenset({f"prepare.{name}"})
    return any(names.paths(node) & wanted for node in tree.of(ast.Attribute, ast.Name))


@functools.lru_cache(maxsize=4)
def _read(text: str) -> tuple[Tree, Names]:
    tree = Tree(text)
    return tree, Names(tree)


class _Reader:
    def __init__(self, tree: Tree, names: Names) -> None:
        self.tree = tree
        self.names = names
        self.seeds = Seeds(tree, names)
        self.done = {id(node.value) for node in tree.of(ast.Expr) if isinstance(node.value, ast.Constant)}
        """Nodes that were looked at as a part of something larger, and docstrings, which nobody uses."""
        self.renamed = {
            id(node.value)
            for node in tree.of(ast.Assign, ast.AnnAssign, ast.NamedExpr)
            if isinstance(node.value, ast.Name)
        }
        """Nodes that only give a module another name, which is followed."""
        self.texts: dict[str, set[str]] = {}
        """Name → the strings that it is given somewhere: what is called with them is not what is called with others."""
        for node in tree.of(ast.Assign):
            for target in node.targets if folded(node.value) is not None else ():
                self.texts.setdefault(getattr(target, "id", ""), set()).add(ast.unparse(node.value))

    def read(self) -> Iterator[Use]:
        """Every use; what belongs together is told once, by the largest node that says it."""
        of = self.tree.of
        for text in of(ast.BinOp, ast.JoinedStr, ast.Constant):
            yield from self._string(text)
        for store in of(*STORES):
            yield from self._stores(store)
        for call in of(ast.Call):
            yield from self._call(call)
        for item in of(ast.Subscript):
            for path in sorted(self.names.paths(item.value) if id(item) not in self.done else ()):
                if rule := self._rule(path, item):
                    yield from self._tell(rule, f"{path}{_key(item)}", item)
                    break
        for name in of(ast.Attribute, ast.Name):
            yield from self._reference(name)
        for statement in of(ast.Import, ast.ImportFrom):
            yield from _imports(statement)
        for definition in of(ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef):
            yield from self._definition(definition)

    def _tell(self, rule: Rule, key: str, node: ast.AST) -> Iterator[Use]:
        """One use; nothing more is said about what stands inside of it."""
        self.done.update(id(part) for part in ast.walk(node))
        yield _use(rule, key, node)

    def _reference(self, node: ast.Attribute | ast.Name, call: ast.Call | None = None) -> Iterator[Use]:
        if id(node) in self.done:
            return
        self.done.add(id(node))
        paths = self.names.paths(node)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name):
                self.done.add(id(node.value))  # the root of a chain says nothing that the whole does not
            if node.attr in DUNDERS:
                yield _use("hidden-name", f".{node.attr}", node)
            elif not paths and node.attr in FILE_METHODS and call is not None:
                yield _use("file", f".{node.attr}()", call)
        for path in sorted(paths):
            rule = self._rule(path, node)
            if rule:
                yield _use(rule, f"{path}{self._constants(call)}", call or node)
                if isinstance(node, ast.Attribute):
                    self.done.update(id(part) for part in ast.walk(node.value))
                return

    def _rule(self, path: str, node: ast.Attribute | ast.Name | ast.Subscript) -> Rule | None:
        root, _, member = path.partition(".")
        if path in RAW_NAMES or (path.endswith((".__dict__", ".__class__")) and self.names.module(path)):
            return "hidden-name"
        if not member:
            # A whole module as a value goes where nobody can follow it.
            bare = isinstance(node.ctx, ast.Load) and root in DANGEROUS and id(node) not in self.renamed
            return "hidden-name" if bare else None
        return _prepare_rule(member) if root == "prepare" else rule_of(path)

    def _call(self, node: ast.Call) -> Iterator[Use]:
        paths = self.names.paths(node.func)
        if self.seeds.sets(node):
            if not self.seeds.from_the_runner(node):
                yield from self._tell("seed", f"{min(paths, default='.manual_seed')}{self._constants(node)}", node)
            return
        kind = next((ACCESS[path] for path in sorted(paths) if path in ACCESS), "")
        if any(path.endswith((".__setattr__", ".__delattr__")) for path in paths):
            kind = "set"
        if kind and node.args:
            yield from self._by_string(kind, node)
        elif paths & {"operator.attrgetter", "operator.methodcaller"}:
            told = [folded(argument) for argument in node.args]
            if any(name is None or any(rule_of(f"os.{part}") for part in name.split(".")) for name in told):
                yield from self._tell("hidden-name", f"operator{self._constants(node)}", node)
        elif "prepare.dataloader" in paths and folded(_argument(node, 0, "split")) != "train":
            yield _use("token-files", f"dataloader{self._constants(node)}", node)
        elif CLOCK in paths and (node.args or node.keywords):
            yield _use("clock", f"Clock{self._constants(node)}", node)
        elif "dataclasses.replace" in paths and node.args and _of_prepare(self.names.paths(node.args[0])):
            yield from self._tell("clock", "replace(PROFILE)", node)
        elif "builtins.type" in paths and len(node.args) == 3 and self._is_clock(node.args[1]):
            yield from self._tell("clock", "type(prepare.Clock)", node)
        if isinstance(node.func, ast.Attribute | ast.Name):
            yield from self._reference(node.func, node)

    def _by_string(self, kind: str, node: ast.Call) -> Iterator[Use]:
        """getattr, setattr and their like, where a name is a string."""
        owners, name = self.names.paths(node.args[0]), folded(node.args[1]) if len(node.args) > 1 else None
        if kind == "set":
            rule = self._store_rule(frozenset(f"{owner}.{name or '?'}" for owner in owners), name or "")
            if rule:
                yield from self._tell(rule, f"set {min(owners, default='')}.{name}", node)
            return
        if name is None:
            if any(owner.split(".")[0] in DANGEROUS for owner in owners):
                yield from self._tell("hidden-name", f"{kind} {min(owners)}.?", node)
            return
        if name in DUNDERS:
            yield from self._tell("hidden-name", f".{name}", node)
        for path in sorted(f"{owner}.{name}" for owner in owners):
            rule = _prepare_rule(path.partition(".")[2]) if path.startswith("prepare.") else rule_of(path)
            if rule:
                yield from self._tell(rule, path, node)
                return
        self.done.add(id(node.args[0]))

    def _stores(self, node: ast.stmt | ast.withitem) -> Iterator[Use]:
        for target in _targets(node):
            if isinstance(target, ast.Name):
                if _of_prepare(self.names.brought.get(target.id, frozenset())):
                    yield _use("clock" if target.id == "PROFILE" else "prepare", f"{target.id} =", target)
                continue
            holder = target.value if isinstance(target, ast.Subscript) else target
            if not isinstance(target, ast.Attribute | ast.Subscript):
                continue
            paths = self.names.paths(holder)
            rule = self._store_rule(paths, holder.attr if isinstance(holder, ast.Attribute) else "")
            own = isinstance(holder, ast.Attribute) and isinstance(holder.value, ast.Name) and holder.value.id == "self"
            if rule and not (own and rule == "clock"):
                yield from self._tell(rule, f"{min(paths, default=ast.unparse(target))}{_key(target)} =", target)

    def _store_rule(self, paths: Paths, attribute: str) -> Rule | None:
        for path in sorted(paths):
            root, _, member = path.partition(".")
            if root == "prepare" and member:
                of_clock = member.startswith(("PROFILE", "Clock")) or member.split(".")[-1] in CLOCK_PARTS
                return "clock" if of_clock else "prepare"
            if member and root in ("builtins", "time"):
                return "clock" if root == "time" else "import-machinery"
            if told := rule_of(path):
                return told
            if member and self.names.module(path) and not path.startswith(SETTINGS) and "()" not in path:
                return "patch"
        return "clock" if attribute in CLOCK_PARTS else "hidden-name" if attribute == "__class__" else None

    def _definition(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Use]:
        told = f"{'class' if isinstance(node, ast.ClassDef) else 'def'} {node.name}"
        if isinstance(node, ast.ClassDef) and any(self._is_clock(base) for base in node.bases):
            yield Use("clock", "class (Clock)", node.lineno, told)
        elif node.name == "__del__":
            yield Use("hook", "__del__", node.lineno, told)
        elif node.name in PREPARE_OPEN - {"PrepareError", "ExportError"}:
            yield Use("clock" if node.name in ("PROFILE", "Clock") else "prepare", told, node.lineno, told)

    def _constants(self, call: ast.Call | None) -> str:
        """A call's arguments as far as they are constants; reading another variable is another thing."""
        if call is None:
            return ""
        parts = [self._constant(one) for one in call.args]
        parts += [f"{word.arg}={self._constant(word.value)}" for word in call.keywords]
        return f"({', '.join(parts)})"

    def _constant(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name) and node.id in self.texts:
            return "|".join(sorted(self.texts[node.id]))
        return ast.unparse(node) if _constant(node) else "_"

    def _is_clock(self, node: ast.expr) -> bool:
        return any(CLOCK in self.names.paths(part) for part in getattr(node, "elts", [node]))

    def _string(self, node: ast.Constant | ast.BinOp | ast.JoinedStr) -> Iterator[Use]:
        text = folded(node) if id(node) not in self.done else None
        if text is not None:
            self.done.update(id(part) for part in ast.walk(node))
            if rule := string_rule(text):
                yield _use(rule, f"'{text}'", node)


def _prepare_rule(member: str) -> Rule | None:
    first = member.split(".")[0].removesuffix("()")
    if first in PREPARE_DATA:
        return "token-files"
    return None if first in PREPARE_OPEN else "prepare"


def _of_prepare(paths: Paths) -> bool:
    return any(path.split(".")[0] == "prepare" for path in paths)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[Use]:
    """What an import statement brings in; a member may be a module of its own, such as ``torch.multiprocessing``.

    A harmless module's other names are looked at where they are used.
    """
    module = getattr(node, "module", None) or ""
    for alias in node.names:
        full = f"{module}.{alias.name}" if module else alias.name
        if alias.name == "*":
            yield _use("hidden-name" if module.split(".")[0] in DANGEROUS else "import", full, node)
        elif (rule := import_rule(full)) and not (module in HONEST_IMPORTS and module != "torch"):
            yield _use(rule, f"import {full.split('.')[0] if rule == 'import' else full}", node)


def _use(rule: Rule, key: str, node: ast.AST) -> Use:
    shown = " ".join(ast.unparse(node).split())
    return Use(rule, key, getattr(node, "lineno", 0), shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…")


def _key(target: ast.expr) -> str:
    """What is asked of a container, as far as it is a constant."""
    if not isinstance(target, ast.Subscript):
        return ""
    return f"[{ast.unparse(target.slice) if _constant(target.slice) else '_'}]"


def _constant(node: ast.expr) -> bool:
    return not any(isinstance(part, ast.Name | ast.Call | ast.Attribute) for part in ast.walk(node))


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    if len(call.args) > place:
        return call.args[place]
    return next((word.value for word in call.keywords if word.arg == name), None)


def _targets(node: ast.stmt | ast.withitem) -> Iterator[ast.expr]:
    """What a statement stores to, tuples taken apart."""
    waiting = list(getattr(node, "targets", [getattr(node, "target", getattr(node, "optional_vars", None))]))
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Tuple | ast.List):
            waiting += one.elts
        elif isinstance(one, ast.Starred):
            waiting.append(one.value)
        elif one is not None:
            yield one
