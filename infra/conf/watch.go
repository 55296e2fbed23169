package conf

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleFor is for how long files must stay the same before they are taken as changed: an editor empties
	// a file before it writes it.
	settleFor = 200 * time.Millisecond
	// lookEvery is how often files are read in any case: some file systems report no changes that another
	// machine makes.
	lookEvery = 2 * time.Second
)

// Watch calls changed once at the beginning, and then each time that the contents of the files are different,
// until ctx is done. It notices files that are written, replaced by a rename, or reached by links that
// change, as in Kubernetes' volumes. warn is called at most once, when changes can only be noticed by reading
// the files every 2 s.
func Watch(ctx context.Context, files []string, changed func(), warn func(error)) {
	heard, hear, stop := listen(files, warn)
	defer stop()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	was := contents(files)
	changed() // they may have changed since they were read
	for {
		select {
		case <-heard:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		now, ok := settled(ctx, files, was)
		if !ok {
			return
		}
		if now != was {
			was = now
			hear() // links may lead elsewhere now
			changed()
		}
	}
}

// settled waits until the files stay as they are; false: ctx ended before.
func settled(ctx context.Context, files []string, was [sha256.Size]byte) ([sha256.Size]byte, bool) {
	now := contents(files)
	for now != was {
		select {
		case <-time.After(settleFor):
		case <-ctx.Done():
			return now, false
		}
		again := contents(files)
		if again == now {
			break
		}
		now = again
	}
	return now, true
}

// contents is a fingerprint of the files' contents. A file that cannot be read counts as having the error as
// its content: whoever reads it next reports the error.
func contents(files []string) (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f) // #nosec G304 -- the operator names it
		if err != nil {
			text = []byte(err.Error())
		}
		// A hash takes everything.
		_, _ = fmt.Fprintf(all, "%d\n", len(text))
		_, _ = all.Write(text)
	}
	return [sha256.Size]byte(all.Sum(nil))
}

// listen listens for changes in the directories of the files and of their links' targets. hear adds
// directories that are new among these.
func listen(files []string, warn func(error)) (heard <-chan struct{}, hear, stop func()) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		warn(fmt.Errorf("hear of changes of files: %w", err))
		return nil, func() {}, func() {}
	}
	told := false
	hear = func() {
		for dir := range directories(files) {
			if err := w.Add(dir); err != nil && !told {
				told = true
				warn(fmt.Errorf("hear of changes in %s: %w", dir, err))
			}
		}
	}
	hear()
	out, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case _, open := <-w.Events:
				if !open {
					return
				}
			case _, open := <-w.Errors: // events were lost
				if !open {
					return
				}
			}
			select {
			case out <- struct{}{}:
			default: // Watch is going to look already
			}
		}
	}()
	return out, hear, func() {
		_ = w.Close() // nothing is written
		<-done
	}
}

// directories returns the directories in which a change can change one of the files.
func directories(files []string) map[string]bool {
	dirs := map[string]bool{}
	for _, f := range files {
		dirs[filepath.Dir(f)] = true
		if target, err := filepath.EvalSymlinks(f); err == nil {
			dirs[filepath.Dir(target)] = true
		}
	}
	return dirs
}
