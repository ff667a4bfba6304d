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

from coursekit import limits
from coursekit.exercises.cells import BEGIN, END
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.verdict import DONE
from coursekit.instructor.isolated_run import isolated_run, use_workspace
from support.attempts import BETWEEN, reference, tried

# Names that mean something else than their partner, as a slip would write them.
PARTNERS = {
    **{"String": "Text", "Integer": "BigInteger", "int": "str", "str": "int"},
    **{"begin": "connect", "commit": "rollback", "add": "delete", "upgrade": "downgrade"},
    **{"add_column": "drop_column", "True": "False", "asc": "desc", "close": "flush"},
    **{"create_index": "drop_index", "create_table": "drop_table", "rollback": "commit"},
}
# Survivors that were judged to mean the same: exercise, the changed line, and why.
ORDER = "two lines that do not need each other, the other way round"
TYPE = "the type stands in mapped_column; the table and its values are the same"
LENGTH = "the page asks for a place for a hash, and for no length"
ID = "the page leaves the revision's id open"
BACK = "the page asks for no way back"
SAME = (
    ("who-answered", "+ user = connection.scalar", ORDER),
    ("who-answered", "+ version = connection.scalar", ORDER),
    ("who-answered", "current_database()x", "x is another name for the column"),
    ("missing-setting", "str(port)", "SQLAlchemy makes a number of the port"),
    ("missing-setting", "is missing.x", "the words of a message are free"),
    ("both-or-none", "There is no card for", "the words of a message are free"),
    ("nullable-columns", "+ title: Mapped[int] = mapped_column(String(120))", TYPE),
    ("nullable-columns", "+ subtitle: Mapped[int | None] = mapped_column(String(200))", TYPE),
    ("unique-email", "+ email: Mapped[int] = mapped_column(String(255))", TYPE),
    ("no-way-around-the-hash", "+ password: Mapped[int] = mapped_column(String(255))", TYPE),
    ("no-way-around-the-hash", "+ password: Mapped[str] = mapped_column()", LENGTH),
    ("no-way-around-the-hash", "+ password: Mapped[str] = mapped_column(String())", LENGTH),
    ("no-way-around-the-hash", "+ password: Mapped[str] = mapped_column(String(256))", LENGTH),
    ("non-empty-draft", "--rev-id 0001x", ID),
    ("column-round-trip", "+ revision = Path", ORDER),
    ("column-round-trip", "+ add = ", ORDER),
    ("column-round-trip", "+ drop = ", ORDER),
    ("column-round-trip", "replace('pass', drop)", "there is only one left to replace"),
    ("column-round-trip", "replace('pass', drop, 2)", "there is only one left to replace"),
    ("mistake-already-applied", "--rev-id 0003x", ID),
    ("not-empty-and-true", "+ revision = Path", ORDER),
    ("not-empty-and-true", "- revision = Path", ORDER),
    ("not-empty-and-true", "replace('pass', steps)", BACK),
    ("not-empty-and-true", "replace('pass', steps, 2)", BACK),
    ("two-versions-one-table", "+ get_ipython().run_line_magic('alembic', 'revision", ORDER),
    ("two-versions-one-table", "+ revision = Path", ORDER),
    ("two-versions-one-table", "replace('pass', steps)", BACK),
    ("two-versions-one-table", "replace('pass', steps, 2)", BACK),
)


def main(wanted: list[str]) -> int:
    """Print each exercise's score and survivors, and the total; return 0 from 95 % on."""
    chosen = [
        exercise
        for exercise in all_exercises()
        if not wanted or exercise.number in wanted or exercise.lesson in wanted
    ]
    limits.CALL_TIMEOUT = 1  # a mutant that hangs is refused sooner
    made = refused = same = 0
    for exercise in chosen:
        mutants = dict.fromkeys(mutants_of(reference(exercise, marked=True)))
        survivors = [code for code in mutants if tried(exercise, code).state == DONE]
        made, refused = made + len(mutants), refused + len(mutants) - len(survivors)
        print(f"{exercise.number}: {len(mutants) - len(survivors)} of {len(mutants)} refused")
        for told in (changed(reference(exercise, marked=True), code) for code in survivors):
            why = judged(exercise.slug, told)
            same += bool(why)
            print(f"    {f'the same, {why}' if why else 'SURVIVES'}: {told}")
    score = 100 * refused / max(1, made - same)
    print(f"\n{made} mutants, {refused} refused, {same} mean the same: {score:.1f} % of the others")
    return 0 if score >= 95 else 1


def judged(number: str, told: str) -> str:
    """Return why a survivor is equivalent to the solution; '' if SAME doesn't list it."""
    return next((why for one, line, why in SAME if one == number and line in told), "")


def mutants_of(code: str) -> Iterator[str]:
    """Yield all mutants of an answer, each with one change."""
    cells = code.split(BETWEEN)
    for place, cell in enumerate(cells):
        for mutant in _of_cell(cell):
            yield BETWEEN.join([*cells[:place], mutant, *cells[place + 1 :]])


def _of_cell(cell: str) -> Iterator[str]:
    """Yield the mutants of one cell; code outside the markers is given, and isn't changed."""
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
    """Return the indexes of the solution's lines."""
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
    """Negate a comparison."""
    turned = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
    turned |= {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.In: ast.NotIn, ast.NotIn: ast.In}
    if isinstance(node, ast.Compare) and type(node.ops[0]) in turned:
        was = node.ops[0]
        node.ops[0] = turned[type(was)]()
        yield lambda: node.ops.__setitem__(0, was)


def changed(before: str, after: str) -> str:
    """Return the lines that differ between two versions of an answer, as one line."""
    forms = [_plain(form).splitlines() for form in (before, after)]
    lines = difflib.unified_diff(*forms, n=0, lineterm="")
    told = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return " | ".join(line[0] + " " + line[1:].strip() for line in told)


def _plain(code: str) -> str:
    """Return code without comments, with long strings as lines."""
    cells = (ast.unparse(_parsed(cell)) for cell in code.split(BETWEEN))
    return "\n".join(cells).replace("\\n", "\n")


if __name__ == "__main__":
    with isolated_run():
        use_workspace("mutations")
        sys.exit(main(sys.argv[1:]))
