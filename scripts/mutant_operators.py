# SPDX-License-Identifier: Apache-2.0
"""Automatic mutants: one operator, constant, condition or statement of a
function is another one.

candidates(function, parameters) gives all that can be made of a function, in
order.  It reads tokens, and relies on the project's clang-format: a binary
operator has a space on both sides, a unary one has none behind it, and each
block has braces.

Left alone are comments, declarations without their initial values, assertions,
labels of cases, arguments of builtin functions (they have to be constants, or are
hints), and initial values in braces that are one number."""
import re

TOKEN = re.compile(r"""
    (?P<skip>\s+|/\*.*?\*/|//[^\n]*|^\#(?:\\\n|[^\n])*)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<mark><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||
             [-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])
""", re.X | re.S | re.M)

BINARY = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==",
    "&&": "||", "||": "&&", "+": "-", "-": "+", "<<": ">>", ">>": "<<",
    "&": "|", "|": "&", "^": "|", "/": "*", "%": "/",
}
ASSIGNMENT = {
    "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "<<=": ">>=",
    ">>=": "<<=", "^=": "|=",
}
WORDS = {"true": "false", "false": "true"}
TYPES = {
    "const", "static", "struct", "union", "enum", "unsigned", "int", "char",
    "bool", "void", "size_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t",
    "int64_t", "int32_t", "_Alignas", "ptw_pa", "ptw_va",
}
CONTROL = {"if", "for", "while", "switch", "return", "do", "else", "case",
           "default", "goto", "break", "continue", "sizeof"}
UNTOUCHED = re.compile(r"assert|_Static_assert|static_assert|__builtin_\w+|"
                       r"__attribute__|_Pragma|PTW_CONTAINER")
# What a function returns at once instead of doing its work.
EARLY = {
    "void": ["return;"], "bool": ["return false;", "return true;"],
    "uint64_t": ["return 0;"], "uint32_t": ["return 0;"],
    "size_t": ["return 0;"], "unsigned": ["return 0;"],
    "enum ptw_status": ["return PTW_OK;"],
}


class Token:
    def __init__(self, kind, text, start):
        self.kind, self.text, self.start = kind, text, start
        self.end = start + len(text)
        self.depth = 0          # how many parentheses and brackets are open
        self.match = None       # the index of the other one of a pair
        self.block = False      # a brace of statements


def tokens(text):
    out, open_, at = [], [], 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if m is None:
            raise ValueError("not a token: " + text[at:at + 20])
        at = m.end()
        if m.lastgroup == "skip":
            continue
        t = Token(m.lastgroup, m.group(), m.start())
        if t.text in (")", "]", "}"):
            t.match = open_.pop()
            out[t.match].match = len(out)
            t.block = out[t.match].block
        t.depth = sum(out[i].text != "{" or not out[i].block for i in open_)
        out.append(t)
        if t.text in ("(", "[", "{"):
            if t.text == "{":
                # A block follows a head's parenthesis and a space; a compound
                # literal has none.
                before = out[-2].text if len(out) > 1 else ";"
                t.block = before in (";", "{", "}", "else", "do", ":") or \
                    (before == ")" and text[t.start - 1] in " \n")
                if before in ("{", "}") and len(out) > 1:
                    t.block = out[-2].block
            open_.append(len(out) - 1)
    return out


def statement(ts, i):
    """The index of the first token of the statement that a token is in."""
    while i > 0:
        before = ts[i - 1]
        if before.depth == 0 and ts[i].depth == 0 and (
                before.text == ";" or (before.text in "{}" and before.block)):
            break
        i -= 1
    while ts[i].text in ("case", "default"):
        while ts[i].text != ":":
            i += 1
        i += 1
    return i


def place(ts, i):
    """Where code can stand that runs when the statement of a token does."""
    i = statement(ts, i)
    while i > 0 and ts[i].text in ("else", "while") and ts[i - 1].text == "}":
        i = ts[i - 1].match - 1
        if ts[i].text == ")":
            i = ts[i].match
        i = statement(ts, i)
    return ts[i].start


def untouched(ts):
    """The tokens that are left alone."""
    out = set()
    for i, t in enumerate(ts):
        if t.kind == "word" and UNTOUCHED.fullmatch(t.text) and \
                i + 1 < len(ts) and ts[i + 1].text == "(":
            out.update(range(i, ts[i + 1].match + 1))
        if t.text == "case":
            j = i
            while ts[j].text != ":":
                out.add(j)
                j += 1
        if t.kind == "number" and ts[i - 1].text == "{" and \
                ts[i + 1].text == "}":
            out.add(i)
        if t.depth == 0 and statement(ts, i) == i and (
                t.text in TYPES or
                (t.kind == "word" and i + 1 < len(ts) and
                 ts[i + 1].kind == "word" and t.text not in CONTROL)):
            j = i
            while ts[j].text not in (";", "=") or ts[j].depth > 0:
                out.add(j)
                j += 1
            if ts[i].text == "static":
                while ts[j].text != ";":
                    out.add(j)
                    j += 1
    return out


def arguments(ts, opening):
    """The pairs of first and last tokens of a call's arguments."""
    out, first = [], opening + 1
    depth = ts[opening].depth + 1
    for i in range(opening + 1, ts[opening].match + 1):
        if (ts[i].text == "," and ts[i].depth == depth) or \
                i == ts[opening].match:
            if i > first:
                out.append((first, i - 1))
            first = i + 1
    return out


def is_statement(ts, i):
    """Whether an expression begins here that is a statement."""
    t = ts[i]
    if t.text in CONTROL or t.text in TYPES or t.depth > 0:
        return False
    if t.kind == "word":
        return ts[i + 1].text in ("(", ".", "->", "[", "=", "++", "--") or \
            ts[i + 1].text in ASSIGNMENT
    return t.text == "*"


def is_distance(ts, i):
    """Whether a minus stands between two pointers: what is made a size."""
    if ts[i].text != "-":
        return False
    j = i
    while j > 0 and not (ts[j].text == "(" and ts[j].match > i):
        j -= 1
    return [t.text for t in ts[max(j - 3, 0):j]] == ["(", "size_t", ")"]


def number(text, delta):
    digits = re.match(r"0[xX][0-9a-fA-F]+|[0-9]+", text).group()
    value = int(digits, 0) + delta
    if value < 0:
        return None
    shown = hex(value) if digits[:2].lower() == "0x" else str(value)
    return shown + text[len(digits):]


def candidates(function, parameters):
    """All mutants of a function: (operator, where it is, body, place), with its
    own body and the place of `place`, both of the function's body."""
    body = function.body
    ts = tokens(body)
    left = untouched(ts)
    out = []

    def add(operator, i, start, end, text):
        out.append((operator, start, body[:start] + text + body[end:],
                    place(ts, i)))

    for early in EARLY.get(function.type(), []):
        if body[1:-1].strip() != early:
            out.append(("early return", 1, "{ " + early + body[1:], 1))
    for i, t in enumerate(ts):
        if i in left or i == 0:
            continue
        spaced = body[t.start - 1] in " \n" and body[t.end:t.end + 1] in " \n"
        if t.kind == "mark" and t.text in BINARY and spaced and \
                not is_distance(ts, i):
            kind = {"<": "relation", ">": "relation", "=": "relation",
                    "!": "relation"}.get(t.text[0], "operator")
            if t.text in ("<<", ">>"):
                kind = "shift"
            if t.text in ("&&", "||"):
                kind = "connective"
            add(kind, i, t.start, t.end, BINARY[t.text])
        elif t.text in ASSIGNMENT:
            add("assignment", i, t.start, t.end, ASSIGNMENT[t.text])
        elif t.text in ("++", "--"):
            add("step", i, t.start, t.end, "--" if t.text == "++" else "++")
        elif t.text in WORDS:
            add("truth", i, t.start, t.end, WORDS[t.text])
        elif t.kind == "number":
            for delta in (1, -1):
                text = number(t.text, delta)
                if text is not None:
                    add("constant", i, t.start, t.end, text)
        elif t.text in ("!", "~"):
            add("negation" if t.text == "!" else "mask", i, t.start, t.end, "")
        elif t.text in ("if", "while") and ts[i + 1].text == "(":
            inside = ts[i + 1].end, ts[ts[i + 1].match].start
            condition = body[inside[0]:inside[1]]
            add("condition", i, *inside, f"!({condition})")
            if t.text == "if":
                add("condition", i, *inside, f"({condition}) && 0")
        elif t.text == "continue":
            add("statement", i, t.start, t.end, "")
        elif t.depth == 0 and statement(ts, i) == i and is_statement(ts, i):
            j = i
            while ts[j].text != ";" or ts[j].depth > 0:
                j += 1
            add("statement", i, t.start, ts[j].start, "")
        if t.kind == "word" and ts[i + 1].text == "(" and \
                t.text in parameters:
            types = parameters[t.text]
            args = arguments(ts, i + 1)
            for k in range(len(args) - 1):
                if len(types) != len(args) or types[k] != types[k + 1]:
                    continue
                (a, b), (c, d) = args[k], args[k + 1]
                one = body[ts[a].start:ts[b].end]
                two = body[ts[c].start:ts[d].end]
                if one != two:
                    add("arguments", i, ts[a].start, ts[d].end,
                        two + ", " + one)
    return out
