package kv

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// measuring is a hook that measures commands. A pipeline is one command.
type measuring struct{ commands *prometheus.HistogramVec }

func newMeasuring() measuring {
	return measuring{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gochat_repo_redis_command_seconds",
		Help:    "Time of commands to Redis, with the wait for a connection, by command and how they ended; pipeline: several at once.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
	}, []string{"command", "outcome"})}
}

// DialHook implements redis.Hook.
func (measuring) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (m measuring) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, span := begin(ctx, cmd.Name(), 1)
		start := time.Now()
		err := next(ctx, cmd)
		how := outcome(err)
		end(span, how)
		m.commands.WithLabelValues(cmd.Name(), how).Observe(time.Since(start).Seconds())
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (m measuring) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, span := begin(ctx, "pipeline", len(cmds))
		start := time.Now()
		err := next(ctx, cmds)
		how := outcome(err)
		end(span, how)
		m.commands.WithLabelValues("pipeline", how).Observe(time.Since(start).Seconds())
		return err
	}
}

// outcome of a command: a missing key, and a script that has to be sent first, are answers.
func outcome(err error) string {
	var slow net.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "NOSCRIPT"):
		return "ok"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), errors.As(err, &slow) && slow.Timeout():
		return "timeout"
	}
	return "error"
}

var (
	connsDesc   = prometheus.NewDesc("gochat_repo_redis_connections", "Connections to Redis.", []string{"state"}, nil)
	mostDesc    = prometheus.NewDesc("gochat_repo_redis_connections_max", "Connections to each node of Redis that the pool may have.", nil, nil)
	waitsDesc   = prometheus.NewDesc("gochat_repo_redis_waits_total", "Commands that waited for a connection.", nil, nil)
	waitedDesc  = prometheus.NewDesc("gochat_repo_redis_wait_seconds_total", "Time spent waiting for a connection.", nil, nil)
	noConnDesc  = prometheus.NewDesc("gochat_repo_redis_wait_timeouts_total", "Commands that got no connection in time.", nil, nil)
	memoryDesc  = prometheus.NewDesc("gochat_repo_redis_memory_bytes", "Memory that a master of Redis uses, as seen by this process.", []string{"node"}, nil)
	limitDesc   = prometheus.NewDesc("gochat_repo_redis_memory_max_bytes", "Memory that a master of Redis may use for keys; 0: all there is.", []string{"node"}, nil)
	keysDesc    = prometheus.NewDesc("gochat_repo_redis_keys", "Keys in a master of Redis, as seen by this process.", []string{"node"}, nil)
	evictedDesc = prometheus.NewDesc("gochat_repo_redis_evicted_keys_total", "Keys that a master of Redis threw out for lack of memory.", []string{"node"}, nil)
)

// Describe implements prometheus.Collector.
func (c *Client) Describe(ch chan<- *prometheus.Desc) {
	c.measuring.commands.Describe(ch)
	for _, d := range []*prometheus.Desc{connsDesc, mostDesc, waitsDesc, waitedDesc, noConnDesc, memoryDesc, limitDesc, keysDesc, evictedDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It asks the servers for their memory and keys; a server that does
// not answer within a second has no figures.
func (c *Client) Collect(ch chan<- prometheus.Metric) {
	c.measuring.commands.Collect(ch)
	put := func(kind prometheus.ValueType, desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, v, labels...)
	}
	s := c.PoolStats()
	put(prometheus.GaugeValue, connsDesc, float64(s.TotalConns-min(s.IdleConns, s.TotalConns)), "used")
	put(prometheus.GaugeValue, connsDesc, float64(s.IdleConns), "idle")
	put(prometheus.GaugeValue, mostDesc, float64(c.poolSize))
	put(prometheus.CounterValue, waitsDesc, float64(s.WaitCount))
	put(prometheus.CounterValue, waitedDesc, time.Duration(s.WaitDurationNs).Seconds())
	put(prometheus.CounterValue, noConnDesc, float64(s.Timeouts))
	for _, u := range c.usage() {
		put(prometheus.GaugeValue, memoryDesc, u.memory, u.node)
		put(prometheus.GaugeValue, limitDesc, u.limit, u.node)
		put(prometheus.GaugeValue, keysDesc, u.keys, u.node)
		put(prometheus.CounterValue, evictedDesc, u.evicted, u.node)
	}
}

// usage is the memory and the keys of one server.
type usage struct {
	node                         string
	memory, limit, keys, evicted float64
}

// usage asks all masters, for at most a second.
func (c *Client) usage() (all []usage) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if cluster, ok := c.UniversalClient.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		// A node that does not answer has no figures; the others have.
		_ = cluster.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
			if u, ok := ask(ctx, one, one.Options().Addr); ok {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, u)
			}
			return nil
		})
		return all
	}
	if u, ok := ask(ctx, c.UniversalClient, c.name); ok {
		all = append(all, u)
	}
	return all
}

func ask(ctx context.Context, of redis.Cmdable, name string) (usage, bool) {
	keys, err := of.DBSize(ctx).Result()
	if err != nil {
		return usage{}, false
	}
	u := usage{node: name, keys: float64(keys)}
	for _, section := range []string{"memory", "stats"} {
		text, err := of.Info(ctx, section).Result()
		if err != nil {
			return usage{}, false
		}
		facts := parseInfo(text)
		for fact, to := range map[string]*float64{"used_memory": &u.memory, "maxmemory": &u.limit, "evicted_keys": &u.evicted} {
			if v, err := strconv.ParseFloat(facts[fact], 64); err == nil {
				*to = v
			}
		}
	}
	return u, true
}

// measured adds the measuring hook to a client, and sets its name and pool size.
func (c *Client) measured(name string, poolSize int) *Client {
	if poolSize == 0 {
		const perCPU = 10 // the library's
		poolSize = perCPU * runtime.GOMAXPROCS(0)
	}
	c.measuring, c.name, c.poolSize = newMeasuring(), name, poolSize
	c.AddHook(c.measuring)
	return c
}
