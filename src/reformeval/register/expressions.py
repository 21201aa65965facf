"""A small closed language for outcomes: SQL expressions over the columns of one register row.

Arithmetic, comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, CASE and a short list of functions;
all else is refused by name. The language has its own parser because a general one (such as
`polars.sql_expr`) rewrites what it reads: an aggregate or a cast can no longer be told, and
refused, from the tree that it returns. Reading an expression loads no data library, so that
config is checked with file and line before anything runs.

NULL stands for missing: arithmetic, comparisons and functions of NULL are NULL (LEAST and
GREATEST too, as in SQL:2023), AND and OR are three-valued, x / 0 is NULL, and a condition that is
NULL is not met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.register._expression_tokens import (
    AGGREGATES,
    CHOICE,
    CLAUSES,
    END,
    KEYWORDS,
    SIGNS,
    Token,
    tokens_of,
)
from reformeval.register.columns import Kind
from reformeval.register.expression_tree import (
    COMPARISONS,
    FUNCTIONS,
    Apply,
    Column,
    Literal,
    Node,
    columns,
    kind_of,
)

MAX_TOKENS = 400
MAX_DEPTH = 40
_DIGITS = tuple(Literal(float(digits)) for digits in range(10))


@dataclass(frozen=True)
class Expression:
    """An expression that has been read and checked.

    Attributes
    ----------
    text
        As written, with one space between any two words and signs.
    tree
        What it says.
    """

    text: str
    tree: Node

    @property
    def kind(self) -> Kind:
        """``number`` or ``boolean``."""
        return "boolean" if self.tree.kind == "boolean" else "number"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are read, each once."""
        return columns(self.tree)


def parse(text: str, known: Mapping[str, Kind]) -> Expression:
    """Read an expression over columns of a register.

    Parameters
    ----------
    text
        The expression, e.g. ``CASE WHEN employed THEN earnings ELSE 0 END``.
    known
        Columns that it may name, with the kind of their values.

    Raises
    ------
    UserError
        Naming each unknown column and function, or the first construct that is not of the
        language or has parts that do not fit.

    Examples
    --------
    >>> parse("hours >= 30 AND employed", {"hours": "number", "employed": "boolean"}).columns
    ('hours', 'employed')
    """
    tokens = tokens_of(text)
    if len(tokens) > MAX_TOKENS:
        raise UserError(f"the expression has more than {MAX_TOKENS} words and signs")
    parser = _Parser(tokens, known)
    tree = parser.whole()
    if parser.problems:
        raise UserError(list(dict.fromkeys(parser.problems)))
    if not columns(tree):
        raise UserError("the expression names no column of the register")
    if tree.kind not in ("number", "boolean"):
        said = "text" if tree.kind == "text" else "only NULL"
        fix = "compare it with something, e.g. family = 'single_parent'" if tree.kind else ""
        raise UserError(
            Problem(f"the expression gives {said}, not a number or true and false", fix=fix)
        )
    return Expression(" ".join(token.text for token in tokens), tree)


def _refuse(what: str, fix: str = "") -> UserError:
    return UserError(
        Problem(f"{what} is not allowed in an expression", fix=fix or f"there are: {CHOICE}")
    )


@dataclass
class _Parser:
    """Recursive descent, lowest precedence first, as in SQL."""

    tokens: list[Token]
    known: Mapping[str, Kind]
    at: int = 0
    depth: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def next(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def take(self, *texts: str) -> str:
        """Step over a keyword or sign if it is one of these."""
        token = self.next
        said = token.word or (token.text if token.form == "sign" else "")
        if said and said in texts:
            self.at += 1
            return said
        return ""

    def need(self, text: str, after: str) -> None:
        if not self.take(text):
            raise self.unexpected(f"{text} is missing {after}")

    def unexpected(self, otherwise: str = "") -> UserError:
        """Refuse the next token, by the name of what it begins."""
        token = self.next
        if token.word in CLAUSES:
            return _refuse(CLAUSES[token.word])
        if token.form == "sign" and token.text in SIGNS:
            return _refuse(SIGNS[token.text])
        if token.form == "sign" and token.text in ("'", '"'):
            return UserError(f"the expression has a text that is not closed: {token.text}")
        if token.form == "other" or (token.form == "sign" and token.text in "?&|~$@#[]{}\\`:"):
            return _refuse(f"the character {token.text}")
        if otherwise:
            return UserError(otherwise)
        if token is END:
            return UserError("the expression ends too early")
        return UserError(f"the expression does not go on like this: {token.text}")

    def whole(self) -> Node:
        if not self.tokens:
            raise UserError("the expression is empty")
        tree = self.either()
        if self.next is not END:
            raise self.unexpected()
        return tree

    def apply(self, name: str, *parts: Node) -> Node:
        if any(isinstance(part, Literal) and part.value is None for part in parts):
            raise UserError(
                Problem(
                    f"NULL beside {name} would always give NULL",
                    fix="write x IS NULL to ask for missing values; NULL itself only stands after "
                    "THEN and ELSE",
                )
            )
        return self.checked(name, parts)

    def checked(self, name: str, parts: tuple[Node, ...]) -> Node:
        kind, problem = kind_of(name, parts)
        if problem:
            raise UserError(Problem(problem, fix=_mend(problem)))
        return Apply(name, parts, kind)

    def either(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise UserError(f"the expression is nested more than {MAX_DEPTH} deep")
        tree = self.both()
        while self.take("OR"):
            tree = self.apply("OR", tree, self.both())
        self.depth -= 1
        return tree

    def both(self) -> Node:
        tree = self.negated()
        while self.take("AND"):
            tree = self.apply("AND", tree, self.negated())
        return tree

    def negated(self) -> Node:
        odd = False
        while self.take("NOT"):
            odd = not odd
        tree = self.comparison()
        if odd or tree.kind == "boolean":
            return self.apply("NOT", tree) if odd else tree
        return tree

    def comparison(self) -> Node:
        tree = self.sum()
        if sign := self.take(*COMPARISONS, "!=", "=="):
            tree = self.apply({"!=": "<>", "==": "="}.get(sign, sign), tree, self.sum())
            if self.take(*COMPARISONS, "!=", "=="):
                raise UserError(
                    Problem(
                        "two comparisons stand in a row", fix="join them by AND, or use BETWEEN"
                    )
                )
            return tree
        if self.take("IS"):
            return self.is_(tree)
        no = bool(self.take("NOT"))
        if self.take("IN"):
            tree = self.apply("IN", tree, *self.listed())
        elif self.take("BETWEEN"):
            low = self.sum()
            self.need("AND", "after BETWEEN and its lower bound")
            high = self.sum()
            tree = self.apply("AND", self.apply(">=", tree, low), self.apply("<=", tree, high))
        elif no:
            raise self.unexpected("NOT stands before IN or BETWEEN, or in front of a condition")
        return self.apply("NOT", tree) if no else tree

    def is_(self, tree: Node) -> Node:
        no = bool(self.take("NOT"))
        if self.take("NULL"):
            tree = self.checked("IS NULL", (tree,))
        elif truth := self.take("TRUE", "FALSE"):
            held = tree if truth == "TRUE" else self.apply("NOT", tree)
            tree = self.apply("COALESCE", held, Literal(False))
        else:
            raise self.unexpected("after IS stand NULL, NOT NULL, TRUE or FALSE")
        return self.apply("NOT", tree) if no else tree

    def listed(self) -> list[Node]:
        self.need("(", "after IN")
        values = [self.constant()]
        while self.take(","):
            values.append(self.constant())
        self.need(")", "after the list of IN")
        return values

    def constant(self) -> Node:
        minus = bool(self.take("-"))
        token = self.next
        if token.form not in ("number", "text") and token.word not in ("TRUE", "FALSE"):
            raise self.unexpected("the list of IN holds numbers or texts in single quotes only")
        found = self.primary()
        if minus:
            found = self.minus(found)
        return found

    def sum(self) -> Node:
        tree = self.product()
        while sign := self.take("+", "-"):
            tree = self.apply(sign, tree, self.product())
        return tree

    def product(self) -> Node:
        tree = self.signed()
        while sign := self.take("*", "/"):
            tree = self.apply(sign, tree, self.signed())
        return tree

    def signed(self) -> Node:
        odd = False
        while sign := self.take("-", "+"):
            odd = odd != (sign == "-")
        tree = self.primary()
        return self.minus(tree) if odd else tree

    def minus(self, tree: Node) -> Node:
        if isinstance(tree, Literal) and tree.kind == "number":
            return Literal(-float(tree.value or 0))
        return self.apply("-", Literal(0.0), tree)

    def primary(self) -> Node:
        token = self.next
        if self.take("("):
            tree = self.either()
            self.need(")", "after what stands in brackets")
            return tree
        if self.take("CASE"):
            return self.case()
        if token.form == "number":
            self.at += 1
            return Literal(_finite(token.text))
        if token.form == "text":
            self.at += 1
            return Literal(token.text[1:-1].replace("''", "'"))
        if word := self.take("TRUE", "FALSE", "NULL"):
            return Literal({"TRUE": True, "FALSE": False, "NULL": None}[word])
        if self.next.text == "*":
            raise _refuse("the wildcard *", "name the columns")
        if token.form == "quoted" or (token.word and token.word not in KEYWORDS):
            return self.named(token)
        raise self.unexpected()

    def named(self, token: Token) -> Node:
        self.at += 1
        name = token.text.strip('"')
        if token.word and self.take("("):
            return self.function(token)
        if name not in self.known and token.word in CLAUSES:
            self.at -= 1
            raise self.unexpected()
        if name not in self.known:
            held = "person and period cannot be named; " if name in ("person", "period") else ""
            self.problems.append(
                Problem(
                    f"the expression names a column '{name}' that the register does not have",
                    fix=held + did_you_mean(name, self.known),
                )
            )
        return Column(name, self.known.get(name))

    def function(self, token: Token) -> Node:
        name = {"CEILING": "CEIL"}.get(token.word, token.word)
        if name in CLAUSES:
            raise _refuse(CLAUSES[name])
        if name in AGGREGATES:
            instead = {"MIN": "; the smaller of two columns is LEAST(a, b)"}
            instead["MAX"] = "; the larger of two columns is GREATEST(a, b)"
            raise _refuse(
                f"the aggregate {name}",
                "a cell's value already is the sum or mean over its persons"
                + instead.get(name, ""),
            )
        if name not in FUNCTIONS:
            self.problems.append(
                Problem(
                    f"the function {token.text} is not allowed in an expression",
                    fix=did_you_mean(name, FUNCTIONS),
                )
            )
        parts = [] if self.next.text == ")" else [self.either()]
        while self.take(","):
            parts.append(self.either())
        self.need(")", f"after the arguments of {name}")
        if self.next.word == "OVER":
            raise self.unexpected()
        if name not in FUNCTIONS:
            return Column("?", None)
        least, most = FUNCTIONS[name]
        if not least <= len(parts) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise UserError(f"{name} takes {wanted} arguments, not {len(parts)}")
        if name == "ROUND" and len(parts) == 2 and parts[1] not in _DIGITS:
            raise UserError("ROUND takes a whole number of digits from 0 to 9")
        return self.apply(name, *parts)

    def case(self) -> Node:
        against = None if self.next.word == "WHEN" else self.either()
        parts: list[Node] = []
        while self.take("WHEN"):
            condition = self.either()
            if against is not None:
                condition = self.apply("=", against, condition)
            elif isinstance(condition, Literal):
                raise UserError("WHEN takes a condition, such as age >= 18")
            self.need("THEN", "after WHEN and its condition")
            parts += [condition, self.either()]
        if not parts:
            raise self.unexpected("CASE needs WHEN and THEN")
        parts.append(self.either() if self.take("ELSE") else Literal(None))
        self.need("END", "after CASE")
        return self.checked("CASE", tuple(parts))


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise UserError(f"the number {text} is too large")
    return value


def _mend(problem: str) -> str:
    if "number, not a boolean" in problem:
        return "write CASE WHEN a THEN b ELSE 0 END"
    if "boolean, not a" in problem:
        return "compare it with something, e.g. hours > 0"
    if "text" in problem and "number" in problem:
        return "put codes in single quotes, e.g. country = '101'"
    return ""
