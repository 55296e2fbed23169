package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
)

// lagWindow is how much of each partition is read to count what is in it.
const lagWindow = 64 << 10

// Lag returns for each of the readers how many records it has not acknowledged yet; a reader that never
// acknowledged any is left out. Offsets alone do not tell: each transaction leaves a marker in every
// partition that it wrote to, which has an offset and is no record. So the records behind the acknowledged
// offset are read and counted; beyond 64 KiB of a partition the number is estimated from what was read.
// Offsets that open transactions hold back are counted as records. It costs a few requests for each reader,
// however many other groups the brokers have.
func (t *Transport) Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	out := map[mq.Reader]uint64{}
	err := t.within(ctx, 4*t.cfg.Timeout, func() error {
		for _, r := range of {
			n, began, err := t.behind(mq.Reader{Topic: t.cfg.named(r.Topic), Group: t.cfg.named(r.Group)})
			if err != nil {
				return fmt.Errorf("of group %s on %s: %w", r.Group, r.Topic, err)
			}
			if began {
				out[r] = n
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the lag: %w", err)
	}
	return out, nil
}

// behind is the lag of one reader. began: the reader has acknowledged something.
func (t *Transport) behind(r mq.Reader) (n uint64, began bool, err error) {
	partitions, err := t.client.Partitions(r.Topic)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	offsets, err := t.admin.ListConsumerGroupOffsets(r.Group, map[string][]int32{r.Topic: partitions})
	if err != nil {
		return 0, false, err
	}
	asked := map[*sarama.Broker]*sarama.FetchRequest{}
	for _, p := range partitions {
		block := offsets.GetBlock(r.Topic, p)
		if block == nil || block.Offset < 0 {
			continue
		}
		leader, err := t.client.Leader(r.Topic, p)
		if err != nil {
			return 0, false, err
		}
		if asked[leader] == nil {
			asked[leader] = fetchRequest()
		}
		asked[leader].AddBlock(r.Topic, p, block.Offset, lagWindow, -1)
		began = true
	}
	for leader, request := range asked {
		resp, err := leader.Fetch(request)
		if err != nil {
			return 0, false, errors.Join(err, leader.Close()) // it is opened again
		}
		for p, block := range resp.Blocks[r.Topic] {
			rest, err := t.rest(leader, r.Topic, p, offsets.GetBlock(r.Topic, p).Offset, block)
			if err != nil {
				return 0, false, err
			}
			n += rest
		}
	}
	return n, began, nil
}

// fetchRequest returns a request that does not wait for records, and whose answer lists the transactions that
// failed.
func fetchRequest() *sarama.FetchRequest {
	return &sarama.FetchRequest{Version: 11, MaxBytes: 8 << 20, Isolation: sarama.ReadCommitted, SessionEpoch: -1}
}

// rest counts the records of a partition from an offset on. When the records at that offset were deleted
// unread, it counts from the oldest one that is there.
func (t *Transport) rest(leader *sarama.Broker, topic string, p int32, from int64, block *sarama.FetchResponseBlock) (uint64, error) {
	if block.Err == sarama.ErrOffsetOutOfRange {
		oldest, err := t.offset(topic, p, sarama.OffsetOldest)
		if err != nil || oldest <= from {
			return 0, err // the topic was made anew, and the group has not noticed yet
		}
		request := fetchRequest()
		request.AddBlock(topic, p, oldest, lagWindow, -1)
		resp, err := leader.Fetch(request)
		if err != nil {
			return 0, errors.Join(err, leader.Close())
		}
		if from, block = oldest, resp.GetBlock(topic, p); block == nil {
			return 0, sarama.ErrIncompleteResponse
		}
	}
	if block.Err != sarama.ErrNoError {
		return 0, block.Err
	}
	records, next := count(block, from)
	if left := block.LastStableOffset - next; left > 0 && next > from {
		records += left * records / (next - from)
	} else if left > 0 {
		records += left
	}
	return uint64(records + max(block.HighWaterMarkOffset-block.LastStableOffset, 0)), nil //nolint:gosec // not negative
}

// count returns how many records of a block, from an offset on, readers get, and the offset behind the last
// one that it looked at.
func count(block *sarama.FetchResponseBlock, from int64) (records, next int64) {
	failed := slices.Clone(block.AbortedTransactions)
	slices.SortFunc(failed, func(a, b *sarama.AbortedTransaction) int { return int(a.FirstOffset - b.FirstOffset) })
	open := map[int64]bool{} // producers whose transaction failed, up to its marker
	next = from
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil || batch.PartialTrailingRecord {
			break
		}
		for len(failed) > 0 && failed[0].FirstOffset <= batch.LastOffset() {
			open[failed[0].ProducerID], failed = true, failed[1:]
		}
		next = max(next, batch.LastOffset()+1)
		if batch.Control {
			delete(open, batch.ProducerID)
			continue
		}
		if batch.IsTransactional && open[batch.ProducerID] {
			continue
		}
		for _, r := range batch.Records {
			if batch.FirstOffset+r.OffsetDelta >= from {
				records++
			}
		}
	}
	return records, next
}
