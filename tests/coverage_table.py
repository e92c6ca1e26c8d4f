# SPDX-License-Identifier: Apache-2.0
"""scripts/coverage-table counts what any copy of a function reached, and knows
exceptions that are none.

usage: coverage_table.py SOURCE_DIR
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.abspath(sys.argv[1]), "scripts/coverage-table")
SOURCE = """int f(int a)
{
    if (a > 0) {
        return 1;
    }
    return 2;
}
#define TWICE(x) \\
    ((x) + (x))
"""
NEVER = "src/a.c | f | line | return 2; | nobody asks\n"


class Table(unittest.TestCase):
    def run_on(self, exceptions, *options, count_of_2=0, second=True):
        """The status, what is printed, and what is complained of."""
        with tempfile.TemporaryDirectory() as here:
            os.mkdir(here + "/src")
            file = here + "/src/a.c"
            with open(file, "w", encoding="ascii") as out:
                out.write(SOURCE)
            with open(here + "/lcov", "w", encoding="ascii") as out:
                out.write(f"SF:{file}\nDA:1,3\nDA:3,3\nDA:4,3\nDA:6,{count_of_2}\n"
                          "DA:8,0\nDA:9,0\nend_of_record\n"
                          "SF:/elsewhere/b.c\nDA:1,0\nend_of_record\n")

            def copy(name, true, false):
                return {"name": name, "filenames": [file], "count": 1,
                        "regions": [[1, 1, 7, 2, 1, 0, 0, 0]],
                        "branches": [[3, 9, 3, 14, true, false, 0, 0, 4]]}

            functions = [copy("a.c:f", 3, 0)]
            if second:
                functions.append(copy("b.c:f", 0, 2))
            with open(here + "/json", "w", encoding="ascii") as out:
                json.dump({"data": [{"functions": functions}]}, out)
            with open(here + "/exceptions", "w", encoding="ascii") as out:
                out.write("# comment\n\n" + exceptions)
            done = subprocess.run([sys.executable, SCRIPT, "lcov", "json",
                                   "exceptions", *options], cwd=here, text=True,
                                  capture_output=True, check=False)
            return done.returncode, done.stdout, done.stderr

    def test_copies_are_counted_together(self):
        status, out, err = self.run_on("")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("all                                 4   75.00%        2  "
                      "100.00%", out)
        _, out, _ = self.run_on("", second=False)
        self.assertIn("4   75.00%        2   50.00%", out)

    def test_what_is_missing_is_an_exception_as_it_stands(self):
        _, out, _ = self.run_on("", "--missing", second=False)
        missing = [line.split(": ", 1)[1] for line in out.splitlines()
                   if line.startswith("src/a.c:")]
        self.assertEqual(missing, ["src/a.c | f | false | a > 0",
                                   "src/a.c | f | line | return 2;"])
        status, out, _ = self.run_on(
            "".join(line + " | why not\n" for line in missing), "--check",
            second=False)
        self.assertEqual(status, 0)
        self.assertIn("3  100.00%        1  100.00%", out)
        self.assertIn("2 exceptions", out)

    def test_an_exception_that_is_reached_is_an_error(self):
        self.assertEqual(self.run_on(NEVER)[0], 0)
        status, _, err = self.run_on(NEVER, count_of_2=1)
        self.assertEqual(status, 1)
        self.assertEqual(err, "coverage: exceptions:3: reached, or not there: "
                         "src/a.c | f | line | return 2;\n")
        status, _, err = self.run_on(NEVER.replace("return 2", "return 7"))
        self.assertEqual(status, 1)

    def test_an_exception_has_a_reason(self):
        for wrong in (NEVER.replace(" | nobody asks", ""),
                      NEVER.replace("nobody asks", " ")):
            status, _, err = self.run_on(wrong)
            self.assertEqual(status, 1)
            self.assertIn("exceptions:3: not five parts", err)

    def test_the_goals_are_asked_for(self):
        status, _, err = self.run_on("", "--check")
        self.assertEqual(status, 1)
        self.assertIn("less than 100.0 % of the lines", err)
        self.assertEqual(self.run_on(NEVER, "--check")[0], 0)
        self.assertEqual(self.run_on(NEVER, "--check", second=False)[0], 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
