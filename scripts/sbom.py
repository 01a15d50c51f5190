"""The bill of materials of what is shipped, as CycloneDX 1.6 JSON on stdout: the crates in the program, the packages
in the web app, and the Python packages in the scraper's image. What only builds or tests is left out. The same source
gives the same bytes.

    cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu | python3 scripts/sbom.py

Needs nothing but Python. Not here: packages of the images' Linux distribution, which the image's own bill has.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
Component = dict[str, Any]
SPDX_OPERATORS = re.compile(r" (?:OR|AND|WITH) |/|\(")


def licences(expression: str | None) -> list[dict[str, Any]]:
    if not expression:
        return []
    # An old way to write it.
    expression = expression.replace("/", " OR ")
    if SPDX_OPERATORS.search(expression):
        return [{"expression": expression}]
    return [{"license": {"id": expression}}]


def component(kind: str, name: str, version: str, licence: str | None, sha: tuple[str, str] | None) -> Component:
    group, _, bare = name.rpartition("/")
    path = f"{quote(group, safe='')}/{quote(bare)}" if group else quote(name)
    purl = f"pkg:{kind}/{path}@{quote(version)}"
    made: Component = {"type": "library", "bom-ref": purl, "name": bare if group else name, "version": version, "purl": purl}
    if group:
        made["group"] = group
    if found := licences(licence):
        made["licenses"] = found
    if sha:
        made["hashes"] = [{"alg": sha[0], "content": sha[1]}]
    return made


def crates(metadata: dict[str, Any]) -> tuple[list[Component], dict[str, list[str]]]:
    """What the program is linked of, and what needs what."""
    lock = (ROOT / "Cargo.lock").read_text()
    sums = {
        (name, version): checksum
        for name, version, checksum in re.findall(
            r'\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"', lock
        )
    }
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    [program] = [id for id, package in packages.items() if package["name"] == "nexus-cli"]
    made: dict[str, Component] = {}
    needs: dict[str, list[str]] = {}
    waiting = [program]
    while waiting:
        id = waiting.pop()
        if id in made:
            continue
        package = packages[id]
        name, version = package["name"], package["version"]
        checksum = sums.get((name, version))
        made[id] = component("cargo", name, version, package["license"], ("SHA-256", checksum) if checksum else None)
        # Neither what builds nor what tests.
        linked = [
            dependency["pkg"] for dependency in nodes[id]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            and not any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
        ]
        needs[id] = linked
        waiting += linked
    refs = {id: thing["bom-ref"] for id, thing in made.items()}
    return list(made.values()), {refs[id]: sorted(refs[other] for other in others) for id, others in needs.items()}


def packages_of_the_web_app() -> tuple[list[Component], list[str]]:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    made = {}
    for path, package in lock["packages"].items():
        # Optional ones are other platforms' programs and what only a server would need: the export has neither.
        if not path or package.get("dev") or package.get("optional") or package.get("devOptional"):
            continue
        name = path.rpartition("node_modules/")[2]
        algorithm, _, digest = package["integrity"].partition("-")
        sha = (algorithm.upper().replace("SHA", "SHA-"), base64.b64decode(digest).hex())
        thing = component("npm", name, package["version"], package.get("license"), sha)
        made[thing["bom-ref"]] = thing
    return list(made.values()), sorted(made)


def packages_of_the_sandbox() -> tuple[list[Component], list[str]]:
    text = (ROOT / "libs/sandbox/python/requirements.txt").read_text()
    made = [component("pypi", name.lower(), version, None, None) for name, version in re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE)]
    return made, [thing["bom-ref"] for thing in made]


def bill(metadata: dict[str, Any]) -> dict[str, Any]:
    linked, needs = crates(metadata)
    web, in_web = packages_of_the_web_app()
    python, in_sandbox = packages_of_the_sandbox()
    version = re.search(r'^version = "(.+?)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    whole = {"type": "application", "bom-ref": "nexus", "name": "nexus", "version": version, "licenses": licences("Apache-2.0")}
    components = {thing["bom-ref"]: thing for thing in [*linked, *web, *python]}
    program = next(thing["bom-ref"] for thing in linked if thing["name"] == "nexus-cli")
    depends = {"nexus": sorted([program, *in_web, *in_sandbox]), **needs}
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": whole, "lifecycles": [{"phase": "build"}]},
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": [{"ref": ref, "dependsOn": depends.get(ref, [])} for ref in ["nexus", *sorted(components)]],
    }
    # A number that only these contents have.
    made["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))}"
    return made


if __name__ == "__main__":
    json.dump(bill(json.load(sys.stdin)), sys.stdout, indent=1)
    print()
