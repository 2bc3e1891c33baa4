"""Our .proto files against the official descriptors: every message, field, number, type, label and enum value.

The reference is the PyPI packages opentelemetry-proto and googleapis-common-protos (and protobuf itself for
Any and Duration). Ours are compiled by protoc into a descriptor set; nothing of weir needs to be built.
"""

import importlib
import pathlib
import subprocess

import pytest
from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Our file -> the official module that publishes the same package.
FILES = {
    "common": "opentelemetry.proto.common.v1.common_pb2",
    "resource": "opentelemetry.proto.resource.v1.resource_pb2",
    "trace": "opentelemetry.proto.trace.v1.trace_pb2",
    "logs": "opentelemetry.proto.logs.v1.logs_pb2",
    "metrics": "opentelemetry.proto.metrics.v1.metrics_pb2",
    "trace_service": "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    "logs_service": "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
    "metrics_service": "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
}
# google.rpc and google.protobuf are wider than OTLP: here each message of ours is compared, no more.
GOOGLE = {
    ".google.rpc.Status": "google.rpc.status_pb2",
    ".google.rpc.RetryInfo": "google.rpc.error_details_pb2",
    ".google.rpc.BadRequest": "google.rpc.error_details_pb2",
    ".google.rpc.BadRequest.FieldViolation": "google.rpc.error_details_pb2",
    ".google.rpc.LocalizedMessage": "google.rpc.error_details_pb2",
    ".google.protobuf.Any": "google.protobuf.any_pb2",
    ".google.protobuf.Duration": "google.protobuf.duration_pb2",
}


def oneof_of(message, field):
    """Members of the oneof that a field is in; proto3 optional is a oneof of one."""
    if not field.HasField("oneof_index"):
        return None
    return sorted(f.name for f in message.field if f.HasField("oneof_index") and f.oneof_index == field.oneof_index)


def flatten(messages, enums, prefix, out):
    """{'.package.Message': {field: facts}, '.package.Enum': {value: number}}, nested ones included."""
    for enum in enums:
        out[f"{prefix}.{enum.name}"] = {v.name: v.number for v in enum.value}
    for message in messages:
        name = f"{prefix}.{message.name}"
        out[name] = {
            f.name: (f.number, f.type, f.label, f.type_name, f.options.packed, oneof_of(message, f))
            for f in message.field
        }
        out[f"{name} reserved"] = sorted(
            n for r in message.reserved_range for n in range(r.start, r.end)
        )
        flatten(message.nested_type, message.enum_type, name, out)
    return out


def facts(file):
    return flatten(file.message_type, file.enum_type, f".{file.package}", {})


def official(module):
    file = descriptor_pb2.FileDescriptorProto()
    importlib.import_module(module).DESCRIPTOR.CopyToProto(file)
    return file


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    out = tmp_path_factory.mktemp("schema") / "set"
    files = sorted(p.relative_to(ROOT) for p in (ROOT / "lib/otlp/schema").glob("*.proto"))
    subprocess.run(["protoc", "-I.", f"--descriptor_set_out={out}", *map(str, files)], cwd=ROOT, check=True)
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return {pathlib.Path(f.name).stem: f for f in files}


def test_every_file_is_compared(ours):
    assert set(ours) == set(FILES) | {"status", "well_known"}
    assert all(f.syntax == "proto3" for f in ours.values())


@pytest.mark.parametrize("name", FILES)
def test_opentelemetry(ours, name):
    reference = official(FILES[name])
    assert ours[name].package == reference.package
    assert facts(ours[name]) == facts(reference)
    assert facts(reference), "an empty reference proves nothing"


def test_google(ours):
    mine = {**facts(ours["status"]), **facts(ours["well_known"])}
    assert {n for n in mine if not n.endswith(" reserved")} == set(GOOGLE)
    for name, module in GOOGLE.items():
        reference = facts(official(module))
        assert mine[name] == reference[name]
