// Package compose checks the compose file against GoChat's settings, so that a renamed setting or a
// value that is refused fails here, and not at a start.
package compose

import (
	"context"
	"maps"
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

// file has the parts of compose.yaml that are tested.
type file struct {
	Services map[string]service `yaml:"services"`
}

type service struct {
	Image       string            `yaml:"image"`
	Profiles    []string          `yaml:"profiles"`
	Environment map[string]string `yaml:"environment"`
	EnvFile     []string          `yaml:"env_file"`
	Volumes     []string          `yaml:"volumes"`
	Deploy      struct {
		Resources struct {
			Limits struct {
				CPUs   string `yaml:"cpus"`
				Memory string `yaml:"memory"`
			} `yaml:"limits"`
		} `yaml:"resources"`
	} `yaml:"deploy"`
}

// ours reports whether a service runs GoChat.
func (s service) ours() bool { return strings.Contains(s.Image, "gochat") }

func read(t *testing.T) (text string, parsed file) {
	t.Helper()
	raw, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(raw, &parsed))
	require.NotEmpty(t, parsed.Services)
	return string(raw), parsed
}

// variable matches a variable that the operator may set: ${NAME:-default}.
var variable = regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`)

// expand replaces variables by their defaults.
func expand(s string) string { return variable.ReplaceAllString(s, "$2") }

// secrets runs secrets.sh and returns the variables of its files, by file.
func secrets(t *testing.T) map[string][]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	out, err := exec.CommandContext(t.Context(), "sh", "secrets.sh", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	files, err := filepath.Glob(filepath.Join(dir, "*.env"))
	require.NoError(t, err)
	made := map[string][]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f) //nolint:gosec // made here
		require.NoError(t, err)
		info, err := os.Stat(f)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
		made["secrets/"+filepath.Base(f)] = strings.Split(strings.TrimSpace(string(raw)), "\n")
	}
	again, err := exec.CommandContext(t.Context(), "sh", "secrets.sh", dir).CombinedOutput()
	require.Error(t, err, "passwords that a database has are not replaced")
	require.Contains(t, string(again), "is kept")
	return made
}

// imageEnvironment returns the environment variables that the image sets.
func imageEnvironment(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "images", "Dockerfile"))
	require.NoError(t, err)
	found := regexp.MustCompile(`GOCHAT_\w+=\S+`).FindAllString(string(raw), -1)
	require.NotEmpty(t, found)
	return found
}

// TestSettingsAreAccepted: every GOCHAT_… variable of a container, from the image, compose.yaml or a
// file of secrets, names a setting, and GoChat accepts their values.
func TestSettingsAreAccepted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	bin := filepath.Join(t.TempDir(), "gochat")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "../..").CombinedOutput() //nolint:gosec // ours
	require.NoError(t, err, "%s", out)
	made, image := secrets(t), imageEnvironment(t)
	_, parsed := read(t)
	for name, s := range parsed.Services {
		if !s.ours() {
			continue
		}
		env := slices.Clone(image)
		for _, f := range s.EnvFile {
			require.NotEmpty(t, made[f], "%s wants %s, which secrets.sh does not make", name, f)
			env = append(env, made[f]...)
		}
		for k, v := range s.Environment {
			env = append(env, k+"="+expand(v))
		}
		cmd := exec.CommandContext(ctx, bin, "config", "--offline") //nolint:gosec // built here
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "service %s: %s", name, out)
		for _, e := range env {
			if k, _, _ := strings.Cut(e, "="); strings.HasPrefix(k, "GOCHAT_") {
				assert.Regexp(t, `\$`+k+`\b`, string(out), "service %s: there is no setting with the name %s", name, k)
			}
		}
	}
}

// TestFilesAreThere: the files that are mounted from the repository exist, and secrets.sh makes the others.
func TestFilesAreThere(t *testing.T) {
	made := secrets(t)
	_, parsed := read(t)
	used := map[string]bool{}
	for name, s := range parsed.Services {
		for _, f := range s.EnvFile {
			assert.Contains(t, made, f, "service %s", name)
			used[f] = true
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, ".") {
				_, err := os.Stat(source)
				assert.NoError(t, err, "service %s", name)
			}
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(made)), slices.Collect(maps.Keys(used)), "secrets are for somebody")
}

// TestServicesAreBounded: each service has a version, a profile, and limits of CPU and memory.
func TestServicesAreBounded(t *testing.T) {
	_, parsed := read(t)
	pinned := regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+[\w.-]*$`)
	for name, s := range parsed.Services {
		assert.NotEmpty(t, s.Deploy.Resources.Limits.CPUs, name)
		assert.NotEmpty(t, s.Deploy.Resources.Limits.Memory, name)
		assert.Len(t, s.Profiles, 1, name)
		if !s.ours() {
			assert.Regexp(t, pinned, s.Image, name)
		}
	}
}

// TestVariablesAreListed: .env names exactly the variables of compose.yaml.
func TestVariablesAreListed(t *testing.T) {
	text, _ := read(t)
	raw, err := os.ReadFile(".env")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(string(raw), -1) {
		listed[m[1]] = true
	}
	used := map[string]bool{"COMPOSE_PROFILES": true}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		used[m[1]] = true
	}
	assert.Equal(t, used, listed)
}
