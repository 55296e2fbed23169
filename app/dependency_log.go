package app

import (
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

// dependencyLog logs each dependency once when its state becomes down or degraded, and once when it is ok again. It is not
// safe for concurrent use.
type dependencyLog struct {
	log   *zap.Logger
	since map[string]lack // by dependency
}

type lack struct {
	word string
	at   time.Time
}

// tell logs the changes since the last call; answers are those of all dependencies, by name.
func (l *dependencyLog) tell(answers map[string]error, now time.Time) {
	for name, word := range health.Summarize(answers).Checks {
		was, lacking := l.since[name]
		switch {
		case word == health.WordOK && lacking:
			delete(l.since, name)
			l.log.Info("a dependency is well again", zap.String("dependency", name), zap.Duration("after", now.Sub(was.at)))
		case word == health.WordOK || word == was.word:
		default:
			if !lacking {
				was.at = now
			}
			was.word = word
			l.since[name] = was
			text := "a dependency is down"
			if word == health.WordDegraded {
				text = "this process goes on without a dependency"
			}
			l.log.Warn(text, zap.String("dependency", name), zap.Error(answers[name]))
		}
	}
}
