"""The reference pages: nothing that the program or the protos say is lost on the way. Not here: links (the site's own
strict build, `make docs`).
"""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/site"))

import build  # noqa: E402
import reference  # noqa: E402

API = {
    "info": {"description": "About it."},
    "components": {
        "parameters": {"Page": {"name": "cursor", "in": "query", "description": "Where | to go on", "schema": {"type": "string"}}},
        "schemas": {
            "Document": {
                "description": "A document.", "required": ["graph"],
                "properties": {
                    "graph": {"$ref": "#/components/schemas/Graph"},
                    "budget": {"oneOf": [{"$ref": "#/components/schemas/Budget"}, {"type": "null"}], "description": "A cap."},
                    "tags": {"type": ["array", "null"], "items": {"type": "string"}, "default": []},
                },
            },
            "Graph": {"type": "object", "properties": {"join": {"enum": ["all", "any"]}}},
            "Budget": {"allOf": [{"$ref": "#/components/schemas/Graph"}, {"properties": {"limit": {"type": "number", "minimum": 0}}}]},
            "Other": {"type": "string"},
        },
    },
    "paths": {
        "/api/v1/things/{id}": {
            "get": {
                "tags": ["things"], "summary": "Get a thing", "parameters": [{"$ref": "#/components/parameters/Page"}],
                "responses": {"200": {"description": "It", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Other"}}}}},
            },
            "delete": {"tags": ["things"], "summary": "Forget it", "responses": {"204": {"description": "Gone"}}},
        }
    },
}


class Rest(unittest.TestCase):
    def test_every_route_with_all_that_it_takes_and_gives(self):
        page = reference.rest(API)
        for words in (
            "## Things", "### GET /api/v1/things/{id}", "### DELETE /api/v1/things/{id}", "| `cursor` | query | string |",
            "Where \\| to go on", "| 200 | [Other](rest.md#other) | It |", "| 204 |  | Gone |", "### Other",
        ):
            self.assertIn(words, page)

    def test_documents_with_every_field_and_nothing_else(self):
        page = reference.workflow(API)
        for words in (
            "### Document", "| `graph` | [Graph](workflow.md#graph) | **required**;", "[Budget](workflow.md#budget) or null",
            "list of string or null", "default `[]`", '`"all"` or `"any"`', "| `limit` | number |", "at least `0`",
        ):
            self.assertIn(words, page)
        self.assertNotIn("### Other", page)


class Grpc(unittest.TestCase):
    def test_every_method_message_and_field_of_the_protos(self):
        page = reference.grpc(ROOT / "proto")
        rows = 0
        for path in (ROOT / "proto").rglob("*.proto"):
            text = re.sub(r"//.*", "", path.read_text())
            for name in re.findall(r"rpc (\w+)", text):
                self.assertRegex(page, rf"\| `{name}\(.*→", name)
                rows += 1
            for name in re.findall(r"(?:message|enum) (\w+)", text):
                self.assertRegex(page, rf"(?m)^### {name}$")
            for name in re.findall(r"^\s+(?:optional |repeated )?[\w.<>, ]+ (\w+) = \d+", text, re.MULTILINE):
                self.assertIn(f"| `{name}` |", page)
        self.assertGreater(rows, 25)

    def test_comments_come_along(self):
        page = reference._proto(
            'syntax = "proto3";\n// About S.\n//\n// More.\npackage a.v1;\n\n// A service.\n//\n// At length.\nservice S {\n  // Does | it.\n'
            "  // Errors: none.\n  rpc Do(stream X) returns (Y);\n}\n\n// Nothing.\nmessage X {}\nmessage Y {\n  oneof z {\n"
            "    // One.\n    string a = 1;\n  }\n  // Two.\n  repeated a.B b = 2;\n}\nenum E {\n  // Zero.\n  E_UNKNOWN = 0;\n}\n"
        )
        for words in (
            "### Service S\n\nA service.\n\nAt length.", "| `Do(stream X) → Y` | Does \\| it. Errors: none. |", "### X\n\nNothing.",
            "| `a` |  `string` | One. |", "| `b` | repeated `a.B` | Two. |", "| `E_UNKNOWN` | 0 | Zero. |",
        ):
            self.assertIn(words, page)


class CommandLine(unittest.TestCase):
    def test_every_command_and_no_settings(self):
        says = {
            "": "About\n\nCommands:\n  up    Run\n  list  Lists\n  help  Print\n\nOptions:\n  -h\n\nSettings:\n      --http-addr <A>  x\n\nExit codes: 0",
            "up": "Run everything", "list": "Lists\n\nCommands:\n  all  All of it\n", "list all": "All",
        }
        page = reference.command_line(lambda words: says[" ".join(words)])
        self.assertEqual(re.findall(r"^## (.+)$", page, re.MULTILINE), ["nexus", "nexus up", "nexus list", "nexus list all"])
        self.assertNotIn("--http-addr", page)
        self.assertIn("Exit codes: 0", page)


class Pages(unittest.TestCase):
    def test_pages_in_the_menu_exist(self):
        made = {"docs/reference/workflow.md", "docs/reference/rest.md", "docs/reference/grpc.md", "docs/reference/cli.md"}
        for page in set(re.findall(r"'([^']+\.md)'", str(build.NAV))) - made:
            self.assertTrue((ROOT / page).exists(), page)


if __name__ == "__main__":
    unittest.main()
