package walog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// recoverTail brings the newest segment into a state that raft-wal v0.4.0 goes on from: without what a
// crash has torn, and with its rotation finished.
func recoverTail(cfg Config) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Dir, metadb.FileName)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	meta := &metadb.BoltMetaDB{}
	defer func() { err = errors.Join(err, meta.Close()) }()
	state, err := meta.Load(cfg.Dir)
	if err != nil {
		return fmt.Errorf("load the segments: %w", err)
	}
	if len(state.Segments) == 0 || !state.Segments[len(state.Segments)-1].SealTime.IsZero() {
		return nil
	}
	err = cutTorn(cfg, state.Segments[len(state.Segments)-1])
	if errors.Is(err, os.ErrNotExist) {
		return nil // the new segment's file was not made yet; the library makes it
	}
	if err != nil {
		return fmt.Errorf("cut what is torn off the newest segment: %w", err)
	}
	return finishRotation(cfg, meta, state)
}

// finishRotation completes a rotation that a crash cut off. The library seals the full segment with its last
// append, and notes that in the metadata a moment later in the background. After a kill in between it opens
// the sealed segment as its tail, and refuses every append from then on ("segment is sealed"). The metadata
// written here is what the library's own rotation would have written.
func finishRotation(cfg Config, meta *metadb.BoltMetaDB, state types.PersistentState) error {
	tail := &state.Segments[len(state.Segments)-1]
	w, err := segment.NewFiler(cfg.Dir, cfg.files).RecoverTail(*tail)
	if err != nil {
		return fmt.Errorf("recover the newest segment: %w", err)
	}
	sealed, indexStart, sealErr := w.Sealed()
	last := w.LastIndex()
	if err := errors.Join(sealErr, w.Close()); err != nil {
		return fmt.Errorf("look at the newest segment: %w", err)
	}
	if !sealed {
		return nil
	}
	now := time.Now()
	tail.SealTime, tail.MaxIndex, tail.IndexStart = now, last, indexStart
	state.Segments = append(state.Segments, types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1,
		SizeLimit: uint32(cfg.SegmentBytes), Codec: wal.CodecBinaryV1, CreateTime: now, //nolint:gosec // bounded by Config
	})
	state.NextSegmentID++
	if err := meta.CommitState(state); err != nil {
		return fmt.Errorf("note that the newest segment is sealed: %w", err)
	}
	return nil
}
