"""How much a check notices: change each solution in small ways, and see which changes pass.

    python benchmarks/mutations.py [06 07.1 ...]

One change at a time: a statement dropped, two statements swapped, a name, a type, a value or
an operator replaced, an argument dropped, a line of a file dropped. A change that the check
lets pass is a survivor; it means the same (and is listed in SAME, with the reason), or the
check should look closer.
"""

from __future__ import annotations

import ast
import copy
import difflib
import sys
from collections.abc import Iterator

from tutorial_lib.exercises import local
from tutorial_lib.exercises.cells import BEGIN, END
from tutorial_lib.exercises.manifest import all_exercises
from tutorial_lib.exercises.verdict import DONE
from tutorial_lib.runs import reference_run, use_workspace
from tutorial_lib.testing.answers import BETWEEN, reference, tried
from tutorial_lib.testing.warm import warm_alembic

# Names that mean something else than their partner, as a slip would write them.
PARTNERS = {
    **{"String": "Text", "Integer": "BigInteger", "int": "str", "str": "int"},
    **{"begin": "connect", "commit": "rollback", "add": "delete", "upgrade": "downgrade"},
    **{"add_column": "drop_column", "True": "False", "asc": "desc", "close": "flush"},
    **{"create_index": "drop_index", "create_table": "drop_table", "rollback": "commit"},
}
# Survivors that mean the same as the solution: exercise and changed line, and why.
SAME: dict[tuple[str, str], str] = {}


def main(wanted: list[str]) -> int:
    """Print the score of each exercise, its survivors, and the whole; 0 when it is 95 %."""
    chosen = [
        exercise
        for exercise in all_exercises()
        if not wanted or exercise.number in wanted or exercise.lesson in wanted
    ]
    local.SECONDS = 1  # a mutant that hangs is refused sooner
    made = refused = same = 0
    for exercise in chosen:
        mutants = dict.fromkeys(mutants_of(reference(exercise, marked=True)))
        survivors = [code for code in mutants if tried(exercise, code).state == DONE]
        told = {code: changed(reference(exercise, marked=True), code) for code in survivors}
        equal = [code for code in survivors if (exercise.number, told[code]) in SAME]
        made, refused = made + len(mutants), refused + len(mutants) - len(survivors)
        same += len(equal)
        print(f"{exercise.number}: {len(mutants) - len(survivors)} of {len(mutants)} refused")
        for code in survivors:
            why = SAME.get((exercise.number, told[code]))
            print(
                f"    {'the same' if why else 'SURVIVES'}: {told[code]}{f' ({why})' if why else ''}"
            )
    score = 100 * refused / max(1, made - same)
    print(f"\n{made} mutants, {refused} refused, {same} mean the same: {score:.1f} % of the others")
    return 0 if score >= 95 else 1


def mutants_of(code: str) -> Iterator[str]:
    """All changed forms of an answer, each with one change."""
    cells = code.split(BETWEEN)
    for place, cell in enumerate(cells):
        for mutant in _of_cell(cell):
            yield BETWEEN.join([*cells[:place], mutant, *cells[place + 1 :]])


def _of_cell(cell: str) -> Iterator[str]:
    """The changed forms of one cell; what stands outside the markers is given, and stays."""
    tree = _parsed(cell)
    inside = range(len(cell)) if cell.startswith("%%") else _between_markers(cell)
    for node in ast.walk(tree):
        if getattr(node, "lineno", None) is not None and node.lineno - 1 not in inside:
            continue
        for change in (_statements, _names, _values, _arguments, _operators):
            for undo in change(node, inside):
                yield ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree))) + "\n"
                undo()


def _parsed(cell: str) -> ast.Module:
    from IPython.core.inputtransformer2 import TransformerManager

    return ast.parse(TransformerManager().transform_cell(cell))


def _between_markers(text: str) -> range:
    """The places of the lines that are the solution."""
    lines = [line.strip() for line in text.splitlines()]
    return range(lines.index(BEGIN), lines.index(END)) if BEGIN in lines else range(len(lines))


def _statements(node: ast.AST, inside: range) -> Iterator[object]:
    """Drop a statement; swap it with the next."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if not isinstance(body, list):
            continue
        for place, statement in enumerate(list(body)):
            if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
                continue
            if statement.lineno - 1 not in inside:
                continue
            body[place] = ast.Pass()
            yield lambda body=body, place=place, was=statement: body.__setitem__(place, was)
            if place + 1 < len(body):
                pair = body[place : place + 2]
                body[place : place + 2] = pair[::-1]
                yield lambda body=body, place=place, was=pair: body.__setitem__(
                    slice(place, place + 2), was
                )


def _names(node: ast.AST, inside: range) -> Iterator[object]:
    """Replace a name or an attribute by its partner."""
    for field in ("id", "attr", "name"):
        was = getattr(node, field, None)
        if was in PARTNERS and not isinstance(node, ast.FunctionDef | ast.alias):
            setattr(node, field, PARTNERS[was])
            yield lambda field=field, was=was: setattr(node, field, was)


def _values(node: ast.AST, inside: range) -> Iterator[object]:
    """Replace a value; in a long text, drop each line."""
    if not isinstance(node, ast.Constant) or node.value is None or node.value is ...:
        return
    was = node.value
    for value in _other_values(was):
        node.value = value
        yield lambda: setattr(node, "value", was)


def _other_values(was: object) -> Iterator[object]:
    if isinstance(was, bool):
        yield not was
    elif isinstance(was, int | float):
        yield was + 1
    elif isinstance(was, str) and "\n" in was:
        lines = was.splitlines(keepends=True)
        for place in _between_markers(was):
            line = lines[place]
            if line.strip() and not line.strip().startswith(('"""', "#", "import", "from")):
                yield "".join(lines[:place] + lines[place + 1 :])
    elif isinstance(was, str):
        yield was + "x"


def _arguments(node: ast.AST, inside: range) -> Iterator[object]:
    """Drop an argument of a call; swap two."""
    if not isinstance(node, ast.Call):
        return
    for arguments in (node.args, node.keywords):
        for place in range(len(arguments)):
            was = arguments[place]
            del arguments[place]
            yield lambda arguments=arguments, place=place, was=was: arguments.insert(place, was)
    if len(node.args) > 1:
        node.args[0], node.args[1] = node.args[1], node.args[0]
        yield lambda: node.args.__setitem__(slice(0, 2), [node.args[1], node.args[0]])


def _operators(node: ast.AST, inside: range) -> Iterator[object]:
    """Turn a comparison or a condition round."""
    turned = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
    turned |= {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.In: ast.NotIn, ast.NotIn: ast.In}
    if isinstance(node, ast.Compare) and type(node.ops[0]) in turned:
        was = node.ops[0]
        node.ops[0] = turned[type(was)]()
        yield lambda: node.ops.__setitem__(0, was)


def changed(before: str, after: str) -> str:
    """The lines in which two forms of an answer differ, as one line."""
    forms = [_plain(form).splitlines() for form in (before, after)]
    lines = difflib.unified_diff(*forms, n=0, lineterm="")
    told = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return " | ".join(line[0] + " " + line[1:].strip() for line in told)


def _plain(code: str) -> str:
    """Without comments, and a long text in its lines."""
    cells = (ast.unparse(_parsed(cell)) for cell in code.split(BETWEEN))
    return "\n".join(cells).replace("\\n", "\n")


if __name__ == "__main__":
    with reference_run(), warm_alembic():
        use_workspace("mutations")
        sys.exit(main(sys.argv[1:]))
