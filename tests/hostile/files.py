"""Files that are malformed or meant to do harm, each with what is said about it.

``PYTHONPATH=src:tests python tests/hostile/files.py`` prints the tables of the documentation.
"""

import csv
import gzip
import io
import os
import socket
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scalelaw import inputs
from scalelaw.corpus import problems
from scalelaw.corpus import table as table_reader
from scalelaw.corpus.schema import HARDWARE, PAPERS
from small_corpus import BENCHMARKS, DEVICES, ROW

Make = Callable[[Path], object]
Kind = Literal["papers", "hardware", "benchmarks", "config", "import", "fit"]
NAMES = [column.name for column in PAPERS]


@dataclass(frozen=True)
class Case:
    """One file: how it is made, where it is given, and what comes of it.

    Parameters
    ----------
    name, what : str
        Its name, and what is wrong with it.
    make : callable
        Makes it at a path.
    says : str
        Part of what is printed.
    status : int
        Exit status of `scalelaw validate`, or of the command that reads files of its kind.
    kind : str
        As what it is given.
    heavy : bool
        Whether it is read in a process of its own, whose memory is limited and measured.
    """

    name: str
    what: str
    make: Make
    says: str
    status: int = 1
    kind: Kind = "papers"
    heavy: bool = False


def table(rows: Iterable[dict[str, str]], names: list[str] = NAMES, ends: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator=ends)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def content(data: str | bytes) -> Make:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return lambda path: path.write_bytes(raw)


def cell(**cells: str) -> Make:
    """Make a good corpus with one row in which cells differ."""
    return content(table([ROW | cells]))


def sparse(size: int) -> Make:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def stream(head: str, piece: str, times: int, tail: str = "") -> Make:
    def make(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(head)
            for _ in range(times):
                file.write(piece)
            file.write(tail)

    return make


def many(rows: Callable[[int], dict[str, str]], count: int) -> Make:
    return lambda path: path.write_text(table(rows(i) for i in range(count)), encoding="utf-8")


def link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        # A socket's path may have 100 characters at most.
        os.chdir(path.parent)
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("papers.csv", table([ROW]))


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(bytes(2**20))


GOOD = table([ROW])
HEAD, LINE = GOOD.splitlines()
DEVICE_NAMES = [column.name for column in HARDWARE]
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
EPOCH = (
    "Model,Authors,Reference,Link,Publication date,Parameters,Training compute (FLOP),"
    "Training compute estimation method,Training hardware,Hardware quantity,"
    "Training time (hours),Training chip-hours,Epochs,Training dataset,Base model,Confidence\n"
)


def number(text: str, says: str = "is not a positive number") -> Case:
    shown = text if len(text) < 20 else "a number of 5,000 digits"
    return Case(f"number {shown}", f"`{shown}` for a number", cell(training_hours=text), says)


def day(text: str, what: str, says: str) -> Case:
    return Case(f"date {text}", what, cell(date=text), says)


def formula(text: str, what: str) -> Case:
    return Case(f"formula {what}", f"a title that is a formula: {what}", cell(title=text),
                "would be run as a formula", 0)  # fmt: skip


def hidden(text: str, what: str, code: str) -> Case:
    return Case(what, f"{what} in a title", cell(title=f"a{text}b"),
                f"characters that cannot be seen: {code}", 0)  # fmt: skip


def benchmarks(name: str, what: str, make: str | bytes | Make, says: str, status: int = 1) -> Case:
    made = make if callable(make) else content(make)
    return Case(name, what, made, says, status, "benchmarks")


def config(name: str, what: str, text: str, says: str, status: int = 1) -> Case:
    return Case(name, what, content(text), says, status, "config")


ENCODINGS = [
    Case("byte order mark", "UTF-8 with a byte order mark",
         content(b"\xef\xbb\xbf" + GOOD.encode()), "1 record(s)", 0),
    Case("UTF-16", "UTF-16 with a byte order mark", content(GOOD.encode("utf-16")),
         ":1: -: error: byte 0xff is not UTF-8"),
    Case("UTF-16 without mark", "UTF-16 without a mark", content(GOOD.encode("utf-16-le")),
         ":1: -: error: the line holds a NUL byte"),
    Case("Latin-1", "a title in Latin-1",
         content(table([ROW | {"title": "caf\xe9"}]).encode("latin-1")), ":2: -: error: byte 0xe9"),
    Case("surrogates", "half of a surrogate pair, encoded", cell(title="a\ud800b"),
         "byte 0xed is not UTF-8"),
    Case("overlong", "a slash in an overlong form", content(GOOD.encode() + b"\xc0\xaf\n"),
         ":3: -: error: byte 0xc0"),
    Case("cut short", "the last character cut in two", content(GOOD.encode() + b"\xe2\x82"),
         ":3: -: error: byte 0xe2"),
    Case("NUL byte", "a NUL byte in a cell", cell(title="a\0b"),
         ":2: -: error: the line holds a NUL"),
    Case("random bytes", "bytes of no format", content(bytes(range(255, 0, -1)) * 20),
         "byte 0xff is not UTF-8"),
]  # fmt: skip

SHAPES = [
    Case("no bytes", "an empty file", content(""), ":1: -: error: the file is empty"),
    Case("blanks", "nothing but spaces and line ends", content(" \n\t\n"), "the file is empty"),
    Case("header only", "a header without rows", content(HEAD + "\n"), "a header but no rows"),
    Case("no header", "a row without a header", content(LINE + "\n"), "is not that of this table"),
    Case("Windows line ends", "`\\r\\n` throughout", content(table([ROW], ends="\r\n")),
         "1 record(s)", 0),
    Case("old Mac line ends", "lone `\\r` throughout", content(table([ROW], ends="\r")),
         "1 record(s)", 0),
    Case("mixed line ends", "`\\n`, `\\r\\n` and `\\r` in one file",
         content(f"{HEAD}\r\n{LINE}\n\r{LINE.replace('alexnet', 'b')}\r"), "the same result as", 0),
    Case("lone return in a cell", "an unquoted `\\r` within a row", content(HEAD + "\na\rb\n"),
         ":2: -: error: 1 cells, but the header has"),
    Case("quoted newline", "a line end within a quoted title", cell(title="one\ntwo"),
         "1 record(s)", 0),
    Case("unclosed quote", "a quote that is never closed", content(GOOD + '"open\n' + LINE),
         ":3: -: error: unexpected end of data"),
    Case("text after a quote", "text after a closed quote", content(HEAD + '\n"a"b,c\n'),
         ":2: -: error: "),
    Case("short row", "a row with too few cells", content(GOOD + "a,b\n"),
         ":3: -: error: 2 cells, but the header has"),
    Case("long row", "a row with too many cells", content(GOOD + LINE + ",x\n"),
         ":3: -: error: "),
    Case("duplicate header", "a column that stands twice", content("record_id,record_id\na,b\n"),
         ":1: record_id: error: the column stands twice"),
    Case("missing header", "a required column left out",
         content(GOOD.replace("confidence", "notes")),
         ":1: confidence: error: a required column is missing"),
    Case("unknown header", "a column that the schema does not have",
         content(GOOD.replace("confidence", "confidance")), 'did you mean "confidence"?'),
    Case("semicolons", "semicolons between cells", content(GOOD.replace(",", ";")),
         "(separate cells with commas)"),
    Case("terminal escape in header", "a column named with a terminal escape",
         content("record_id,\x1b[31mred\n1,2\n"),
         ":1: \\x1b[31mred: error: the schema has no such"),
    Case("another table", "the hardware table given as papers",
         content(table(DEVICES, DEVICE_NAMES)), "the header is not that of this table"),
    Case("web page", "a web page saved as .csv", content("<!DOCTYPE html>\n<html></html>\n"),
         "the header is not that of this table"),
]  # fmt: skip

ARCHIVES = [
    Case(
        "gzip bomb", "200 MB of zeros, compressed", gzip_bomb, "this is a gzip archive", heavy=True
    ),
    Case("zip", "a zip archive", zipped, "this is a zip archive or a spreadsheet"),
    Case(
        "bzip2", "the start of a bzip2 archive", content(b"BZh91AY&SY"), "this is a bzip2 archive"
    ),
    Case("xz", "the start of an xz archive", content(b"\xfd7zXZ\0\0"), "this is an xz archive"),
    Case("Parquet", "the start of a Parquet file", content(b"PAR1\x15\x04"), "a Parquet file"),
    Case("PDF", "the start of a PDF file", content(b"%PDF-1.7\n"), "this is a PDF file"),
]

NO_FILES = [
    Case("nothing", "no file of that name", lambda path: None, "No such file or directory", 2),
    Case("folder", "a folder", lambda path: path.mkdir(), "Is a directory", 2),
    Case("pipe", "a named pipe that nobody writes to", os.mkfifo, "a pipe, not a file", 2),
    Case("socket", "a socket", listen, "a socket, not a file", 2),
    Case("device", "a link to /dev/zero", link("/dev/zero"), "a device, not a file", 2),
    Case("link to itself", "a link to itself", lambda path: path.symlink_to(path.name),
         "Too many levels of symbolic links", 2),
    Case("link to nothing", "a link to nothing", link("nowhere"), "No such file or directory", 2),
    Case("link to passwords", "a link to /etc/passwd, of which nothing is quoted",
         link("/etc/passwd"), "the header is not that of this table"),
]  # fmt: skip

LARGE = [
    Case("two gigabytes", "2 GB (with holes)", sparse(2 * 10**9), "2,000,000,000 bytes, at most", 2,
         heavy=True),
    Case("a gigabyte of NUL", "just below the limit, all NUL bytes", sparse(10**9), "a NUL byte",
         heavy=True),
    Case("200 MB cell", "a quoted cell of 200 MB", stream(HEAD + '\n"', "a" * 10**6, 200, '"\n'),
         "a line has more than 1,000,000 characters", heavy=True),
    Case("200 MB cell of many lines", "a quote that is never closed, then 200 MB of lines",
         stream(HEAD + '\n"', "a\n" * 500_000, 200),
         "10,000,000 lines", 2, heavy=True),
    Case("unclosed quote and a million lines", "a quote that is never closed, then a million lines",
         stream(HEAD + '\n"', "a\n" * 10_000, 100), "a cell of more than 131,072 characters",
         heavy=True),
    Case("a line without end", "300 MB without a line end", stream("", "a" * 10**6, 300),
         "a line has more than 1,000,000 characters", heavy=True),
    Case("10,000 columns", "a header of 10,000 columns",
         content(",".join(["record_id", *(f"c{i}" for i in range(9_999))]) + "\n"),
         ":1: -: error: 10,000 columns (a table has 200 at most)", heavy=True),
    Case("a million empty lines", "a million empty lines, then a row with an error",
         stream(HEAD + "\n", "\n" * 10_000, 100, LINE.replace("40.7", "x") + "\n"),
         ':1000002: value: error: "x" is not a positive number', heavy=True),
    Case("a million short rows", "a million rows of one cell",
         stream(HEAD + "\n", "a\n" * 10_000, 100), "more than 1,000 errors", heavy=True),
    Case("10,000 unknown devices", "10,000 rows, each with another unknown device",
         many(lambda i: ROW | {"record_id": f"r{i}", "model": f"m{i}", "hardware": f"GTX x{i}"},
              10_000), "more than 1,000 errors", heavy=True),
    Case("5,000 waivers of nothing", "5,000 rows that waive five unknown checks each",
         many(lambda i: ROW | {"record_id": f"r{i}", "model": f"m{i}",
                               "waived": "a: b; c: d; e: f; g: h; i: j"}, 5_000),
         "more than 1,000 errors", heavy=True),
    Case("long cell", "a title of 20,000 characters", cell(title="a" * 20_000),
         ":2: title: error: 20,000 characters (a cell holds 10,000 at most)"),
    Case("long token", "an identifier of 9,000 characters", cell(record_id="A" * 9_000),
         "AAAA... (9,000 characters)"),
]  # fmt: skip

CELLS = [
    number("1e999", "is not a positive finite number"), number("-0"), number("-1"),
    number("0", "is not a positive finite number"), number("nan"), number("inf"),
    number("\u0661\u0662\u0663"), number("1,5"), number("1_000"), number("0x10"), number("12%"),
    number("1e-400", "is not a positive finite number"),
    number("9" * 5_000, "999... (5,000 characters)"), number("1e300", "is out of range"),
    number("1e-300", "is out of range"), number("1 000"), number("\uff11\uff12"), number("TRUE"),
    Case("count 1e20", "`1e20` for a whole number", cell(n_devices="1e20"),
         "is not a whole number"),
    day("2015-02-30", "30 February", "is not a date (write YYYY-MM or YYYY-MM-DD)"),
    day("0000-01", "the year 0", "is not a date (years are 1900 to 2100)"),
    day("9999-12-31", "the year 9999", "is not a date (years are 1900 to 2100)"),
    day("2099-01", "a date in the future", "is in the future"),
    day("2015-1-1", "a date without zeros", "is not a date"),
    day("\u0662\u0660\u0661\u0665-01", "a date in Arabic digits", "is not a date"),
    Case("method year 9999", "the year 9999 as date of the method", cell(method_date="9999-12"),
         "is not a date (years are"),
    Case("id with path", "`../../x` for an identifier", cell(record_id="../../x"),
         '"../../x" is not a name'),
    Case("paper with path", "`/etc/passwd` for a publication", cell(paper="/etc/passwd"),
         "is not a name"),
    Case("benchmark with path", "`../x` for a benchmark", cell(benchmark="../x"), "is not a name"),
    Case("decomposed id", "an identifier with a combining accent", cell(record_id="re\u0301sum"),
         "is not a name"),
    Case("prototype as id", "`__proto__` for an identifier", cell(record_id="__proto__"),
         "is not a name"),
    Case("prototype as benchmark", "`__proto__` for a benchmark", cell(benchmark="__proto__"),
         "is not a name"),
    Case("prototype as model", "`__proto__` for a model, which is a text", cell(model="__proto__"),
         "1 record(s)", 0),
    Case("constructor as benchmark", "`constructor` for a benchmark", cell(benchmark="constructor"),
         'unknown benchmark "constructor"'),
    formula('=HYPERLINK("http://x.example";"y")', "`=HYPERLINK(...)`"),
    formula("=cmd|' /C calc'!A0", "`=cmd|...`"), formula("+cmd|' /C calc'!A0", "`+cmd|...`"),
    formula("-2+3+cmd|' /C calc'!A0", "`-2+3+cmd|...`"), formula("@SUM(1+1)", "`@SUM(...)`"),
    formula("\t=1+1", "a tab, then `=1+1`"),
    Case("script in title", "`<script>` in a title, which the report shows as text",
         cell(title="<script>alert(1)</script>"), "1 record(s)", 0),
    Case("javascript address", "`javascript:` for an address", cell(url="javascript:alert(1)"),
         "is not a web address"),
    Case("data address", "`data:` for an address", cell(url="data:text/html,x"),
         "is not a web address"),
    Case("file address", "`file:` for an address", cell(url="file:///etc/passwd"),
         "is not a web address"),
    Case("markup in address", "an address that closes its attribute",
         cell(url='https://x.example/"onclick="alert(1)'), "is not a web address"),
    hidden("\u202e", "right-to-left override", "U+202E"),
    hidden("\u200b", "zero-width space", "U+200B"),
    hidden("\x1b[2J", "terminal escape", "U+001B"),
    hidden("\x9b2J", "8-bit terminal escape", "U+009B"),
    hidden("\x07\x08", "bell and backspace", "U+0007, U+0008"),
    Case("terminal escape in a message", "a terminal escape in a cell that is quoted",
         cell(hardware="\x1b]0;owned\x07"), 'unknown hardware "\\x1b]0;owned\\x07"'),
    Case("forged line", "a line end in a cell that is quoted", cell(value="1\nx.csv:1: fine"),
         '"1\\nx.csv:1: fine" is not a positive number'),
    Case("digits in a slice", "a TPU slice of 5,000 digits",
         cell(hardware="TPU", compute_source="v3-" + "9" * 5_000), 'unknown hardware "TPU"'),
]  # fmt: skip

TABLES = [
    Case("devices that differ in form", "two devices whose names differ in Unicode form alone",
         content(table([DEVICES[0] | {"aliases": "r\xe9seau"},
                        DEVICES[1] | {"aliases": "re\u0301seau; \uff36100"}], DEVICE_NAMES)),
         'aliases: error: "r', kind="hardware"),
    Case("rates that overflow", "a peak rate of 1e308",
         content(table([DEVICES[0] | {"peak_fp32_flop_per_s": "1e308"}], DEVICE_NAMES)),
         "is out of range", kind="hardware"),
    Case("device without a name", "a device without a name",
         content(table([DEVICES[0] | {"device": ""}, DEVICES[1]], DEVICE_NAMES)),
         "2: device: error: the cell is empty", kind="hardware"),
    Case("device without a date", "a device in use whose release is no date",
         content(table([DEVICES[0] | {"release_date": "2010"}, DEVICES[1]], DEVICE_NAMES)),
         '2: release_date: error: "2010" is not a date', kind="hardware"),
    Case("30,000 devices", "30,000 devices, all of them right",
         lambda path: path.write_text(table([*DEVICES, *(
             DEVICES[0] | {"device": f"d{i}", "aliases": "", "price_usd": "500",
                           "release_date": f"{2000 + i % 20}-01-{1 + i % 28:02}"}
             for i in range(30_000))], DEVICE_NAMES)),
         "1 record(s)", 0, "hardware", heavy=True),
    Case("hardware as pipe", "a pipe for the hardware table", os.mkfifo, "a pipe, not a file", 2,
         "hardware"),
    Case("import of a short row", "a row of one cell in an import", content(EPOCH + "a\n"),
         "more or fewer cells", kind="import"),
    Case("import of a pipe", "a pipe for an import", os.mkfifo, "a pipe, not a file", 2, "import"),
    Case("import of a line without end", "20 MB without a line end in an import",
         stream(EPOCH, "a" * 10**6, 20), "a line has more than 1,000,000 characters",
         kind="import"),
    Case("runs as pipe", "a pipe for one's own runs", os.mkfifo, "a pipe, not a file", 2, "fit"),
    Case("runs too large", "2 GB of one's own runs", sparse(2 * 10**9), "at most", 2, "fit"),
]  # fmt: skip

YAML = [
    benchmarks("YAML object", "a tag that calls a function",
               "a: !!python/object/apply:os.system [touch owned]\n",
               ":1:4: cannot be read as YAML: could not determine a constructor"),
    benchmarks("YAML name", "a tag that imports a module", "a: !!python/name:os.system\n",
               ":1:4: cannot be read as YAML: could not determine a constructor"),
    benchmarks("billion laughs", "aliases of aliases that stand for a billion values", LAUGHS,
               "more than 20,000 values"),
    benchmarks("alias of itself", "a list that holds itself", "a: &a [*a]\n",
               ":1:8: cannot be read as YAML: an alias within what it stands for"),
    benchmarks("deep lists", "5,000 lists within each other", "a: " + "[" * 5_000 + "]" * 5_000,
               "more than 30 lists or groups within each other"),
    benchmarks("deep groups", "groups within each other, by indentation",
               "".join(f"{' ' * i}a:\n" for i in range(500)), "more than 30 lists"),
    benchmarks("duplicate key", "a key that stands twice", BENCHMARKS + BENCHMARKS,
               'the key "imagenet" stands twice'),
    benchmarks("5,000 digits", "a whole number of 5,000 digits", f"a: {'9' * 5_000}\n",
               ":1:4: cannot be read as YAML: 999"),
    benchmarks("no number", "`.nan` for a number", BENCHMARKS.replace("0.02", ".nan"),
               ".nan is not a value that can be used"),
    benchmarks("infinity", "`.inf` for a scale", BENCHMARKS.replace("scale: 100", "scale: .inf"),
               ".inf is not a value that can be used"),
    benchmarks("30 February in YAML", "a day that is none", "a: 2020-02-30\n",
               "2020-02-30 is not a value that can be used"),
    benchmarks("tag that lies", "`!!int` before a word", "a: !!int word\n",
               "word is not a value that can be used"),
    benchmarks("unhashable key", "a list for a key", "? [a, b]\n: c\n", "unhashable key"),
    benchmarks("unclosed list", "a list that is not closed", "a: [1, 2\n", ":2:1: cannot be read"),
    benchmarks("tab in YAML", "a tab for indentation", "a:\n\tb: 1\n", ":2:1: cannot be read"),
    benchmarks("control characters in YAML", "a terminal escape", "a: \x1b[31m\n",
               "special characters are not allowed"),
    benchmarks("Latin-1 in YAML", "YAML in Latin-1", "a: \xe9\n".encode("latin-1"),
               ":1: cannot be read as YAML: byte 0xe9 is not UTF-8"),
    benchmarks("empty YAML", "an empty file", "", "None is not of type 'object'"),
    benchmarks("several documents", "two documents in one file", "a: 1\n---\nb: 2\n",
               "another document"),
    benchmarks("benchmark with path", "`../x` for a benchmark's key",
               BENCHMARKS.replace("other:", '"../x":'), "'../x' does not match"),
    benchmarks("benchmark with line end", "a benchmark's key with a line end",
               BENCHMARKS.replace("other:", '"other\\n":'), "does not match"),
    benchmarks("prototype in YAML", "`__proto__` for a benchmark's key",
               BENCHMARKS.replace("other:", "__proto__:"), "does not match"),
    benchmarks("number as key", "a number for a benchmark's key",
               BENCHMARKS.replace("other:", "7:"), "7 is not of type 'string'"),
    benchmarks("large YAML", "2 MB of YAML", stream("", "# comment\n", 200_000),
               "2,000,000 bytes, at most 1,048,576", 2),
    benchmarks("YAML of many values", "30,000 values", "a: [" + "1," * 30_000 + "]\n",
               "more than 20,000 values"),
    benchmarks("YAML pipe", "a pipe for benchmarks", os.mkfifo, "a pipe, not a file", 2),
    benchmarks("YAML folder", "a folder for benchmarks", lambda p: p.mkdir(), "Is a directory", 2),
]  # fmt: skip

CONFIG = [
    config("config: code in a template", "a template, which Snakemake would run",
           '__use_yte__: true\nseed: ?open("owned", "w").write("x")\n', "templates run code"),
    config("config: YAML object", "a tag that calls a function",
           "seed: !!python/object/apply:os.system [touch owned]\n", ":1:7: cannot be read as YAML"),
    config("config: billion laughs", "aliases of aliases", LAUGHS, "more than 20,000 values"),
    config("config: deep lists", "5,000 lists within each other", "a: " + "[" * 5_000,
           "more than 30 lists"),
    config("config: duplicate key", "a key that stands twice", "seed: 1\nseed: 2\n",
           ':2:1: cannot be read as YAML: the key "seed" stands twice'),
    config("config: 5,000 digits", "a seed of 5,000 digits", f"seed: {'9' * 5_000}\n",
           "is not a value that can be used"),
    config("config: no number", "`.nan` for a level", "fit: {level: .nan}\n", "is not a value"),
    config("config: a list", "a list for the settings", "- seed\n", "no settings by name"),
    config("config: unknown keys", "unknown keys of several kinds", "7: 1\nnull: 2\nx: 3\n",
           "7: unknown key"),
    config("config: prototype", "`__proto__` for a setting", "__proto__: {a: 1}\n",
           "__proto__: unknown key"),
    config("config: benchmark with path", "`../x` for a benchmark", "benchmarks: [../x]\n",
           "'../x' does not match"),
    config("config: wildcard in results", "`{x}` in the folder of results", 'results: "{x}"\n',
           "results: '{x}' does not match"),
    config("config: control characters", "a line end in the folder of results",
           'results: "a\\nb"\n', "results: "),
    config("config: folder above", "`../../x` for the folder of results: allowed, it is your own",
           "results: ../../x\n", "", 0),
    config("config: absolute folder", "an absolute folder of results: allowed",
           "results: /srv/results\n", "", 0),
]  # fmt: skip

CASES = [*ENCODINGS, *SHAPES, *ARCHIVES, *NO_FILES, *LARGE, *CELLS, *TABLES, *YAML, *CONFIG]


def listing() -> str:
    """Return the table of files in the documentation."""
    lines = ["| given as | what | exit status | said |", "| --- | --- | --- | --- |"]
    for case in CASES:
        what, said = (text.replace("|", "\\|") for text in (case.what, case.says))
        lines.append(f"| {case.kind} | {what} | {case.status} | {f'`{said}`' if said else ''} |")
    return "\n".join(lines) + "\n"


def limits() -> str:
    """Return the table of limits in the documentation."""
    rows = [
        ("bytes of a CSV file", f"{inputs.MAX_TABLE_BYTES:,}"),
        ("lines of a CSV file", f"{table_reader.MAX_LINES:,}"),
        ("characters of a line", f"{inputs.MAX_LINE:,}"),
        ("characters of a cell", f"{table_reader.MAX_CELL:,}"),
        ("columns", f"{table_reader.MAX_COLUMNS}"),
        ("numbers", "{:g} to {:g}".format(*table_reader.NUMBERS)),
        ("whole numbers", f"up to {table_reader.MAX_COUNT:g}"),
        ("years", "{} to {}".format(*table_reader.YEARS)),
        ("errors listed of each file and of each check", f"{problems.MAX_ERRORS:,}"),
        ("bytes of a YAML file", f"{inputs.MAX_YAML_BYTES:,}"),
        ("values in a YAML file, those that aliases repeat included", f"{inputs.MAX_YAML_NODES:,}"),
        ("lists and groups within each other in YAML", f"{inputs.MAX_YAML_DEPTH}"),
    ]
    lines = ["| what | limit |", "| --- | --- |", *(f"| {what} | {most} |" for what, most in rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(limits())
    print(listing(), end="")
