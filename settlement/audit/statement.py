"""What one SQL statement may be: a SELECT over the audit views, with functions that are known to be harmless.

DuckDB itself parses the text (`json_serialize_sql`, which takes nothing but SELECT), and the whole tree is
walked: whatever is not known here is refused, so that a later DuckDB cannot bring a way out unseen. Runs in
the child process that answers, and imports nothing but the standard library and the lists of functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from settlement.audit.functions import SCALARS, TABLES, VALUES

MOST_BYTES, DEEPEST = 100_000, 100

_KINDS = """
COLUMN_REF CONSTANT FUNCTION STAR CAST OPERATOR CONJUNCTION COMPARISON CASE BETWEEN SUBQUERY WINDOW LAMBDA
COLLATE POSITIONAL_REFERENCE
"""
_OTHERS = """
SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE EMPTY EXPRESSION_LIST JOIN SUBQUERY
TABLE_FUNCTION PIVOT ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT
ASCENDING DESCENDING DECIMAL_TYPE_INFO LIST_TYPE_INFO ARRAY_TYPE_INFO STRUCT_TYPE_INFO UNBOUND_TYPE_INFO
"""
_EXPRESSIONS, _NODES = frozenset(_KINDS.split()), frozenset(_OTHERS.split())
"""Of the tree's objects, those that are known to be harmless: expressions by their class, others by type."""
_SCHEMAS = ("", "main", "system", "pg_catalog")
"""Where built-in functions lie, some of which the parser puts there itself."""
_NOT_HERE = {
    "SHOW_REF": "DESCRIBE, SHOW and SUMMARIZE are not answered here; the columns of the views are documented",
    "PARAMETER": "a parameter stands for nothing here; write the value",
    "COLUMN_DATA": "it brings rows of its own",
}


class Refused(Exception):
    """The statement is none that is answered; says what is wrong."""


def check_text(sql: str) -> None:
    """Refuses text that is not worth parsing, before anything recursive sees it. Raises Refused."""
    if len(sql.encode(errors="replace")) > MOST_BYTES:
        raise Refused(f"the statement is longer than {MOST_BYTES:,} bytes")
    if not sql.strip().strip(";"):
        raise Refused("there is no statement; one SELECT is wanted")
    if "\0" in sql:
        raise Refused("the statement has a NUL character in it")
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise Refused("the statement is not Unicode text") from None
    depth = 0
    for character in sql:
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise Refused(f"brackets are nested deeper than {DEEPEST}")


def check(
    sql: str, parse: Callable[[str], str], views: Mapping[str, Sequence[str]], taken: Iterable[str]
) -> set[str]:
    """The views that a statement reads, of those with these columns. `parse` is DuckDB's
    `json_serialize_sql`; `taken` names what else a table's name could mean. Raises Refused.
    """
    found = json.loads(parse(sql))
    if found["error"]:
        raise Refused(_parser_said(found))
    statements = found["statements"]
    if len(statements) != 1:
        raise Refused(f"one SELECT is wanted, not {len(statements)} statements")
    nodes = list(_walked(statements[0]))
    known = {name.lower() for name in views}
    named = _named(nodes, {name.lower() for name in taken} - known)
    columns = {column.lower() for each in views.values() for column in each}
    return {
        table
        for node in nodes
        if (table := _checked(node, known, named, columns)) is not None and table in known
    }


def _parser_said(found: Mapping[str, Any]) -> str:
    said = str(found["error_message"])
    if found["error_type"] == "parser":
        return f"is no SQL: {said.split(' Use ')[0]}"
    if "Only SELECT" in said:
        return "only a SELECT is answered here, nothing that changes, sets, loads, attaches or explains"
    return said


def _walked(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree but what constants hold, without recursion: it may be deep."""
    left = [tree]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left.extend(value for key, value in each.items() if not _is_constant(each, key))
        elif isinstance(each, list):
            left.extend(each)


def _is_constant(node: Mapping[str, Any], key: str) -> bool:
    return key == "value" and node.get("class") == "CONSTANT"


def _named(nodes: Sequence[Mapping[str, Any]], taken: set[str]) -> set[str]:
    """The names that the statement gives to queries of its own (WITH).

    One that is also the name of something that is there may not be: outside of its WITH it would mean that.
    """
    names = set()
    for node in nodes:
        ctes = node.get("cte_map")
        names |= {each["key"] for each in ctes["map"]} if ctes else set()
        names |= {node["cte_name"]} if "cte_name" in node else set()
    for name in names:
        if not (name.isascii() and name.replace("_", "a").isalnum()) or name.lower() in taken:
            raise Refused(f"WITH may not call a query {name!r}; use another name of letters and digits")
    return {name.lower() for name in names}


def _checked(node: Mapping[str, Any], views: set[str], named: set[str], columns: set[str]) -> str | None:
    """The table that a node reads, if any."""
    kind = node.get("class", node.get("type"))
    allowed = _EXPRESSIONS if "class" in node else _NODES
    if isinstance(kind, str) and kind not in allowed:
        words = kind.lower().replace("_", " ")
        raise Refused(_NOT_HERE.get(kind, f"{words} is not known to be harmless, and not answered here"))
    if node.get("sample") is not None:
        raise Refused("a sample is another one each time, and no answer; filter instead")
    if kind == "TABLE_FUNCTION":
        _table_function(node["function"])
    elif "function_name" in node and not node.get("_seen"):
        _function(node)
    if kind == "COLUMN_REF":
        _column(node["column_names"], columns)
    if "table_name" not in node:
        return None
    return _table(node, views, named)


def _table_function(function: dict[str, Any]) -> None:
    name = str(function.get("function_name", "")).lower()
    if function.get("class") != "FUNCTION" or name not in TABLES or function["schema"] not in _SCHEMAS:
        shown = name or "something else"
        raise Refused(f"{shown}() is no table here; the only ones that are called are {_listed(TABLES)}")
    function["_seen"] = True


def _function(node: Mapping[str, Any]) -> None:
    name = str(node["function_name"]).lower()
    schema, catalog = node.get("schema", ""), node.get("catalog", "")
    # Windows have their functions' names too, and an unnest among the columns is a function like others.
    if name not in SCALARS | {"unnest"} or schema not in _SCHEMAS or catalog not in ("", "system"):
        near = get_close_matches(name, SCALARS, n=1, cutoff=0.8)  # share_of characters alike
        hint = f"; did you mean {near[0]}?" if near and near[0] != name else ""
        raise Refused(f"the function {name} is not among those that may be called here{hint}")


def _column(names: Sequence[str], columns: set[str]) -> None:
    name = names[-1].lower()
    if len(names) == 1 and name in VALUES and name not in columns:
        raise Refused(f"{name} is not the ledger's, and would be another answer each time")


def _table(node: Mapping[str, Any], views: set[str], named: set[str]) -> str:
    name = str(node["table_name"])
    whole = ".".join(part for part in (node["catalog_name"], node["schema_name"], name) if part)
    if node.get("at_clause") is not None:
        raise Refused(f"{whole}: AT is not known here")
    plain = name.isascii() and not node["catalog_name"] and not node["schema_name"]
    if plain and name.lower() in views | named:
        return name.lower()
    near = get_close_matches(name.lower(), sorted(views | named), n=1, cutoff=0.5)  # share_of alike
    hint = f"; did you mean {near[0]}?" if near and plain else f"; there are {_listed(views)}"
    raise Refused(f"there is no view {whole!r}{hint}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
