package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/gochat/gochat/"

// rooms lists the rooms, which are the top folders of the repository, and which other rooms each may import.
var rooms = map[string][]string{
	"contracts": {},
	"handlers":  {"contracts"},
	"routers":   {"handlers", "contracts", "infra"},
	"gateway":   {"contracts", "infra"},
	"repo":      {"contracts", "infra"},
	"infra":     {},
	"app":       {"contracts", "handlers", "routers", "gateway", "repo", "infra", "tests"}, // it composes all
	"deploy":    {},
	"tests":     {"contracts"},
}

// owners lists the packages and rooms, with all below them, that alone may import a library; a library is given by
// the start of its import path.
var owners = []struct {
	library string
	rooms   []string
}{
	{"github.com/gofiber/fiber", []string{"gateway"}},
	{"github.com/valyala/fasthttp", []string{"gateway"}},
	// The load generator and the black-box tests are WebSocket clients.
	{"github.com/gorilla/websocket", []string{"gateway", "tests"}},
	{"github.com/uptrace/bun", []string{"repo/store/sqlstore", "infra/db"}},
	{"github.com/redis/go-redis", []string{"repo/cache/rediscache", "infra/kv", "infra/mq/redisstream"}},
	{"github.com/go-redis/redis_rate", []string{"infra/kv"}},
	{"github.com/hashicorp/golang-lru/v2/simplelru", []string{"repo/cache/memory"}},
	{"github.com/hanwen/go-fuse", []string{"tests/powerloss"}},
	{"github.com/IBM/sarama", []string{"infra/mq/kafka"}},
	{"github.com/xdg-go/scram", []string{"infra/mq/kafka"}},
	{"go.etcd.io/etcd", []string{"infra/registry"}},
	{"github.com/ThreeDotsLabs/watermill", []string{"routers", "gateway", "infra"}},
	// Never in handlers: what they call is a small interface of their own (repo/client fits it), and
	// errors are read by contracts.
	{"google.golang.org/grpc", []string{"app", "contracts", "gateway", "infra", "repo", "routers"}},
}

// users lists the packages that alone may import a package of ours. Only repo chooses the driver of the cache: its
// services import the contract repo/cache and no driver, and no driver imports the other.
var users = map[string][]string{
	"infra/kv":              {"repo", "repo/cache/rediscache"},
	"repo/cache/rediscache": {"repo"},
	"repo/cache/memory":     {"repo"},
	"repo/cache/cachetest":  {},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// TestWalls fails on an import across rooms that rooms does not list, and on one that
// owners or users forbids. Imports in tests are free.
func TestWalls(t *testing.T) {
	for _, p := range packages(t) {
		from, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue // package main starts the commands
		}
		room, _, _ := strings.Cut(from, "/")
		allowed, known := rooms[room]
		if !known {
			t.Errorf("package %s is in no room of the house", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if to, ours := strings.CutPrefix(imp, module); ours {
				target, _, _ := strings.Cut(to, "/")
				if target != room && !contains(allowed, target) {
					t.Errorf("%s imports %s across a wall", from, to)
				}
				if only, limited := users[to]; limited && !contains(only, from) {
					t.Errorf("%s imports %s, which is for %v", from, to, only)
				}
			}
			for _, o := range owners {
				if strings.HasPrefix(imp, o.library) && !within(from, o.rooms) {
					t.Errorf("%s imports %s, which belongs to %v", from, imp, o.rooms)
				}
			}
		}
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func within(pkg string, places []string) bool {
	for _, p := range places {
		if pkg == p || strings.HasPrefix(pkg, p+"/") {
			return true
		}
	}
	return false
}
