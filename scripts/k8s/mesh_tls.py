"""TLS among the roles, each showing a certificate of its own, signed by an authority of the namespace: a kustomize
component that needs cert-manager. Not here: TLS towards people, which ends at the Ingress.
"""

from __future__ import annotations

from typing import Any

from source import CONFIG, ROLES, meta

WHERE = "/run/mesh"


def objects() -> list[dict[str, Any]]:
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer"}
    authority = {
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": meta("mesh", name="nexus-mesh-ca"),
        "spec": {
            "isCA": True, "commonName": "nexus-mesh", "secretName": "nexus-mesh-ca", "duration": "43800h",
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": {"kind": "Issuer", "name": "nexus-mesh-self-signed"},
        },
    }
    made = [
        {**issuer, "metadata": meta("mesh", name="nexus-mesh-self-signed"), "spec": {"selfSigned": {}}},
        authority,
        {**issuer, "metadata": meta("mesh", name="nexus-mesh"), "spec": {"ca": {"secretName": "nexus-mesh-ca"}}},
    ]
    for role in ROLES:
        made.append(
            {
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                "metadata": meta(role.name, name=f"nexus-{role.name}-mesh"),
                "spec": {
                    "secretName": f"nexus-{role.name}-mesh", "duration": "2160h", "renewBefore": "720h",
                    "dnsNames": [f"nexus-{role.name}", "localhost"], "ipAddresses": ["127.0.0.1"],
                    "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
                    "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                    "issuerRef": {"kind": "Issuer", "name": "nexus-mesh"},
                },
            }
        )
    return made


def settings() -> dict[str, str]:
    found = {name: value.replace("http://", "https://") for name, value in CONFIG.items() if value.startswith("http://nexus-")}
    found.pop("QDRANT_URL")
    return {
        **found,
        "NEXUS_MESH_TLS_CERT": f"{WHERE}/tls.crt", "NEXUS_MESH_TLS_KEY": f"{WHERE}/tls.key",
        "NEXUS_MESH_TLS_CA": f"{WHERE}/ca.crt",
    }


def patches() -> list[tuple[str, list[dict[str, Any]]]]:
    """Steps for the Deployment of each role."""
    found = []
    for role in ROLES:
        pod = "/spec/template/spec"
        steps: list[dict[str, Any]] = [
            {
                "op": "add", "path": f"{pod}/volumes/-",
                "value": {"name": "mesh", "secret": {"secretName": f"nexus-{role.name}-mesh", "defaultMode": 0o440}},
            },
            {
                "op": "add", "path": f"{pod}/containers/0/volumeMounts/-",
                "value": {"name": "mesh", "mountPath": WHERE, "readOnly": True},
            },
        ]
        if not role.http:
            # The kubelet asks over gRPC without TLS only; the port for metrics says the same.
            for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
                place = f"{pod}/containers/0/{probe}"
                steps.append({"op": "remove", "path": f"{place}/grpc"})
                steps.append({"op": "add", "path": f"{place}/httpGet", "value": {"path": path, "port": "metrics"}})
        found.append((f"nexus-{role.name}", steps))
    return found
