// Package kubernetes_test checks the manifests for Kubernetes against GoChat's settings and roles.
package kubernetes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workload has the parts of a Deployment or a StatefulSet that are tested.
type workload struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct {
				EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
				TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Args []string
					Env  []struct{ Name, Value string }
				}
			}
		}
	}
}

// program is the path of gochat, which is built once for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gochat-kubernetes")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "gochat")
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/gochat/gochat").CombinedOutput(); err != nil { // #nosec G204 -- ours
		fmt.Fprintf(os.Stderr, "build gochat: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// settings returns the values that the program prints for a configuration file and an environment, by variable.
func settings(t *testing.T, file string, env ...string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "config", "--offline", "--config", file) // #nosec G204 -- built here
	cmd.Env = append([]string{}, env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\S+ +(.*?) +(?:environment|file|default) +\$(GOCHAT_\w+)`).FindAllStringSubmatch(string(out), -1) {
		found[m[2]] = m[1]
	}
	require.NotEmpty(t, found)
	return found
}

// workloads returns the workloads of one file.
func workloads(t *testing.T, file string) (all []workload) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	docs := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var w workload
		err := docs.Decode(&w)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, all, "%s has no workloads", file)
			return all
		}
		require.NoError(t, err)
		if w.Kind == "Deployment" || w.Kind == "StatefulSet" {
			all = append(all, w)
		}
	}
}

// TestPodsStartWithWhatTheyAreGiven: the program accepts every configuration file of the manifests, and
// knows every variable and every role in them.
func TestPodsStartWithWhatTheyAreGiven(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), program, "--help").CombinedOutput() // #nosec G204 -- built here
	require.NoError(t, err, string(help))
	for file, manifests := range map[string]string{
		"kustomize/base/gochat.yaml":          "kustomize/base/deployments.yaml",
		"kustomize/overlays/dev/gochat.yaml":  "kustomize/base/deployments.yaml",
		"kustomize/overlays/prod/gochat.yaml": "kustomize/base/deployments.yaml",
		"kustomize/embedded/gochat.yaml":      "kustomize/embedded/embedded.yaml",
	} {
		t.Run(file, func(t *testing.T) {
			known := settings(t, file)
			for _, w := range workloads(t, manifests) {
				pod := w.Spec.Template.Spec
				require.NotNil(t, pod.EnableServiceLinks, w.Metadata.Name)
				assert.False(t, *pod.EnableServiceLinks, "%s: variables of Services would look like settings", w.Metadata.Name)
				c := pod.Containers[0]
				assert.Regexp(t, `(?m)^    `+regexp.QuoteMeta(c.Args[0])+` `, string(help), "role of %s", w.Metadata.Name)
				for _, e := range c.Env {
					if strings.HasPrefix(e.Name, "GOCHAT_") {
						assert.Contains(t, known, e.Name, "variable of %s", w.Metadata.Name)
					}
				}
			}
		})
	}
}

// TestTheImageAgrees: the environment of the image wins over the configuration file, so both must have the same values.
func TestTheImageAgrees(t *testing.T) {
	image, err := os.ReadFile(filepath.Join("..", "images", "Dockerfile"))
	require.NoError(t, err)
	env := regexp.MustCompile(`GOCHAT_\w+=\S+`).FindAllString(string(image), -1)
	require.NotEmpty(t, env)
	for _, file := range []string{"kustomize/base/gochat.yaml", "kustomize/embedded/gochat.yaml"} {
		known := settings(t, file)
		for _, e := range env {
			name, value, _ := strings.Cut(e, "=")
			assert.Equal(t, known[name], value, "%s in the image and in %s", name, file)
		}
	}
}

// variable matches a setting's name in the environment.
var variable = regexp.MustCompile(`GOCHAT_[A-Z0-9_]+`)

// TestEveryVariableIsASetting: every GOCHAT_… name in the chart, values, examples and pages is a setting.
func TestEveryVariableIsASetting(t *testing.T) {
	known := settings(t, "kustomize/base/gochat.yaml")
	seen := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".go" || path == "chart/values.schema.json" {
			return err
		}
		text, err := os.ReadFile(path) // #nosec G304 G122 -- this folder's own
		if err != nil {
			return err
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			seen++
			assert.Contains(t, known, name, "%s names what is no setting", path)
		}
		return nil
	}))
	assert.Positive(t, seen)
}

// TestNothingIsKilledInItsDrain: the grace period of a pod covers ops.drain_delay and the longest stop of
// the program, which is the sum of its three drains and five seconds.
func TestNothingIsKilledInItsDrain(t *testing.T) {
	for file, manifests := range map[string]string{
		"kustomize/base/gochat.yaml":     "kustomize/base/deployments.yaml",
		"kustomize/embedded/gochat.yaml": "kustomize/embedded/embedded.yaml",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		type drains struct {
			Drain string `yaml:"drain_timeout"`
		}
		var cfg struct{ Gateway, Router, RPC drains }
		require.NoError(t, yaml.Unmarshal(text, &cfg))
		stop := 5 * time.Second
		for _, part := range []drains{cfg.Gateway, cfg.Router, cfg.RPC} {
			d, err := time.ParseDuration(part.Drain)
			require.NoError(t, err, file)
			stop += d
		}
		for _, w := range workloads(t, manifests) {
			pod := w.Spec.Template.Spec
			var wait time.Duration
			for _, e := range pod.Containers[0].Env {
				if e.Name == "GOCHAT_OPS_DRAIN_DELAY" {
					wait, err = time.ParseDuration(e.Value)
					require.NoError(t, err, file)
				}
			}
			assert.Greater(t, time.Duration(pod.TerminationGracePeriodSeconds)*time.Second, wait+stop, w.Metadata.Name)
		}
	}
}
