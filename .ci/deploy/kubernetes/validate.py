"""Checks rendered manifests against the schemas of Kubernetes and of the custom resources, and against each other.

    validate.py KUBERNETES_VERSION CRD_FILE… -- FILE…
"""

import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """Makes a schema refuse unknown fields, as the API server does with --validate=strict."""
    if isinstance(schema, list):
        return [strict(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: strict(v) for k, v in schema.items()}
    if isinstance(out.get("properties"), dict) and "additionalProperties" not in out \
            and not out.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    if out.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
    if isinstance(out.get("pattern"), str):
        # Go accepts flags after ^ in a regular expression, Python only before it.
        out["pattern"] = out["pattern"].replace("^(?i)", "(?i)^", 1)
    return out


class Loader(yaml.CSafeLoader):
    """Reads a lone = as text, as all other YAML parsers do."""


Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)


def documents(path):
    return [d for d in yaml.load_all(pathlib.Path(path).read_text(), Loader) if d]


def custom(files):
    """The schemas of custom resources, by API version and kind."""
    found = {}
    for path in files:
        for crd in documents(path):
            spec = crd["spec"]
            for version in spec["versions"]:
                key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                schema = strict(version["schema"]["openAPIV3Schema"])
                for own in ("apiVersion", "kind", "metadata"):
                    schema.setdefault("properties", {})[own] = {}
                found[key] = schema
    return found


def scalers(resources):
    """Finds Deployments with two autoscalers, which would work against each other."""
    by = {}
    for r in resources:
        if r["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            by.setdefault(r["spec"]["scaleTargetRef"]["name"], []).append(r["kind"])
    there = {r["metadata"]["name"] for r in resources if r["kind"] == "Deployment"}
    for name, kinds in by.items():
        if len(kinds) > 1:
            yield f"Deployment {name} is scaled by {' and '.join(kinds)}"
        if name not in there:
            yield f"{kinds[0]} scales {name}, which is not there"


def references(resources):
    """Finds names in pods whose objects are not in the same manifests; Secrets may be missing."""
    there = {(r["kind"], r["metadata"]["name"], r["metadata"].get("namespace")) for r in resources}
    for r in resources:
        if r["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod, space = r["spec"]["template"]["spec"], r["metadata"].get("namespace")
        wanted = [("ConfigMap", v["configMap"]["name"]) for v in pod["volumes"] if "configMap" in v]
        wanted.append(("ServiceAccount", pod["serviceAccountName"]))
        if "serviceName" in r["spec"]:
            wanted.append(("Service", r["spec"]["serviceName"]))
        for kind, name in wanted:
            if (kind, name, space) not in there:
                yield f"{r['kind']} {r['metadata']['name']} refers to {kind} {name} of {space}, which is not there"
        env = {e["name"]: e.get("value", "") for e in pod["containers"][0].get("env", [])}
        delay = int(env.get("GOCHAT_OPS_DRAIN_DELAY", "0s").removesuffix("s"))
        if pod["terminationGracePeriodSeconds"] <= delay:
            yield f"{r['kind']} {r['metadata']['name']} is killed while it waits before its stop"


def main():
    at = sys.argv.index("--")
    version, crds, files, wrong = sys.argv[1], custom(sys.argv[2:at]), sys.argv[at + 1:], []
    for file in files:
        resources = documents(file)
        for r in resources:
            name = f"{file}: {r['kind']} {r['metadata']['name']}"
            key = r["apiVersion"], r["kind"]
            try:
                if key in crds:
                    jsonschema.validate(r, crds[key])
                else:
                    kubernetes_validate.validate(r, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                wrong.append(f"{name}: there is no schema of {key}")
            except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as e:
                wrong.append(f"{name}: {'.'.join(str(p) for p in e.path)}: {e.message}")
        wrong += [f"{file}: {w}" for check in (scalers, references) for w in check(resources)]
        print(f"{len(resources):3} resources of {file}")
        if not resources:
            wrong.append(f"{file}: is empty")
    if wrong:
        sys.exit("\n".join(wrong))


main()
