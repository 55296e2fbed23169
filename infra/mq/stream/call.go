package stream

import (
	"fmt"

	"github.com/gochat/gochat/infra/mq"
)

// call is what one caller publishes, in one entry. A call without records is answered once everything before
// it is durable.
type call struct {
	records []record
	bytes   int
	// err takes the outcome; nil: the call is a follow-up, whose outcome nobody waits for.
	err chan error
	// patient: the call may wait for others for a moment.
	patient bool
}

// weigh notes what each record takes in memory, and refuses a call that is too large.
func weigh(records []record) error {
	total := 0
	for i := range records {
		r := &records[i]
		size := mq.RecordBytes(r.msg)
		if size > mq.MaxRecordBytes {
			return fmt.Errorf("%w: message %s has %d bytes, the limit is %d", mq.ErrTooLarge, r.msg.UUID, size, mq.MaxRecordBytes)
		}
		r.bytes = size + recordOverhead
		if mq.Decoded(r.msg) != nil {
			r.bytes += len(r.msg.Payload) + decodedOverhead
		}
		total += r.bytes
	}
	if total > mq.MaxCallBytes || len(records) >= maxRecords {
		return fmt.Errorf("%w: %d messages with %d bytes in one call, the limit is %d", mq.ErrTooLarge, len(records), total, mq.MaxCallBytes)
	}
	return nil
}

func newCall(records []record) *call {
	p := &call{records: records}
	for _, r := range records {
		p.bytes += r.bytes
	}
	return p
}

// within says how many of the calls, at least one, fit into one group commit.
func within(calls []*call) (n int) {
	records, bytes := 0, 0
	for n < len(calls) && records < groupRecords && bytes < groupBytes {
		records += len(calls[n].records)
		bytes += calls[n].bytes
		n++
	}
	return n
}
