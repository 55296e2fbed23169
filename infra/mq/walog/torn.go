package walog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// A segment is a header and frames. A frame begins with its kind and a number: the length of its content,
// which is padded, or, in a commit frame, the checksum of everything since the commit before it.
const (
	segmentHeader, frameHeader          = 32, 8
	frameEntry, frameIndex, frameCommit = 1, 2, 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cutTorn clears what is behind the last commit of a segment: the rest of an append that a loss of power has
// torn, of which any sectors may be on the disk. The library skips such a rest, with two faults. An index
// frame in it makes the segment sealed, although the index may be torn and list an entry that is not
// committed. And when the next append is shorter than the rest, the open after that takes the bytes behind it
// for frames.
func cutTorn(cfg Config, tail types.SegmentInfo) error {
	f, err := cfg.files.OpenWriter(cfg.Dir, segment.FileName(tail))
	if err != nil {
		return err
	}
	err = cutTornFile(f)
	return errors.Join(err, f.Close())
}

func cutTornFile(f types.WritableFile) error {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	end, torn := committed(data)
	rest := bytes.TrimRight(data[end:], "\x00")
	if !torn || len(rest) == 0 {
		return nil
	}
	clear(rest)
	if _, err := f.WriteAt(rest, int64(end)); err != nil {
		return fmt.Errorf("clear it: %w", err)
	}
	return f.Sync()
}

// committed returns the end of the last commit whose checksum is right. Each append is synced before the next
// one is written, so that a crash can tear the last one only. A right commit behind a wrong one is therefore
// damage of another cause, and torn is false.
func committed(data []byte) (end int, torn bool) {
	wrong, begin := false, 0
	for at := segmentHeader; at+frameHeader <= len(data); {
		value := binary.LittleEndian.Uint32(data[at+4:])
		switch data[at] {
		case frameEntry, frameIndex:
			length := int(value)
			at += frameHeader + length + (frameHeader-length%frameHeader)%frameHeader
		case frameCommit:
			right := crc32.Checksum(data[begin:at], castagnoli) == value
			at += frameHeader
			begin = at
			switch {
			case right && wrong:
				return end, false
			case right:
				end = at
			default:
				wrong = true
			}
		default:
			return end, true
		}
	}
	return end, true
}
