package stream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/ThreeDotsLabs/watermill/message"
)

// An entry is: version, count of records, records, CRC-32C of all that. A record
// is: topic id, uuid, count of metadata pairs, pairs, payload. Numbers are
// varints; strings and bytes have their length in front. The journal finds torn
// tails by itself; the checksum finds what went bad in a confirmed entry.
const entryVersion = 1

// maxRecords is the most records of one entry: an offset has 20 bits for the
// place in its entry.
const (
	positionBits = 20
	maxRecords   = 1 << positionBits
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is a message of a topic.
type record struct {
	topic uint64
	msg   *message.Message
	bytes int // what it takes in memory; set by weigh
}

// entry is one group commit.
type entry struct {
	records []record
	bytes   int // encoded
	// weight is what the records take in memory; 0 for an entry that was read back from the journal, whose
	// records have no decoded contents.
	weight int
}

func offsetOf(index uint64, position int) uint64 { return index<<positionBits | uint64(position) } //nolint:gosec // 0 ≤ position < maxRecords

func indexOf(offset uint64) uint64 { return offset >> positionBits }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendRecord encodes one record behind b.
func appendRecord(b []byte, r record) []byte {
	b = binary.AppendUvarint(b, r.topic)
	b = appendString(b, r.msg.UUID)
	b = binary.AppendUvarint(b, uint64(len(r.msg.Metadata)))
	for k, v := range r.msg.Metadata {
		b = appendString(appendString(b, k), v)
	}
	b = binary.AppendUvarint(b, uint64(len(r.msg.Payload)))
	return append(b, r.msg.Payload...)
}

// encodeEntry encodes records behind b, which it returns.
func encodeEntry(b []byte, records []record) []byte {
	b = append(b, entryVersion)
	b = binary.AppendUvarint(b, uint64(len(records)))
	for _, r := range records {
		b = appendRecord(b, r)
	}
	return sum(b)
}

// sum appends the checksum of b to b.
func sum(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeEntry reads an entry back. Payloads point into data.
func decodeEntry(data []byte) (*entry, error) {
	if len(data) < 6 {
		return nil, fmt.Errorf("%w: an entry of %d bytes", ErrDamaged, len(data))
	}
	body, sum := data[:len(data)-4], binary.BigEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: checksum of an entry does not match", ErrDamaged)
	}
	if body[0] != entryVersion {
		return nil, fmt.Errorf("%w: entry version %d, this program reads %d", ErrDamaged, body[0], entryVersion)
	}
	d := decoder{rest: body[1:]}
	n := d.count(4)
	e := &entry{records: make([]record, 0, n), bytes: len(data)}
	for range n {
		topic := d.number()
		msg := message.NewMessage(string(d.bytes()), nil)
		for range d.count(2) {
			k := string(d.bytes())
			msg.Metadata[k] = string(d.bytes())
		}
		msg.Payload = d.bytes()
		e.records = append(e.records, record{topic: topic, msg: msg})
	}
	if d.bad || len(d.rest) != 0 {
		return nil, fmt.Errorf("%w: an entry does not hold what its lengths say", ErrDamaged)
	}
	return e, nil
}

// decoder reads varints and strings. After the first that does not fit it is bad and returns zero values.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads how many elements follow, each of at least size bytes. A count that the rest cannot hold is
// bad, so that garbage cannot ask for more memory than it has bytes.
func (d *decoder) count(size int) int {
	v := d.number()
	if v > uint64(len(d.rest)/size) {
		d.bad, d.rest = true, nil
		return 0
	}
	return int(v) //nolint:gosec // bounded by a length
}

func (d *decoder) bytes() []byte {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
