"""A client of Nexus in Python, without generated code: everything it knows of the services, the servers tell it
themselves through gRPC reflection.

    python nexus_client.py workflow.json --input topic=Rust

saves the document as a workflow, runs it, shows its events as they happen (stderr), and prints the outputs as JSON
(stdout). Works against `nexus up`, where one address has all services, and against a mesh, where each service has its
own (`--planner`, `--executor`). With API keys in use, set NEXUS_API_KEY.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from typing import Any, Iterator

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

PLANNER = "nexus.planner.v1.PlannerService"
EXECUTOR = "nexus.executor.v1.ExecutorService"

# Outputs can be large: 1 MiB each.
LARGEST_ANSWER = 512 * 1024 * 1024


class Service:
    """One gRPC service, called by names and plain Python values."""

    def __init__(self, address: str, name: str, api_key: str | None = None) -> None:
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", LARGEST_ANSWER)]
        )
        self._metadata = [("authorization", f"Bearer {api_key}")] if api_key else []
        channel = self._channel
        if api_key:
            channel = grpc.intercept_channel(channel, _WithMetadata(self._metadata))
        self._reflection = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(self._reflection)
        self._name = name
        self._methods: dict[str, MethodDescriptor] = pool.FindServiceByName(name).methods_by_name

    def services(self) -> list[str]:
        """The services that this address has."""
        return sorted(self._reflection.get_services())

    def call(self, method: str, request: dict[str, Any], timeout: float = 30) -> dict[str, Any]:
        """Calls a method that answers once."""
        path, make, read = self._prepare(method)
        send = self._channel.unary_unary(path, request_serializer=_write, response_deserializer=read)
        return _to_dict(send(make(request), timeout=timeout, metadata=self._metadata))

    def stream(self, method: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Calls a method that answers with a stream."""
        path, make, read = self._prepare(method)
        send = self._channel.unary_stream(path, request_serializer=_write, response_deserializer=read)
        for message in send(make(request), metadata=self._metadata):
            yield _to_dict(message)

    def close(self) -> None:
        self._channel.close()

    def _prepare(self, method: str):
        descriptor = self._methods[method]
        request = message_factory.GetMessageClass(descriptor.input_type)
        response = message_factory.GetMessageClass(descriptor.output_type)
        path = f"/{self._name}/{method}"
        return path, lambda value: json_format.ParseDict(value, request()), response.FromString


class _WithMetadata(grpc.StreamStreamClientInterceptor):
    """Sends metadata with reflection's own calls, which know nothing of keys."""

    def __init__(self, metadata: list[tuple[str, str]]) -> None:
        self._metadata = metadata

    def intercept_stream_stream(self, continuation, details, requests):
        details = _Details(details.method, details.timeout, self._metadata, details.credentials)
        return continuation(details, requests)


class _Details(grpc.ClientCallDetails):
    def __init__(self, method, timeout, metadata, credentials) -> None:
        self.method, self.timeout, self.metadata, self.credentials = method, timeout, metadata, credentials


def _write(message) -> bytes:
    return message.SerializeToString()


def _to_dict(message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


class Nexus:
    """Saves workflows and runs them."""

    def __init__(self, planner: str, executor: str, api_key: str | None = None) -> None:
        self.planner = Service(planner, PLANNER, api_key)
        self.executor = Service(executor, EXECUTOR, api_key)

    def create_workflow(self, document: dict[str, Any]) -> str:
        """Saves a document; gives the workflow's id."""
        return self.planner.call("CreateWorkflow", {"document": document})["workflow"]["id"]

    def start(self, workflow_id: str, inputs: dict[str, Any], limit_usd: float | None = None) -> str:
        """Starts a workflow; gives the execution's id. The key makes a repetition harmless."""
        request: dict[str, Any] = {
            "workflow_id": workflow_id,
            "inputs": inputs,
            "idempotency_key": str(uuid.uuid4()),
        }
        if limit_usd is not None:
            request["budget"] = {"limit_usd": limit_usd}
        return self.executor.call("StartExecution", request)["execution_id"]

    def watch(self, execution_id: str) -> Iterator[dict[str, Any]]:
        """The execution's events to its end; survives a server that goes away."""
        after = 0
        while True:
            try:
                request = {"execution_id": execution_id, "after_seq": after}
                for event in self.executor.stream("WatchExecution", request):
                    if "seq" not in event:
                        continue  # a piece of an answer while it is written
                    after = int(event["seq"])
                    yield event
                return
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution with all of its nodes."""
        return self.executor.call("GetExecution", {"execution_id": execution_id})["execution"]

    def close(self) -> None:
        self.planner.close()
        self.executor.close()


def _whole_numbers(value: Any) -> Any:
    """`google.protobuf.Struct` knows only floats; 3.0 is written as 3, as JSON programs expect."""
    if isinstance(value, dict):
        return {name: _whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs a workflow document on Nexus.")
    parser.add_argument("document", help="the workflow document, a JSON file")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=TEXT", help="a text input")
    parser.add_argument("--inputs", metavar="FILE", help="a JSON file with all inputs")
    parser.add_argument("--budget", type=float, metavar="USD", help="hard limit of this run")
    parser.add_argument("--planner", default="127.0.0.1:50051", metavar="HOST:PORT")
    parser.add_argument("--executor", default=None, metavar="HOST:PORT", help="default: where the planner is")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    with open(arguments.document, encoding="utf-8") as file:
        document = json.load(file)
    inputs: dict[str, Any] = {}
    if arguments.inputs:
        with open(arguments.inputs, encoding="utf-8") as file:
            inputs = json.load(file)
    inputs.update(pair.split("=", 1) for pair in arguments.input)

    nexus = None
    try:
        nexus = Nexus(
            arguments.planner, arguments.executor or arguments.planner, os.environ.get("NEXUS_API_KEY")
        )
        for service in (nexus.planner, nexus.executor):
            print("services:", ", ".join(service.services()), file=sys.stderr)
        execution_id = nexus.start(nexus.create_workflow(document), inputs, arguments.budget)
        for event in nexus.watch(execution_id):
            print(f"{event['seq']:>4} {event['type']:<20} {event.get('agent_id', '')}", file=sys.stderr)
        execution = nexus.execution(execution_id)
    except grpc.RpcError as error:
        print(f"error: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    finally:
        if nexus is not None:
            nexus.close()
    print(json.dumps(_whole_numbers(execution.get("outputs", {})), ensure_ascii=False))
    return 0 if execution["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
