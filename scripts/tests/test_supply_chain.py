"""Workflows, and the bill of materials. Needs zizmor, check-jsonschema, cyclonedx-python-lib and cargo. Not here: known
vulnerabilities (`make audit`), licences and sources of crates (libs/testkit/tests/dependencies.rs).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


class Workflows(unittest.TestCase):
    def test_they_are_workflows(self):
        for schema, files in (
            ("vendor.github-workflows", WORKFLOWS), ("vendor.dependabot", [ROOT / ".github/dependabot.yml"]),
        ):
            command = [BIN / "check-jsonschema", "--builtin-schema", schema, *files]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_their_linter_has_no_complaints(self):
        """No code from titles, no more rights than needed, no credentials left behind, no poisoned caches."""
        command = [BIN / "zizmor", "--offline", "--no-progress", ROOT / ".github"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_actions_are_pinned_by_commit(self):
        for path in WORKFLOWS:
            uses = re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(), re.MULTILINE)
            self.assertTrue(uses)
            for action in uses:
                self.assertRegex(action, r"^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", path.name)

    def test_what_they_call_exists(self):
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        for path in WORKFLOWS:
            for job in yaml.safe_load(path.read_text())["jobs"].values():
                for command in [step["run"] for step in job["steps"] if "run" in step]:
                    self.assertLessEqual(set(re.findall(r"\bmake ([a-z-]+)", command)), targets)
                    for script in re.findall(r"\bscripts/\S+\.sh\b", command):
                        self.assertTrue((ROOT / script).stat().st_mode & 0o100, script)

    def test_every_place_with_dependencies_is_watched(self):
        updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
        watched = {
            (update["package-ecosystem"], folder.strip("/"))
            for update in updates for folder in update.get("directories", [update.get("directory")])
        }
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        ecosystems = {"Cargo.lock": "cargo", "package-lock.json": "npm", "requirements.txt": "pip", "Dockerfile": "docker"}
        for path in tracked:
            folder, _, name = path.rpartition("/")
            if name in ecosystems:
                self.assertIn((ecosystems[name], folder), watched, path)


class BillOfMaterials(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = "cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu"
        cls.metadata = subprocess.run(command.split(), cwd=ROOT, capture_output=True, check=True).stdout
        cls.text = cls.write()
        cls.bill = json.loads(cls.text)

    @classmethod
    def write(cls) -> str:
        command = [sys.executable, ROOT / "scripts/sbom.py"]
        return subprocess.run(command, input=cls.metadata, capture_output=True, check=True).stdout.decode()

    def test_it_is_what_the_standard_says(self):
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(self.text))
        broken = json.dumps({**self.bill, "components": [{"name": "no type"}]})
        self.assertIsNotNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken))

    def test_the_same_source_gives_the_same_bytes(self):
        self.assertEqual(self.text, self.write())

    def test_it_has_what_is_shipped_and_not_what_builds_or_tests(self):
        names = {thing["purl"].split("@")[0] for thing in self.bill["components"]}
        for shipped in ("cargo/tokio", "cargo/rustls", "cargo/nexus-engine", "npm/next", "npm/react", "pypi/beautifulsoup4"):
            self.assertIn(f"pkg:{shipped}", names)
        for other in ("cargo/proptest", "cargo/nexus-testkit", "cargo/protox", "npm/vitest", "npm/typescript"):
            self.assertNotIn(f"pkg:{other}", names)

    def test_everything_has_a_licence_and_a_checksum(self):
        for thing in self.bill["components"]:
            if thing["purl"].startswith(("pkg:cargo/nexus-", "pkg:pypi/")):
                continue
            self.assertTrue(thing.get("licenses"), thing["purl"])
            self.assertTrue(thing.get("hashes"), thing["purl"])

    def test_what_needs_what_leads_nowhere_else(self):
        refs = {"nexus", *(thing["bom-ref"] for thing in self.bill["components"])}
        reached, waiting = set(), ["nexus"]
        needs = {entry["ref"]: entry["dependsOn"] for entry in self.bill["dependencies"]}
        while waiting:
            ref = waiting.pop()
            if ref not in reached:
                reached.add(ref)
                waiting += needs[ref]
        self.assertEqual(reached, refs)


if __name__ == "__main__":
    unittest.main()
