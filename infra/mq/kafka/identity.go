package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

const (
	// claimPause is between two tries to register the id.
	claimPause = 5 * time.Millisecond
	// lastEpoch is the highest epoch from which sarama can still count on.
	lastEpoch = math.MaxInt16 - 3
)

// identity is what the coordinator knows a transactional producer by: its id, and the epoch, which grows
// whenever a producer registers under that id.
//
// sarama always takes an id from whoever has it, and does not say which epoch it got. Two processes of one
// name would then take it from each other for ever; and a process that stood still for longer than its
// transaction may last would look like one that was replaced. So this process first registers the id itself,
// with the epoch that it knows. The coordinator refuses an epoch when somebody else has registered since, but
// also when the coordinator has forgotten something in a restart, or carries out late a registration that
// this process had given up. Which of these it was is told by the owner's word: each process leaves a random
// word at the brokers when it begins, and the last word is the owner's.
type identity struct {
	id      string
	timeout time.Duration // of a transaction
	pid     int64
	epoch   int16
	word    string
	// topic and group are where words are left; see ownersTopic.
	topic, group string
}

func newIdentity(cfg Config, id string) *identity {
	return &identity{
		id: id, timeout: cfg.TransactionTimeout, pid: -1, epoch: -1, word: rand.Text(),
		topic: cfg.named(ownersTopic), group: cfg.named("outbox-owner-" + id),
	}
}

// claim registers the id. The first time it takes the id from whoever has it; later it returns mq.ErrFenced
// if another process has taken it. Either way it ends a transaction that is open under the id. The caller
// makes sarama's producer right after it.
func (i *identity) claim(ctx context.Context, client sarama.Client) error {
	for {
		err := i.register(client)
		switch {
		case err == nil && i.epoch < lastEpoch:
			i.epoch++ // sarama registers once more
			return nil
		case err == nil:
			continue // the epochs are used up; the next answer begins anew
		case i.pid >= 0 && (errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch)):
			owner, asked := i.owner(client)
			if asked != nil {
				return fmt.Errorf("ask who has the transactional id %s: %w", i.id, asked)
			}
			if owner != "" && owner != i.word {
				return mq.ErrFenced
			}
			i.pid, i.epoch = -1, -1 // ours: it is taken as at a start
			continue
		case !passing(err):
			return fmt.Errorf("claim the transactional id %s: %w", i.id, err)
		}
		if !pause.For(ctx.Done(), claimPause) {
			return fmt.Errorf("claim the transactional id %s: %w", i.id, errors.Join(ctx.Err(), err))
		}
	}
}

func (i *identity) register(client sarama.Client) error {
	coordinator, err := client.TransactionCoordinator(i.id)
	if err != nil {
		return err
	}
	resp, err := coordinator.InitProducerID(&sarama.InitProducerIDRequest{
		Version: 4, TransactionalID: &i.id, TransactionTimeout: i.timeout, ProducerID: i.pid, ProducerEpoch: i.epoch,
	})
	if err == nil && resp.Err != sarama.ErrNoError {
		err = resp.Err
	}
	if err != nil {
		if moved(err) {
			return errors.Join(err, client.RefreshTransactionCoordinator(i.id))
		}
		return err
	}
	i.pid, i.epoch = resp.ProducerID, resp.ProducerEpoch
	return nil
}

// moved reports whether the coordinator may be elsewhere now.
func moved(err error) bool {
	var said sarama.KError
	return !errors.As(err, &said) || said == sarama.ErrNotCoordinatorForConsumer || said == sarama.ErrConsumerCoordinatorNotAvailable
}

// passing reports whether a request is worth repeating: an earlier transaction is being finished, the
// coordinator moves, or the connection broke.
func passing(err error) bool {
	if errors.Is(err, sarama.ErrClosedClient) {
		return false
	}
	var said sarama.KError
	if !errors.As(err, &said) {
		return true // the connection
	}
	switch said {
	case sarama.ErrConcurrentTransactions, sarama.ErrOffsetsLoadInProgress, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrRequestTimedOut, sarama.ErrNotEnoughReplicas:
		return true
	}
	return false
}
