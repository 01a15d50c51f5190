"""A client of Nexus over REST in Python, with nothing but the standard library:

    python nexus_rest.py workflow.json --input topic=Rust

saves the document as a workflow, runs it, shows its events as they happen (stderr), and prints the outputs as JSON
(stdout). With API keys in use, set NEXUS_API_KEY.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any, Iterator

# Statuses after which the same request may succeed.
AGAIN = {408, 429, 502, 503, 504}


class Failure(Exception):
    """What the server said when it refused: a code to act on, a message and a suggestion for people."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.code, self.details = status, body.get("error"), body.get("details") or []
        text = f"{status} {self.code}: {body.get('message', '')}"
        for detail in self.details:
            text += f"\n  {detail['path'] or '(document)'}: {detail['message']}"
        if body.get("suggestion"):
            text += f"\nhint: {body['suggestion']}"
        super().__init__(text)


class Nexus:
    """A server. What may be repeated is, a few times; starting an execution may be, thanks to its key."""

    def __init__(self, server: str, api_key: str | None = None, attempts: int = 5) -> None:
        self._base = server.rstrip("/")
        self._key = api_key
        self._attempts = attempts

    def create_workflow(self, document: dict[str, Any]) -> str:
        """Saves a document; gives the workflow's id."""
        return self._call("POST", "/workflows", document)["id"]

    def start(self, workflow_id: str, inputs: dict[str, Any], limit_usd: float | None = None) -> str:
        """Starts a workflow; gives the execution's id."""
        body: dict[str, Any] = {"inputs": inputs}
        if limit_usd is not None:
            body["budget"] = {"limit_usd": limit_usd}
        # The same key and body give the same execution, however often they are sent.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._call("POST", f"/workflows/{workflow_id}/execute", body, headers, again=True)["execution_id"]

    def watch(self, execution_id: str) -> Iterator[dict[str, Any]]:
        """The execution's events to its end; comes back after a broken connection and misses nothing."""
        after = 0
        while True:
            path = f"/executions/{execution_id}/events?after={after}"
            try:
                with self._open("GET", path, headers={"Accept": "text/event-stream"}, timeout=60) as stream:
                    for event in _events(stream):
                        if "seq" not in event:
                            continue  # a piece of an answer while it is written
                        after = event["seq"]
                        yield event
                        if event["type"] == "execution_completed":
                            return
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code not in AGAIN:
                    raise _failure(error) from None
            time.sleep(1)

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution with all of its nodes."""
        return self._call("GET", f"/executions/{execution_id}", again=True)

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, again: bool = False
    ) -> dict[str, Any]:
        for attempt in range(1, self._attempts + 1):
            try:
                with self._open(method, path, body, headers) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if not again or error.code not in AGAIN or attempt == self._attempts:
                    raise _failure(error) from None
                pause = float(error.headers.get("Retry-After") or 2**attempt / 4)
            except (urllib.error.URLError, ConnectionError):
                if not again or attempt == self._attempts:
                    raise
                pause = 2**attempt / 4
            time.sleep(min(pause, 30))
        raise AssertionError("the last attempt returns or raises")

    def _open(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 30
    ):
        request = urllib.request.Request(f"{self._base}/api/v1{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        return urllib.request.urlopen(request, timeout=timeout)


def _failure(error: urllib.error.HTTPError) -> Failure:
    try:
        return Failure(error.code, json.load(error))
    except ValueError:
        return Failure(error.code, {"message": error.reason})


def _events(stream: Any) -> Iterator[dict[str, Any]]:
    """The data of server-sent events. An event without its empty line is half an event: dropped."""
    data: list[str] = []
    for line in stream:
        text = line.decode().rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[6:] if text.startswith("data: ") else text[5:])
        elif not text and data:
            yield json.loads("\n".join(data))
            data = []


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a workflow document on Nexus.")
    parser.add_argument("document", help="the workflow document, a JSON file")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=TEXT", help="a text input")
    parser.add_argument("--inputs", metavar="FILE", help="a JSON file with all inputs")
    parser.add_argument("--budget", type=float, metavar="USD", help="hard limit of this run")
    parser.add_argument("--server", default="http://127.0.0.1:8080", metavar="URL")
    arguments = parser.parse_args()
    with open(arguments.document, encoding="utf-8") as file:
        document = json.load(file)
    inputs: dict[str, Any] = {}
    if arguments.inputs:
        with open(arguments.inputs, encoding="utf-8") as file:
            inputs = json.load(file)
    inputs.update(pair.split("=", 1) for pair in arguments.input)

    nexus = Nexus(arguments.server, os.environ.get("NEXUS_API_KEY"))
    try:
        execution_id = nexus.start(nexus.create_workflow(document), inputs, arguments.budget)
        for event in nexus.watch(execution_id):
            print(f"{event['seq']:>4} {event['type']:<20} {event.get('agent_id') or ''}", file=sys.stderr)
        execution = nexus.execution(execution_id)
    except (Failure, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(execution["outputs"], ensure_ascii=False))
    return 0 if execution["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
