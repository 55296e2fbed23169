#!/usr/bin/env bash
# Tests installing, upgrading, going back and draining with the chart on a real API server with Kubernetes' own
# scheduler and controllers. The nodes are kwok's: their pods run nothing and are ready at once, so this tests what
# Kubernetes does with the manifests. Building it takes minutes, once for each version, so it runs at night.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
here=$root/.ci/deploy/kubernetes
version=1.37.2 kwok=v0.8.0
bin=$HOME/.cache/gochat/kubernetes-server-$version-kwok-$kwok
work=$(mktemp -d)
port=25600
running=()
down() {
  local status=$?
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  "$root/deploy/local/local" --dir "$work/servers" --base-port $port down --wipe >/dev/null 2>&1 || true
  if [ "$status" != 0 ]; then tail -n 20 "$work"/*.log 2>/dev/null || true; fi
  rm -rf "$work"
}
trap down EXIT

helm() { command helm "$@" 2> >(grep -v 'found symbolic link' >&2); }
step() { printf -- '-- %s\n' "$*"; }
fail() { printf 'live: %s\n' "$*" >&2; exit 1; }
within() { # seconds command…: until it succeeds
  local until=$((SECONDS + $1))
  shift
  until "$@" >"$work/last" 2>&1; do
    [ $SECONDS -lt $until ] || { cat "$work/last"; fail "not in time: $*"; }
    sleep 0.2
  done
}

step "Kubernetes $version, built"
mkdir -p "$bin"
export GOFLAGS='-mod=mod -buildvcs=false'
said=k8s.io/component-base/version
stamp="-X $said.gitVersion=v$version -X $said.gitMajor=${version%%.*} -X $said.gitMinor=$(cut -d. -f2 <<<"$version")"
for name in kubectl kube-apiserver kube-controller-manager kube-scheduler; do
  [ -x "$bin/$name" ] || go -C "$here/server" build -mod=readonly -ldflags "$stamp" -o "$bin/$name" "k8s.io/kubernetes/cmd/$name"
done
[ -x "$bin/kwok" ] || go -C "$here/kwok" build -mod=readonly -o "$bin/kwok" sigs.k8s.io/kwok/cmd/kwok
[ -x "$bin/helm" ] || cp "$(go tool -modfile="$here/tools/go.mod" -n helm)" "$bin/helm"
unset GOFLAGS
export PATH=$bin:$PATH
modules=$(go env GOMODCACHE)

step "API server, scheduler, controllers, nodes"
"$root/deploy/local/local" --dir "$work/servers" --base-port $port up etcd >/dev/null
eval "$("$root/deploy/local/local" --dir "$work/servers" --base-port $port env etcd)"
openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,admin,admin,system:masters" >"$work/tokens"
chmod 600 "$work/tokens"
begin() { # name arguments…
  local name=$1
  shift
  "$name" "$@" >"$work/$name.log" 2>&1 &
  running+=($!)
}
api=https://127.0.0.1:$((port + 90))
etcd=$(sed 's#[^,]*#http://&#g; s#http://http#http#g' <<<"$GOCHAT_TEST_ETCD_ENDPOINTS")
begin kube-apiserver --etcd-servers="$etcd" --etcd-prefix=/kubernetes --bind-address=127.0.0.1 --secure-port=$((port + 90)) \
  --advertise-address=127.0.0.1 --endpoint-reconciler-type=none --cert-dir="$work/certs" --token-auth-file="$work/tokens" \
  --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/16 --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file="$work/accounts.key" --service-account-signing-key-file="$work/accounts.key"
export KUBECONFIG=$work/kubeconfig
cat >"$KUBECONFIG" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: live, cluster: {server: "$api", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: live, context: {cluster: live, user: admin}}]
current-context: live
EOF
chmod 600 "$KUBECONFIG"
within 60 kubectl get --raw /readyz
begin kube-controller-manager --kubeconfig="$KUBECONFIG" --leader-elect=false --bind-address=127.0.0.1 --secure-port=$((port + 91)) \
  --service-account-private-key-file="$work/accounts.key" --root-ca-file="$work/certs/apiserver.crt" --cert-dir="$work/certs"
begin kube-scheduler --kubeconfig="$KUBECONFIG" --leader-elect=false --bind-address=127.0.0.1 --secure-port=$((port + 92)) --cert-dir="$work/certs"
# kwok's own stages simulate the lives of nodes and pods.
(cd "$work" && GOFLAGS='' go mod download "sigs.k8s.io/kwok@$kwok")
stages=()
for folder in node/fast node/heartbeat-with-lease pod/fast; do
  for file in "$modules/sigs.k8s.io/kwok@$kwok/kustomize/stage/$folder"/*.yaml; do
    [ "$(basename "$file")" = kustomization.yaml ] || stages+=("--config=$file")
  done
done
begin kwok --kubeconfig="$KUBECONFIG" --manage-all-nodes=true --node-lease-duration-seconds=40 --server-address=127.0.0.1:$((port + 93)) "${stages[@]}"
for i in 1 2 3 4 5 6; do
  cat <<EOF
---
apiVersion: v1
kind: Node
metadata: {name: node-$i, labels: {kubernetes.io/hostname: node-$i, kubernetes.io/os: linux, topology.kubernetes.io/zone: zone-$(((i - 1) % 3 + 1))}}
status:
  allocatable: {cpu: "16", memory: 64Gi, pods: "110", ephemeral-storage: 200Gi}
  capacity: {cpu: "16", memory: 64Gi, pods: "110", ephemeral-storage: 200Gi}
EOF
done | kubectl apply -f - >/dev/null
within 60 kubectl wait --for=condition=Ready node --all --timeout=1s

step "definitions of KEDA, the Prometheus operator, external-secrets, cert-manager"
mapfile -t crds < <(bash "$here/crds.sh")
for file in "${crds[@]}"; do kubectl apply --server-side -f "$file" >/dev/null; done
kubectl wait --for=condition=Established crd --all --timeout=60s >/dev/null

cd deploy/kubernetes
ns=gochat
kubectl create namespace $ns >/dev/null
k() { kubectl --namespace $ns "$@"; }
roles=(repo logic fanout feed janitor message gateway)
image() { k get deployment "gochat-$1" -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
pods() { k get pods -l "app.kubernetes.io/component=$1" --field-selector=status.phase=Running -o "${2:-name}"; }
all_ready() {
  local role
  for role in "${roles[@]}"; do k rollout status "deployment/gochat-$role" --timeout=60s >/dev/null || fail "$role is not ready"; done
}

step "install"
values=(-f values/cluster.yaml -f values/production.yaml --set "image.repository=registry.example.com/gochat")
k create secret generic gochat --from-literal=db-dsn=x --from-literal=auth-keys=x >/dev/null
kubectl apply -f examples/issuer.yaml >/dev/null
kubectl apply -f examples/external-secret.yaml >/dev/null
helm install gochat chart -n $ns "${values[@]}" --set image.tag=1.0.0 --wait --timeout 3m >/dev/null
all_ready
k get scaledobject gochat-message gochat-fanout >/dev/null
for role in message fanout; do
  if k get hpa "gochat-$role" >/dev/null 2>&1; then fail "$role has an HPA beside its ScaledObject"; fi
done
k get hpa/gochat-repo hpa/gochat-logic hpa/gochat-gateway servicemonitor/gochat prometheusrule/gochat-storage ingress/gochat certificate/gochat-rpc >/dev/null

# KEDA's operator does not run here: this scales the Deployments of ScaledObjects in its place.
k scale deployment gochat-message gochat-fanout --replicas=3 >/dev/null
all_ready

step "spread over zones and nodes"
for role in "${roles[@]}"; do
  nodes=$(k get pods -l "app.kubernetes.io/component=$role" -o 'jsonpath={.items[*].spec.nodeName}' | tr ' ' '\n')
  n=$(wc -l <<<"$nodes")
  distinct=$(sort -u <<<"$nodes" | wc -l)
  zones=$(tr -d 'a-z-' <<<"$nodes" | awk '{print ($1 - 1) % 3}' | sort -u | wc -l)
  printf '%s: %d pods on %d nodes in %d zones\n' "$role" "$n" "$distinct" "$zones"
  [ "$distinct" = "$n" ] && [ "$zones" = $((n < 3 ? n : 3)) ] || fail "$role is not spread"
done

step "evictions: one pod of a role at a time"
evict() { # pod
  printf '{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "%s", "namespace": "%s"}}' "$1" $ns |
    kubectl create --raw "/api/v1/namespaces/$ns/pods/$1/eviction" -f -
}
# No node takes new pods, as when all nodes of a cluster are being replaced.
kubectl cordon -l kubernetes.io/os=linux >/dev/null
for role in "${roles[@]}"; do
  mapfile -t both < <(pods "$role" 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}')
  [ ${#both[@]} -ge 2 ] || fail "$role has ${#both[@]} pods"
  evict "${both[0]}" >/dev/null || fail "the first pod of $role could not be evicted"
  if said=$(evict "${both[1]}" 2>&1); then fail "a second pod of $role was evicted while the first was away"; fi
  grep -qi 'disruption budget' <<<"$said" || fail "$role: $said"
done
kubectl uncordon -l kubernetes.io/os=linux >/dev/null
all_ready

step "upgrade, role by role"
born() { # creation time of a role's newest ReplicaSet
  k get replicaset -l "app.kubernetes.io/component=$1" --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[-1:].metadata.creationTimestamp}'
}
NAMESPACE=$ns TIMEOUT=3m ./upgrade 1.1.0
all_ready
[ "$(k get deployment gochat-message -o 'jsonpath={.status.readyReplicas}')" = 3 ] || fail "an upgrade changed how many there are of message"
last=
for role in repo logic message gateway; do
  [ "$(image $role)" = registry.example.com/gochat:1.1.0 ] || fail "$role runs $(image $role)"
  at=$(born $role)
  [ -z "$last" ] || [[ ! $at < $last ]] || fail "$role was replaced at $at, before $last"
  last=$at
done

step "back: all but repo"
NAMESPACE=$ns TIMEOUT=3m ./upgrade 1.0.0 --back
all_ready
[ "$(image repo)" = registry.example.com/gochat:1.1.0 ] || fail "repo went back to $(image repo)"
for role in logic fanout feed janitor message gateway; do
  [ "$(image $role)" = registry.example.com/gochat:1.0.0 ] || fail "$role runs $(image $role)"
done
NAMESPACE=$ns TIMEOUT=3m ./upgrade 1.1.0 >/dev/null

step "a change of values, and helm rollback"
helm upgrade gochat chart -n $ns --reset-then-reuse-values --set config.log.level=debug --wait --timeout 3m >/dev/null
k get configmap -l app.kubernetes.io/instance=gochat -o yaml | grep -q 'level: debug' || fail "the level did not change"
helm rollback gochat -n $ns --wait --timeout 3m >/dev/null
if k get configmap -l app.kubernetes.io/instance=gochat -o yaml | grep -q 'level: debug'; then fail "helm rollback left the level"; fi
all_ready
[ "$(image gateway)" = registry.example.com/gochat:1.1.0 ] || fail "helm rollback changed the version"

step "HPA in place of KEDA, and back"
helm upgrade gochat chart -n $ns --reset-then-reuse-values --set roles.message.autoscaling.by=hpa --wait --timeout 3m >/dev/null
k get hpa gochat-message >/dev/null
if k get scaledobject gochat-message >/dev/null 2>&1; then fail "message has both"; fi
helm rollback gochat -n $ns --wait --timeout 3m >/dev/null
k get scaledobject gochat-message >/dev/null

step "a node is drained"
kubectl drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=120s >/dev/null
all_ready
left=$(k get pods --field-selector=spec.nodeName=node-1 -o name)
[ -z "$left" ] || fail "still on the drained node: $left"
kubectl uncordon node-1 >/dev/null
helm uninstall gochat -n $ns --wait --timeout 2m >/dev/null

step "one node with its volume"
kubectl create namespace single >/dev/null
cat <<'EOF' | kubectl apply -f - >/dev/null
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {capacity: {storage: 100Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /disk}, persistentVolumeReclaimPolicy: Retain}
EOF
helm install gochat chart -n single -f values/embedded.yaml --set image.repository=registry.example.com/gochat --set image.tag=1.0.0 --wait --timeout 2m >/dev/null
bound() { [ "$(kubectl -n single get pvc data-gochat-0 -o 'jsonpath={.status.phase}{.spec.volumeName}')" = Bounddisk ]; }
bound || fail "the volume is not bound"
helm upgrade gochat chart -n single --reset-then-reuse-values --set image.tag=1.1.0 --wait --timeout 2m >/dev/null
[ "$(kubectl -n single get pod gochat-0 -o 'jsonpath={.spec.containers[0].image}')" = registry.example.com/gochat:1.1.0 ] || fail "the node was not upgraded"
helm uninstall gochat -n single --wait --timeout 2m >/dev/null
bound || fail "the volume went with the release"

step "plain manifests"
for overlay in dev prod; do
  ns=gochat
  [ $overlay = prod ] || ns=gochat-dev
  kubectl create namespace $ns >/dev/null 2>&1 || true
  kubectl apply --server-side -k "kustomize/overlays/$overlay" >/dev/null
  all_ready
  kubectl delete -k "kustomize/overlays/$overlay" --wait=false >/dev/null
done
echo "the chart and the manifests work on Kubernetes $version"
