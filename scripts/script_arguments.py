# SPDX-License-Identifier: Apache-2.0
"""What the scripts in Python do with their arguments, as common.sh does it."""
import argparse


class Parser(argparse.ArgumentParser):
    """Prints a script's own text when asked for help, and says in one line what is
    wrong with a call (status 2)."""

    def __init__(self, text):
        super().__init__(allow_abbrev=False)
        self.text = text

    def format_help(self):
        return self.text

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see --help\n")
