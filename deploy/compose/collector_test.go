package compose

import (
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	collectorFile = "../monitoring/collector.yaml"
	manifestFile  = "../../.ci/deploy/collector/builder/manifest.yaml"
)

// endpoint is where a part of the collector listens or sends to.
type endpoint struct {
	Endpoint string `yaml:"endpoint"`
}

// collector has the parts of collector.yaml that are tested.
type collector struct {
	Receivers struct {
		OTLP struct {
			Protocols map[string]endpoint `yaml:"protocols"`
		} `yaml:"otlp"`
	} `yaml:"receivers"`
	Processors map[string]any      `yaml:"processors"`
	Exporters  map[string]endpoint `yaml:"exporters"`
	Extensions map[string]endpoint `yaml:"extensions"`
	Service    struct {
		Extensions []string `yaml:"extensions"`
		Telemetry  struct {
			Metrics struct {
				Readers []struct {
					Pull struct {
						Exporter struct {
							Prometheus struct {
								Host string `yaml:"host"`
								Port int    `yaml:"port"`
							} `yaml:"prometheus"`
						} `yaml:"exporter"`
					} `yaml:"pull"`
				} `yaml:"readers"`
			} `yaml:"metrics"`
		} `yaml:"telemetry"`
		Pipelines map[string]struct {
			Receivers  []string `yaml:"receivers"`
			Processors []string `yaml:"processors"`
			Exporters  []string `yaml:"exporters"`
		} `yaml:"pipelines"`
	} `yaml:"service"`
}

func readCollector(t *testing.T) (text string, c collector) {
	t.Helper()
	raw, err := os.ReadFile(collectorFile)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(raw, &c))
	return string(raw), c
}

// TestTracesGoThroughTheCollector: GoChat sends all traces to the port on which the collector listens, and the
// collector's sampling pipeline sends the kept ones to Jaeger.
func TestTracesGoThroughTheCollector(t *testing.T) {
	_, parsed := read(t)
	_, c := readCollector(t)
	_, port, err := net.SplitHostPort(c.Receivers.OTLP.Protocols["grpc"].Endpoint)
	require.NoError(t, err)
	senders := 0
	for name, s := range parsed.Services {
		if to, traced := s.Environment["GOCHAT_TRACE_ENDPOINT"]; traced {
			senders++
			assert.Equal(t, "collector:"+port, to, name)
			assert.Equal(t, "1", s.Environment["GOCHAT_TRACE_SAMPLING"], "%s: a trace of which parts are missing cannot be judged", name)
		}
	}
	assert.Positive(t, senders)
	require.Len(t, c.Service.Pipelines, 1)
	traces := c.Service.Pipelines["traces"]
	assert.Equal(t, []string{"otlp"}, traces.Receivers)
	assert.Equal(t, []string{"memory_limiter", "tail_sampling", "batch"}, traces.Processors, "memory is looked at first, and batches are made of what is kept")
	for _, name := range traces.Processors {
		assert.Contains(t, c.Processors, name)
	}
	for _, name := range traces.Exporters {
		assert.Contains(t, c.Exporters, name)
	}
	for _, name := range c.Service.Extensions {
		assert.Contains(t, c.Extensions, name)
	}
	to := parsed.Services["collector"].Environment["TRACES_ENDPOINT"]
	host, _, err := net.SplitHostPort(to)
	require.NoError(t, err)
	assert.Contains(t, parsed.Services, host)
}

// TestPrometheusAsksTheCollector: Prometheus scrapes the collector's metrics port.
func TestPrometheusAsksTheCollector(t *testing.T) {
	_, c := readCollector(t)
	require.Len(t, c.Service.Telemetry.Metrics.Readers, 1)
	figures := c.Service.Telemetry.Metrics.Readers[0].Pull.Exporter.Prometheus
	assert.Equal(t, "0.0.0.0", figures.Host)
	raw, err := os.ReadFile("prometheus.yml")
	require.NoError(t, err)
	assert.Contains(t, string(raw), "[collector:"+strconv.Itoa(figures.Port)+"]")
}

// TestCollectorIsTold: compose.yaml sets exactly the variables of collector.yaml, with the same defaults.
func TestCollectorIsTold(t *testing.T) {
	_, parsed := read(t)
	text, _ := readCollector(t)
	told := map[string]string{}
	for k, v := range parsed.Services["collector"].Environment {
		if strings.HasPrefix(k, "TRACES_") {
			told[k] = expand(v)
		}
	}
	wants := map[string]string{}
	for _, m := range regexp.MustCompile(`\$\{env:(\w+):-([^}]*)\}`).FindAllStringSubmatch(text, -1) {
		wants[m[1]] = m[2]
	}
	assert.Equal(t, wants, told)
	assert.Equal(t, len(wants), strings.Count(text, "${"), "a variable without a default")
}

// TestCollectorThatIsTried: the collector that CI builds and tries has the version of compose.yaml.
func TestCollectorThatIsTried(t *testing.T) {
	_, parsed := read(t)
	_, version, found := strings.Cut(parsed.Services["collector"].Image, ":")
	require.True(t, found)
	raw, err := os.ReadFile(manifestFile)
	require.NoError(t, err)
	var manifest struct {
		Dist struct {
			Version string `yaml:"version"`
		} `yaml:"dist"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &manifest))
	assert.Equal(t, version, manifest.Dist.Version)
	modules := regexp.MustCompile(`(?m)gomod: \S+/(?:receiver|processor|exporter|extension)/\S+ v(\S+)$`).FindAllStringSubmatch(string(raw), -1)
	require.NotEmpty(t, modules)
	assert.False(t, slices.ContainsFunc(modules, func(m []string) bool { return m[1] != version }), "%v", modules)
}
