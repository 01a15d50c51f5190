"""Builds the documentation site: gathers the pages, makes the reference of what the program says, and hands both to
mkdocs, strictly: a link that leads nowhere fails.

    python3 scripts/site/build.py NEXUS OUT

NEXUS is the program, OUT the folder of the site. Needs mkdocs. Not here: what the reference says (`reference.py`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))

import reference  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

# Pages, by sections and titles. A page of docs/ that is not here is under "More".
NAV = [
    {"Home": "README.md"},
    {"Tour": "docs/tour.md"},
    {"Concepts": "docs/concepts.md"},
    {
        "Workflows": [
            "docs/validation.md", "docs/tools.md", "docs/patterns.md", "docs/budgets.md", "docs/estimates.md",
            "docs/backtracking.md", "docs/memory.md", "docs/llm-gateway.md", "docs/scrapers.md", "docs/endpoints.md", "examples/README.md",
        ]
    },
    {
        "Reference": [
            {"Workflow documents": "docs/reference/workflow.md"},
            {"REST": "docs/reference/rest.md"},
            {"gRPC": "docs/reference/grpc.md"},
            {"Command line": "docs/reference/cli.md"},
            "docs/configuration.md",
            {"Prices": "pricing/README.md"},
        ]
    },
    {
        "Operations": [
            "docs/deploy.md", "docs/operations.md", "docs/backup.md", "docs/upgrades.md", "docs/durability.md", "docs/reliability.md", "docs/performance.md", "docs/sandbox.md",
            "docs/egress.md",
        ]
    },
    {"Clients": ["docs/clients/README.md", "docs/clients/python/README.md", "docs/clients/typescript/README.md"]},
    {"How it differs": "docs/comparison.md"},
    {"Project": ["ARCHITECTURE.md", "docs/adr/README.md", "docs/accessibility.md", "CONTRIBUTING.md", "CHANGELOG.md"]},
]
# Where a page that others write goes, once it is there.
LATER = {
    "docs/security.md": "Operations", "docs/secrets.md": "Workflows", "docs/observability.md": "Operations", "docs/lifecycle.md": "Operations",
    "docs/scaling.md": "Operations", "SECURITY.md": "Project",
}
WHOLE = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "Dockerfile",
         "docker-compose.yml", ".env.example"]
FOLDERS = ["docs", "examples", "pricing"]


def ask(nexus: Path) -> dict:
    """The program's own description of its API."""
    with tempfile.TemporaryDirectory() as data:
        addresses = ["--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]
        environment = {**os.environ, "NEXUS_DATA_DIR": data, "NO_COLOR": "1"}
        for name in ("NEXUS_API_KEYS", "DATABASE_URL", "NATS_URL", "QDRANT_URL"):
            environment.pop(name, None)
        up = subprocess.Popen([nexus, "up", *addresses], stderr=subprocess.PIPE, text=True, env=environment)
        try:
            for line in up.stderr:
                if found := re.search(r"listening (http://\S+)", line):
                    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                    return json.load(opener.open(f"{found[1]}/openapi.json", timeout=10))
        finally:
            up.terminate()
            up.communicate(timeout=40)
    raise SystemExit("nexus did not start")


def help_of(nexus: Path):
    def ask_for(words: list[str]) -> str:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
        return subprocess.run([nexus, *words, "-h"], capture_output=True, text=True, check=True, env=environment).stdout

    return ask_for


def gather(source: Path) -> None:
    """The pages, at the places that they have in the repository, so that links between them hold."""
    source.mkdir(parents=True)
    for name in WHOLE:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".venv"))
    for page in source.rglob("*.md"):
        text = page.read_text()
        # In the repository a link may lead to a folder; here it leads to what one would read there.
        def lead(found: re.Match[str]) -> str:
            target = found[1].split("#")[0]
            if "://" in target or not target:
                return found[0]
            path = (page.parent / target).resolve()
            if path.is_dir():
                readme = path / "README.md"
                if not readme.exists():
                    listing(path)
                return found[0].replace(target, f"{target.rstrip('/')}/README.md")
            return found[0]

        page.write_text(re.sub(r"\]\(([^)\s]+)\)", lead, text))


def listing(folder: Path) -> None:
    """A page for a folder that has none."""
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != "README.md")
    lines = "\n".join(f"- [{name}]({name})" for name in files)
    (folder / "README.md").write_text(f"# {folder.name}\n\n{lines}\n")


def navigation(source: Path) -> list:
    nav = json.loads(json.dumps(NAV))
    for page, section in LATER.items():
        if (source / page).exists():
            next(entry[section] for entry in nav if section in entry).append(page)
    listed = set(re.findall(r'"([^"]+\.md)"', json.dumps(nav)))
    own = {str(path.relative_to(source)) for path in (source / "docs").glob("*.md")}
    if more := sorted(own - listed):
        nav.append({"More": more})
    return nav


def main() -> None:
    nexus, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    work = out.parent / f"{out.name}-source"
    shutil.rmtree(work, ignore_errors=True)
    source = work / "pages"
    gather(source)
    made = source / "docs" / "reference"
    made.mkdir()
    api = ask(nexus)
    (made / "openapi.json").write_text(json.dumps(api, indent=1))
    (made / "rest.md").write_text(reference.rest(api))
    (made / "workflow.md").write_text(reference.workflow(api))
    (made / "grpc.md").write_text(reference.grpc(ROOT / "proto"))
    (made / "cli.md").write_text(reference.command_line(help_of(nexus)))
    config = {
        "site_name": "Nexus", "site_description": "Durable AI workflows, priced call by call",
        "docs_dir": str(source), "site_dir": str(out), "use_directory_urls": False, "strict": True,
        "theme": {"name": "mkdocs", "color_mode": "auto", "user_color_mode_toggle": True, "highlightjs": False, "navigation_depth": 3},
        "markdown_extensions": ["tables", "fenced_code", "sane_lists", "attr_list", {"toc": {"permalink": True, "toc_depth": "2-3"}}],
        "plugins": ["search"],
        "nav": navigation(source),
        "validation": {
            "nav": {"omitted_files": "ignore", "not_found": "warn", "absolute_links": "warn"},
            "links": {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"},
        },
    }
    (work / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "mkdocs", "build", "--clean", "--strict", "--config-file", str(work / "mkdocs.yml")]
    # Not `--quiet`: with it mkdocs neither says nor counts what is wrong.
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    sys.stderr.writelines(line for line in done.stderr.splitlines(keepends=True) if not line.startswith("INFO"))
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
