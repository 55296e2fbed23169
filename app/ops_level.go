package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// errLevel is wrapped by the error for a word that is no level.
var errLevel = errors.New("must be debug, info, warn or error")

// levelState is the body of answers at /log-level, and of a PUT there.
type levelState struct {
	// Level is the log's level now.
	Level string `json:"level"`
	// Configured is the value of log.level. It replaces Level when the setting changes, and at SIGHUP.
	Configured string `json:"configured"`
}

func parseLevel(word string) (zapcore.Level, error) {
	for _, level := range levels {
		if word == level.String() {
			return level, nil
		}
	}
	return 0, fmt.Errorf("level %.20q: %w", word, errLevel)
}

// set changes the level. It holds until log.level changes, SIGHUP, SIGUSR1 or another set.
func (l *logLevel) set(word string) error {
	level, err := parseLevel(word)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change(level)
	return nil
}

func (l *logLevel) state() levelState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return levelState{Level: l.level.Level().String(), Configured: l.configured}
}

// ServeHTTP shows the level (GET) and changes it (PUT): ?level=debug, or the same word as the body,
// plain or as {"level": "debug"}.
func (l *logLevel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		word, err := askedLevel(w, r)
		if err == nil {
			err = l.set(word)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		http.Error(w, "GET shows the level, PUT changes it.", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(l.state()); err != nil {
		l.log.Debug("who asked for the log's level did not wait for the answer", zap.Error(err))
	}
}

func askedLevel(w http.ResponseWriter, r *http.Request) (string, error) {
	const most = 256
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return "", fmt.Errorf("read the level: %w", err)
	}
	text := strings.TrimSpace(string(body))
	if text == "" {
		return r.URL.Query().Get("level"), nil
	}
	if strings.HasPrefix(text, "{") {
		var asked levelState
		if err := json.Unmarshal(body, &asked); err != nil {
			return "", fmt.Errorf("read the level: %w", err)
		}
		return asked.Level, nil
	}
	return text, nil
}
