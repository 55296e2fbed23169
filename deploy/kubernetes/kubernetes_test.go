// Package kubernetes_test holds the manifests for Kubernetes to what GoChat has.
package kubernetes_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workload is what these tests read of a Deployment or a StatefulSet.
type workload struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct {
				EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
				TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Args      []string
					Env       []struct{ Name string }
					Lifecycle struct {
						PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
					}
				}
			}
		}
	}
}

// program builds gochat once for a test.
func program(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gochat")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/gochat/gochat").CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

// workloads reads those of one file.
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

// TestPodsStartWithWhatTheyAreGiven: the program takes every configuration file that the manifests
// have, strictly, and knows every variable and every role.
func TestPodsStartWithWhatTheyAreGiven(t *testing.T) {
	bin := program(t)
	for file, manifests := range map[string]string{
		"kustomize/base/gochat.yaml":          "kustomize/base/deployments.yaml",
		"kustomize/overlays/dev/gochat.yaml":  "kustomize/base/deployments.yaml",
		"kustomize/overlays/prod/gochat.yaml": "kustomize/base/deployments.yaml",
		"kustomize/embedded/gochat.yaml":      "kustomize/embedded/embedded.yaml",
	} {
		t.Run(file, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), bin, "config", "--config", file).CombinedOutput()
			require.NoError(t, err, string(out))
			settings := string(out)
			help, err := exec.CommandContext(t.Context(), bin, "--help").CombinedOutput()
			require.NoError(t, err, string(help))
			for _, w := range workloads(t, manifests) {
				pod := w.Spec.Template.Spec
				require.NotNil(t, pod.EnableServiceLinks, w.Metadata.Name)
				assert.False(t, *pod.EnableServiceLinks, "%s: variables of Services would look like settings", w.Metadata.Name)
				c := pod.Containers[0]
				assert.Regexp(t, `(?m)^    `+regexp.QuoteMeta(c.Args[0])+` `, string(help), "role of %s", w.Metadata.Name)
				for _, e := range c.Env {
					if strings.HasPrefix(e.Name, "GOCHAT_") {
						assert.Contains(t, settings, "$"+e.Name+"\n", "variable of %s", w.Metadata.Name)
					}
				}
			}
		})
	}
}

// variable is a setting's name in the environment.
var variable = regexp.MustCompile(`GOCHAT_[A-Z0-9_]+`)

// TestEveryVariableIsASetting: in the chart, in values, examples and pages alike.
func TestEveryVariableIsASetting(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), program(t), "config").CombinedOutput()
	require.NoError(t, err, string(out))
	known := variable.FindAllString(string(out), -1)
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
			assert.True(t, slices.Contains(known, name), "%s: %s is no setting", path, name)
		}
		return nil
	}))
	assert.Positive(t, seen)
}

// TestNothingIsKilledInItsDrain: Kubernetes waits for as long as the program takes at most, which is
// its three drains and five seconds, after what the pod waits before its stop.
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
			wait := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
			assert.Greater(t, time.Duration(pod.TerminationGracePeriodSeconds)*time.Second, wait+stop, w.Metadata.Name)
		}
	}
}
